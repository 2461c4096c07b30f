/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Pieces: what channel templates and path patterns are made of, and how a
 * mistake in one is told. Literal text and {token}; in templates also {?name}
 * and %{…}. "{{" is a literal "{", "}}" a literal "}"; a lone "}" stands for
 * itself, so does a '%' that no '{' follows. Pure.
 */
#ifndef ES_BASE_PATTERN_H
#define ES_BASE_PATTERN_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/slice.h"

typedef enum es_pattern_kind_t {
    ES_PATTERN_LITERAL,
    ES_PATTERN_TOKEN,
    ES_PATTERN_QUERY,
    ES_PATTERN_EXPRESSION
} es_pattern_kind_t;

typedef struct es_pattern_part_t {
    es_pattern_kind_t kind;
    /* the literal bytes; the bare name; the expression whole, "%{…}"; all
     * but literals end with a NUL behind the slice */
    es_slice_t text;
    int column; /* where it starts in the pattern: characters, from 1 */
} es_pattern_part_t;

/** What may stand in a pattern. */
enum {
    ES_PATTERN_PATH = 0,    /* literals and tokens; '%' is a literal */
    ES_PATTERN_TEMPLATE = 1 /* all kinds */
};

/**
 * Cut a pattern into pieces. Two literals never follow each other. A token's
 * name consists of ASCII letters, digits, '_' and '-', a parameter's of
 * anything but braces; neither is empty.
 *
 * @param out  array of es_pattern_part_t; it and the texts live in p
 * @return NULL, or the error as es_pattern_error makes it
 */
const char *es_pattern_parse(const apr_array_header_t **out,
                             const char *pattern, int syntax, apr_pool_t *p);

/** @return "<pattern>": column <column>: <what>, the pattern in quotes */
const char *es_pattern_error(const char *pattern, int column, const char *what,
                             apr_pool_t *p);

#endif
