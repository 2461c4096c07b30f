/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll set, edge-triggered; its data is the index of a client, or the
 * number of clients plus the index of a publisher, or both numbers plus that of
 * a connection of HTTP/2. Sockets are made by ticks
 * only, between two waits, so that no event of a closed socket is taken for one
 * of the next socket with its number.
 */
#include "bench/verify_loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/clock.h"

#define MAX_READY 256
#define TICK_NS (5 * EB_NS_PER_MS)
#define WAIT_MS 5
#define CONNECTS_PER_TICK 20 /* or the listen queue would overflow */

int eb_verify_loop_open(eb_verify_loop_t *loop, const eb_verify_options_t *opts)
{
    uint32_t i;

    memset(loop, 0, sizeof(*loop));
    loop->opts = opts;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->clients = calloc(opts->clients, sizeof(*loop->clients));
    loop->publishers = calloc(opts->publishers, sizeof(*loop->publishers));
    if (loop->epoll_fd < 0 || loop->clients == NULL ||
        loop->publishers == NULL ||
        eb_published_open(&loop->published, opts->channels) != 0) {
        fprintf(stderr, "verify: %s\n", strerror(errno));
        return -1;
    }
    if (opts->tls != EB_TLS_NO) {
        loop->shared.tls =
            eb_tls_client((eb_tls_version_t)opts->tls, opts->cipher);
        if (loop->shared.tls == NULL) {
            return -1;
        }
    }
    if (opts->http2) {
        loop->shared.multiplex = &loop->multiplex;
        if (eb_multiplex_open(&loop->multiplex, opts, &eb_eventsource_h2_ops) !=
            0) {
            return -1;
        }
    }
    loop->published.may_forget = opts->may_forget;
    loop->shared.opts = opts;
    loop->shared.published = &loop->published;
    loop->shared.random[0] = (unsigned short)opts->seed;
    loop->shared.random[1] = (unsigned short)(opts->seed >> 16);
    loop->shared.now_ns = eb_clock_ns();
    for (i = 0; i < opts->clients; i++) {
        eb_eventsource_init(&loop->clients[i], &loop->shared, i);
    }
    for (i = 0; i < opts->publishers; i++) {
        eb_publisher_init(&loop->publishers[i], opts, &loop->published,
                          opts->http2 ? loop->multiplex.tls : loop->shared.tls,
                          i);
    }
    return 0;
}

static void watch(eb_verify_loop_t *loop, int fd, uint32_t index)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = index;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        abort(); /* no memory: the counts would be wrong */
    }
}

static void tick(eb_verify_loop_t *loop, uint64_t now_ns)
{
    const eb_verify_options_t *opts = loop->opts;
    uint32_t connects = 0;
    uint32_t i;

    loop->ticked_ns = now_ns;
    for (i = 0; i < opts->clients; i++) {
        if (loop->clients[i].state == EB_EVENTSOURCE_CLOSED &&
            connects == CONNECTS_PER_TICK) {
            continue;
        }
        if (eb_eventsource_tick(&loop->clients[i])) {
            watch(loop, loop->clients[i].conn.fd, i);
            connects++;
        }
    }
    for (i = 0; i < opts->publishers; i++) {
        if (eb_publisher_tick(&loop->publishers[i], now_ns)) {
            watch(loop, eb_publisher_fd(&loop->publishers[i]),
                  opts->clients + i);
        }
    }
}

/* Streams of HTTP/2 were made or reset. */
static void flush(eb_verify_loop_t *loop)
{
    uint32_t base = loop->opts->clients + loop->opts->publishers;
    int number;
    int fd;

    if (loop->shared.multiplex == NULL) {
        return;
    }
    eb_multiplex_flush(&loop->multiplex);
    for (;;) {
        number = eb_multiplex_next(&loop->multiplex, &fd);
        if (number < 0) {
            return;
        }
        watch(loop, fd, base + (uint32_t)number);
    }
}

