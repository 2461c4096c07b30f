/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token comes in the header Authorization, in the query, or in a cookie. The
 * first two are chosen by the program that sends the request, so both at once
 * are refused (RFC 6750, section 2). A browser adds its cookies to everything,
 * so the cookie counts only if there is none of the others.
 *
 * What was found is kept for each request and section. A request of httpd's own
 * (an internal redirect) may have another section, and its own rules.
 */
#include "http/request_token.h"

#include <apr_strings.h>

#include "base/clock.h"
#include "base/cookie.h"
#include "base/log.h"
#include "server/log.h"
#include "http/bearer.h"
#include "http/token_query.h"

#define REPEATED "form: the request has several tokens"

/* @return data NULL = none */
static es_slice_t find_token(request_rec *r, const es_token_conf_t *conf,
                             int *is_repeated)
{
    es_slice_t header = es_slice_of(es_bearer_find(r));
    es_slice_t query = es_slice(NULL, 0), cookie = query;
    int queries = 0, cookies = 0;

    if (conf->query) {
        query = es_token_query_value(r, conf->query, &queries);
    }
    if (conf->cookie && !header.data && !query.data) {
        cookie = es_cookie_find(apr_table_get(r->headers_in, "Cookie"),
                                conf->cookie, &cookies);
    }
    *is_repeated =
        (header.data != NULL) + queries > 1 || (!queries && cookies > 1);
    return header.data ? header : query.data ? query : cookie;
}

static void log_refused(request_rec *r, const char *why)
{
    static apr_time_t last; /* atomic */
    int level = es_log_limit_level(&last, APLOG_WARNING, es_clock_now());

    es_rlog(level, 0, r, "ES0902", "the token of a request is refused: %s",
            why);
}

static void verify(request_rec *r, es_request_token_t *token, es_slice_t text)
{
    es_token_t *valid = apr_palloc(r->pool, sizeof(*valid));

    if (!es_token_verify(valid, text, token->conf->issuers, apr_time_now(),
                         &token->why, r->pool)) {
        return;
    }
    token->valid = valid;
    if (valid->sub.len != 0) {
        token->sub = apr_pstrmemdup(r->pool, valid->sub.data, valid->sub.len);
    }
}

static void look(request_rec *r, es_request_token_t *token)
{
    es_slice_t text = find_token(r, token->conf, &token->is_repeated);

    if (token->is_repeated) {
        token->why = REPEATED;
    }
    else if (text.data) {
        verify(r, token, text);
    }
    if (token->why) {
        log_refused(r, token->why);
    }
}

es_request_token_t *es_request_token_of(request_rec *r)
{
    const es_token_conf_t *conf = es_settings_dir(r)->tokens;
    void *found = NULL;
    es_request_token_t *token;
    char key[48];

    if (!conf) {
        return NULL;
    }
    apr_snprintf(key, sizeof(key), "eventstream-token-%pp", (const void *)r);
    apr_pool_userdata_get(&found, key, r->pool);
    token = found;
    if (!token) {
        token = apr_pcalloc(r->pool, sizeof(*token));
        apr_pool_userdata_set(token, key, NULL, r->pool);
    }
    if (token->conf != conf) {
        memset(token, 0, sizeof(*token));
        token->conf = conf;
        look(r, token);
    }
    return token;
}

const es_request_token_t *es_request_token_granted(request_rec *r)
{
    const ap_conf_vector_t *section = r->per_dir_config;
    const es_request_token_t *token = es_request_token_of(r);

    while (token && !token->is_granted) {
        r = r->main ? r->main : r->prev;
        if (!r || r->per_dir_config != section) {
            return NULL;
        }
        token = es_request_token_of(r);
    }
    return token;
}

/* ---- The challenge ------------------------------------------------------- */

static const char *challenge(const char *error, const char *description,
                             apr_pool_t *p)
{
    return es_bearer_challenge("eventstream", error, description, p);
}

static const char *challenge_of(const es_request_token_t *token, int status,
                                apr_pool_t *p)
{
    if (token->lacks &&
        (status == HTTP_FORBIDDEN || status == HTTP_UNAUTHORIZED)) {
        return challenge(
            "insufficient_scope",
            apr_pstrcat(p, "the token does not grant: ", token->lacks, NULL),
            p);
    }
    if (status != HTTP_UNAUTHORIZED && status != HTTP_BAD_REQUEST) {
        return NULL;
    }
    if (token->why) {
        return challenge(token->is_repeated ? "invalid_request"
                                            : "invalid_token",
                         token->why, p);
    }
    return status == HTTP_UNAUTHORIZED ? challenge(NULL, NULL, p) : NULL;
}

/* @param refused  the request whose token is meant */
static void add_challenge(request_rec *r, request_rec *refused, int status)
{
    const es_request_token_t *token = es_request_token_of(refused);
    const char *value =
        token && token->is_asked ? challenge_of(token, status, r->pool) : NULL;

    if (value) {
        apr_table_addn(r->err_headers_out, "WWW-Authenticate", value);
    }
}

void es_request_token_challenge(request_rec *r, int status)
{
    add_challenge(r, r, status);
}

void es_request_token_on_error(request_rec *r)
{
    add_challenge(r, r, r->status);
}

void es_request_token_on_error_page(request_rec *r)
{
    if (r->prev) {
        add_challenge(r, r->prev, r->prev->status);
    }
}
