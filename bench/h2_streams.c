/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that includes libnghttp2, which is fed with what was read, and
 * asked for what is to be written:
 *
 *     h2.c ──► nghttp2_session_mem_recv() ──► on_frame, on_data ──► ops
 *     h2.c ◄── nghttp2_session_mem_send() ◄── what was submitted
 *
 * libnghttp2 checks what the other end sends. Where it answers by an error, the
 * connection is torn: see on_frame_send.
 *
 * New streams have a small window, which is enlarged with the head of the
 * response unless the stream is read slowly. The window of the connection is
 * never used up, so that a stream does not wait for another one.
 */
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

#include "bench/h2_priv.h"
#include "bench/http.h"

#define MAX_FIELDS 16
#define MAX_HEAD 8192
#define SMALL_WINDOW 4096         /* bytes: of a stream that begins */
#define LARGE_WINDOW (256 * 1024) /* of one that is read fast */
#define CONN_WINDOW (16 * 1024 * 1024)

/* ---- streams ------------------------------------------------------------- */

static eb_h2_stream_t *add_stream(eb_h2_t *h2)
{
    eb_h2_stream_t *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        return NULL;
    }
    stream->h2 = h2;
    stream->next = h2->streams;
    stream->prev = &h2->streams;
    if (stream->next != NULL) {
        stream->next->prev = &stream->next;
    }
    h2->streams = stream;
    h2->nstreams++;
    return stream;
}

static void free_stream(eb_h2_stream_t *stream)
{
    *stream->prev = stream->next;
    if (stream->next != NULL) {
        stream->next->prev = stream->prev;
    }
    stream->h2->nstreams--;
    eb_buf_clear(&stream->head);
    eb_buf_clear(&stream->out);
    free(stream);
}

static void close_stream(eb_h2_stream_t *stream, const char *why)
{
    stream->id = 0; /* eb_h2_drop() has nothing to do */
    if (stream->arg != NULL) {
        stream->h2->ops->on_close(stream, why);
    }
    free_stream(stream);
}

const char *eb_h2_header(const eb_h2_stream_t *stream, const char *name)
{
    return stream->head.len != 0
               ? eb_http_header(stream->head.bytes, stream->head.len, name)
               : NULL;
}

/* ---- callbacks of libnghttp2 --------------------------------------------- */

static eb_h2_stream_t *stream_of(nghttp2_session *session, int32_t id)
{
    return id != 0 ? nghttp2_session_get_stream_user_data(session, id) : NULL;
}

static int on_begin_headers(nghttp2_session *session,
                            const nghttp2_frame *frame, void *arg)
{
    eb_h2_t *h2 = arg;
    eb_h2_stream_t *stream;

    if (h2->is_server && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        stream = add_stream(h2);
        if (stream == NULL) {
            return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        stream->id = frame->hd.stream_id;
        nghttp2_session_set_stream_user_data(session, stream->id, stream);
    }
    return 0;
}

/* The head is kept as lines, as eb_http_header() reads them. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *arg)
{
    const eb_h2_t *h2 = arg;
    eb_h2_stream_t *stream = stream_of(session, frame->hd.stream_id);
    eb_buf_t *head;

    (void)flags;
    if (stream == NULL || (stream->arg == NULL && !h2->is_server)) {
        return 0;
    }
    head = &stream->head;
    if ((head->len == 0 && eb_buf_add(head, "h2\r\n", 4, MAX_HEAD) != 0) ||
        eb_buf_add(head, name, name_len, MAX_HEAD) != 0 ||
        eb_buf_add(head, ": ", 2, MAX_HEAD) != 0 ||
        eb_buf_add(head, value, value_len, MAX_HEAD) != 0 ||
        eb_buf_add(head, "\r\n", 2, MAX_HEAD) != 0) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return 0;
}

static void take_head(eb_h2_stream_t *stream, const nghttp2_frame *frame)
{
    eb_h2_t *h2 = stream->h2;

    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        h2->ops->on_head(stream);
        if (stream->arg == NULL) {
            eb_h2_drop(stream, NGHTTP2_REFUSED_STREAM);
        }
    }
    else if (stream->arg != NULL &&
             frame->headers.cat == NGHTTP2_HCAT_RESPONSE) {
        if (!stream->is_slow) {
            nghttp2_session_set_local_window_size(
                h2->session, NGHTTP2_FLAG_NONE, stream->id, LARGE_WINDOW);
        }
        h2->ops->on_head(stream);
    }
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame,
                    void *arg)
{
    eb_h2_t *h2 = arg;
    eb_h2_stream_t *stream = stream_of(session, frame->hd.stream_id);

    if (frame->hd.type == NGHTTP2_GOAWAY) {
        h2->is_leaving = 1;
    }
    if (stream != NULL && frame->hd.type == NGHTTP2_HEADERS) {
        take_head(stream, frame);
    }
    if (stream != NULL &&
        (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream->has_ended = 1;
        if (stream->arg != NULL && h2->ops->on_end != NULL) {
            h2->ops->on_end(stream);
        }
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id,
                   const uint8_t *bytes, size_t len, void *arg)
{
    eb_h2_t *h2 = arg;
    eb_h2_stream_t *stream = stream_of(session, id);

    (void)flags;
    nghttp2_session_consume_connection(session, len);
    if (stream == NULL) {
        return 0;
    }
    if (stream->is_slow) {
        stream->unread += len;
    }
    else {
        nghttp2_session_consume_stream(session, id, len);
    }
    if (stream->arg != NULL) {
        /* ours: they are in the buffer of eb_h2_read() */
        h2->ops->on_body(stream, (char *)bytes, len);
    }
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error,
                           void *arg)
{
    eb_h2_stream_t *stream = stream_of(session, id);

    (void)arg;
    if (stream != NULL) {
        nghttp2_session_set_stream_user_data(session, id, NULL);
        stream->error = error;
        close_stream(stream, nghttp2_http2_strerror(error));
    }
    return 0;
}

