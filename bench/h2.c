/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a connection of HTTP/2, and how it begins and ends. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench/h2_priv.h"

#define READ_SIZE (64 * 1024)

/* The connection is of no more use. Returns -1. */
static int fail(eb_h2_t *h2, const char *why)
{
    h2->why = why;
    eb_h2_session_fail(h2);
    return -1;
}

/* ---- bytes --------------------------------------------------------------- */

/*
 * Returns 1: all is written; 0: the socket takes no more. If the other end has
 * closed, what it sent before is still to be read, and nothing is written.
 */
static int write_pending(eb_h2_t *h2)
{
    ssize_t len;

    while (h2->pending.len > 0 && !h2->is_mute) {
        len = eb_conn_write(&h2->conn, h2->pending.bytes, h2->pending.len);
        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            return 0;
        }
        if (len < 0) {
            h2->is_mute = 1;
            break;
        }
        eb_buf_drop(&h2->pending, (size_t)len);
    }
    eb_buf_clear(&h2->pending);
    return 1;
}

/* The frames of a loop are collected, so that they go out in few packets.
 * Returns 0, or -1: failed. */
static int write_out(eb_h2_t *h2)
{
    const void *bytes;
    ssize_t len;

    while (write_pending(h2)) {
        do {
            len = eb_h2_session_give(h2, &bytes);
            if (len < 0 ||
                (len > 0 && eb_buf_add(&h2->pending, bytes, (size_t)len,
                                       EB_H2_MAX_OUT) != 0)) {
                return -1;
            }
        } while (len > 0 && h2->pending.len < READ_SIZE);
        if (h2->pending.len == 0) {
            break;
        }
    }
    return 0;
}

int eb_h2_flush(eb_h2_t *h2)
{
    int was_open = h2->conn.is_open;
    int rc;

    if (h2->why != NULL) {
        return -1;
    }
    rc = h2->is_mute ? 1 : eb_conn_step(&h2->conn);
    if (rc <= 0) {
        return rc == 0 ? 0 : fail(h2, eb_conn_why(&h2->conn));
    }
    if (!was_open && !h2->is_mute &&
        !eb_conn_speaks(&h2->conn, EB_H2_PROTOCOL)) {
        return fail(h2, "the other end speaks no HTTP/2");
    }
    return write_out(h2) == 0 ? 0 : fail(h2, "cannot make frames");
}

/* What libnghttp2 answers to these bytes tells whether they are torn. */
static int take(eb_h2_t *h2, char *bytes, size_t len)
{
    const char *why = eb_h2_session_take(h2, bytes, len);

    if (why != NULL) {
        return fail(h2, why);
    }
    if (eb_h2_flush(h2) != 0) {
        return -1;
    }
    if (h2->is_torn) {
        return fail(h2, "not HTTP/2");
    }
    return eb_h2_session_is_over(h2) ? fail(h2, "ended") : 1;
}

int eb_h2_read(eb_h2_t *h2, size_t size)
{
    static char buffer[READ_SIZE];
    ssize_t len;

    if (h2->why != NULL) {
        return -1;
    }
    if (!h2->conn.is_open && !h2->is_mute) {
        return 0;
    }
    len = eb_conn_read(&h2->conn, buffer,
                       size < sizeof(buffer) ? size : sizeof(buffer));
    if (len > 0) {
        return take(h2, buffer, (size_t)len);
    }
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    h2->is_torn = h2->is_torn || (len < 0 && errno == EBADMSG);
    return fail(h2, len == 0 ? "closed" : eb_conn_why(&h2->conn));
}

int eb_h2_ready(eb_h2_t *h2)
{
    int rc = eb_h2_flush(h2);

    if (rc == 0) {
        do {
            rc = eb_h2_read(h2, READ_SIZE);
        } while (rc > 0);
    }
    return rc;
}

eb_h2_t *eb_h2_open(eb_conn_t *conn, int is_server, const eb_h2_ops_t *ops,
                    void *arg)
{
    eb_h2_t *h2 = calloc(1, sizeof(*h2));

    if (h2 == NULL) {
        eb_conn_close(conn);
        errno = ENOMEM;
        return NULL;
    }
    h2->ops = ops;
    h2->arg = arg;
    h2->is_server = is_server;
    h2->conn = *conn;
    eb_conn_init(conn);
    if (eb_h2_session_open(h2) != 0) {
        eb_h2_close(h2, 0);
        errno = ENOMEM;
        return NULL;
    }
    return h2;
}

void eb_h2_close(eb_h2_t *h2, int by_reset)
{
    eb_h2_stream_t *stream;

    for (stream = h2->streams; stream != NULL; stream = stream->next) {
        stream->arg = NULL;
    }
    if (!by_reset && h2->why == NULL && h2->session != NULL) {
        eb_h2_session_goodbye(h2);
        eb_h2_flush(h2);
    }
    if (by_reset) {
        eb_conn_reset(&h2->conn);
    }
    else {
        eb_conn_close(&h2->conn);
    }
    eb_h2_session_close(h2);
    eb_buf_clear(&h2->pending);
    free(h2);
}

void *eb_h2_arg(const eb_h2_t *h2)
{
    return h2->arg;
}

int eb_h2_fd(const eb_h2_t *h2)
{
    return h2->conn.fd;
}

unsigned int eb_h2_streams(const eb_h2_t *h2)
{
    return h2->nstreams;
}

int eb_h2_takes_requests(const eb_h2_t *h2)
{
    return h2->why == NULL && h2->conn.is_open && !h2->is_leaving &&
           !h2->is_mute;
}

int eb_h2_is_leaving(const eb_h2_t *h2)
{
    return h2->is_leaving;
}

int eb_h2_is_torn(const eb_h2_t *h2)
{
    return h2->is_torn;
}

void eb_h2_spoil(eb_h2_t *h2)
{
    static const char RECORD[5 + 32] = {23, 3, 3, 0, 32};
    static const char DATA_OF_NO_STREAM[9 + 1] = {0, 0, 1};
    int is_tls = h2->conn.session != NULL;

    /* what was written has left, so these are whole to the client */
    if (h2->pending.len == 0) {
        send(h2->conn.fd, is_tls ? RECORD : DATA_OF_NO_STREAM,
             is_tls ? sizeof(RECORD) : sizeof(DATA_OF_NO_STREAM),
             MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    shutdown(h2->conn.fd, SHUT_RDWR);
}
