/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads never block; in between the socket is polled. A blocking read with a
 * short timeout would lose the part of a chunk's head that it has already taken
 * from the socket when it times out.
 *
 * An HTTP/2 stream has no socket of its own, and mod_http2 wakes only a thread
 * that blocks in a read, for up to Timeout. So it is read again after a sleep,
 * whose time grows.
 *
 * httpd reads the trailers after the last chunk like a head, blocking. So the
 * socket has a short timeout while the stream is open.
 *
 * If a chunk is broken or LimitRequestBody is reached, httpd's filter answers
 * the request itself, by an error bucket that it sends to the output filters.
 * An output filter of ours in front of them keeps the bucket, so that the
 * answer can state how many events were published.
 */
#include "http/body.h"

#include <poll.h>

#include <apr_buckets.h>
#include <apr_portable.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

#define TRAILERS_MAX APR_USEC_PER_SEC
#define SLEEP_MIN 1000  /* microseconds */
#define SLEEP_MAX 20000 /* microseconds */
/* Polls in a row after which the filters returned nothing (the socket had a
 * part of a TLS record). After this many it sleeps, so as not to spin. */
#define FRUITLESS_MAX 64
/* Most reads of one piece; each may return few bytes. */
#define READS_MAX 1024

struct es_body_stream_t {
    request_rec *r;
    apr_bucket_brigade *bb;
    apr_socket_t *socket;        /* of the connection; NULL = it has none */
    int fd;                      /* the same; -1 = it has none */
    apr_interval_time_t timeout; /* of the socket, to be restored */
    int fruitless;               /* polls in a row, see FRUITLESS_MAX */
    int error_status;            /* of the error bucket; 0 = none came */
    ap_filter_t *error_filter;
    apr_interval_time_t sleep_time; /* the next one */
};

/* Removes it from all chains: those of the request point into that of the
 * connection, and ap_remove_input_filter updates only one of them. */
static void remove_reqtimeout(request_rec *r)
{
    ap_filter_t **heads[] = {&r->input_filters, &r->proto_input_filters,
                             &r->connection->input_filters};
    ap_filter_t **at;
    size_t i;

    for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        for (at = heads[i]; *at;) {
            if (!strcmp((*at)->frec->name, "reqtimeout")) {
                *at = (*at)->next;
            }
            else {
                at = &(*at)->next;
            }
        }
    }
}

static ap_filter_rec_t *error_filter_rec;

static apr_status_t on_output(ap_filter_t *f, apr_bucket_brigade *bb)
{
    es_body_stream_t *stream = f->ctx;
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        if (AP_BUCKET_IS_ERROR(b)) {
            stream->error_status = ((ap_bucket_error *)b->data)->status;
            f->r->eos_sent = 0; /* the EOS after it is dropped, too */
            apr_brigade_cleanup(bb);
            return AP_FILTER_ERROR;
        }
    }
    return ap_pass_brigade(f->next, bb);
}

void es_body_stream_register(void)
{
    error_filter_rec = ap_register_output_filter(
        "EVENTSTREAM_BODY_ERROR", on_output, NULL, AP_FTYPE_RESOURCE);
}

static void find_socket(es_body_stream_t *stream, conn_rec *c)
{
    stream->socket = c->master ? NULL : ap_get_conn_socket(c);
    if (!stream->socket ||
        apr_os_sock_get(&stream->fd, stream->socket) != APR_SUCCESS ||
        apr_socket_timeout_get(stream->socket, &stream->timeout) !=
            APR_SUCCESS) {
        stream->socket = NULL;
        stream->fd = -1;
        return;
    }
    apr_socket_timeout_set(stream->socket, TRAILERS_MAX);
}

es_body_stream_t *es_body_stream_open(request_rec *r)
{
    es_body_stream_t *stream = apr_pcalloc(r->pool, sizeof(*stream));
    conn_rec *c = r->connection;

    stream->r = r;
    stream->bb = apr_brigade_create(r->pool, c->bucket_alloc);
    find_socket(stream, c);
    stream->sleep_time = SLEEP_MIN;
    c->keepalive = AP_CONN_CLOSE;
    remove_reqtimeout(r);
    stream->error_filter =
        ap_add_output_filter_handle(error_filter_rec, stream, r, c);
    return stream;
}

void es_body_stream_close(es_body_stream_t *stream)
{
    ap_remove_output_filter(stream->error_filter);
    if (stream->socket) {
        apr_socket_timeout_set(stream->socket, stream->timeout);
    }
}

