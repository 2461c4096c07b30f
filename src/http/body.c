/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits of httpd (LimitRequestBody, RequestReadTimeout) are filters, and
 * answer by an error of the read. So are decoders: mod_deflate takes away the
 * Content-Encoding that it undoes when it is first read, which is why that
 * header is looked at after the first read only.
 */
#include "http/body.h"

#include "server/log.h"
#include "server/stats.h"

#include <http_protocol.h>
#include <apr_buckets.h>
#include <apr_strings.h>
#include "http/body_formats.h"

/* Most bytes that are asked of the filters at a time. */
#define READ_BYTES 65536
/* Up to here a body is read away to keep the connection. */
#define LEAVE_BYTES 65536

static int too_large(const request_rec *r, const es_buf_t *body,
                     es_problem_t *why)
{
    es_stats_limit(ES_LIMIT_BODY);
    return es_problem_set(why, r->pool, HTTP_REQUEST_ENTITY_TOO_LARGE,
                          "The body is larger than EventStreamMaxBody allows, "
                          "%" APR_SIZE_T_FMT " bytes.",
                          body->max);
}

/* The length that the request tells, -1 = none, or it is broken. */
static apr_off_t told_length(const request_rec *r)
{
    const char *text = apr_table_get(r->headers_in, "Content-Length");
    apr_off_t length;

    /* ap_parse_strict_length is too young for some of our httpds */
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

int es_body_failed(request_rec *r, apr_status_t rv, es_problem_t *why)
{
    int status = ap_map_http_request_error(rv, HTTP_BAD_REQUEST);
    const char *sentence = "The body ended too early.";

    if (status == AP_FILTER_ERROR) {
        memset(why, 0, sizeof(*why));
        why->status = AP_FILTER_ERROR;
        return 0;
    }
    es_rlog(APLOG_DEBUG, rv, r, "ES0501", "the body could not be read");
    if (status == HTTP_REQUEST_ENTITY_TOO_LARGE) {
        /* httpd says so of a chunk's head, too */
        sentence = "The body is larger than LimitRequestBody allows, or "
                   "tells the size of a chunk that cannot be.";
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

/* Appends what the filters gave; is_whole tells whether it was the last. */
static int take_brigade(request_rec *r, es_buf_t *body, apr_bucket_brigade *bb,
                        int *is_whole, es_problem_t *why)
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
            return es_body_failed(r, rv, why);
        }
        if (es_buf_add(body, es_slice(data, len)) != APR_SUCCESS) {
            return too_large(r, body, why);
        }
    }
    return 1;
}

/* One read; an empty one would mean that a filter has nothing more to give
 * and does not say so, and asking on would spin. */
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
        return es_body_failed(r, rv, why);
    }
    ok = es_body_is_plain(r, why) && take_brigade(r, body, bb, is_whole, why);
    apr_brigade_cleanup(bb);
    return ok;
}

int es_body_read(request_rec *r, es_buf_t *body, es_problem_t *why)
{
    apr_bucket_brigade *bb;
    int is_whole = 0;
    int ok = 1;

    if (told_length(r) > 0 &&
        (apr_uint64_t)told_length(r) > (apr_uint64_t)body->max) {
        ok = too_large(r, body, why); /* before it is on its way */
    }
    bb = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    while (ok && !is_whole) {
        ok = read_some(r, body, bb, &is_whole, why);
    }
    apr_brigade_destroy(bb);
    if (!ok) {
        /* where the next request would start is not known */
        r->connection->keepalive = AP_CONN_CLOSE;
    }
    return ok;
}

void es_body_leave(request_rec *r)
{
    int has_body =
        apr_table_get(r->headers_in, "Transfer-Encoding") || told_length(r) > 0;

    if (!has_body) {
        return;
    }
    if (r->expecting_100 || told_length(r) < 0 ||
        told_length(r) > LEAVE_BYTES) {
        r->connection->keepalive = AP_CONN_CLOSE;
        return;
    }
    (void)ap_discard_request_body(r); /* it closes by itself on errors */
}

/* ---- Raw ---------------------------------------------------------------- */

/* The simplest of the body readers. */

int es_body_raw(es_batch_t *batch, es_slice_t body, const es_event_t *preset,
                apr_pool_t *p, es_problem_t *why)
{
    (void)why; /* whether the data is text, es_event_check finds out */
    batch->events = apr_pmemdup(p, preset, sizeof(*preset));
    batch->events[0].data = body;
    batch->count = 1;
    batch->is_list = 0;
    batch->unnamed = preset->nchannels ? -1 : 0;
    batch->unnamed_has = "the query has no 'channel'";
    return 1;
}
