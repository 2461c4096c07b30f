/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and publishing are two questions. "*" lets the pages of all sites
 * read, without the user's login. It lists no site, so it lets no page publish:
 * a form on any page can send a POST with the user's cookies and need not read
 * the answer.
 */
#include "http/cors.h"

#include "base/channel.h"
#include "base/origin.h"

#include <http_protocol.h>
#include <apr_strings.h>

/* Seconds for which a browser remembers what a preflight allowed. */
#define MAX_AGE "600"

/* Where a request has this note, its answer has the headers. */
#define DONE_NOTE "eventstream-cors"

static const char *origin_of(const request_rec *r)
{
    return apr_table_get(r->headers_in, "Origin");
}

static int has_origin(const es_dir_t *conf, const char *origin)
{
    int i;

    for (i = 0; conf->origins && i < conf->origins->nelts; i++) {
        if (es_origin_matches(APR_ARRAY_IDX(conf->origins, i, const char *),
                              origin)) {
            return 1;
        }
    }
    return 0;
}

/* Is the origin listed by name, or by a "*." with the name of its domain? "*"
 * alone names none, nor does "null": any page can put itself into a sandboxed
 * frame, which has that origin. */
static int is_listed(const es_dir_t *conf, const char *origin)
{
    return origin && strcmp(origin, "*") && strcasecmp(origin, "null") &&
           has_origin(conf, origin);
}

static int may_read(const es_dir_t *conf, const char *origin)
{
    return origin && (has_origin(conf, origin) || has_origin(conf, "*"));
}

void es_cors_add_headers(request_rec *r, const es_dir_t *conf)
{
    const char *origin = origin_of(r);

    if (!conf->origins || apr_table_get(r->notes, DONE_NOTE)) {
        return;
    }
    apr_table_setn(r->notes, DONE_NOTE, "");
    /* also without Origin: a cache must not serve this answer to a page */
    apr_table_mergen(r->err_headers_out, "Vary", "Origin");
    if (is_listed(conf, origin)) {
        apr_table_setn(r->err_headers_out, "Access-Control-Allow-Origin",
                       origin);
        apr_table_setn(r->err_headers_out, "Access-Control-Allow-Credentials",
                       "true");
    }
    else if (may_read(conf, origin)) {
        apr_table_setn(r->err_headers_out, "Access-Control-Allow-Origin",
                       has_origin(conf, "*") ? "*" : "null");
    }
}

int es_cors_is_preflight(const request_rec *r, const es_dir_t *conf)
{
    return r->method_number == M_OPTIONS &&
           apr_table_get(r->headers_in, "Access-Control-Request-Method") &&
           may_read(conf, origin_of(r));
}

int es_cors_options(request_rec *r, const es_dir_t *conf, const char *allow)
{
    const char *requested =
        apr_table_get(r->headers_in, "Access-Control-Request-Headers");

    apr_table_setn(r->headers_out, "Allow", allow);
    if (es_cors_is_preflight(r, conf)) {
        apr_table_setn(r->headers_out, "Access-Control-Allow-Methods", allow);
        apr_table_setn(r->headers_out, "Access-Control-Max-Age", MAX_AGE);
        if (requested) {
            /* allow all: another module may authenticate by any header */
            apr_table_setn(r->headers_out, "Access-Control-Allow-Headers",
                           requested);
        }
    }
    r->status = HTTP_NO_CONTENT;
    return OK;
}

/*
 * Does the origin belong to this site? Host and port are compared, not the
 * scheme: behind a proxy that terminates TLS our own scheme is not the
 * browser's. This also admits the page of the same host over the other scheme.
 * That is sound: to a TLS site browsers send Sec-Fetch-Site, which is checked
 * first; a site without TLS has no defence against forged pages anyway.
 */
static int is_own(const request_rec *r, const char *origin)
{
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *site = strstr(origin, "://");

    return host && *host && site && !strcasecmp(site + 3, host);
}

static int is_cross_site(const request_rec *r, const char *origin)
{
    const char *fetch = apr_table_get(r->headers_in, "Sec-Fetch-Site");

    if (fetch) {
        /* "none": the user typed the URL or opened a bookmark */
        return strcasecmp(fetch, "same-origin") && strcasecmp(fetch, "none");
    }
    return origin && !is_own(r, origin);
}

int es_cors_may_publish(request_rec *r, const es_dir_t *conf, es_problem_t *why)
{
    const char *origin = origin_of(r);

    if (is_listed(conf, origin) || !is_cross_site(r, origin)) {
        return 1;
    }
    es_problem_set(why, r->pool, HTTP_FORBIDDEN,
                   "Pages of other sites may not publish.");
    return es_problem_remedy(
        why, ES_REMEDY_ORIGIN,
        apr_psprintf(r->pool,
                     "The page is of %s; to let it publish, list that origin "
                     "in EventStreamAllowOrigin (* does not let pages "
                     "publish).",
                     origin ? es_channel_printable(es_slice_of(origin), r->pool)
                            : "a site that sent no Origin"));
}
