/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Cuts bytes into lines. A stream that comes in pieces of any size is cut at
 * LF and CR LF (es_lines_t): it holds one piece and the rest of the line before
 * it, never more, however long the stream is. A text that is there as a whole
 * is cut at CR LF, CR and LF, as event streams are (es_lines_split_t). Pure.
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

/* ---- a whole text ----------------------------------------------------- */

typedef struct es_lines_split_t {
    const char *at; /* where the next line starts; NULL = no more lines */
    const char *end;
    const char *cr; /* the first CR from at on, or end */
    const char *lf; /* the first LF from at on, or end */
} es_lines_split_t;

void es_lines_split_init(es_lines_split_t *split, es_slice_t text);

/**
 * Cut off the next line. A text with n line ends has n + 1 lines; behind the
 * last one nothing is left: es_lines_split_is_done.
 *
 * @return 1, or 0: there is no more
 */
int es_lines_split_next(es_lines_split_t *split, es_slice_t *line);

/** 1 when the line that was cut off last had no line end. */
int es_lines_split_is_done(const es_lines_split_t *split);

#endif
