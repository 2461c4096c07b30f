/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Lines: cuts a stream of bytes, that comes in pieces of any size, into its
 * lines. It holds one piece and the rest of the line before it, never more,
 * however long the stream is. Pure.
 */
#ifndef ES_BASE_LINES_H
#define ES_BASE_LINES_H

#include "base/buf.h"

typedef struct es_lines_t {
    es_buf_t buf;
    apr_size_t at;       /* where the next line starts */
    apr_size_t seen;     /* no LF from at up to here */
    apr_size_t max;      /* bytes of a line */
    apr_uint64_t number; /* of the line that was taken last; from 1 */
} es_lines_t;

/** What es_lines_take has found. */
typedef enum es_line_t {
    ES_LINE_NONE, /* no whole line: more bytes are needed */
    ES_LINE_TAKEN,
    ES_LINE_TOO_LONG /* the line at hand is, whole or not; there is no way on */
} es_line_t;

/**
 * Begin with an empty stream.
 *
 * @param p          its buffer grows there, up to the sum of the two
 * @param max_line   most bytes of a line, without its end
 * @param max_piece  most bytes of a piece
 */
void es_lines_init(es_lines_t *lines, apr_pool_t *p, apr_size_t max_line,
                   apr_size_t max_piece);

/**
 * Add bytes; lines that were taken are invalid from now on.
 *
 * @return APR_SUCCESS, or APR_ENOSPC: more than max_piece since
 *         es_lines_take said ES_LINE_NONE
 */
apr_status_t es_lines_add(es_lines_t *lines, es_slice_t bytes);

/**
 * Take the next line, which ended with LF or CR LF, without that end. Valid
 * until the next es_lines_add.
 */
es_line_t es_lines_take(es_lines_t *lines, es_slice_t *line);

/**
 * The stream has come to its end: take what is left as its last line. Valid
 * as above; es_lines_take said ES_LINE_NONE before.
 *
 * @return ES_LINE_TAKEN, or ES_LINE_NONE when the last byte was an LF
 */
es_line_t es_lines_last(es_lines_t *lines, es_slice_t *line);

/** 1 when a line has begun and not ended. */
int es_lines_is_within(const es_lines_t *lines);

#endif
