/* SPDX-License-Identifier: Apache-2.0 */
/*
 * faulty_server: a small server of event streams that resumes correctly, except
 * for the faults that its command line requests. It is there to test verify.
 *
 *     GET /events/NAME                   the stream of channel room-NAME
 *     GET /multi?room=NAME&room=NAME…    the stream of several
 *     POST /publish?channel=room-NAME    the body is the data
 *
 * --tls makes all of it TLS. When it ends (SIGTERM) it prints how often it has
 * injected each fault.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* accept4, memmem */
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

#include "bench/faulty_stream.h"
#include "bench/http.h"
#include "bench/net.h"
#include "bench/payload.h"

#define MAX_REQUEST (EB_PAYLOAD_CHECKED_MAX + 8192)
#define MAX_READY 256
#define EVENTS_PATH "GET /events/"
#define MULTI_PATH "GET /multi?"
#define MULTI_ITEM "room="
#define PUBLISH_PATH "POST /publish?channel="
#define SECONDS 120 /* then it exits */

static volatile sig_atomic_t is_over;
static eb_tls_t *tls; /* NULL: plain */

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

static void respond(eb_faulty_stream_t *stream, int status, const char *body)
{
    char text[512];
    int len;

    len = snprintf(text, sizeof(text),
                   "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   status, status == 200 ? "OK" : "Error", strlen(body), body);
    eb_faulty_stream_write(stream, text, (size_t)len);
}

static void add_channel(eb_faulty_stream_t *stream, const char *name)
{
    if (stream->nchannels < EB_FAULTY_STREAM_CHANNELS) {
        snprintf(stream->channels[stream->nchannels++], EB_STORE_NAME_SIZE,
                 "room-%.*s", (int)strcspn(name, " &\r\n"), name);
    }
}

/* Returns 0, or -1: this is no request of a stream. */
static int read_channels(eb_faulty_stream_t *stream, const char *head)
{
    size_t len = strcspn(head, "\r\n"); /* the head is complete */
    const char *end = head + len;
    const char *at;

    if (strncmp(head, EVENTS_PATH, sizeof(EVENTS_PATH) - 1) == 0) {
        add_channel(stream, head + sizeof(EVENTS_PATH) - 1);
        return 0;
    }
    if (strncmp(head, MULTI_PATH, sizeof(MULTI_PATH) - 1) != 0) {
        return -1;
    }
    at = head;
    for (;;) {
        at = memmem(at, (size_t)(end - at), MULTI_ITEM, sizeof(MULTI_ITEM) - 1);
        if (at == NULL) {
            return 0;
        }
        at += sizeof(MULTI_ITEM) - 1;
        add_channel(stream, at);
    }
}

static int subscribe(eb_faulty_stream_t *stream, const char *head, size_t len)
{
    const char *text = eb_http_header(head, len, "Last-Event-ID");
    eb_sse_id_t id;

    if (read_channels(stream, head) != 0) {
        return -1;
    }
    if (text == NULL || eb_sse_id_parse(&id, text, strcspn(text, "\r")) != 0) {
        eb_faulty_stream_begin(stream, NULL);
    }
    else if (eb_faulty_stream_has_fault(EB_FAULTY_STREAM_RESUME_REFUSE)) {
        respond(stream, 503, "refused\n");
        return -1;
    }
    else {
        eb_faulty_stream_begin(stream, &id);
    }
    return 0;
}

static void publish(eb_faulty_stream_t *stream, const char *head,
                    const char *data, size_t len)
{
    const char *name = head + sizeof(PUBLISH_PATH) - 1;
    int drops = eb_faulty_stream_has_fault(EB_FAULTY_STREAM_NACK_DROP);
    int denies = eb_faulty_stream_has_fault(EB_FAULTY_STREAM_NACK_SEND);
    char channel[EB_STORE_NAME_SIZE];
    const eb_store_event_t *event = NULL;
    char body[128];

    snprintf(channel, sizeof(channel), "%.*s", (int)strcspn(name, " "), name);
    if (!drops) {
        event =
            eb_store_add(channel, data, len,
                         eb_faulty_stream_has_fault(EB_FAULTY_STREAM_ACK_DROP));
        eb_faulty_stream_send_new();
    }
    if (event == NULL || denies) {
        respond(stream, 500, "no\n");
        return;
    }
    snprintf(body, sizeof(body), "{\"published\":1,\"id\":\"%llu-%llu\"}\n",
             (unsigned long long)event->id.ms, (unsigned long long)event->id.n);
    respond(stream, 200, body);
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
    if (strncmp(head, PUBLISH_PATH, sizeof(PUBLISH_PATH) - 1) != 0) {
        return subscribe(stream, head, head_len);
    }
    length = eb_http_header(head, head_len, "Content-Length");
    body_len = length != NULL ? strtoul(length, NULL, 10) : 0;
    if (body_len == 0 || body_len > EB_PAYLOAD_CHECKED_MAX) {
        return -1;
    }
    if (stream->in.len >= head_len + body_len) {
        publish(stream, head, head + head_len, body_len);
        eb_buf_clear(&stream->in);
    }
    return 0;
}

static void drop(eb_faulty_stream_t *stream)
{
    eb_faulty_stream_end(stream);
    eb_conn_close(&stream->conn);
    free(stream);
}

static void on_ready(eb_faulty_stream_t *stream)
{
    static char buffer[64 * 1024];
    ssize_t len;
    int rc = eb_conn_step(&stream->conn);

    if (rc > 0) {
        eb_faulty_stream_flush(stream);
    }
    else if (rc < 0) {
        drop(stream);
    }
    while (rc > 0) {
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
            if (tls == NULL) {
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
