/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The body of a publish request, as it comes in.
 */
#ifndef ES_HTTP_BODY_H
#define ES_HTTP_BODY_H

#include <httpd.h>

#include "base/buf.h"
#include "base/lines.h"
#include "base/problem.h"

/* ---- A whole body: body.c ----------------------------------------------- */

/*
 * The body of a request: read whole, up to a ceiling, through the request's
 * input filters, or left alone. What it means is for the body readers,
 * es_body_*.h.
 */

/**
 * Read the body to its end. A client that waits for 100 Continue gets it.
 *
 * @param body  just begun; its max is the ceiling
 * @param why   413: over the ceiling, or over httpd's LimitRequestBody; 415:
 *              a Content-Encoding that no filter has undone; 400: it ended
 *              too early or its framing is broken; 408: it came too slowly.
 *              Status AP_FILTER_ERROR: a filter has answered the request,
 *              and the handler returns just that
 * @return 1, or 0 with why; the connection ends with the answer then
 *
 * Context: WORKER; blocks while the client sends.
 */
int es_body_read(request_rec *r, es_buf_t *body, es_problem_t *why);

/**
 * Why a read of the body failed, for who reads it by himself.
 *
 * @param why  as of es_body_read
 * @return always 0, as es_problem_set
 */
int es_body_failed(request_rec *r, apr_status_t rv, es_problem_t *why);

/**
 * Does the body come without Content-Encoding? To be asked after a read: a
 * filter that undoes one takes the header away when it is read through first.
 *
 * @return 1, or 0 with why, 415
 */
int es_body_is_plain(const request_rec *r, es_problem_t *why);

/**
 * Leave a body that will not be read, before the request is answered: a small
 * one is read away, so that the connection can serve its next request; any
 * other ends the connection with the answer, and a client that waits for 100
 * Continue keeps its body.
 *
 * Context: WORKER; es_body_read was not called.
 */
void es_body_leave(request_rec *r);

/* ---- An endless body: body_stream.c ------------------------------------- */

/*
 * The tap: reads a request's body as it comes, piece by piece, never longer
 * than told, so that an endless body keeps nobody from ending. It knows no
 * events.
 */

/** Most bytes of a piece. */
#define ES_BODY_STREAM_PIECE 65536

typedef struct es_body_stream_t es_body_stream_t;

typedef enum es_body_stream_result_t {
    ES_BODY_STREAM_SOME,  /* bytes were added, there may be more at once */
    ES_BODY_STREAM_EMPTY, /* there is nothing just now: es_body_stream_wait */
    ES_BODY_STREAM_END,   /* the body has come to its proper end */
    ES_BODY_STREAM_FAILED /* with why */
} es_body_stream_result_t;

/** Make its filter known. Context: register_hooks. */
void es_body_stream_register(void);

/**
 * Begin. The connection ends after this request, and the time limits of
 * mod_reqtimeout do not count for it any more.
 *
 * Context: WORKER; of the body nothing was read.
 */
es_body_stream_t *es_body_stream_open(request_rec *r);

/**
 * Stop reading; from now on the request may be answered. What is left of the
 * body is httpd's matter.
 *
 * Context: WORKER.
 */
void es_body_stream_close(es_body_stream_t *stream);

/**
 * Read what there is, a piece at most. A client that waits for 100 Continue
 * gets it at the first call.
 *
 * @param lines  the piece is added; also before ES_BODY_STREAM_END,
 * ES_BODY_STREAM_FAILED
 * @param why    as of es_body_read; also when the client has gone
 *
 * Context: WORKER; does not block, but for the trailers of a chunked body, a
 * second at most.
 */
es_body_stream_result_t es_body_stream_read(es_body_stream_t *stream,
                                            es_lines_t *lines,
                                            es_problem_t *why);

/**
 * Wait until there may be something to read.
 *
 * @param most  how long
 *
 * Context: WORKER.
 */
void es_body_stream_wait(es_body_stream_t *stream, apr_interval_time_t most);

#endif
