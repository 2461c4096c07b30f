/* SPDX-License-Identifier: Apache-2.0 */
/*
 * churn: many clients that come and go. What a server keeps of them is
 * for others to measure, before and after (check-soak.sh).
 *
 * So many connections at a time, each in turn: connect, ask for a stream, and
 * leave: every second one by a reset (RST), the others by an ordinary close.
 * Of each kind a quarter leaves as soon as it has asked, so that the server
 * finds the connection gone when it answers, a quarter when the answer has
 * begun, and the others when they have their stream-open.
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

#define MOST_AT_ONCE 1000
#define MAX_PATH 512
#define HEAD_SIZE 4096 /* of an answer up to its stream-open */
#define LOCALS 8       /* loopback addresses to come from: more ports */
#define WAIT_MS 100
#define STALLED_NS (20 * EB_NS_PER_SEC)

static const char OPEN[] = "event: stream-open";
static const char STATUS[] = "HTTP/1.1 200 ";

typedef enum { AT_ONCE, AT_ANSWER, AT_OPEN } leaves_t;

/* One place for a connection; the next one takes it over. */
typedef struct {
    char answer[HEAD_SIZE];
    size_t len;
    leaves_t leaves;
    int fd; /* -1: free */
    int by_reset;
    int has_asked;
} conn_t;

typedef struct {
    const char *subscribe; /* path, {} is the channel's number */
    struct sockaddr_in server;
    unsigned long connects; /* to be made */
    unsigned long channels;
    conn_t *conns;
    size_t at_once;
    int epoll_fd;
    uint64_t news_ns; /* when a conn has ended last */
    /* what came of it */
    unsigned long begun;
    unsigned long ended;
    unsigned long resets;
    unsigned long opened; /* those that have read their stream-open */
    unsigned long failed; /* no connection, or another answer than a stream */
} churn_t;

static int usage(void)
{
    fputs("usage: churn ADDR:PORT CONNECTS AT_ONCE CHANNELS [PATH]\n"
          "  PATH  /events/c{}, {} is the channel's number\n",
          stderr);
    return 2;
}

static void leave(churn_t *churn, conn_t *conn)
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
    leave(churn, conn);
}

static leaves_t leaves_of(unsigned long number)
{
    switch (number / 2 % 4) {
    case 0: return AT_ONCE;
    case 1: return AT_ANSWER;
    default: return AT_OPEN;
    }
}

static void begin(churn_t *churn, conn_t *conn)
{
    struct epoll_event event = {0};
    unsigned long number = churn->begun++;

    conn->len = 0;
    conn->has_asked = 0;
    conn->by_reset = number % 2 != 0;
    conn->leaves = leaves_of(number);
    conn->fd =
        eb_net_connect(&churn->server, 1 + (unsigned int)(number % LOCALS));
    event.events = EPOLLIN | EPOLLOUT;
    event.data.ptr = conn;
    if (conn->fd < 0 ||
        epoll_ctl(churn->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        fail(churn, conn, strerror(errno));
    }
}

static void ask(churn_t *churn, conn_t *conn)
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
    conn->has_asked = 1;
    event.events = EPOLLIN;
    event.data.ptr = conn;
    if (epoll_ctl(churn->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) != 0) {
        fail(churn, conn, strerror(errno));
    }
    else if (conn->leaves == AT_ONCE) {
        leave(churn, conn);
    }
}

static void listen_to(churn_t *churn, conn_t *conn)
{
    ssize_t len = recv(conn->fd, conn->answer + conn->len,
                       sizeof(conn->answer) - conn->len, MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (len <= 0) {
        fail(churn, conn, len == 0 ? "closed by the server" : strerror(errno));
        return;
    }
    conn->len += (size_t)len;
    if (conn->len >= sizeof(STATUS) - 1 &&
        memcmp(conn->answer, STATUS, sizeof(STATUS) - 1) != 0) {
        fail(churn, conn, "an answer that is no stream");
    }
    else if (conn->leaves == AT_ANSWER) {
        leave(churn, conn);
    }
    else if (memmem(conn->answer, conn->len, OPEN, sizeof(OPEN) - 1) != NULL) {
        churn->opened++;
        leave(churn, conn);
    }
    else if (conn->len == sizeof(conn->answer)) {
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

/* @return 0, or -1: it stands still */
static int run(churn_t *churn)
{
    struct epoll_event ready[MOST_AT_ONCE];
    conn_t *conn;
    int count;
    int i;

    churn->news_ns = eb_clock_ns();
    while (churn->ended < churn->connects) {
        fill(churn);
        count = epoll_wait(churn->epoll_fd, ready, MOST_AT_ONCE, WAIT_MS);
        for (i = 0; i < count; i++) {
            conn = ready[i].data.ptr;
            if (conn->fd >= 0 && !conn->has_asked) {
                ask(churn, conn);
            }
            else if (conn->fd >= 0) {
                listen_to(churn, conn);
            }
        }
        if (eb_clock_ns() > churn->news_ns + STALLED_NS) {
            fputs("churn: no answer for 20 seconds\n", stderr);
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
        read_number(&at_once, argv[3], MOST_AT_ONCE) != 0 ||
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
