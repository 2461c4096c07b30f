/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Cuts a whole text into lines, at CR LF, CR and LF, as event streams have
 * it. Pure.
 */
#ifndef ES_BASE_LINES_SPLIT_H
#define ES_BASE_LINES_SPLIT_H

#include "base/slice.h"

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
