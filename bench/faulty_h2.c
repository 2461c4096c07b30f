/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams are written to at any time, also within callbacks of other
 * connections. So all is sent by eb_faulty_h2_flush(), once events are handled.
 */
#include "bench/faulty_h2.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/faulty_request.h"
#include "bench/payload.h"

#define MAX_HEAD 2048

struct eb_faulty_h2 {
    struct eb_faulty_h2 *next;
    eb_h2_t *h2;
    eb_faulty_h2_end_t end;
    void *owner;
    int is_over; /* it has failed */
};

static eb_faulty_h2_t *all;

/* Writes the head as HTTP/1.1 has it. Returns its length, or 0: too long. */
static size_t make_head(const eb_h2_stream_t *stream, char *dst, size_t size)
{
    const char *method = eb_h2_header(stream, ":method");
    const char *path = eb_h2_header(stream, ":path");
    const char *id = eb_h2_header(stream, "last-event-id");
    int len;

    if (method == NULL || path == NULL) {
        return 0;
    }
    len = snprintf(dst, size, "%.*s %.*s HTTP/2\r\n%s%.*s%s\r\n",
                   (int)strcspn(method, "\r"), method, (int)strcspn(path, "\r"),
                   path, id != NULL ? "Last-Event-ID: " : "",
                   id != NULL ? (int)strcspn(id, "\r") : 0,
                   id != NULL ? id : "", id != NULL ? "\r\n" : "");
    return len < (int)size ? (size_t)len : 0;
}

static void on_head(eb_h2_stream_t *h2)
{
    eb_faulty_stream_t *stream;
    char head[MAX_HEAD];
    size_t len = make_head(h2, head, sizeof(head));

    if (len != 0 && !eb_faulty_request_publishes(head) &&
        eb_faulty_stream_has_fault(EB_FAULTY_STREAM_ASK)) {
        eb_h2_drop(h2, EB_H2_HTTP_1_1_REQUIRED);
        return;
    }
    stream = len != 0 ? calloc(1, sizeof(*stream)) : NULL;
    if (stream == NULL) {
        return; /* refused */
    }
    eb_conn_init(&stream->conn);
    stream->h2 = h2;
    h2->arg = stream;
    if (!eb_faulty_request_publishes(head)) {
        eb_faulty_request_subscribe(stream, head, len);
    }
}

static void on_body(eb_h2_stream_t *h2, char *bytes, size_t len)
{
    eb_faulty_stream_t *stream = h2->arg;

    if (eb_buf_add(&stream->in, bytes, len, EB_PAYLOAD_CHECKED_MAX) != 0) {
        eb_h2_reset(h2, EB_H2_CANCEL);
    }
}

static void on_end(eb_h2_stream_t *h2)
{
    eb_faulty_stream_t *stream = h2->arg;
    char head[MAX_HEAD];

    if (make_head(h2, head, sizeof(head)) != 0 &&
        eb_faulty_request_publishes(head)) {
        eb_faulty_request_publish(stream, head, stream->in.bytes,
                                  stream->in.len);
    }
}

static void on_close(eb_h2_stream_t *h2, const char *why)
{
    eb_faulty_stream_t *stream = h2->arg;

    (void)why;
    eb_faulty_stream_end(stream);
    free(stream);
}

static const eb_h2_ops_t OPS = {on_head, on_body, on_end, on_close};

eb_faulty_h2_t *eb_faulty_h2_begin(eb_conn_t *conn, void *owner)
{
    eb_faulty_h2_t *h2 = calloc(1, sizeof(*h2));

    if (h2 == NULL) {
        eb_conn_close(conn);
        return NULL;
    }
    h2->h2 = eb_h2_open(conn, 1, &OPS, h2);
    if (h2->h2 == NULL) {
        free(h2);
        return NULL;
    }
    h2->owner = owner;
    h2->next = all;
    all = h2;
    return h2;
}

void eb_faulty_h2_ready(eb_faulty_h2_t *h2)
{
    h2->is_over = h2->is_over || eb_h2_ready(h2->h2) < 0;
}

void eb_faulty_h2_cut(eb_h2_stream_t *stream, eb_faulty_h2_end_t end)
{
    eb_faulty_h2_t *h2 = eb_h2_arg(stream->h2);

    h2->end = end;
}

/* The callbacks of its streams are called before it is closed. */
static void hang_up(eb_faulty_h2_t *h2)
{
    if (h2->end == EB_FAULTY_H2_SPOIL) {
        eb_h2_spoil(h2->h2);
    }
    /* with by_reset eb_h2_close() sends the reset */
    shutdown(eb_h2_fd(h2->h2),
             h2->end == EB_FAULTY_H2_RESET ? SHUT_RD : SHUT_RDWR);
    h2->is_over = eb_h2_ready(h2->h2) < 0;
}

void eb_faulty_h2_flush(void)
{
    eb_faulty_h2_t **at = &all;
    eb_faulty_h2_t *h2;

    while (*at != NULL) {
        h2 = *at;
        h2->is_over = h2->is_over || eb_h2_flush(h2->h2) < 0;
        if (!h2->is_over && h2->end != EB_FAULTY_H2_OPEN) {
            hang_up(h2);
        }
        if (!h2->is_over) {
            at = &h2->next;
            continue;
        }
        *at = h2->next;
        eb_h2_close(h2->h2, h2->end == EB_FAULTY_H2_RESET);
        free(h2->owner);
        free(h2);
    }
}
