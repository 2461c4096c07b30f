/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty_server: a small server of event streams that resumes correctly, except
 * for the faults that its command line requests. It is there to test verify.
 *
 * Its requests are described in faulty_request.h, the faults in
 * faulty_stream.h. A client that begins as one of HTTP/2 does is one; over TLS
 * (--tls) this is agreed on by ALPN. When it ends (SIGTERM) it prints how often
 * it has injected each fault.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* accept4 */
#endif
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/faulty_h2.h"
#include "bench/faulty_request.h"
#include "bench/http.h"
#include "bench/net.h"
#include "bench/payload.h"

#define MAX_REQUEST (EB_PAYLOAD_CHECKED_MAX + 8192)
#define MAX_READY 256
#define SECONDS 120 /* then it exits */

static volatile sig_atomic_t is_over;
static eb_tls_t *tls; /* NULL: plain */

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

/* Serves the request in stream->in, if it is complete. Returns -1: close. */
static int serve(eb_faulty_stream_t *stream, const char *bytes, size_t len)
{
    const char *length;
    const char *head;
    size_t head_len;
    size_t body_len;

    if (eb_buf_add(&stream->in, bytes, len, MAX_REQUEST) != 0) {
        return -1;
    }
    head = stream->in.bytes;
    head_len = eb_http_head_len(head, stream->in.len);
    if (head_len == 0) {
        return 0;
    }
    if (!eb_faulty_request_publishes(head)) {
        return eb_faulty_request_subscribe(stream, head, head_len);
    }
    length = eb_http_header(head, head_len, "Content-Length");
    body_len = length != NULL ? strtoul(length, NULL, 10) : 0;
    if (body_len == 0 || body_len > EB_PAYLOAD_CHECKED_MAX) {
        return -1;
    }
    if (stream->in.len >= head_len + body_len) {
        eb_faulty_request_publish(stream, head, head + head_len, body_len);
        eb_buf_clear(&stream->in);
    }
    return 0;
}

/* Does it begin as a client of HTTP/2? Over TLS the handshake is done. */
static int is_http2(const eb_conn_t *conn)
{
    static const char PREFACE[] = "PRI * HTTP/2.0";
    char bytes[sizeof(PREFACE) - 1];

    if (tls != NULL) {
        return eb_conn_speaks(conn, EB_H2_PROTOCOL);
    }
    return recv(conn->fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT) ==
               (ssize_t)sizeof(bytes) &&
           memcmp(bytes, PREFACE, sizeof(bytes)) == 0;
}

static void drop(eb_faulty_stream_t *stream)
{
    eb_faulty_stream_end(stream);
    eb_conn_close(&stream->conn);
    free(stream);
}

static void become_http2(eb_faulty_stream_t *stream)
{
    stream->http2 = eb_faulty_h2_begin(&stream->conn, stream);
    if (stream->http2 == NULL) {
        drop(stream);
        return;
    }
    eb_faulty_h2_ready(stream->http2);
}

static void read_all(eb_faulty_stream_t *stream)
{
    static char buffer[64 * 1024];
    ssize_t len;

    for (;;) {
        len = eb_conn_read(&stream->conn, buffer, sizeof(buffer));
        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (len <= 0 ||
            (stream->prev == NULL && serve(stream, buffer, (size_t)len) != 0)) {
            drop(stream);
            return;
        }
    }
}

static void on_ready(eb_faulty_stream_t *stream)
{
    int rc;

    if (stream->http2 != NULL) {
        eb_faulty_h2_ready(stream->http2);
        return;
    }
    rc = eb_conn_step(&stream->conn);
    if (rc < 0) {
        drop(stream);
    }
    if (rc <= 0) {
        return;
    }
    if (stream->in.len == 0 && stream->prev == NULL &&
        is_http2(&stream->conn)) {
        become_http2(stream);
        return;
    }
    eb_faulty_stream_flush(stream);
    read_all(stream);
}

static void accept_all(int epoll_fd, int listen_fd)
{
    struct epoll_event event;
    eb_faulty_stream_t *stream;
    int on = 1;
    int fd;

    for (;;) {
        fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        stream = calloc(1, sizeof(*stream));
        if (stream == NULL) {
            close(fd);
            return;
        }
        if (eb_conn_start(&stream->conn, fd, tls) != 0) {
            free(stream);
            return;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        memset(&event, 0, sizeof(event));
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.ptr = stream;
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            drop(stream);
        }
    }
}

static void loop(int epoll_fd, int listen_fd)
{
    struct epoll_event ready[MAX_READY];
    int n;
    int i;

    while (!is_over) {
        n = epoll_wait(epoll_fd, ready, MAX_READY, -1);
        for (i = 0; i < n; i++) {
            if (ready[i].data.ptr == NULL) {
                accept_all(epoll_fd, listen_fd);
            }
            else {
                on_ready(ready[i].data.ptr);
            }
        }
        eb_faulty_h2_flush();
    }
}

static int start(int *listen_fd)
{
    struct epoll_event event;
    struct sigaction action;
    eb_net_addrs_t addrs = {0};
    int epoll_fd;

    memset(&action, 0, sizeof(action));
    action.sa_handler =
        on_signal; /* no SA_RESTART: it interrupts epoll_wait() */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm(SECONDS);
    eb_net_raise_limit();

    eb_net_addrs_parse(&addrs, "127.0.0.1:0");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    *listen_fd = eb_net_listen(&addrs.addr[0]);
    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN;
    if (epoll_fd < 0 || *listen_fd < 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, *listen_fd, &event) != 0) {
        fprintf(stderr, "faulty_server: cannot listen: %s\n", strerror(errno));
        return -1;
    }
    printf("port %u\n", (unsigned int)ntohs(addrs.addr[0].sin_port));
    fflush(stdout);
    return epoll_fd;
}

int main(int argc, char **argv)
{
    int listen_fd;
    int epoll_fd;
    int i;

    for (i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tls") == 0) {
            tls = eb_tls_server();
            if (tls == NULL || eb_tls_agree(tls, EB_H2_PROTOCOL) != 0) {
                return 1;
            }
        }
        else if (eb_faulty_stream_set_fault(argv[i]) != 0) {
            fprintf(stderr, "usage: faulty_server [--tls] [FAULT:N ...]; see "
                            "faulty_stream.h\n");
            return 2;
        }
    }
    epoll_fd = start(&listen_fd);
    if (epoll_fd < 0) {
        return 1;
    }
    loop(epoll_fd, listen_fd);
    eb_faulty_stream_print_faults();
    eb_tls_close(tls);
    return 0;
}
