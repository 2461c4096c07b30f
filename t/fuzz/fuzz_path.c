/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line is a pattern of paths, the rest a path. If it matches, the
 * parts of the pattern with the values found give the path again.
 */
#include "fuzz.h"

#include "base/path.h"
#include "base/pattern.h"

#define VALUES_MAX 64

static void compose(const char *pattern, es_slice_t path,
                    const es_slice_t *values, apr_pool_t *p)
{
    const apr_array_header_t *parts;
    const es_pattern_part_t *part;
    apr_size_t at = 0;
    es_slice_t text;
    int i, n = 0;

    PROMISE(es_pattern_parse(&parts, pattern, ES_PATTERN_PATH, p) == NULL);
    for (i = 0; i < parts->nelts; i++) {
        part = &APR_ARRAY_IDX(parts, i, es_pattern_part_t);
        text = part->kind == ES_PATTERN_TOKEN ? values[n++] : part->text;
        PROMISE(text.len > 0 && text.len <= path.len - at);
        PROMISE(memcmp(path.data + at, text.data, text.len) == 0);
        PROMISE(part->kind != ES_PATTERN_TOKEN ||
                memchr(text.data, '/', text.len) == NULL);
        at += text.len;
    }
    PROMISE(at == path.len);
}

FUZZ(text, p)
{
    const char *pattern = fuzz_string(fuzz_line(&text), p);
    es_slice_t path = fuzz_exact(text, p);
    es_slice_t values[VALUES_MAX];
    const es_path_t *parsed;
    int i;

    if (es_path_parse(&parsed, pattern, p) != NULL ||
        es_path_count(parsed) > VALUES_MAX) {
        return;
    }
    for (i = 0; i < es_path_count(parsed); i++) {
        PROMISE(es_path_find(parsed, es_path_token(parsed, i)) == i);
    }
    if (es_path_match(parsed, path, values)) {
        compose(pattern, path, values, p);
    }
}
