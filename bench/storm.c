/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storm: many clients that connect at a rate, wait until each has its stream,
 * and drop all connections at once, every second one by a TCP reset. What the
 * server keeps of them is measured by storm.sh, before and after.
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

#define MAX_PATH 512
#define TAIL_SIZE 32 /* of what was received, in which a mark may begin */
#define PIECE 4096
#define READY_MAX 256
#define WAIT_MS 5
#define STALLED_NS (30 * EB_NS_PER_SEC)

static const char OPEN[] = "event: stream-open";
static const char END[] = "\r\n0\r\n\r\n";

/* A connection. */
typedef struct {
    char tail[TAIL_SIZE]; /* the last bytes that were received */
    size_t len;           /* of them */
    int fd;               /* -1: none */
    unsigned char has_requested;
    unsigned char is_open; /* it has got stream-open */
    unsigned char is_over; /* its stream has ended, or the connection */
} conn_t;

typedef struct {
    const char *subscribe; /* path, {} is the channel's number */
    struct sockaddr_in server;
    unsigned long clients, rate, locals, channels;
    unsigned long away; /* streams that are to end by themselves */
    conn_t *conns;
    int epoll_fd;
    uint64_t start_ns;
    uint64_t news_ns; /* when something came last */
    /* results */
    unsigned long begun;
    unsigned long opened;
    unsigned long ended;  /* by a clean end of the stream */
    unsigned long failed; /* no connection, or cut without a clean end */
} storm_t;

static int usage(void)
{
    fputs("usage: storm ADDR:PORT CLIENTS RATE ADDRESSES CHANNELS [AWAY "
          "[PATH]]\n"
          "  RATE       connects a second\n"
          "  ADDRESSES  of loopback to connect from, from 127.0.0.1 on\n"
          "  AWAY       streams whose end is waited for (0)\n"
          "  PATH       /events/c{}, {} is the channel's number\n",
          stderr);
    return 2;
}

static void fail(storm_t *storm, conn_t *conn, const char *why)
{
    if (storm->failed++ == 0) {
        fprintf(stderr, "storm: %s\n", why);
    }
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    conn->fd = -1;
    conn->is_over = 1;
}

static void begin(storm_t *storm)
{
    struct epoll_event event = {0};
    unsigned long number = storm->begun++;
    conn_t *conn = &storm->conns[number];

    conn->fd = eb_net_connect(&storm->server,
                              1 + (unsigned int)(number % storm->locals));
    event.events = EPOLLIN | EPOLLOUT;
    event.data.ptr = conn;
    if (conn->fd < 0 ||
        epoll_ctl(storm->epoll_fd, EPOLL_CTL_ADD, conn->fd, &event) != 0) {
        fail(storm, conn, strerror(errno));
    }
}

