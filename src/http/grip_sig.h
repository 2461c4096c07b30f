/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Has a request come through a GRIP proxy, which holds the client itself? A
 * Grip-Sig header says so; whether it is believed is decided here.
 */
#ifndef ES_HTTP_GRIP_SIG_H
#define ES_HTTP_GRIP_SIG_H

#include <httpd.h>

#include "base/problem.h"
#include "grip/proxy.h"

/**
 *                              no key known   a key known
 *   no Grip-Sig                direct         direct; 403 when required
 *   Grip-Sig that a key signed                proxied
 *   another Grip-Sig           proxied        403
 *
 * (Without a proxy Grip-Sig means nothing, and all are direct; and when GRIP
 * is required the first row is 403 in both columns.)
 *
 * @param grip        the hub's, NULL = GRIP is off
 * @param is_proxied  filled on success
 * @param why         403 with the remedy
 * @return 1, or 0 with why
 *
 * Context: WORKER.
 */
int es_grip_sig_find(request_rec *r, const es_grip_t *grip, int *is_proxied,
                     es_problem_t *why);

/**
 * Tell of hubs with a proxy whose signature is believed or never proven.
 *
 * Context: PARENT, post_config.
 */
void es_grip_sig_warn(server_rec *s);

#endif
