/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Patterns: the syntax that channel templates, path patterns and the patterns
 * of EventStreamAllowChannel share. A pattern is a list of parts: literal text
 * and {token}; in templates also {?name} and %{…}. "{{" is a literal "{", "}}"
 * a literal "}"; a single "}" stands for itself, and so does a '%' before
 * anything but '{'. Pure.
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
    /* the literal bytes; the name alone; the whole expression, "%{…}"; a NUL
     * follows the slice, except with literals */
    es_slice_t text;
    int column; /* of its start in the pattern: characters, from 1 */
} es_pattern_part_t;

/** What a pattern may contain. */
enum {
    ES_PATTERN_PATH = 0,     /* literals and tokens; '%' is a literal */
    ES_PATTERN_TEMPLATE = 1, /* all kinds */
    ES_PATTERN_ALLOW = 2     /* all but {?name}; '\' and the byte after it are
                              * two literal bytes */
};

/**
 * Split a pattern into its parts. A literal never follows another one. The name
 * of a token consists of ASCII letters, digits, '_' and '-', that of a query
 * parameter of anything but braces; neither is empty.
 *
 * @param out  array of es_pattern_part_t; it and the texts live in p
 * @return NULL, or an error, made by es_pattern_error
 */
const char *es_pattern_parse(const apr_array_header_t **out,
                             const char *pattern, int syntax, apr_pool_t *p);

/** @return "<pattern>": column <column>: <what>, the pattern in quotes */
const char *es_pattern_error(const char *pattern, int column, const char *what,
                             apr_pool_t *p);

#endif
