/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The hold: a client whose request came through a GRIP proxy is answered with
 * the instruction to hold it there, and no connection of ours is kept.
 */
#ifndef ES_HTTP_GRIP_HOLD_H
#define ES_HTTP_GRIP_HOLD_H

#include <httpd.h>

#include "base/channel.h"
#include "server/settings.h"

/**
 * Answer a request that came through a proxy: retry, stream-open with the
 * present position, and what the client has missed. A HEAD is answered
 * without instruction, as proxies would hold it, too.
 *
 * @param names  one or more, checked; the hub of conf has GRIP
 * @return what the handler returns
 *
 * Context: WORKER.
 */
int es_grip_hold(request_rec *r, const es_dir_t *conf,
                 const es_channel_set_t *names);

#endif
