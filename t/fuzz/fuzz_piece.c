/* SPDX-License-Identifier: Apache-2.0 */
/* Braces, as patterns of both kinds. */
#include "fuzz.h"

#include "base/pattern.h"

static void parse(const char *pattern, int syntax, apr_pool_t *p)
{
    const apr_array_header_t *pieces;
    const char *error = es_pattern_parse(&pieces, pattern, syntax, p);
    const es_pattern_part_t *piece;
    int i, column = 0;

    if (error != NULL) {
        PROMISE(*error != '\0');
        return;
    }
    for (i = 0; i < pieces->nelts; i++) {
        piece = &APR_ARRAY_IDX(pieces, i, es_pattern_part_t);
        PROMISE(piece->text.len > 0);
        PROMISE(piece->column > column ||
                !es_utf8_is_valid(es_slice_of(pattern)));
        PROMISE(piece->kind == ES_PATTERN_LITERAL ||
                piece->text.data[piece->text.len] == '\0');
        column = piece->column;
    }
}

FUZZ(text, p)
{
    const char *pattern = fuzz_string(text, p);

    parse(pattern, ES_PATTERN_PATH, p);
    parse(pattern, ES_PATTERN_TEMPLATE, p);
}
