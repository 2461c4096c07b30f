/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The tap: reads a request's body as it comes, piece by piece, never longer
 * than told, so that an endless body keeps nobody from ending. It knows no
 * events.
 */
#ifndef ES_HTTP_BODY_STREAM_H
#define ES_HTTP_BODY_STREAM_H

#include <httpd.h>

#include "base/lines.h"
#include "base/problem.h"

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
