/* SPDX-License-Identifier: Apache-2.0 */
/*
 * churn: clients that connect and disconnect. What the server keeps of them is
 * measured by churn.sh, before and after.
 *
 * AT_ONCE connections at a time; each one connects, requests a stream and
 * closes: every second one by a TCP reset, the others normally. Of both a
 * quarter closes right after the request, so that the server finds the
 * connection closed when it responds, a quarter after the first bytes of the
 * response, and the others after stream-open.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* memmem */
#endif
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

#define MAX_AT_ONCE 1000
#define MAX_PATH 512
#define HEAD_SIZE 4096 /* of a response with its stream-open */
#define LOCALS 8       /* loopback addresses to connect from, for more ports */
#define WAIT_MS 100
#define STALLED_NS (20 * EB_NS_PER_SEC)

static const char OPEN[] = "event: stream-open";
static const char STATUS[] = "HTTP/1.1 200 ";

typedef enum { AFTER_REQUEST, AFTER_RESPONSE, AFTER_OPEN } close_when_t;

/* A connection; reused for the next one once it is closed. */
typedef struct {
    char response[HEAD_SIZE];
    size_t len;
    close_when_t close_when;
    int fd; /* -1: free */
    int by_reset;
    int has_requested;
} conn_t;

typedef struct {
    const char *subscribe; /* path, {} is the channel's number */
    struct sockaddr_in server;
    unsigned long connects; /* to be made */
    unsigned long channels;
    conn_t *conns;
    size_t at_once;
    int epoll_fd;
    uint64_t news_ns; /* when a connection was closed last */
    /* results */
    unsigned long begun;
    unsigned long ended;
    unsigned long resets;
    unsigned long opened; /* those that received stream-open */
    unsigned long failed; /* no connection, or no stream */
} churn_t;

static int usage(void)
{
    fputs("usage: churn ADDR:PORT CONNECTS AT_ONCE CHANNELS [PATH]\n"
          "  PATH  /events/c{}, {} is the channel's number\n",
          stderr);
    return 2;
}

static void disconnect(churn_t *churn, conn_t *conn)
{
    struct linger linger = {1, 0};

    if (conn->by_reset) {
        setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
        churn->resets++;
    }
    close(conn->fd);
    conn->fd = -1;
    churn->ended++;
    churn->news_ns = eb_clock_ns();
}

static void fail(churn_t *churn, conn_t *conn, const char *why)
{
    if (churn->failed++ == 0) {
        fprintf(stderr, "churn: %s\n", why);
    }
    disconnect(churn, conn);
}

static close_when_t close_when_of(unsigned long number)
{
    switch (number / 2 % 4) {
    case 0: return AFTER_REQUEST;
    case 1: return AFTER_RESPONSE;
    default: return AFTER_OPEN;
    }
}

