/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sink that is a request held by its worker: TLS, HTTP/2, or other filters
 * in the output chain. Each write goes through all of the request's filters
 * and is flushed; it blocks as httpd's writes do, up to Timeout.
 */
#ifndef ES_HTTP_SINK_HELD_H
#define ES_HTTP_SINK_HELD_H

#include <httpd.h>

#include "deliver/sink.h"

/** A sink in r's pool, which goes with it; close and finish do nothing. */
es_sink_t *es_sink_held_create(request_rec *r);

/**
 * Has the client of a held request gone? Also noticed while nothing is
 * written: a reset stream, a connection that was closed by the peer.
 */
int es_sink_held_is_gone(const es_sink_t *sink);

#endif
