/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Detaching: a plain HTTP/1.x client's socket goes to delivery, and httpd's
 * worker, connection and memory are free at once.
 */
#ifndef ES_HTTP_DETACH_H
#define ES_HTTP_DETACH_H

#include "http/stream.h"

/**
 * Can this request's client be detached? Only if what stands between the
 * handler and the socket is known to leave bytes alone. To be asked when the
 * head is out: filters that act on the head only have gone by then.
 */
int es_detach_is_possible(request_rec *r);

/**
 * Hand the client over. On success nothing may be written to r any more.
 *
 * @return APR_SUCCESS, or an error: the stream has then nothing subscribed
 *         any more or still all, and is the caller's to end
 *
 * Context: WORKER.
 */
apr_status_t es_detach(es_stream_t *stream);

#endif
