/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and publishing are two questions. "*" says that anybody's page may
 * read, without the user's login; it lists no site, so it lets nobody
 * publish: a form on any page can send a POST with the user's cookies, and
 * needs to read nothing.
 */
#include "http/cors.h"

#include "base/channel.h"

#include <http_protocol.h>
#include <apr_strings.h>

/* Seconds for which a browser remembers what a preflight allowed. */
#define MAX_AGE "600"

static const char *origin_of(const request_rec *r)
{
    return apr_table_get(r->headers_in, "Origin");
}

/* Scheme and host ignore case, and there is nothing else in an origin. */
static int has_origin(const es_dir_t *conf, const char *origin)
{
    int i;

    for (i = 0; conf->origins && i < conf->origins->nelts; i++) {
        if (!strcasecmp(APR_ARRAY_IDX(conf->origins, i, const char *),
                        origin)) {
            return 1;
        }
    }
    return 0;
}

/* Is a site meant? Not by "*", and not by "null": any page can put itself into
 * a sandboxed frame, whose origin that is. */
static int is_listed(const es_dir_t *conf, const char *origin)
{
    return origin && strcmp(origin, "*") && strcasecmp(origin, "null") &&
           has_origin(conf, origin);
}

static int may_read(const es_dir_t *conf, const char *origin)
{
    return origin && (has_origin(conf, origin) || has_origin(conf, "*"));
}

void es_cors_mark(request_rec *r, const es_dir_t *conf)
{
    const char *origin = origin_of(r);

    if (!conf->origins) {
        return;
    }
    /* also without Origin: a cache must not give this answer to a page */
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
    const char *asked =
        apr_table_get(r->headers_in, "Access-Control-Request-Headers");

    apr_table_setn(r->headers_out, "Allow", allow);
    if (es_cors_is_preflight(r, conf)) {
        apr_table_setn(r->headers_out, "Access-Control-Allow-Methods", allow);
        apr_table_setn(r->headers_out, "Access-Control-Max-Age", MAX_AGE);
        if (asked) {
            /* which headers mean something here is not known: other modules
             * may authenticate by any */
            apr_table_setn(r->headers_out, "Access-Control-Allow-Headers",
                           asked);
        }
    }
    r->status = HTTP_NO_CONTENT;
    return OK;
}

/*
 * Is the page at origin one of this very site? Compared by host and port, not
 * by scheme: behind a proxy that ends TLS our own scheme is not the browser's.
 * That is sound: it admits one page more, that of the same host over the other
 * scheme. A TLS site need not fear it, since browsers send Sec-Fetch-Site to
 * such sites, which counts before this; against whoever forges pages of a site
 * without TLS that site has no defence anyway.
 */
static int is_own(const request_rec *r, const char *origin)
{
    const char *host = apr_table_get(r->headers_in, "Host");
    const char *site = strstr(origin, "://");

    return host && *host && site && !strcasecmp(site + 3, host);
}

static int is_sent_by_stranger(const request_rec *r, const char *origin)
{
    const char *fetch = apr_table_get(r->headers_in, "Sec-Fetch-Site");

    if (fetch) {
        /* "none": by the user, from the address line or a bookmark */
        return strcasecmp(fetch, "same-origin") && strcasecmp(fetch, "none");
    }
    return origin && !is_own(r, origin);
}

int es_cors_may_publish(request_rec *r, const es_dir_t *conf, es_problem_t *why)
{
    const char *origin = origin_of(r);

    if (is_listed(conf, origin) || !is_sent_by_stranger(r, origin)) {
        return 1;
    }
    es_problem_set(why, r->pool, HTTP_FORBIDDEN,
                   "Pages of other sites may not publish.");
    why->remedy = apr_psprintf(
        r->pool,
        "The page is of %s; if it may, list that in EventStreamAllowOrigin "
        "(* does not let pages publish).",
        origin ? es_channel_printable(es_slice_of(origin), r->pool)
               : "a site that sent no Origin");
    return 0;
}