/* An error that this end reports is one that libnghttp2 has found. */
static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame,
                         void *arg)
{
    eb_h2_t *h2 = arg;

    (void)session;
    if ((frame->hd.type == NGHTTP2_GOAWAY &&
         frame->goaway.error_code != NGHTTP2_NO_ERROR) ||
        (frame->hd.type == NGHTTP2_RST_STREAM &&
         frame->rst_stream.error_code != NGHTTP2_CANCEL &&
         frame->rst_stream.error_code != NGHTTP2_NO_ERROR && !h2->is_server)) {
        h2->is_torn = 1;
    }
    return 0;
}

static ssize_t on_read_body(nghttp2_session *session, int32_t id, uint8_t *dst,
                            size_t size, uint32_t *flags,
                            nghttp2_data_source *source, void *arg)
{
    eb_h2_stream_t *stream = source->ptr;
    size_t len = stream->out.len < size ? stream->out.len : size;

    (void)session;
    (void)id;
    (void)arg;
    if (len == 0 && stream->is_broken) {
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it is reset */
    }
    if (len == 0 && !stream->is_out_over) {
        return NGHTTP2_ERR_DEFERRED;
    }
    if (len > 0) {
        memcpy(dst, stream->out.bytes, len);
        eb_buf_drop(&stream->out, len);
    }
    if (stream->is_out_over && stream->out.len == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    }
    return (ssize_t)len;
}

/* ---- the session --------------------------------------------------------- */

static int make_session(eb_h2_t *h2)
{
    nghttp2_session_callbacks *calls = NULL;
    nghttp2_option *option = NULL;
    int rc = -1;

    if (nghttp2_session_callbacks_new(&calls) == 0 &&
        nghttp2_option_new(&option) == 0) {
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_session_callbacks_set_on_begin_headers_callback(
            calls, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls,
                                                                  on_data);
        nghttp2_session_callbacks_set_on_stream_close_callback(calls,
                                                               on_stream_close);
        nghttp2_session_callbacks_set_on_frame_send_callback(calls,
                                                             on_frame_send);
        rc = h2->is_server
                 ? nghttp2_session_server_new2(&h2->session, calls, h2, option)
                 : nghttp2_session_client_new2(&h2->session, calls, h2, option);
    }
    nghttp2_session_callbacks_del(calls);
    nghttp2_option_del(option);
    return rc;
}

static int send_settings(eb_h2_t *h2)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, SMALL_WINDOW},
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
    };

    /* those of a server are the presets */
    if (nghttp2_submit_settings(h2->session, NGHTTP2_FLAG_NONE, settings,
                                h2->is_server ? 0 : 2) != 0) {
        return -1;
    }
    return nghttp2_session_set_local_window_size(h2->session, NGHTTP2_FLAG_NONE,
                                                 0, CONN_WINDOW);
}

int eb_h2_session_open(eb_h2_t *h2)
{
    return make_session(h2) == 0 && send_settings(h2) == 0 ? 0 : -1;
}

void eb_h2_session_close(eb_h2_t *h2)
{
    while (h2->streams != NULL) {
        free_stream(h2->streams);
    }
    nghttp2_session_del(h2->session);
}

void eb_h2_session_fail(eb_h2_t *h2)
{
    while (h2->streams != NULL) {
        close_stream(h2->streams, h2->why);
    }
}

const char *eb_h2_session_take(eb_h2_t *h2, char *bytes, size_t len)
{
    ssize_t taken =
        nghttp2_session_mem_recv(h2->session, (const uint8_t *)bytes, len);

    if (taken >= 0) {
        return NULL;
    }
    h2->is_torn = 1;
    return nghttp2_strerror((int)taken);
}

