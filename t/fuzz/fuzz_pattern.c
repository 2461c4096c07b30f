/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern with braces, in the syntax of paths and that of templates. */
#include "fuzz.h"

#include "base/pattern.h"

static void parse(const char *pattern, int syntax, apr_pool_t *p)
{
    const apr_array_header_t *parts;
    const char *error = es_pattern_parse(&parts, pattern, syntax, p);
    const es_pattern_part_t *part;
    int i, column = 0;

    if (error != NULL) {
        PROMISE(*error != '\0');
        return;
    }
    for (i = 0; i < parts->nelts; i++) {
        part = &APR_ARRAY_IDX(parts, i, es_pattern_part_t);
        PROMISE(part->text.len > 0);
        PROMISE(part->column > column ||
                !es_utf8_is_valid(es_slice_of(pattern)));
        PROMISE(part->kind == ES_PATTERN_LITERAL ||
                part->text.data[part->text.len] == '\0');
        column = part->column;
    }
}

FUZZ(text, p)
{
    const char *pattern = fuzz_string(text, p);

    parse(pattern, ES_PATTERN_PATH, p);
    parse(pattern, ES_PATTERN_TEMPLATE, p);
    parse(pattern, ES_PATTERN_ALLOW, p);
}
