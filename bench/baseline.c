/* SPDX-License-Identifier: Apache-2.0 */
/*
 * baseline: a server of event streams that does the least possible: one
 * thread, one epoll set, and for each event one send() of a finished frame to
 * each client. The module's cost is compared with its cost. It serves the same
 * requests as the module:
 *
 *     GET /events/NAME                   the stream of channel room-NAME
 *     POST /publish?channel=room-NAME    the body is the data
 *
 * With --tls the subscribers use TLS 1.3, and publishers do not: libssl makes
 * the handshake, and each frame is sealed by EVP for each client (sealer.h).
 *
 * It checks nothing that load does not need. --fault injects faults, to test
 * load.
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

#include "bench/fanout.h"
#include "bench/http.h"
#include "bench/net.h"
#include "bench/payload.h"

#define MAX_REQUEST (EB_PAYLOAD_TIMED_MAX + 8192)
#define READ_SIZE (256 * 1024)
#define MAX_READY 256
#define EVENTS_PATH "GET /events/"
#define PUBLISH_PATH "POST /publish?channel="

static const char USAGE[] =
    "usage: baseline --listen ADDR:PORT[,ADDR:PORT...] [options]\n"
    "  --tls ADDR:PORT[,ADDR:PORT...]  the same over TLS 1.3\n"
    "  --fault FAULT:N   inject a fault at each N-th delivery: drop, double,\n"
    "                    swap, spoil or cut\n"
    "  --seconds SECS    exit after this long (600)\n";

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    "Cache-Control: no-cache, no-store, no-transform\r\n"
    "X-Accel-Buffering: no\r\n"
    "Transfer-Encoding: chunked\r\n\r\n"
    "45\r\nevent: stream-open\n"
    "id: 0000000000000-00000000000\ndata: \nretry: 3000\n\n\r\n";

static volatile sig_atomic_t is_over;
static eb_tls_t *tls; /* NULL: without --tls */
static char buffer[READ_SIZE];

typedef struct {
    int fd;
    int is_tls;
} listener_t;

static listener_t listeners[2 * EB_NET_MAX_ADDRS];
static size_t nlisteners;

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

static void conn_close(eb_fanout_conn_t *conn)
{
    eb_fanout_leave(conn);
    eb_buf_clear(&conn->in);
    eb_buf_clear(&conn->out);
    eb_buf_clear(&conn->late);
    eb_sealer_free(conn->sealer);
    eb_conn_close(&conn->tcp);
    free(conn);
}

/* Copies what follows prefix in the request line; 0: another prefix. */
static int read_name(char name[EB_FANOUT_NAME_SIZE], size_t at,
                     const char *head, const char *prefix)
{
    size_t len;

    if (strncmp(head, prefix, strlen(prefix)) != 0) {
        return 0;
    }
    head += strlen(prefix);
    len = strcspn(head, " \r\n");
    if (at + len >= EB_FANOUT_NAME_SIZE) {
        return 0;
    }
    memcpy(name + at, head, len);
    name[at + len] = '\0';
    return 1;
}

static void respond(eb_fanout_conn_t *conn, uint32_t clients)
{
    char body[128];
    char head[256];
    int body_len;
    int head_len;

    body_len =
        snprintf(body, sizeof(body), "{\"published\":1,\"clients\":%u}\n",
                 (unsigned int)clients);
    head_len = snprintf(head, sizeof(head),
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json"
                        "\r\nContent-Length: %d\r\n\r\n%s",
                        body_len, body);
    eb_fanout_write(conn, head, (size_t)head_len);
}

/*
 * Serves the first request among len bytes. Returns its length; 0: it is
 * incomplete; -1: close the connection.
 */
static long serve_one(eb_fanout_conn_t *conn, const char *bytes, size_t len)
{
    char name[EB_FANOUT_NAME_SIZE] = "room-";
    const char *length;
    size_t head_len;
    size_t body_len;

    head_len = eb_http_head_len(bytes, len);
    if (head_len == 0) {
        return 0;
    }
    if (read_name(name, strlen(name), bytes, EVENTS_PATH)) {
        eb_fanout_write(conn, STREAM_HEAD, sizeof(STREAM_HEAD) - 1);
        return eb_fanout_join(conn, name) == 0 ? (long)len : -1;
    }
    length = eb_http_header(bytes, head_len, "Content-Length");
    if (length == NULL || !read_name(name, 0, bytes, PUBLISH_PATH)) {
        return -1;
    }
    body_len = strtoul(length, NULL, 10);
    if (body_len > EB_PAYLOAD_TIMED_MAX) {
        return -1;
    }
    if (len < head_len + body_len) {
        return 0;
    }
    respond(conn, eb_fanout_send(name, bytes + head_len, body_len));
    return (long)(head_len + body_len);
}

/* Requests may be pipelined, and in pieces. Returns -1: close. */
static int serve(eb_fanout_conn_t *conn, const char *bytes, size_t len)
{
    size_t used = 0;
    long one;

    if (eb_buf_add(&conn->in, bytes, len, MAX_REQUEST) != 0) {
        return -1;
    }
    do {
        one = serve_one(conn, conn->in.bytes + used, conn->in.len - used);
        if (one < 0) {
            return -1;
        }
        used += (size_t)one;
    } while (one > 0 && used < conn->in.len);
    eb_buf_drop(&conn->in, used);
    return 0;
}

