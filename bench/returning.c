/* SPDX-License-Identifier: Apache-2.0 */
/*
 * returning: clients that return for the events that they have missed. Each one
 * connects with the same Last-Event-ID, reads until it has the last event of
 * its channel, and closes; AT_ONCE of them at a time. returning.sh publishes
 * the events.
 *
 * Each stream must have the events "first" and "last", once and in this order,
 * and no other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/http.h"
#include "bench/net.h"
#include "bench/sse.h"

#define AT_ONCE 64
#define MAX_TEXT 512
#define LOCALS 8 /* loopback addresses to connect from, for more ports */
#define WAIT_MS 100
#define STALLED_NS (60 * EB_NS_PER_SEC)

/* A connection; reused for the next client once it is closed. */
typedef struct {
    char bytes[4096];
    size_t len; /* of the head, while it is incomplete */
    eb_http_response_t response;
    eb_sse_t sse;
    unsigned number; /* of the client */
    int fd;          /* -1: free */
    int has_requested;
    int has_head;
    int events; /* "first" and "last" so far; -1: another one */
} conn_t;

typedef struct {
    struct sockaddr_in server;
    const char *path; /* {} is the channel's number */
    const char *id;
    unsigned clients;
    unsigned channels;
    conn_t conns[AT_ONCE];
    int epoll_fd;
    uint64_t news_ns; /* when a client had its events */
    /* results */
    unsigned begun;
    unsigned served;
    unsigned failed;
} run_t;

static void disconnect(run_t *run, conn_t *conn, const char *why)
{
    if (why != NULL && run->failed++ == 0) {
        fprintf(stderr, "returning: client %u: %s\n", conn->number, why);
    }
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    conn->fd = -1;
    eb_buf_clear(&conn->sse.rest);
    run->served++;
    run->news_ns = eb_clock_ns();
}

static void begin(run_t *run, conn_t *conn)
{
    struct epoll_event event = {0};

    memset(conn, 0, sizeof(*conn));
    conn->number = run->begun++;
    conn->fd = eb_net_connect(&run->server, 1 + conn->number % LOCALS);
    event.events = EPOLLIN | EPOLLOUT;
    event.data.ptr = conn;
    if (conn->fd < 0 ||
        epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        disconnect(run, conn, strerror(errno));
    }
}

static void send_request(run_t *run, conn_t *conn)
{
    struct epoll_event event = {0};
    char path[MAX_TEXT];
    char request[3 * MAX_TEXT];
    int len;

    eb_http_expand(path, sizeof(path), run->path, conn->number % run->channels);
    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Last-Event-ID: %s\r\n\r\n",
                   path, run->id);
    conn->has_requested = 1;
    event.events = EPOLLIN;
    event.data.ptr = conn;
    if (send(conn->fd, request, (size_t)len, MSG_NOSIGNAL) != len ||
        epoll_ctl(run->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) != 0) {
        disconnect(run, conn, strerror(errno));
    }
}

static void on_event(void *arg, const eb_sse_event_t *event)
{
    static const char *const due[] = {"\"first\"", "\"last\""}; /* JSON */
    conn_t *conn = arg;

    if (event->data == NULL || eb_sse_is(event, "stream-open")) {
        return;
    }
    if (conn->events < 0 || conn->events > 1 || !eb_sse_is(event, "message") ||
        event->data_len != strlen(due[conn->events]) ||
        memcmp(event->data, due[conn->events], event->data_len) != 0) {
        conn->events = -1;
        return;
    }
    conn->events++;
}

/* Returns 0, or -1: this is not an event stream. */
static int read_body(conn_t *conn, char *bytes, size_t len)
{
    char *piece;
    long size = eb_http_body_next(&conn->response.body, &bytes, &len, &piece);

    while (size > 0) {
        if (eb_sse_parse(&conn->sse, piece, (size_t)size, on_event, conn) !=
            0) {
            return -1;
        }
        size = eb_http_body_next(&conn->response.body, &bytes, &len, &piece);
    }
    return (int)size;
}

/* Returns 0, or -1: this is not an event stream. */
static int parse(conn_t *conn)
{
    size_t head = 0;
    int rc;

    if (!conn->has_head) {
        head = eb_http_head_len(conn->bytes, conn->len);
        if (head == 0) {
            return conn->len < sizeof(conn->bytes) ? 0 : -1;
        }
        if (eb_http_head_read(&conn->response, conn->bytes, head) != 0 ||
            conn->response.status != 200) {
            return -1;
        }
        conn->has_head = 1;
    }
    rc = read_body(conn, conn->bytes + head, conn->len - head);
    conn->len = 0;
    return rc;
}

static void receive(run_t *run, conn_t *conn)
{
    ssize_t len = recv(conn->fd, conn->bytes + conn->len,
                       sizeof(conn->bytes) - conn->len, MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (len <= 0) {
        disconnect(run, conn, len == 0 ? "the stream ended" : strerror(errno));
        return;
    }
    conn->len += (size_t)len;
    if (parse(conn) != 0) {
        disconnect(run, conn, "the response is no event stream");
    }
    else if (conn->events < 0) {
        disconnect(run, conn, "an event is missing, double or of another one");
    }
    else if (conn->events == 2) {
        disconnect(run, conn, NULL);
    }
}

/* Returns 0, or -1: no client has got its events for STALLED_NS. */
static int serve(run_t *run)
{
    struct epoll_event ready[AT_ONCE];
    int count, i;

    run->news_ns = eb_clock_ns();
    while (run->served < run->clients) {
        for (i = 0; i < AT_ONCE && run->begun < run->clients; i++) {
            if (run->conns[i].fd < 0) {
                begin(run, &run->conns[i]);
            }
        }
        count = epoll_wait(run->epoll_fd, ready, AT_ONCE, WAIT_MS);
        for (i = 0; i < count; i++) {
            conn_t *conn = ready[i].data.ptr;

            if (conn->fd >= 0 && !conn->has_requested) {
                send_request(run, conn);
            }
            else if (conn->fd >= 0) {
                receive(run, conn);
            }
        }
        if (eb_clock_ns() > run->news_ns + STALLED_NS) {
            fputs("returning: no events for a minute\n", stderr);
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    eb_net_addrs_t addrs = {0};
    static run_t run;
    uint64_t start_ns;
    int i;

    if (argc != 6 || eb_net_addrs_parse(&addrs, argv[1]) != 0 ||
        atoi(argv[2]) < 1 || atoi(argv[3]) < 1) {
        fputs("usage: returning ADDR:PORT CLIENTS CHANNELS PATH ID\n"
              "  PATH  {} in it is the channel's number\n",
              stderr);
        return 2;
    }
    run.server = addrs.addr[0];
    run.clients = (unsigned)atoi(argv[2]);
    run.channels = (unsigned)atoi(argv[3]);
    run.path = argv[4];
    run.id = argv[5];
    run.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (run.epoll_fd < 0) {
        fprintf(stderr, "returning: %s\n", strerror(errno));
        return 2;
    }
    for (i = 0; i < AT_ONCE; i++) {
        run.conns[i].fd = -1;
    }
    start_ns = eb_clock_ns();
    i = serve(&run);
    printf("returning clients=%u failed=%u seconds=%.3f\n", run.served,
           run.failed,
           (double)(eb_clock_ns() - start_ns) / (double)EB_NS_PER_SEC);
    return i == 0 && run.failed == 0 ? 0 : 1;
}
