/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The format of EventStreamLog, and the beginning of a line: all items that are
 * known at the start of a stream are written into its text. For the others the
 * text has marks (deliver/stream_line.h).
 */
#ifndef ES_HTTP_LOG_FORMAT_H
#define ES_HTTP_LOG_FORMAT_H

#include <httpd.h>

#include "deliver/stream_line.h"

typedef struct es_log_format_t es_log_format_t;

/**
 * Read a format.
 *
 * @param out   lives in p
 * @param text  NULL = the preset; "json" = a JSON object for each stream
 * @return NULL, or what is wrong, as the rest of a sentence, in p
 *
 * Context: PARENT.
 */
const char *es_log_format_parse(const es_log_format_t **out, const char *text,
                                apr_pool_t *p);

/**
 * Begin the line of a stream.
 *
 * @param mode  how it is served: detached, held, turn or brief
 * @param sent  bytes of its body so far
 * @return to be freed by free; NULL: streams are not logged, or out of memory
 *
 * Context: WORKER.
 */
es_stream_line_t *es_log_format_begin(request_rec *r, const char *mode,
                                      apr_size_t sent);

#endif