ssize_t eb_h2_session_give(eb_h2_t *h2, const void **bytes)
{
    return nghttp2_session_mem_send(h2->session, (const uint8_t **)bytes);
}

void eb_h2_session_goodbye(eb_h2_t *h2)
{
    nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR,
                          NULL, 0);
}

int eb_h2_session_is_over(const eb_h2_t *h2)
{
    return nghttp2_session_want_read(h2->session) == 0 &&
           nghttp2_session_want_write(h2->session) == 0;
}

int eb_h2_is_built(void)
{
    return 1;
}

/* ---- streams of a client ------------------------------------------------- */

static nghttp2_nv field(const char *name, const char *value)
{
    nghttp2_nv nv = {(uint8_t *)name, (uint8_t *)value, strlen(name),
                     strlen(value), NGHTTP2_NV_FLAG_NONE};

    return nv;
}

static size_t make_fields(const eb_h2_t *h2, nghttp2_nv *nv,
                          const char *const *fields)
{
    size_t n = 0;

    nv[n++] = field(":scheme", h2->conn.session != NULL ? "https" : "http");
    nv[n++] = field(":authority", "localhost");
    for (; fields[0] != NULL && n < MAX_FIELDS; fields += 2) {
        nv[n++] = field(fields[0], fields[1]);
    }
    return n;
}

eb_h2_stream_t *eb_h2_request(eb_h2_t *h2, const char *const *fields,
                              const char *body, size_t len, void *arg)
{
    nghttp2_data_provider provider;
    nghttp2_nv nv[MAX_FIELDS];
    eb_h2_stream_t *stream;
    size_t n = make_fields(h2, nv, fields);

    stream = eb_h2_takes_requests(h2) ? add_stream(h2) : NULL;
    if (stream == NULL) {
        return NULL;
    }
    stream->arg = arg;
    stream->is_out_over = 1;
    provider.source.ptr = stream;
    provider.read_callback = on_read_body;
    if (body == NULL ||
        eb_buf_add(&stream->out, body, len, EB_H2_MAX_OUT) == 0) {
        stream->id = nghttp2_submit_request(
            h2->session, NULL, nv, n, body != NULL ? &provider : NULL, stream);
    }
    if (stream->id <= 0) {
        free_stream(stream);
        return NULL;
    }
    return stream;
}

void eb_h2_reset(eb_h2_stream_t *stream, uint32_t error)
{
    if (stream->id > 0 && stream->h2->why == NULL) {
        nghttp2_submit_rst_stream(stream->h2->session, NGHTTP2_FLAG_NONE,
                                  stream->id, error);
    }
}

void eb_h2_drop(eb_h2_stream_t *stream, uint32_t error)
{
    stream->arg = NULL;
    eb_h2_reset(stream, error);
}

void eb_h2_read_slowly(eb_h2_stream_t *stream)
{
    stream->is_slow = 1;
}

void eb_h2_consume(eb_h2_stream_t *stream, size_t len)
{
    len = len < stream->unread ? len : stream->unread;
    stream->unread -= len;
    nghttp2_session_consume_stream(stream->h2->session, stream->id, len);
}

void eb_h2_read_fast(eb_h2_stream_t *stream)
{
    eb_h2_consume(stream, stream->unread);
    if (stream->is_slow) {
        stream->is_slow = 0;
        nghttp2_session_set_local_window_size(
            stream->h2->session, NGHTTP2_FLAG_NONE, stream->id, LARGE_WINDOW);
    }
}

/* ---- streams of a server ------------------------------------------------- */

void eb_h2_respond(eb_h2_stream_t *stream, const char *status, const char *type)
{
    nghttp2_data_provider provider;
    nghttp2_nv nv[2];

    nv[0] = field(":status", status);
    nv[1] = field("content-type", type);
    provider.source.ptr = stream;
    provider.read_callback = on_read_body;
    nghttp2_submit_response(stream->h2->session, stream->id, nv, 2, &provider);
}

void eb_h2_write(eb_h2_stream_t *stream, const char *bytes, size_t len)
{
    if (eb_buf_add(&stream->out, bytes, len, EB_H2_MAX_OUT) != 0) {
        eb_h2_reset(stream, NGHTTP2_INTERNAL_ERROR);
        return;
    }
    nghttp2_session_resume_data(stream->h2->session, stream->id);
}

void eb_h2_finish(eb_h2_stream_t *stream)
{
    stream->is_out_over = 1;
    nghttp2_session_resume_data(stream->h2->session, stream->id);
}

void eb_h2_break(eb_h2_stream_t *stream)
{
    stream->is_broken = 1;
    nghttp2_session_resume_data(stream->h2->session, stream->id);
}

void eb_h2_leave(eb_h2_t *h2)
{
    nghttp2_submit_goaway(h2->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(h2->session),
                          NGHTTP2_NO_ERROR, NULL, 0);
}