static void begin(churn_t *churn, conn_t *conn)
{
    struct epoll_event event = {0};
    unsigned long number = churn->begun++;

    conn->len = 0;
    conn->has_requested = 0;
    conn->by_reset = number % 2 != 0;
    conn->close_when = close_when_of(number);
    conn->fd =
        eb_net_connect(&churn->server, 1 + (unsigned int)(number % LOCALS));
    event.events = EPOLLIN | EPOLLOUT;
    event.data.ptr = conn;
    if (conn->fd < 0 ||
        epoll_ctl(churn->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        fail(churn, conn, strerror(errno));
    }
}

static void send_request(churn_t *churn, conn_t *conn)
{
    struct epoll_event event = {0};
    char path[MAX_PATH];
    char request[MAX_PATH + 100];
    int len;

    eb_http_expand(path, sizeof(path), churn->subscribe,
                   (uint32_t)(churn->begun % churn->channels));
    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    if (send(conn->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        fail(churn, conn, strerror(errno));
        return;
    }
    conn->has_requested = 1;
    event.events = EPOLLIN;
    event.data.ptr = conn;
    if (epoll_ctl(churn->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) != 0) {
        fail(churn, conn, strerror(errno));
    }
    else if (conn->close_when == AFTER_REQUEST) {
        disconnect(churn, conn);
    }
}

static void read_response(churn_t *churn, conn_t *conn)
{
    ssize_t len = recv(conn->fd, conn->response + conn->len,
                       sizeof(conn->response) - conn->len, MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (len <= 0) {
        fail(churn, conn, len == 0 ? "closed by the server" : strerror(errno));
        return;
    }
    conn->len += (size_t)len;
    if (conn->len >= sizeof(STATUS) - 1 &&
        memcmp(conn->response, STATUS, sizeof(STATUS) - 1) != 0) {
        fail(churn, conn, "the response is no stream");
    }
    else if (conn->close_when == AFTER_RESPONSE) {
        disconnect(churn, conn);
    }
    else if (memmem(conn->response, conn->len, OPEN, sizeof(OPEN) - 1) !=
             NULL) {
        churn->opened++;
        disconnect(churn, conn);
    }
    else if (conn->len == sizeof(conn->response)) {
        fail(churn, conn, "no stream-open");
    }
}

static void fill(churn_t *churn)
{
    size_t i;

    for (i = 0; i < churn->at_once && churn->begun < churn->connects; i++) {
        if (churn->conns[i].fd < 0) {
            begin(churn, &churn->conns[i]);
        }
    }
}

/* Returns 0, or -1: no connection has ended for STALLED_NS. */
static int run(churn_t *churn)
{
    struct epoll_event ready[MAX_AT_ONCE];
    conn_t *conn;
    int count;
    int i;

    churn->news_ns = eb_clock_ns();
    while (churn->ended < churn->connects) {
        fill(churn);
        count = epoll_wait(churn->epoll_fd, ready, MAX_AT_ONCE, WAIT_MS);
        for (i = 0; i < count; i++) {
            conn = ready[i].data.ptr;
            if (conn->fd >= 0 && !conn->has_requested) {
                send_request(churn, conn);
            }
            else if (conn->fd >= 0) {
                read_response(churn, conn);
            }
        }
        if (eb_clock_ns() > churn->news_ns + STALLED_NS) {
            fputs("churn: no response for 20 seconds\n", stderr);
            return -1;
        }
    }
    return 0;
}

static int read_number(unsigned long *number, const char *text,
                       unsigned long most)
{
    char *end;

    *number = strtoul(text, &end, 10);
    return end != text && *end == '\0' && *number > 0 && *number <= most ? 0
                                                                         : -1;
}

int main(int argc, char **argv)
{
    eb_net_addrs_t addrs = {0};
    churn_t churn = {0};
    unsigned long at_once;
    uint64_t start_ns = eb_clock_ns();
    size_t i;
    int rc;

    if (argc < 5 || argc > 6 || eb_net_addrs_parse(&addrs, argv[1]) != 0 ||
        read_number(&churn.connects, argv[2], 100000000) != 0 ||
        read_number(&at_once, argv[3], MAX_AT_ONCE) != 0 ||
        read_number(&churn.channels, argv[4], 100000) != 0) {
        return usage();
    }
    churn.server = addrs.addr[0];
    churn.subscribe = argc == 6 ? argv[5] : "/events/c{}";
    churn.at_once = at_once;
    eb_net_raise_limit();
    churn.conns = calloc(at_once, sizeof(*churn.conns));
    churn.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (churn.conns == NULL || churn.epoll_fd < 0) {
        fprintf(stderr, "churn: %s\n", strerror(errno));
        free(churn.conns);
        return 2;
    }
    for (i = 0; i < at_once; i++) {
        churn.conns[i].fd = -1;
    }
    rc = run(&churn);
    printf("churn connects=%lu resets=%lu opened=%lu failed=%lu "
           "seconds=%.1f\n",
           churn.ended, churn.resets, churn.opened, churn.failed,
           (double)(eb_clock_ns() - start_ns) / (double)EB_NS_PER_SEC);
    free(churn.conns);
    return rc == 0 && churn.failed == 0 ? 0 : 1;
}
