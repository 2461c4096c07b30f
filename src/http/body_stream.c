/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads never block, and in between the socket is polled: a blocking read
 * with a short timeout would lose the part of a chunk's head that it has
 * taken from the socket when time is over.
 *
 * A stream of HTTP/2 has no socket of its own, and mod_http2 tells nobody that
 * there is news but who blocks in a read of it, for Timeout; so it is looked
 * at again after a nap.
 *
 * Only the trailers behind the last chunk are read by httpd as a head is,
 * blocking; so the socket's timeout is short meanwhile.
 *
 * When a chunk is broken or LimitRequestBody is reached, httpd's filter answers
 * by itself, by an error bucket that it sends down the output filters. A guard
 * of ours stands in front of these and keeps it, so that the answer can tell
 * how far the body came.
 */
#include "http/body.h"

#include <poll.h>

#include <apr_buckets.h>
#include <apr_portable.h>
#include <http_core.h>
#include <http_protocol.h>
#include <util_filter.h>

#define TRAILERS_MAX APR_USEC_PER_SEC
#define NAP_MIN 1000  /* microseconds */
#define NAP_MAX 20000 /* microseconds */
/* Polls in a row that told of bytes of which nothing came through the filters
 * (parts of a TLS record). Should that go on, it naps instead of spinning. */
#define BARREN_MAX 64
/* Reads of a piece, should each give next to nothing. */
#define READS_MAX 1024

struct es_body_stream_t {
    request_rec *r;
    apr_bucket_brigade *bb;
    apr_socket_t *socket;        /* of the connection; NULL = it has none */
    int fd;                      /* the same; -1 = it has none */
    apr_interval_time_t timeout; /* of the socket, before us */
    int barren;                  /* see above */
    int refused;                 /* status that the guard has kept; 0 = none */
    ap_filter_t *guard;
    apr_interval_time_t nap; /* the next one */
};

/* From all chains: filters of the request point at those of the connection,
 * and httpd's own function mends just one of them. */
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

static ap_filter_rec_t *guard_rec;

static apr_status_t on_output(ap_filter_t *f, apr_bucket_brigade *bb)
{
    es_body_stream_t *stream = f->ctx;
    apr_bucket *b;

    for (b = APR_BRIGADE_FIRST(bb); b != APR_BRIGADE_SENTINEL(bb);
         b = APR_BUCKET_NEXT(b)) {
        if (AP_BUCKET_IS_ERROR(b)) {
            stream->refused = ((ap_bucket_error *)b->data)->status;
            f->r->eos_sent = 0; /* as the EOS behind it goes nowhere */
            apr_brigade_cleanup(bb);
            return AP_FILTER_ERROR;
        }
    }
    return ap_pass_brigade(f->next, bb);
}

void es_body_stream_register(void)
{
    guard_rec = ap_register_output_filter("EVENTSTREAM_TAP", on_output, NULL,
                                          AP_FTYPE_RESOURCE);
}

static void take_socket(es_body_stream_t *stream, conn_rec *c)
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
    take_socket(stream, c);
    stream->nap = NAP_MIN;
    c->keepalive = AP_CONN_CLOSE;
    remove_reqtimeout(r);
    stream->guard = ap_add_output_filter_handle(guard_rec, stream, r, c);
    return stream;
}

void es_body_stream_close(es_body_stream_t *stream)
{
    ap_remove_output_filter(stream->guard);
    if (stream->socket) {
        apr_socket_timeout_set(stream->socket, stream->timeout);
    }
}

/* httpd's filter does it for blocking reads only. */
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

static apr_status_t reason_of(int refused)
{
    return refused == HTTP_REQUEST_ENTITY_TOO_LARGE ? APR_ENOSPC
           : refused == HTTP_NOT_IMPLEMENTED        ? APR_ENOTIMPL
                                                    : APR_EGENERAL;
}

static es_body_stream_result_t failed(es_body_stream_t *stream, apr_status_t rv,
                                      es_problem_t *why)
{
    (void)es_body_failed(
        stream->r, stream->refused ? reason_of(stream->refused) : rv, why);
    return ES_BODY_STREAM_FAILED;
}

static es_body_stream_result_t take_brigade(es_body_stream_t *stream,
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

/* One read, which gives a chunk of a chunked body at most. */
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
        result = take_brigade(stream, lines, got, why);
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
        stream->barren = 0;
        stream->nap = NAP_MIN;
    }
    return result == ES_BODY_STREAM_EMPTY && got > 0 ? ES_BODY_STREAM_SOME
                                                     : result;
}

void es_body_stream_wait(es_body_stream_t *stream, apr_interval_time_t most)
{
    struct pollfd pfd;

    if (stream->fd >= 0 && stream->barren < BARREN_MAX) {
        pfd.fd = stream->fd;
        pfd.events = POLLIN;
        pfd.revents = 0;
        /* up, or it would spin */
        stream->barren += poll(&pfd, 1, (int)((most + 999) / 1000)) > 0;
        return;
    }
    apr_sleep(stream->nap < most ? stream->nap : most);
    stream->nap = stream->nap < NAP_MAX / 2 ? stream->nap * 2 : NAP_MAX;
}
