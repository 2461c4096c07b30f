/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd enforces its limits (LimitRequestBody, RequestReadTimeout) by filters;
 * beyond a limit the read returns an error. Decoders are filters, too:
 * mod_deflate removes the Content-Encoding that it decodes at the first read,
 * so that header is checked only afterwards.
 */
#include "http/body.h"

#include "server/log.h"
#include "server/stats.h"

#include <http_protocol.h>
#include <apr_buckets.h>
#include <apr_strings.h>
#include "http/body_formats.h"

/* Most bytes of one read. */
#define READ_BYTES 65536
/* Largest body that is discarded to keep the connection. */
#define DISCARD_MAX 65536

static int too_large(const request_rec *r, const es_buf_t *body,
                     es_problem_t *why)
{
    es_stats_count_limit(ES_LIMIT_BODY);
    return es_problem_set(why, r->pool, HTTP_REQUEST_ENTITY_TOO_LARGE,
                          "The body is larger than EventStreamMaxBody allows, "
                          "%" APR_SIZE_T_FMT " bytes.",
                          body->max);
}

/* The Content-Length; -1 = the request has none, or it is invalid. */
static apr_off_t content_length(const request_rec *r)
{
    const char *text = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t length;

    /* older releases of httpd 2.4 have no ap_parse_strict_length */
    if (!text || !*text || text[strspn(text, "0123456789")] ||
        apr_strtoff(&length, text, NULL, 10) != APR_SUCCESS) {
        return -1;
    }
    return length;
}

int es_body_is_plain(const request_rec *r, es_problem_t *why)
{
    const char *coding = apr_table_get(r->headers_in, "Content-Encoding");

    if (coding && *coding && strcasecmp(coding, "identity")) {
        return es_problem_set(why, r->pool, HTTP_UNSUPPORTED_MEDIA_TYPE,
                              "The body must be sent without "
                              "Content-Encoding.");
    }
    return 1;
}

int es_body_problem(request_rec *r, apr_status_t rv, es_problem_t *why)
{
    int status = ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    const char *sentence = "The body ended too early.";

    if (status == AP_FILTER_ERROR) {
        memset(why, 0, sizeof(*why));
        why->status = AP_FILTER_ERROR;
        return 0;
    }
    es_rlog(APLOG_DEBUG, rv, r, "ES0501",
            "cannot read the body of the request");
    if (status == HTTP_REQUEST_ENTITY_TOO_LARGE) {
        /* httpd returns this status for a chunk's size, too */
        sentence = "The body is larger than LimitRequestBody allows, or "
                   "one of its chunks has an impossible size.";
    }
    else if (status == HTTP_REQUEST_TIME_OUT) {
        sentence = "The body came too slowly.";
    }
    else if (status != HTTP_BAD_REQUEST) {
        sentence = "The body's transfer encoding is not known.";
    }
    else if (!APR_STATUS_IS_EOF(rv) && rv != APR_INCOMPLETE) {
        sentence = "The body could not be read.";
    }
    return es_problem_set(why, r->pool, status, "%s", sentence);
}

/* Appends the data of a brigade. @param is_whole  set at the body's end */
static int append_brigade(request_rec *r, es_buf_t *body,
                          apr_bucket_brigade *bb, int *is_whole,
                          es_problem_t *why)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t len;
        apr_status_t rv;

        if (APR_BUCKET_IS_EOS(b)) {
            *is_whole = 1;
            return 1;
        }
        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        rv = apr_bucket_read(b, &data, &len, APR_BLOCK_READ);
        if (rv != APR_SUCCESS) {
            return es_body_problem(r, rv, why);
        }
        if (es_buf_add(body, es_slice(data, len)) != APR_SUCCESS) {
            return too_large(r, body, why);
        }
    }
    return 1;
}

/* One read. If a filter returns nothing and no end, it is treated as a broken
 * body, because to read again would loop forever. */
static int read_some(request_rec *r, es_buf_t *body, apr_bucket_brigade *bb,
                     int *is_whole, es_problem_t *why)
{
    apr_status_t rv = ap_get_brigade(r->input_filters, bb, AP_MODE_READBYTES,
                                     APR_BLOCK_READ, READ_BYTES);
    int ok;

    if (rv == APR_SUCCESS && APR_BRIGADE_EMPTY(bb)) {
        rv = APR_INCOMPLETE;
    }
    if (rv != APR_SUCCESS) {
        return es_body_problem(r, rv, why);
    }
    ok = es_body_is_plain(r, why) && append_brigade(r, body, bb, is_whole, why);
    apr_brigade_cleanup(bb);
    return ok;
}

int es_body_read(request_rec *r, es_buf_t *body, es_problem_t *why)
{
    apr_bucket_brigade *bb;
    int is_whole = 0;
    int ok = 1;

    if (content_length(r) > 0 &&
        (apr_uint64_t)content_length(r) > (apr_uint64_t)body->max) {
        ok = too_large(r, body, why); /* the client need not send it */
    }
    bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    while (ok && !is_whole) {
        ok = read_some(r, body, bb, &is_whole, why);
    }
    apr_brigade_destroy(bb);
    if (!ok) {
        /* it is unknown where the next request would start */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    return ok;
}

void es_body_discard(request_rec *r)
{
    int has_body = apr_table_get(r->headers_in, "Transfer-Encoding") ||
                   content_length(r) > 0;

    if (!has_body) {
        return;
    }
    if (r->expecting_100 || content_length(r) < 0 ||
        content_length(r) > DISCARD_MAX) {
        r->connection->keepalive = AP_CONN_CLOSE;
        return;
    }
    (void)ap_discard_request_body(r); /* ends the connection on an error */
}

/* ---- Raw ---------------------------------------------------------------- */

int es_body_raw(es_batch_t *batch, es_slice_t body, const es_event_t *preset,
                apr_pool_t *p, es_problem_t *why)
{
    (void)why; /* es_event_check checks whether the data is text */
    batch->events = apr_pmemdup(p, preset, sizeof(*preset));
    batch->events[0].data = body;
    batch->count = 1;
    batch->is_list = 0;
    batch->unnamed = preset->nchannels ? -1 : 0;
    batch->unnamed_has = "the query has no 'channel'";
    return 1;
}
