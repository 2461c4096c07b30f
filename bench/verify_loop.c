/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One epoll set, edge-triggered; its data is the index of a follower, or
 * that of a poster behind all followers. New sockets are made by ticks only,
 * between two waits, so that no event of a socket meets its successor.
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
#define CALLS_A_TICK 20 /* else the listen queue would run over */

int eb_followers_open(eb_followers_t *flock, const eb_verify_options_t *plan)
{
    uint32_t i;

    memset(flock, 0, sizeof(*flock));
    flock->plan = plan;
    flock->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    flock->followers = calloc(plan->clients, sizeof(*flock->followers));
    flock->posters = calloc(plan->publishers, sizeof(*flock->posters));
    if (flock->epoll_fd < 0 || flock->followers == NULL ||
        flock->posters == NULL ||
        eb_channel_log_open(&flock->book, plan->channels) != 0) {
        fprintf(stderr, "verify: %s\n", strerror(errno));
        return -1;
    }
    flock->company.plan = plan;
    flock->company.book = &flock->book;
    flock->company.dice.state = plan->seed;
    flock->company.now_ns = eb_clock_ns();
    for (i = 0; i < plan->clients; i++) {
        eb_follower_init(&flock->followers[i], &flock->company, i);
    }
    for (i = 0; i < plan->publishers; i++) {
        eb_poster_init(&flock->posters[i], plan, &flock->book, i);
    }
    return 0;
}

static void watch(eb_followers_t *flock, int fd, uint32_t index)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = index;
    if (epoll_ctl(flock->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        abort(); /* no memory: no verdict would be right */
    }
}

static void tick(eb_followers_t *flock, uint64_t now_ns)
{
    const eb_verify_options_t *plan = flock->plan;
    uint32_t calls = 0;
    uint32_t i;

    flock->ticked_ns = now_ns;
    for (i = 0; i < plan->clients; i++) {
        if (flock->followers[i].stage == EB_RESTING && calls == CALLS_A_TICK) {
            continue;
        }
        if (eb_follower_tick(&flock->followers[i])) {
            watch(flock, flock->followers[i].fd, i);
            calls++;
        }
    }
    for (i = 0; i < plan->publishers; i++) {
        if (eb_poster_tick(&flock->posters[i], now_ns)) {
            watch(flock, flock->posters[i].fd, plan->clients + i);
        }
    }
}

/* In turns, so that no channel falls behind. */
static void post(eb_followers_t *flock, uint64_t due, uint64_t now_ns)
{
    eb_poster_t *poster;
    uint32_t i;

    for (i = 0; i < flock->plan->publishers && flock->offered < due; i++) {
        poster = &flock->posters[flock->turn];
        flock->turn = (flock->turn + 1) % flock->plan->publishers;
        if (poster->stage == EB_POSTER_FREE) {
            eb_poster_post(poster, now_ns);
            flock->offered++;
        }
    }
}

void eb_followers_step(eb_followers_t *flock, uint64_t due)
{
    struct epoll_event ready[MAX_READY];
    uint64_t now_ns = eb_clock_ns();
    uint32_t index;
    int count;
    int i;

    flock->company.now_ns = now_ns;
    if (now_ns >= flock->ticked_ns + TICK_NS) {
        tick(flock, now_ns);
    }
    post(flock, due, now_ns);
    count = epoll_wait(flock->epoll_fd, ready, MAX_READY, WAIT_MS);
    for (i = 0; i < count; i++) {
        flock->company.now_ns = eb_clock_ns();
        index = ready[i].data.u32;
        if (index < flock->plan->clients) {
            eb_follower_ready(&flock->followers[index]);
        }
        else {
            eb_poster_ready(&flock->posters[index - flock->plan->clients],
                            flock->company.now_ns);
        }
    }
}

uint32_t eb_followers_listening(const eb_followers_t *flock)
{
    uint32_t sum = 0;
    uint32_t i;

    for (i = 0; i < flock->plan->clients; i++) {
        sum += flock->followers[i].stage == EB_LISTENING ? 1 : 0;
    }
    return sum;
}

uint32_t eb_followers_opened(const eb_followers_t *flock)
{
    uint32_t sum = 0;
    uint32_t i;

    for (i = 0; i < flock->plan->clients; i++) {
        sum += flock->followers[i].witness.open_ns != 0 ? 1 : 0;
    }
    return sum;
}

int eb_followers_is_posting(const eb_followers_t *flock)
{
    uint32_t i;

    for (i = 0; i < flock->plan->publishers; i++) {
        if (flock->posters[i].stage == EB_POSTER_ASKING) {
            return 1;
        }
    }
    return 0;
}

int eb_followers_is_complete(const eb_followers_t *flock)
{
    uint32_t i;

    for (i = 0; i < flock->plan->clients; i++) {
        if (!eb_received_is_complete(&flock->followers[i].witness,
                                     &flock->book)) {
            return 0;
        }
    }
    return 1;
}

int eb_followers_is_owed(const eb_followers_t *flock)
{
    const eb_follower_t *follower;
    uint32_t i;

    for (i = 0; i < flock->plan->clients; i++) {
        follower = &flock->followers[i];
        if (eb_follower_is_slow(follower) &&
            !eb_received_is_complete(&follower->witness, &flock->book)) {
            return 1;
        }
    }
    return 0;
}

void eb_followers_close(eb_followers_t *flock)
{
    uint32_t i;

    for (i = 0; i < flock->plan->publishers; i++) {
        eb_poster_close(&flock->posters[i]);
    }
    for (i = 0; i < flock->plan->clients; i++) {
        eb_follower_finish(&flock->followers[i]);
    }
    free(flock->followers);
    free(flock->posters);
    eb_channel_log_close(&flock->book);
    close(flock->epoll_fd);
}
