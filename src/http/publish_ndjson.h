/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The feed: a publish request whose body is a stream of events, one on each
 * line (application/x-ndjson). Lines are published as they come, and the body
 * may be endless.
 *
 *     bytes ─► body_stream ─► lines ─► es_body_json ─► batch ─► publish_store
 *
 * Lines that are there together are one batch, so that it is fast. Nothing is
 * read while a batch waits to be stored, so TCP pushes back to the writer:
 * while deliveries are behind (flow_control), and as long as es_publish_store
 * takes, be it for a proxy that is slow.
 *
 * It ends at the end of the body, at a line that is no event, when no line
 * has come for EventStreamPublishTimeout, when the writer has gone, and when
 * the child stops. What was published by then stays, and is told.
 */
#ifndef ES_HTTP_PUBLISH_NDJSON_H
#define ES_HTTP_PUBLISH_NDJSON_H

#include <httpd.h>

#include "server/settings.h"

/**
 * Serve such a request: read, publish, answer. It keeps its worker as long as
 * the body lasts; the connection ends with it.
 *
 * @return what the handler returns
 *
 * Context: WORKER; who may publish has been checked, nothing was read.
 */
int es_publish_ndjson_serve(request_rec *r, const es_dir_t *conf);

#endif
