/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Cuts bytes into lines. A stream that comes in pieces of any size is cut at LF
 * and CR LF (es_lines_t): it holds one piece and the rest of the line before
 * it, never more, however long the stream is. A text that is complete in memory
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
    apr_uint64_t number; /* of the line that was taken last, from 1 */
} es_lines_t;

/** What es_lines_take returns. */
typedef enum es_line_t {
    ES_LINE_NONE, /* there is no whole line: add more bytes */
    ES_LINE_TAKEN,
    ES_LINE_TOO_LONG /* the next line is; the stream cannot go on */
} es_line_t;

/**
 * Start with an empty stream.
 *
 * @param p          the buffer grows there, up to about max_line + max_piece
 * @param max_line   most bytes of a line, without its end
 * @param max_piece  most bytes of a piece
 */
void es_lines_init(es_lines_t *lines, apr_pool_t *p, apr_size_t max_line,
                   apr_size_t max_piece);

/**
 * Add bytes; lines that were taken before become invalid.
 *
 * @return APR_SUCCESS; APR_ENOSPC: more than max_piece bytes since
 *         es_lines_take has returned ES_LINE_NONE
 */
apr_status_t es_lines_add(es_lines_t *lines, es_slice_t bytes);

/**
 * Take the next line, without the LF or CR LF at its end. It is valid until the
 * next es_lines_add.
 */
es_line_t es_lines_take(es_lines_t *lines, es_slice_t *line);

/**
 * The stream has ended: take the rest as its last line. It is valid as above;
 * es_lines_take has returned ES_LINE_NONE before.
 *
 * @return ES_LINE_TAKEN; ES_LINE_NONE: the last byte was an LF
 */
es_line_t es_lines_last(es_lines_t *lines, es_slice_t *line);

/** 1 if a line has begun and not ended. */
int es_lines_is_within(const es_lines_t *lines);

/* ---- a whole text ----------------------------------------------------- */

typedef struct es_lines_split_t {
    const char *at; /* where the next line starts; NULL = no more lines */
    const char *end;
    const char *cr; /* the first CR from at on, or end */
    const char *lf; /* the first LF from at on, or end */
} es_lines_split_t;

/** Start with a whole text, which must outlive split. */
void es_lines_split_init(es_lines_split_t *split, es_slice_t text);

/**
 * Cut off the next line. A text with n line ends has n + 1 lines.
 *
 * @return 1; 0: there are no more lines
 */
int es_lines_split_next(es_lines_split_t *split, es_slice_t *line);

/** 1 if the last line of the text, which has no line end, was cut off. */
int es_lines_split_is_done(const es_lines_split_t *split);

#endif
