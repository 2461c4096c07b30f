/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In the first line and in Referer the value is replaced, since they are for
 * logs; in the query, and the URL that redirects are made of, the pair is
 * removed. Names are compared as es_query_value does, decoded.
 */
#include "http/token_query.h"

#include <apr_strings.h>
#include <ap_mpm.h>
#include <scoreboard.h>

#include "base/query.h"
#include "server/settings.h"

#define POOL_KEY "eventstream-token-query"
#define HIDDEN "=(removed)"

/* A request as it came. Requests of httpd's own get what it has found. */
typedef struct taken_t {
    char *line; /* NULL = nothing was taken, or it was put back */
    char *uri;
    char *args;
    char *parsed_query;
    es_slice_t query; /* the same as args, where the token is */
} taken_t;

static apr_array_header_t *names; /* const char *; NULL = none */

void es_token_query_begin(void)
{
    names = NULL;
}

void es_token_query_note(const char *name, apr_pool_t *pconf)
{
    if (!names) {
        names = apr_array_make(pconf, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(names, const char *) = name;
}

static int is_noted(es_slice_t name)
{
    int i;

    for (i = 0; names && i < names->nelts; i++) {
        if (es_slice_is(name, APR_ARRAY_IDX(names, i, const char *))) {
            return 1;
        }
    }
    return 0;
}

/* ---- A query without tokens ---------------------------------------------- */

/* Writes the pairs of query to out, each that is noted with its value hidden,
 * or not at all. @return where out ends */
static char *write_pairs(char *out, es_slice_t query, int is_hidden,
                         apr_pool_t *p)
{
    const char *begin = out;
    es_slice_t name, rest = query;
    const char *pair = rest.data;

    while (es_query_next(&name, &rest, p)) {
        const char *end = rest.data ? rest.data : query.data + query.len;
        apr_size_t len = (apr_size_t)(end - pair);
        int noted = is_noted(name);

        len -= len != 0 && rest.data && pair[len - 1] == '&';
        if (!noted || is_hidden) {
            const char *equals = noted ? memchr(pair, '=', len) : NULL;

            if (out != begin) {
                *out++ = '&';
            }
            len = equals ? (apr_size_t)(equals - pair) : len;
            memcpy(out, pair, len);
            out += len;
            if (noted) {
                memcpy(out, HIDDEN, strlen(HIDDEN));
                out += strlen(HIDDEN);
            }
        }
        pair = end;
    }
    return out;
}

static int has_noted(es_slice_t query, apr_pool_t *p)
{
    es_slice_t name;

    while (es_query_next(&name, &query, p)) {
        if (is_noted(name)) {
            return 1;
        }
    }
    return 0;
}

/* Where the query of a URL within text begins and ends: from '?' to the version
 * of a first line, or to the end. A line with a blank or a '#' in the query is
 * refused, but logged. @return 0: it has none */
static int find_query(const char *text, es_slice_t *query)
{
    const char *mark = text ? strchr(text, '?') : NULL;
    const char *blank = mark ? strrchr(mark, ' ') : NULL;

    if (!mark) {
        return 0;
    }
    *query = es_slice_of(mark + 1);
    if (blank && !strncmp(blank, " HTTP/", 6)) {
        query->len = (apr_size_t)(blank - query->data);
    }
    return 1;
}

/* The text with the tokens of its query hidden or removed; NULL = it has none.
 * Where no pair is left, the '?' goes, too. */
static char *without_tokens(const char *text, int is_hidden, apr_pool_t *p)
{
    es_slice_t query;
    char *copy, *out, *begin;
    apr_size_t before;

    if (!find_query(text, &query) || !has_noted(query, p)) {
        return NULL;
    }
    before = (apr_size_t)(query.data - text);
    copy = apr_palloc(p, strlen(text) + 1 +
                             (query.len + 2) * (strlen(HIDDEN) + 1));
    memcpy(copy, text, before);
    begin = copy + before;
    out = write_pairs(begin, query, is_hidden, p);
    if (out == begin) {
        out--;
    }
    strcpy(out, query.data + query.len);
    return copy;
}

/* ---- A request ----------------------------------------------------------- */

static taken_t *taken_of(request_rec *r)
{
    void *found = NULL;

    while (r->main) {
        r = r->main;
    }
    apr_pool_userdata_get(&found, POOL_KEY, r->pool);
    return found;
}

static char *args_without_tokens(request_rec *r, const char *args)
{
    char *marked = apr_pstrcat(r->pool, "?", args, NULL);
    char *text = without_tokens(marked, 0, r->pool);

    return text && text[0] == '?' ? text + 1 : NULL;
}

static void hide_referer(request_rec *r)
{
    char *text =
        without_tokens(apr_table_get(r->headers_in, "Referer"), 1, r->pool);

    if (text) {
        apr_table_setn(r->headers_in, "Referer", text);
    }
}

static void take(request_rec *r)
{
    taken_t *taken = apr_pcalloc(r->pool, sizeof(*taken));
    char *text = without_tokens(r->unparsed_uri, 0, r->pool);

    taken->line = r->the_request;
    taken->uri = r->unparsed_uri;
    taken->args = r->args;
    taken->parsed_query = r->parsed_uri.query;
    taken->query = es_slice_of(r->args);
    apr_pool_userdata_setn(taken, POOL_KEY, NULL, r->pool);
    r->args = r->parsed_uri.query = args_without_tokens(r, r->args);
    r->unparsed_uri = text ? text : r->unparsed_uri;
    text = without_tokens(r->the_request, 1, r->pool);
    r->the_request = text ? text : r->the_request;
}

int es_token_query_take(request_rec *r)
{
    if (!names) {
        return DECLINED;
    }
    hide_referer(r);
    if (!r->main && !r->prev && r->args &&
        has_noted(es_slice_of(r->args), r->pool)) {
        take(r);
    }
    return DECLINED;
}

void es_token_query_restore(request_rec *r)
{
    const es_token_conf_t *conf = es_settings_dir(r)->tokens;
    taken_t *taken = r->main || r->prev ? NULL : taken_of(r);

    if (!taken || !taken->line || (conf && conf->query)) {
        return;
    }
    r->the_request = taken->line;
    r->unparsed_uri = taken->uri;
    r->args = taken->args;
    r->parsed_uri.query = taken->parsed_query;
    taken->line = NULL;
}

/* A section that is found by a file name, not by the URL: mod_status may have
 * shown the first line for a moment. */
static void take_late(request_rec *r)
{
    take(r);
    ap_update_child_status(r->connection->sbh, SERVER_BUSY_WRITE, r);
}

es_slice_t es_token_query_value(request_rec *r, const char *name, int *count)
{
    const apr_array_header_t *values;
    const taken_t *taken = taken_of(r);

    *count = 0;
    if (r->args && has_noted(es_slice_of(r->args), r->pool) &&
        (!taken || !taken->line)) {
        take_late(r);
        taken = taken_of(r);
    }
    if (!taken || !taken->line) {
        return es_slice(NULL, 0);
    }
    values = es_query_values(taken->query, name, r->pool);
    *count = values->nelts;
    return values->nelts > 0
               ? APR_ARRAY_IDX(values, values->nelts - 1, es_slice_t)
               : es_slice(NULL, 0);
}

int es_token_query_hide(request_rec *r)
{
    char *text = names && !taken_of(r)
                     ? without_tokens(r->the_request, 1, r->pool)
                     : NULL;

    if (text) {
        r->the_request = text;
        ap_update_child_status(r->connection->sbh, SERVER_BUSY_LOG, r);
    }
    return DECLINED;
}
