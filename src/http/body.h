/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The body of a publish request, as it arrives through the input filters of the
 * request: read to its end, read piece by piece, or not read.
 * http/body_formats.h interprets it.
 */
#ifndef ES_HTTP_BODY_H
#define ES_HTTP_BODY_H

#include <httpd.h>

#include "base/buf.h"
#include "base/lines.h"
#include "base/problem.h"

/* ---- A whole body: body.c ----------------------------------------------- */

/**
 * Read the body to its end. A client that waits for 100 Continue gets it.
 *
 * @param body  empty; its max is the limit
 * @param why   413: larger than the limit or than httpd's LimitRequestBody;
 *              415: a Content-Encoding that no filter has decoded; 400: it
 *              ended too early or its framing is broken; 408: it came too
 *              slowly. Status AP_FILTER_ERROR: a filter has answered the
 *              request, and the handler must return AP_FILTER_ERROR
 * @return 1, or 0 with why; then the connection ends with the answer
 *
 * Context: WORKER; blocks while the client sends.
 */
int es_body_read(request_rec *r, es_buf_t *body, es_problem_t *why);

/**
 * Turn the error of a read into a problem, for a caller that reads the body
 * itself.
 *
 * @param rv   from ap_get_brigade or apr_bucket_read
 * @param why  as es_body_read
 * @return always 0, as es_problem_set
 */
int es_body_problem(request_rec *r, apr_status_t rv, es_problem_t *why);

/**
 * Does the body come without Content-Encoding? Call it after a read: a filter
 * that decodes the body removes the header at the first read.
 *
 * @return 1, or 0 with why, 415
 */
int es_body_is_plain(const request_rec *r, es_problem_t *why);

/**
 * Leave the body unread; call it before the answer. A small body is discarded,
 * so that the connection can serve its next request. With any other body the
 * connection ends with the answer, and a client that waits for 100 Continue
 * does not send it.
 *
 * Context: WORKER; es_body_read was not called.
 */
void es_body_discard(request_rec *r);

/* ---- An endless body: body_stream.c ------------------------------------- */

/*
 * Reads a request's body piece by piece as it arrives. No call blocks longer
 * than its caller allows, so that an endless body does not keep the child from
 * stopping. It knows no events.
 */

/** Most bytes of a piece. */
#define ES_BODY_STREAM_PIECE 65536

typedef struct es_body_stream_t es_body_stream_t;

typedef enum es_body_stream_result_t {
    ES_BODY_STREAM_SOME,  /* bytes were added; there may be more already */
    ES_BODY_STREAM_EMPTY, /* nothing has arrived: es_body_stream_wait */
    ES_BODY_STREAM_END,   /* the body is complete */
    ES_BODY_STREAM_FAILED /* with why */
} es_body_stream_result_t;

/** Register the filter of body streams. Context: register_hooks. */
void es_body_stream_register(void);

/**
 * Start to read. The connection ends after this request, and the time limits of
 * mod_reqtimeout no longer apply to it.
 *
 * @return in r's pool
 *
 * Context: WORKER; nothing of the body was read.
 */
es_body_stream_t *es_body_stream_open(request_rec *r);

/**
 * Stop reading; only now the request may be answered. httpd discards the rest
 * of the body.
 *
 * Context: WORKER.
 */
void es_body_stream_close(es_body_stream_t *stream);

/**
 * Read what has arrived, up to a piece. A client that waits for 100 Continue
 * gets it at the first call.
 *
 * @param lines  the bytes are added to it; bytes may have been added also with
 *               ES_BODY_STREAM_END and ES_BODY_STREAM_FAILED
 * @param why    as es_body_read; also if the client has disconnected
 *
 * Context: WORKER; does not block, except for the trailers of a chunked body,
 * up to a second.
 */
es_body_stream_result_t es_body_stream_read(es_body_stream_t *stream,
                                            es_lines_t *lines,
                                            es_problem_t *why);

/**
 * Wait until there may be something to read.
 *
 * @param max_wait  the longest wait
 *
 * Context: WORKER.
 */
void es_body_stream_wait(es_body_stream_t *stream,
                         apr_interval_time_t max_wait);

#endif
