/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Clients over HTTP/2: which of them are asked to use HTTP/1.1, where they need
 * no worker, and how many streams such a browser may have there.
 */
#ifndef ES_HTTP_HTTP2_H
#define ES_HTTP_HTTP2_H

#include <httpd.h>

#include "server/settings.h"

/**
 * The streams of a browser that was asked to use HTTP/1.1, of one host; each
 * further one is served briefly. A browser has six connections for a host over
 * HTTP/1.1, and the pages of the host need some of them.
 */
#define ES_HTTP2_BROWSER_STREAMS 3

/**
 * Is the client of this request asked to use HTTP/1.1? It is noted as asked
 * then.
 *
 * Context: WORKER, of a GET that has passed all checks.
 */
int es_http2_asks(request_rec *r, const es_dir_t *conf);

/**
 * Ask it: reset the stream with HTTP_1_1_REQUIRED.
 *
 * @return what the handler returns
 *
 * Context: WORKER, before anything was sent.
 */
int es_http2_ask(request_rec *r);

/**
 * A number for the browser of this request, by which its streams are counted.
 *
 * @return 0 = they are not: it does not come over HTTP/1.1, or was not asked to
 *
 * Context: WORKER.
 */
apr_uint32_t es_http2_browser(const request_rec *r, const es_dir_t *conf);

/**
 * Log how clients over TLS and HTTP/2 will be served, and which directive
 * changes it. Context: PARENT, post_config.
 */
void es_http2_log_start(server_rec *s);

#endif
