/* SPDX-License-Identifier: Apache-2.0 */
/* A pattern of paths, and behind its line a path: put together again from the
 * pattern's pieces and the values found, it is the path. */
#include "fuzz.h"

#include "base/path.h"
#include "base/pattern.h"

#define VALUES_MAX 64

static void compose(const char *pattern, es_slice_t path,
                    const es_slice_t *values, apr_pool_t *p)
{
    const apr_array_header_t *pieces;
    const es_pattern_part_t *piece;
    apr_size_t at = 0;
    es_slice_t part;
    int i, n = 0;

    PROMISE(es_pattern_parse(&pieces, pattern, ES_PATTERN_PATH, p) == NULL);
    for (i = 0; i < pieces->nelts; i++) {
        piece = &APR_ARRAY_IDX(pieces, i, es_pattern_part_t);
        part = piece->kind == ES_PATTERN_TOKEN ? values[n++] : piece->text;
        PROMISE(part.len > 0 && part.len <= path.len - at);
        PROMISE(memcmp(path.data + at, part.data, part.len) == 0);
        PROMISE(piece->kind != ES_PATTERN_TOKEN ||
                memchr(part.data, '/', part.len) == NULL);
        at += part.len;
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