static void send_request(storm_t *storm, conn_t *conn)
{
    struct epoll_event event = {0};
    char path[MAX_PATH];
    char request[MAX_PATH + 100];
    unsigned long number = (unsigned long)(conn - storm->conns);
    int len;

    eb_http_expand(path, sizeof(path), storm->subscribe,
                   (uint32_t)(number % storm->channels));
    len = snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    if (send(conn->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        fail(storm, conn, strerror(errno));
        return;
    }
    conn->has_requested = 1;
    event.events = EPOLLIN;
    event.data.ptr = conn;
    if (epoll_ctl(storm->epoll_fd, EPOLL_CTL_MOD, conn->fd, &event) != 0) {
        fail(storm, conn, strerror(errno));
    }
}

/* Looks at what was received, with the end of what came before. */
static void take(storm_t *storm, conn_t *conn, const char *bytes, size_t len)
{
    char text[TAIL_SIZE + PIECE];
    size_t all = conn->len + len;

    memcpy(text, conn->tail, conn->len);
    memcpy(text + conn->len, bytes, len);
    if (!conn->is_open && memmem(text, all, OPEN, sizeof(OPEN) - 1) != NULL) {
        conn->is_open = 1;
        storm->opened++;
    }
    if (memmem(text, all, END, sizeof(END) - 1) != NULL) {
        conn->is_over = 1;
        storm->ended++;
    }
    conn->len = all < TAIL_SIZE ? all : TAIL_SIZE;
    memcpy(conn->tail, text + all - conn->len, conn->len);
}

static void receive(storm_t *storm, conn_t *conn)
{
    char bytes[PIECE];
    ssize_t len = recv(conn->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    storm->news_ns = eb_clock_ns();
    if (len > 0) {
        take(storm, conn, bytes, (size_t)len);
    }
    else if (conn->is_over) { /* after a clean end */
        close(conn->fd);
        conn->fd = -1;
    }
    else {
        fail(storm, conn, len == 0 ? "closed by the server" : strerror(errno));
    }
}

/* How many should have begun by now. */
static unsigned long due(const storm_t *storm)
{
    uint64_t ns = eb_clock_ns() - storm->start_ns;
    unsigned long count = 1 + (unsigned long)(ns * storm->rate / EB_NS_PER_SEC);

    return count < storm->clients ? count : storm->clients;
}

static int is_done(const storm_t *storm)
{
    return storm->begun == storm->clients &&
           storm->opened + storm->failed >= storm->clients &&
           storm->ended + storm->failed >= storm->away;
}

/* Returns 0, or -1: nothing has come for STALLED_NS. */
static int run(storm_t *storm)
{
    struct epoll_event ready[READY_MAX];
    int count;
    int i;

    storm->start_ns = storm->news_ns = eb_clock_ns();
    while (!is_done(storm)) {
        while (storm->begun < due(storm)) {
            begin(storm);
        }
        count = epoll_wait(storm->epoll_fd, ready, READY_MAX, WAIT_MS);
        for (i = 0; i < count; i++) {
            conn_t *conn = ready[i].data.ptr;

            if (conn->fd >= 0 && !conn->has_requested) {
                send_request(storm, conn);
            }
            else if (conn->fd >= 0) {
                receive(storm, conn);
            }
        }
        if (eb_clock_ns() > storm->news_ns + STALLED_NS) {
            fputs("storm: no response for 30 seconds\n", stderr);
            return -1;
        }
    }
    return 0;
}

static void drop_all(storm_t *storm)
{
    struct linger linger = {1, 0};
    unsigned long i;

    for (i = 0; i < storm->begun; i++) {
        if (storm->conns[i].fd < 0) {
            continue;
        }
        if (i % 2 != 0) {
            setsockopt(storm->conns[i].fd, SOL_SOCKET, SO_LINGER, &linger,
                       sizeof(linger));
        }
        close(storm->conns[i].fd);
    }
}

static int read_number(unsigned long *number, const char *text,
                       unsigned long most)
{
    char *end;

    *number = strtoul(text, &end, 10);
    return end != text && *end == '\0' && *number > 0 && *number <= most ? 0
                                                                         : -1;
}

static int read_arguments(storm_t *storm, int argc, char **argv)
{
    eb_net_addrs_t addrs = {0};

    if (argc < 6 || argc > 8 || eb_net_addrs_parse(&addrs, argv[1]) != 0 ||
        read_number(&storm->clients, argv[2], 100000) != 0 ||
        read_number(&storm->rate, argv[3], 1000000) != 0 ||
        read_number(&storm->locals, argv[4], 250) != 0 ||
        read_number(&storm->channels, argv[5], 100000) != 0 ||
        (argc > 6 && strcmp(argv[6], "0") != 0 &&
         read_number(&storm->away, argv[6], storm->clients) != 0)) {
        return -1;
    }
    storm->server = addrs.addr[0];
    storm->subscribe = argc == 8 ? argv[7] : "/events/c{}";
    return 0;
}

int main(int argc, char **argv)
{
    storm_t storm = {0};
    double seconds;
    int rc;

    if (read_arguments(&storm, argc, argv) != 0) {
        return usage();
    }
    eb_net_raise_limit();
    storm.conns = calloc(storm.clients, sizeof(*storm.conns));
    storm.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (storm.conns == NULL || storm.epoll_fd < 0) {
        fprintf(stderr, "storm: %s\n", strerror(errno));
        free(storm.conns);
        return 2;
    }
    rc = run(&storm);
    seconds = (double)(eb_clock_ns() - storm.start_ns) / (double)EB_NS_PER_SEC;
    drop_all(&storm);
    printf("storm clients=%lu opened=%lu ended=%lu failed=%lu seconds=%.2f\n",
           storm.clients, storm.opened, storm.ended, storm.failed, seconds);
    free(storm.conns);
    return rc == 0 && storm.failed == 0 ? 0 : 1;
}