/* @return 1: the handshake is done; 0: not yet; -1: failed */
static int step(eb_fanout_conn_t *conn)
{
    int rc = eb_conn_step(&conn->tcp);

    if (rc == 1 && conn->tcp.session != NULL && conn->sealer == NULL) {
        conn->sealer = eb_sealer_create(conn->tcp.session);
        rc = conn->sealer != NULL ? 1 : -1;
    }
    return rc;
}

static void on_ready(eb_fanout_conn_t *conn)
{
    ssize_t len;
    int rc = step(conn);

    if (rc <= 0) {
        if (rc < 0) {
            conn_close(conn);
        }
        return;
    }
    eb_fanout_flush(conn);
    do {
        len = eb_conn_read(&conn->tcp, buffer, sizeof(buffer));
        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        /* what a subscriber sends is discarded, as by the module */
        if (len <= 0 ||
            (conn->channel == NULL && serve(conn, buffer, (size_t)len) != 0)) {
            conn_close(conn);
            return;
        }
        if (conn->channel != NULL) {
            eb_conn_forget_session(&conn->tcp);
        }
    } while ((size_t)len == sizeof(buffer) || conn->tcp.session != NULL);
}

static void accept_all(int epoll_fd, const listener_t *listener)
{
    struct epoll_event event;
    eb_fanout_conn_t *conn;
    int on = 1;
    int fd;

    for (;;) {
        fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        conn = calloc(1, sizeof(*conn));
        if (conn == NULL) {
            close(fd);
            return;
        }
        if (eb_conn_start(&conn->tcp, fd, listener->is_tls ? tls : NULL) != 0) {
            free(conn);
            return;
        }
        conn->fd = fd;
        /* as httpd does; else the kernel would join the frames of a burst */
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        memset(&event, 0, sizeof(event));
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        event.data.ptr = conn;
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
            conn_close(conn);
        }
    }
}

/* The epoll data is a pointer: to a listener, or to a conn. */
static void loop(int epoll_fd)
{
    struct epoll_event ready[MAX_READY];
    void *ptr;
    int n;
    int i;

    while (!is_over) {
        n = epoll_wait(epoll_fd, ready, MAX_READY, -1);
        for (i = 0; i < n; i++) {
            ptr = ready[i].data.ptr;
            if (ptr >= (void *)listeners &&
                ptr < (void *)(listeners + nlisteners)) {
                accept_all(epoll_fd, ptr);
            }
            else {
                on_ready(ptr);
            }
        }
    }
}

static int listen_all(int epoll_fd, eb_net_addrs_t *addrs, int is_tls)
{
    struct epoll_event event;
    listener_t *listener;
    size_t i;

    for (i = 0; i < addrs->count; i++) {
        listener = &listeners[nlisteners++];
        listener->is_tls = is_tls;
        listener->fd = eb_net_listen(&addrs->addr[i]);
        if (listener->fd < 0) {
            return -1;
        }
        memset(&event, 0, sizeof(event));
        event.events = EPOLLIN;
        event.data.ptr = listener;
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener->fd, &event) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_options(eb_net_addrs_t *addrs, eb_net_addrs_t *tls_addrs,
                        unsigned int *seconds, int argc, char **argv)
{
    int i;

    for (i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--listen") == 0) {
            if (eb_net_addrs_parse(addrs, argv[i + 1]) != 0) {
                return -1;
            }
        }
        else if (strcmp(argv[i], "--tls") == 0) {
            if (eb_net_addrs_parse(tls_addrs, argv[i + 1]) != 0) {
                return -1;
            }
        }
        else if (strcmp(argv[i], "--fault") == 0) {
            if (eb_fanout_set_fault(argv[i + 1]) != 0) {
                return -1;
            }
        }
        else if (strcmp(argv[i], "--seconds") == 0) {
            *seconds = (unsigned int)strtoul(argv[i + 1], NULL, 10);
        }
        else {
            return -1;
        }
    }
    return i == argc && addrs->count > 0 && *seconds > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct sigaction action;
    unsigned int seconds = 600;
    eb_net_addrs_t addrs = {0};
    eb_net_addrs_t tls_addrs = {0};
    int epoll_fd;

    if (read_options(&addrs, &tls_addrs, &seconds, argc, argv) != 0) {
        fputs(USAGE, stderr);
        return 2;
    }
    memset(&action, 0, sizeof(action));
    action.sa_handler =
        on_signal; /* no SA_RESTART: it interrupts epoll_wait() */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
    alarm(seconds);

    if (tls_addrs.count != 0) {
        tls = eb_tls_server();
        if (tls == NULL) {
            return 1;
        }
        eb_sealer_prepare(tls);
    }
    eb_net_raise_limit();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || listen_all(epoll_fd, &addrs, 0) != 0 ||
        listen_all(epoll_fd, &tls_addrs, 1) != 0) {
        fprintf(stderr, "baseline: cannot listen: %s\n", strerror(errno));
        return 1;
    }
    printf("port %u\n", (unsigned int)ntohs(addrs.addr[0].sin_port));
    fflush(stdout);
    loop(epoll_fd);
    eb_tls_close(tls);
    return 0;
}
