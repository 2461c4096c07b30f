/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pages: how long does an ordinary page take while a script causes faults, and
 * how long does a new client wait for its first event?
 *
 * A request begins every 20 ms over a connection of its own, whether earlier
 * ones were answered or not: if the server stops for a second, 50 requests see
 * it. The time of a page is that from the connect to the end of the response;
 * with TEXT, that to the TEXT in the response, after which the connection is
 * closed. SIGTERM ends the run; the requests on their way have 20 s more.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/histogram.h"
#include "bench/http.h"
#include "bench/net.h"

#define EVERY_NS (20 * EB_NS_PER_MS)
#define LAST_NS (20 * EB_NS_PER_SEC)
#define MAX_AT_ONCE 1000
#define RESPONSE_SIZE 4096
#define WAIT_MS 5
#define EVENTS_MAX 64

typedef struct {
    char response[RESPONSE_SIZE];
    size_t len;
    uint64_t begun_ns;
    int fd; /* -1: free */
    int has_requested;
} conn_t;

typedef struct {
    struct sockaddr_in server;
    char request[1024];
    const char *name; /* of the report */
    const char *text; /* NULL: the response is to be complete */
    conn_t conns[MAX_AT_ONCE];
    int epoll_fd;
    unsigned int open; /* conns in use */
    /* results */
    unsigned long begun;
    unsigned long failed; /* no connection, or no complete answer of 200 */
    eb_histogram_t times;
} pages_t;

static volatile sig_atomic_t is_enough;
static pages_t pages;

static void on_signal(int number)
{
    (void)number;
    is_enough = 1;
}

static void finish(conn_t *conn, int is_answered)
{
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    conn->fd = -1;
    pages.open--;
    if (is_answered) {
        eb_histogram_add(&pages.times, eb_clock_ns() - conn->begun_ns);
    }
    else {
        pages.failed++;
    }
}

static conn_t *free_conn(void)
{
    size_t i;

    for (i = 0; i < MAX_AT_ONCE; i++) {
        if (pages.conns[i].fd < 0) {
            return &pages.conns[i];
        }
    }
    return NULL;
}

static void begin(uint64_t now_ns)
{
    struct epoll_event event = {0};
    conn_t *conn = free_conn();

    pages.begun++;
    if (conn == NULL) {
        pages.failed++;
        return;
    }
    pages.open++;
    conn->len = 0;
    conn->has_requested = 0;
    conn->begun_ns = now_ns;
    conn->fd = eb_net_connect(&pages.server, 0);
    event.events = EPOLLIN | EPOLLOUT;
    event.data.ptr = conn;
    if (conn->fd < 0 ||
        epoll_ctl(pages.epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        finish(conn, 0);
    }
}

static void request(conn_t *conn)
{
    struct epoll_event event = {0};
    size_t len = strlen(pages.request);

    event.events = EPOLLIN;
    event.data.ptr = conn;
    if (send(conn->fd, pages.request, len, MSG_NOSIGNAL) != (ssize_t)len ||
        epoll_ctl(pages.epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) != 0) {
        finish(conn, 0);
        return;
    }
    conn->has_requested = 1;
}

/* Is it a head of 200 with a body of its length? */
static int is_complete(const conn_t *conn)
{
    size_t head_len = eb_http_head_len(conn->response, conn->len);
    eb_http_response_t response;

    return head_len != 0 &&
           eb_http_head_read(&response, conn->response, head_len) == 0 &&
           response.status == 200 &&
           response.body.state == EB_HTTP_BODY_LENGTH &&
           conn->len - head_len == response.body.left;
}

/* Is it a head of 200, and is the text behind it? */
static int has_text(const conn_t *conn)
{
    size_t head_len = eb_http_head_len(conn->response, conn->len);
    eb_http_response_t response;

    return head_len != 0 &&
           eb_http_head_read(&response, conn->response, head_len) == 0 &&
           response.status == 200 &&
           memmem(conn->response + head_len, conn->len - head_len, pages.text,
                  strlen(pages.text)) != NULL;
}

static void receive(conn_t *conn)
{
    ssize_t len = recv(conn->fd, conn->response + conn->len,
                       RESPONSE_SIZE - conn->len, 0);

    if (len > 0) {
        conn->len += (size_t)len;
        if (pages.text != NULL && has_text(conn)) {
            finish(conn, 1);
        }
    }
    else if (len == 0) {
        finish(conn, pages.text == NULL && is_complete(conn));
    }
    else if (errno != EAGAIN) {
        finish(conn, 0);
    }
}

static void handle_events(void)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(pages.epoll_fd, events, EVENTS_MAX, WAIT_MS);
    int i;

    for (i = 0; i < count; i++) {
        conn_t *conn = events[i].data.ptr;

        if (!conn->has_requested && (events[i].events & EPOLLOUT) != 0) {
            request(conn);
        }
        else {
            receive(conn);
        }
    }
}

static void run(void)
{
    uint64_t now_ns = eb_clock_ns();
    uint64_t next_ns = now_ns;
    uint64_t until_ns;

    while (!is_enough) {
        now_ns = eb_clock_ns();
        if (now_ns >= next_ns) {
            next_ns = now_ns + EVERY_NS;
            begin(now_ns);
        }
        handle_events();
    }
    until_ns = eb_clock_ns() + LAST_NS;
    while (pages.open > 0 && eb_clock_ns() < until_ns) {
        handle_events();
    }
}

static int parse(int argc, char **argv)
{
    eb_net_addrs_t addrs = {0};
    int len;

    if ((argc != 4 && argc != 5) || eb_net_addrs_parse(&addrs, argv[2]) != 0 ||
        addrs.count != 1) {
        return -1;
    }
    pages.name = argv[1];
    pages.text = argv[4]; /* NULL if there is none */
    pages.server = addrs.addr[0];
    len = snprintf(pages.request, sizeof(pages.request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n"
                   "Connection: close\r\n\r\n",
                   argv[3]);
    return len < (int)sizeof(pages.request) ? 0 : -1;
}

int main(int argc, char **argv)
{
    size_t i;

    if (parse(argc, argv) != 0) {
        fputs("usage: pages NAME ADDR:PORT PATH [TEXT]; SIGTERM ends it\n",
              stderr);
        return 2;
    }
    eb_net_raise_limit();
    for (i = 0; i < MAX_AT_ONCE; i++) {
        pages.conns[i].fd = -1;
    }
    pages.epoll_fd = epoll_create1(0);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    run();
    printf("%s requests=%lu failed=%lu p50_ms=%.1f p99_ms=%.1f "
           "worst_ms=%.1f\n",
           pages.name, pages.begun, pages.failed + pages.open,
           (double)eb_histogram_at(&pages.times, 0.5) / EB_NS_PER_MS,
           (double)eb_histogram_at(&pages.times, 0.99) / EB_NS_PER_MS,
           (double)pages.times.max_ns / EB_NS_PER_MS);
    return 0;
}
