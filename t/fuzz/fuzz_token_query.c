/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request line or URL whose query may have a token, which no log may have.
 * After it was hidden or removed, a reader of queries finds no token, and all
 * else as before.
 */
#include "fuzz.h"

#include "http/token_query.c"

#define NAME "token"
#define REMOVED "(removed)"

/* of httpd, and of mod_eventstream.c */
int ap_update_child_status(ap_sb_handle_t *handle, int status, request_rec *r)
{
    (void)handle;
    (void)r;
    return status;
}

module AP_MODULE_DECLARE_DATA eventstream_module;

static const apr_array_header_t *values_of(const char *text, const char *name,
                                           apr_pool_t *p)
{
    es_slice_t query = es_slice(NULL, 0);

    (void)find_query(text, &query);
    return es_query_values(query, name, p);
}

static void check_same(const apr_array_header_t *a, const apr_array_header_t *b)
{
    int i;

    PROMISE(a->nelts == b->nelts);
    for (i = 0; i < a->nelts; i++) {
        PROMISE(es_slice_equal(APR_ARRAY_IDX(a, i, es_slice_t),
                               APR_ARRAY_IDX(b, i, es_slice_t)));
    }
}

static void check(const char *text, const char *other, int is_hidden,
                  apr_pool_t *p)
{
    const apr_array_header_t *tokens = values_of(text, NAME, p), *left;
    const char *copy = without_tokens(text, is_hidden, p);
    es_slice_t query = {NULL, 0};
    apr_size_t behind;
    int i;

    PROMISE((copy == NULL) == (tokens->nelts == 0));
    if (copy == NULL || (!is_hidden && strpbrk(text, " #"))) {
        return; /* a mark behind the query would begin one */
    }
    left = values_of(copy, NAME, p);
    PROMISE(is_hidden ? left->nelts == tokens->nelts : left->nelts == 0);
    for (i = 0; i < left->nelts; i++) {
        PROMISE(es_slice_is(APR_ARRAY_IDX(left, i, es_slice_t), REMOVED));
    }
    if (strcmp(other, NAME) != 0) {
        check_same(values_of(text, other, p), values_of(copy, other, p));
    }
    PROMISE(find_query(text, &query));
    PROMISE(strncmp(copy, text, (apr_size_t)(query.data - text) - 1) == 0);
    behind = strlen(query.data + query.len);
    PROMISE(strlen(copy) >= behind);
    PROMISE(strcmp(copy + strlen(copy) - behind, query.data + query.len) == 0);
}

FUZZ(text, p)
{
    const char *other = fuzz_string(fuzz_line(&text), p);
    const char *line = fuzz_string(fuzz_exact(text, p), p);

    es_token_query_begin();
    es_token_query_note(NAME, p);
    check(line, other, 0, p);
    check(line, other, 1, p);
}
