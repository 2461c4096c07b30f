/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One iovec goes out by send, which is cheaper than sendmsg; several go out by
 * sendmsg, IOV_MAX at a time.
 *
 * TCP has two ways to detect a dead peer, keep-alive and TCP_USER_TIMEOUT. Once
 * the latter is set, the kernel ends the connection at that time even if it is
 * keep-alive that gets no answer; TCP_KEEPCNT counts only without it.
 * Keep-alive therefore begins early enough to have sent three probes by then:
 * a single lost packet does not mean that the peer is dead.
 *
 * The kernel lets the send buffer of a TCP socket grow to megabytes, and a
 * client that reads nothing fills it. TCP_NOTSENT_LOWAT bounds the part that is
 * not sent yet; the part in flight is bounded by the peer's window. A fast
 * client is not slower for it, since the kernel reports the socket as writable
 * before it has nothing to send.
 */
#include "deliver/sink_socket.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define DRAIN_READ 4096 /* bytes */

/* A client has nothing to send after its request. What it sends all the same
 * (the body of a GET, pipelined requests) is dropped, up to this many bytes. */
#define DRAIN_MAX (256 * 1024)

/* More iovecs than this are sent in several calls. */
#ifdef IOV_MAX
#define PARTS_MAX IOV_MAX
#else
#define PARTS_MAX 1024
#endif

