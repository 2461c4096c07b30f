/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The gate: EventStreamPublishFrom, who may publish beside what Require
 * says. Closed unless opened.
 */
#ifndef ES_HTTP_PUBLISH_AUTH_H
#define ES_HTTP_PUBLISH_AUTH_H

#include "base/problem.h"
#include "server/settings.h"

#include <httpd.h>

/**
 * Does one of the words of EventStreamPublishFrom let the request in?
 *
 *   local      the peer and, as mod_remoteip has it, the client are on this
 *              host, and no header tells of a proxy in between: behind a
 *              proxy on the same host everybody comes from 127.0.0.1
 *   user       authenticated
 *   any        everybody
 *   addresses  the client's address, as Require ip takes it
 *
 * @param why  403 with the remedy, which tells what was seen
 * @return 1, or 0 with why
 *
 * Context: WORKER; reads nothing of the body.
 */
int es_publish_auth_admits(request_rec *r, const es_dir_t *conf,
                           es_problem_t *why);

#endif