/* In turns, so that no channel falls behind. */
static void post(eb_verify_loop_t *loop, uint64_t due, uint64_t now_ns)
{
    eb_publisher_t *publisher;
    uint32_t i;

    for (i = 0; i < loop->opts->publishers && loop->posted < due; i++) {
        publisher = &loop->publishers[loop->turn];
        loop->turn = (loop->turn + 1) % loop->opts->publishers;
        if (publisher->state == EB_PUBLISHER_IDLE) {
            eb_publisher_post(publisher, now_ns);
            loop->posted++;
        }
    }
}

static void handle(eb_verify_loop_t *loop, uint32_t index)
{
    const eb_verify_options_t *opts = loop->opts;

    if (index < opts->clients) {
        eb_eventsource_ready(&loop->clients[index]);
    }
    else if (index < opts->clients + opts->publishers) {
        eb_publisher_ready(&loop->publishers[index - opts->clients],
                           loop->shared.now_ns);
    }
    else {
        eb_multiplex_ready(&loop->multiplex,
                           index - opts->clients - opts->publishers);
    }
}

void eb_verify_loop_step(eb_verify_loop_t *loop, uint64_t due)
{
    struct epoll_event ready[MAX_READY];
    uint64_t now_ns = eb_clock_ns();
    int count;
    int i;

    loop->shared.now_ns = now_ns;
    if (now_ns >= loop->ticked_ns + TICK_NS) {
        tick(loop, now_ns);
        flush(loop);
    }
    post(loop, due, now_ns);
    count = epoll_wait(loop->epoll_fd, ready, MAX_READY, WAIT_MS);
    for (i = 0; i < count; i++) {
        loop->shared.now_ns = eb_clock_ns();
        handle(loop, ready[i].data.u32);
    }
}

uint32_t eb_verify_loop_streaming(const eb_verify_loop_t *loop)
{
    uint32_t sum = 0;
    uint32_t i;

    for (i = 0; i < loop->opts->clients; i++) {
        sum += loop->clients[i].state == EB_EVENTSOURCE_STREAMING ? 1 : 0;
    }
    return sum;
}

uint32_t eb_verify_loop_opened(const eb_verify_loop_t *loop)
{
    uint32_t sum = 0;
    uint32_t i;

    for (i = 0; i < loop->opts->clients; i++) {
        sum += loop->clients[i].received.open_ns != 0 ? 1 : 0;
    }
    return sum;
}

int eb_verify_loop_is_posting(const eb_verify_loop_t *loop)
{
    uint32_t i;

    for (i = 0; i < loop->opts->publishers; i++) {
        if (loop->publishers[i].has_event) {
            return 1;
        }
    }
    return 0;
}

int eb_verify_loop_is_complete(const eb_verify_loop_t *loop)
{
    uint32_t i;

    for (i = 0; i < loop->opts->clients; i++) {
        if (!eb_received_is_complete(&loop->clients[i].received,
                                     &loop->published)) {
            return 0;
        }
    }
    return 1;
}

int eb_verify_loop_awaits_slow(const eb_verify_loop_t *loop)
{
    const eb_eventsource_t *client;
    uint32_t i;

    for (i = 0; i < loop->opts->clients; i++) {
        client = &loop->clients[i];
        if (eb_eventsource_is_slow(client) &&
            !eb_received_is_complete(&client->received, &loop->published)) {
            return 1;
        }
    }
    return 0;
}

void eb_verify_loop_close(eb_verify_loop_t *loop)
{
    uint32_t i;

    for (i = 0; i < loop->opts->publishers; i++) {
        eb_publisher_close(&loop->publishers[i]);
    }
    for (i = 0; i < loop->opts->clients; i++) {
        eb_eventsource_close(&loop->clients[i]);
    }
    eb_multiplex_close(&loop->multiplex);
    free(loop->clients);
    free(loop->publishers);
    eb_published_close(&loop->published);
    eb_tls_close(loop->shared.tls);
    close(loop->epoll_fd);
}