/* httpd's filter sends 100 Continue for blocking reads only. */
static void send_continue(request_rec *r)
{
    const char *line = r->status_line;
    int status = r->status;

    r->status = HTTP_CONTINUE;
    r->status_line = NULL;
    ap_send_interim_response(r, 0);
    r->status = status;
    r->status_line = line;
}

static apr_status_t error_of(int status)
{
    return status == HTTP_REQUEST_ENTITY_TOO_LARGE ? APR_ENOSPC
           : status == HTTP_NOT_IMPLEMENTED        ? APR_ENOTIMPL
                                                   : APR_EGENERAL;
}

static es_body_stream_result_t failed(es_body_stream_t *stream, apr_status_t rv,
                                      es_problem_t *why)
{
    (void)es_body_problem(
        stream->r, stream->error_status ? error_of(stream->error_status) : rv,
        why);
    return ES_BODY_STREAM_FAILED;
}

static es_body_stream_result_t add_brigade(es_body_stream_t *stream,
                                           es_lines_t *lines, apr_size_t *got,
                                           es_problem_t *why)
{
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(stream->bb);
         b != APR_BRIGADE_SENTINEL(stream->bb); b = APR_BUCKET_NEXT(b)) {
        const char *data;
        apr_size_t len;
        apr_status_t rv;

        if (APR_BUCKET_IS_EOS(b)) {
            return ES_BODY_STREAM_END;
        }
        if (APR_BUCKET_IS_METADATA(b)) {
            continue;
        }
        rv = apr_bucket_read(b, &data, &len, APR_BLOCK_READ);
        if (rv == APR_SUCCESS) {
            rv = es_lines_add(lines, es_slice(data, len));
        }
        if (rv != APR_SUCCESS) {
            return failed(stream, rv, why);
        }
        *got += len;
    }
    return APR_BRIGADE_EMPTY(stream->bb) ? ES_BODY_STREAM_EMPTY
                                         : ES_BODY_STREAM_SOME;
}

/* One read; of a chunked body it returns no more than a chunk. */
static es_body_stream_result_t read_once(es_body_stream_t *stream,
                                         es_lines_t *lines, apr_size_t *got,
                                         es_problem_t *why)
{
    request_rec *r = stream->r;
    es_body_stream_result_t result;
    apr_status_t rv;

    rv = ap_get_brigade(r->input_filters, stream->bb, AP_MODE_READBYTES,
                        APR_NONBLOCK_READ,
                        (apr_off_t)(ES_BODY_STREAM_PIECE - *got));
    if (APR_STATUS_IS_EAGAIN(rv)) {
        result = ES_BODY_STREAM_EMPTY;
    }
    else if (rv != APR_SUCCESS) {
        result = failed(stream, rv, why);
    }
    else if (!APR_BRIGADE_EMPTY(stream->bb) && !es_body_is_plain(r, why)) {
        result = ES_BODY_STREAM_FAILED;
    }
    else {
        result = add_brigade(stream, lines, got, why);
    }
    apr_brigade_cleanup(stream->bb);
    return result;
}

es_body_stream_result_t es_body_stream_read(es_body_stream_t *stream,
                                            es_lines_t *lines,
                                            es_problem_t *why)
{
    es_body_stream_result_t result = ES_BODY_STREAM_SOME;
    apr_size_t got = 0;
    int reads;

    if (stream->r->connection->aborted) {
        return failed(stream, APR_ECONNABORTED, why);
    }
    if (stream->r->expecting_100) {
        send_continue(stream->r);
    }
    for (reads = 0; result == ES_BODY_STREAM_SOME && reads < READS_MAX &&
                    got < ES_BODY_STREAM_PIECE;
         reads++) {
        result = read_once(stream, lines, &got, why);
    }
    if (got > 0) {
        stream->fruitless = 0;
        stream->sleep_time = SLEEP_MIN;
    }
    return result == ES_BODY_STREAM_EMPTY && got > 0 ? ES_BODY_STREAM_SOME
                                                     : result;
}

void es_body_stream_wait(es_body_stream_t *stream, apr_interval_time_t max_wait)
{
    struct pollfd pfd;

    if (stream->fd >= 0 && stream->fruitless < FRUITLESS_MAX) {
        pfd.fd = stream->fd;
        pfd.events = POLLIN;
        pfd.revents = 0;
        /* rounded up: 0 ms would spin */
        stream->fruitless += poll(&pfd, 1, (int)((max_wait + 999) / 1000)) > 0;
        return;
    }
    apr_sleep(stream->sleep_time < max_wait ? stream->sleep_time : max_wait);
    stream->sleep_time =
        stream->sleep_time < SLEEP_MAX / 2 ? stream->sleep_time * 2 : SLEEP_MAX;
}