static ssize_t send_parts(int fd, const struct iovec *iov, int count)
{
    struct msghdr msg = {0};
    ssize_t n;

    do {
        if (count == 1) {
            n = send(fd, iov->iov_base, iov->iov_len,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
        }
        else {
            msg.msg_iov = (struct iovec *)iov; /* not written to */
            msg.msg_iovlen = (size_t)count;
            n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
        }
    } while (n < 0 && errno == EINTR);
    return n;
}

apr_status_t es_sink_socket_send(es_sink_socket_t *s, const struct iovec *iov,
                                 int count, apr_size_t *sent)
{
    apr_size_t want;
    ssize_t n;
    int parts, i;

    *sent = 0;
    for (; count > 0; iov += parts, count -= parts) {
        parts = count < PARTS_MAX ? count : PARTS_MAX;
        n = send_parts(s->fd, iov, parts);
        if (n < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK ||
                           errno == ENOBUFS || errno == ENOMEM
                       ? APR_EAGAIN
                       : APR_FROM_OS_ERROR(errno);
        }
        want = 0;
        for (i = 0; i < parts; i++) {
            want += iov[i].iov_len;
        }
        *sent += (apr_size_t)n;
        if ((apr_size_t)n < want) {
            return APR_EAGAIN; /* the buffer is full: no need to try again */
        }
    }
    return APR_SUCCESS;
}

apr_status_t es_sink_socket_read(es_sink_socket_t *s, void *bytes,
                                 apr_size_t size, apr_size_t *len)
{
    ssize_t n;

    *len = 0;
    do {
        n = recv(s->fd, bytes, size, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        return APR_EOF;
    }
    if (n < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK
                   ? APR_EAGAIN
                   : APR_FROM_OS_ERROR(errno);
    }
    s->drained += (int)n;
    if (s->drained > DRAIN_MAX) {
        return APR_ENOSPC;
    }
    *len = (apr_size_t)n;
    return APR_SUCCESS;
}

apr_status_t es_sink_socket_drain(es_sink_socket_t *s)
{
    char rubbish[DRAIN_READ];
    apr_status_t rv = APR_SUCCESS;
    apr_size_t len;
    int i;

    for (i = 0; rv == APR_SUCCESS && i < ES_SINK_SOCKET_READS; i++) {
        rv = es_sink_socket_read(s, rubbish, sizeof(rubbish), &len);
    }
    /* epoll reports again what is left */
    return APR_STATUS_IS_EAGAIN(rv) ? APR_SUCCESS : rv;
}

/* ---- the plain sink ------------------------------------------------------ */

static apr_status_t on_write(es_sink_t *sink, const struct iovec *iov,
                             int count, apr_size_t *taken)
{
    return es_sink_socket_send((es_sink_socket_t *)sink, iov, count, taken);
}

static apr_status_t on_finish(es_sink_t *sink)
{
    /* if it fails, the connection is gone, and epoll reports it */
    (void)shutdown(es_sink_socket_fd(sink), SHUT_WR);
    return APR_SUCCESS;
}

static apr_status_t on_drain(es_sink_t *sink)
{
    return es_sink_socket_drain((es_sink_socket_t *)sink);
}

static void on_close(es_sink_t *sink)
{
    /* Closing with unread bytes sends a reset, and the peer's kernel would
     * drop what the client has not read yet. */
    (void)on_drain(sink);
    close(es_sink_socket_fd(sink));
    free(sink);
}

static const es_sink_ops_t socket_ops = {on_write, NULL, on_finish, on_drain,
                                         on_close};

void es_sink_socket_init(es_sink_socket_t *s, int fd, int chunked,
                         apr_interval_time_t timeout)
{
    static const int on = 1;

    s->sink.chunked = chunked != 0;
    s->sink.is_large = 0;
    s->fd = fd;
    s->drained = 0;
    /* fails if it is no TCP socket; that does not matter */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    es_sink_socket_tcp_set(fd, timeout);
}

es_sink_t *es_sink_socket_create(int fd, int chunked,
                                 apr_interval_time_t timeout)
{
    es_sink_socket_t *s = malloc(sizeof(*s));

    if (s == NULL) {
        close(fd);
        return NULL;
    }
    es_sink_socket_init(s, fd, chunked, timeout);
    s->sink.ops = &socket_ops;
    return &s->sink;
}

int es_sink_socket_fd(const es_sink_t *sink)
{
    return ((const es_sink_socket_t *)sink)->fd;
}

/* ---- a dead peer -------------------------------------------------------- */

/* Errors are ignored: the descriptor may be no TCP socket. */

/* without a timeout: seconds of silence, seconds between probes, probes */
#define SILENCE_S 60
#define EVERY_S 10
#define TIMES 6

/* the kernel takes less than 32768 seconds; longer makes no sense here */
#define SECONDS_MAX 7200

static const struct {
    int level;
    int name;
} options[] = {
    {SOL_SOCKET, SO_KEEPALIVE},      {IPPROTO_TCP, TCP_KEEPIDLE},
    {IPPROTO_TCP, TCP_KEEPINTVL},    {IPPROTO_TCP, TCP_KEEPCNT},
    {IPPROTO_TCP, TCP_USER_TIMEOUT}, {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
};

#define OPTIONS ((int)(sizeof(options) / sizeof(options[0])))
#define TIMEOUT_OPTIONS (OPTIONS - 1) /* the first ones */

typedef char assert_options[sizeof(((es_sink_socket_tcp_t *)0)->values) ==
                                    OPTIONS * sizeof(int)
                                ? 1
                                : -1];

static int seconds_of(apr_interval_time_t time)
{
    apr_int64_t seconds = apr_time_sec(time);

    if (seconds < 1) {
        return 1;
    }
    return seconds < SECONDS_MAX ? (int)seconds : SECONDS_MAX;
}

static int milliseconds_of(apr_interval_time_t time)
{
    apr_int64_t ms = (time + 999) / 1000;

    return ms < INT_MAX ? (int)ms : INT_MAX;
}

static void set_timeout_options(int fd, const int *values)
{
    int i;

    for (i = 0; i < TIMEOUT_OPTIONS; i++) {
        (void)setsockopt(fd, options[i].level, options[i].name, &values[i],
                         sizeof(values[i]));
    }
}

void es_sink_socket_tcp_set(int fd, apr_interval_time_t timeout)
{
    int values[TIMEOUT_OPTIONS] = {1, SILENCE_S, EVERY_S, TIMES, 0};

    if (timeout > 0) {
        values[1] = seconds_of(timeout / 2);
        values[2] = seconds_of(timeout / 6);
        values[4] = milliseconds_of(timeout);
    }
    set_timeout_options(fd, values);
}

void es_sink_socket_unsent_set(int fd, apr_int64_t bytes)
{
    int value = bytes < INT_MAX ? (int)bytes : INT_MAX;

    if (bytes > 0) {
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value,
                         sizeof(value));
    }
}

void es_sink_socket_tcp_save(int fd, es_sink_socket_tcp_t *saved)
{
    socklen_t size;
    int i;

    for (i = 0; i < OPTIONS; i++) {
        size = sizeof(saved->values[i]);
        saved->known[i] = getsockopt(fd, options[i].level, options[i].name,
                                     &saved->values[i], &size) == 0;
    }
}

void es_sink_socket_tcp_restore(int fd, const es_sink_socket_tcp_t *saved)
{
    int i;

    for (i = 0; i < OPTIONS; i++) {
        if (saved->known[i]) {
            (void)setsockopt(fd, options[i].level, options[i].name,
                             &saved->values[i], sizeof(saved->values[i]));
        }
    }
}
