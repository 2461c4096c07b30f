/* SPDX-License-Identifier: Apache-2.0 */
/*
 * browsers: how long does an ordinary page take over connections of HTTP/2 that
 * also have an event stream? Each client asks for some pages at a time, again
 * and again, whether they were answered or not; a further one publishes.
 *
 *     all streams have begun → warm up → measure → wait for the last answers
 *
 * Exit status: 0 it ran; 2 it could not.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/browser.h"
#include "bench/clock.h"
#include "bench/options.h"

#define BEGIN_NS (60 * EB_NS_PER_SEC)
#define WARM_NS EB_NS_PER_SEC
#define LAST_NS (20 * EB_NS_PER_SEC)
#define TICK_NS (2 * EB_NS_PER_MS)
#define MAX_READY 256
#define WAIT_MS 2
#define FIELD(name) offsetof(eb_browser_options_t, name)

static const eb_options_row_t ROWS[] = {
    {"--servers", EB_OPTIONS_ADDRS, FIELD(servers), 0, 0, "ADDR:PORT"},
    {"--clients", EB_OPTIONS_COUNT, FIELD(clients), 1, 10000,
     "connections (200)"},
    {"--tls", EB_OPTIONS_CHOICE, FIELD(tls), 0, 0,
     "no|1.2|1.3  over TLS of this version (no)"},
    {"--page", EB_OPTIONS_TEXT, FIELD(page), 0, 0,
     "path of the page (/page.txt)"},
    {"--burst", EB_OPTIONS_COUNT, FIELD(burst), 1, 100,
     "pages that a client asks for at a time (6)"},
    {"--every", EB_OPTIONS_SECONDS, FIELD(every_ns), 0.01, 600,
     "seconds from one time to the next (2)"},
    {"--events", EB_OPTIONS_TEXT, FIELD(events), 0, 0,
     "path of the stream of each client (none)"},
    {"--publish", EB_OPTIONS_TEXT, FIELD(publish), 0, 0,
     "path to POST events to (none)"},
    {"--rate", EB_OPTIONS_REAL, FIELD(rate), 0.01, 10000, "events/s (5)"},
    {"--seconds", EB_OPTIONS_SECONDS, FIELD(seconds_ns), 0.1, 86400,
     "how long to measure (5)"},
};

static const eb_options_table_t TABLE = {"browsers", ROWS,
                                         sizeof(ROWS) / sizeof(ROWS[0])};

static eb_browser_options_t opts;
static eb_browser_shared_t shared;
static eb_browser_t *all; /* the clients, and the one that publishes */
static uint32_t count;
static int epoll_fd;

static int read_options(int argc, char **argv)
{
    opts.page = "/page.txt";
    opts.clients = 200;
    opts.burst = 6;
    opts.rate = 5;
    opts.every_ns = 2 * EB_NS_PER_SEC;
    opts.seconds_ns = 5 * EB_NS_PER_SEC;
    if (eb_options_read(&opts, &TABLE, argc, argv) != 0) {
        return -1;
    }
    if (opts.servers.count != 1) {
        return eb_options_usage(&TABLE);
    }
    if (!eb_h2_is_built()) {
        fprintf(stderr, "browsers: it was built without libnghttp2 (Debian: "
                        "libnghttp2-dev)\n");
        return -1;
    }
    return 0;
}

static int open_all(void)
{
    uint32_t i;

    shared.opts = &opts;
    count = opts.clients + (opts.publish != NULL ? 1 : 0);
    all = calloc(count, sizeof(*all));
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (all == NULL || epoll_fd < 0) {
        return -1;
    }
    if (opts.tls != EB_TLS_NO) {
        shared.h2_tls = eb_tls_client((eb_tls_version_t)opts.tls, NULL);
        shared.h1_tls = eb_tls_client((eb_tls_version_t)opts.tls, NULL);
        if (shared.h2_tls == NULL || shared.h1_tls == NULL ||
            eb_tls_agree(shared.h2_tls, EB_H2_PROTOCOL) != 0) {
            return -1;
        }
    }
    for (i = 0; i < count; i++) {
        eb_browser_init(&all[i], &shared, i);
    }
    return 0;
}

/* Its data is the index of a client, doubled; plus one for HTTP/1.1. */
static void watch(int fd, uint32_t index)
{
    struct epoll_event event;

    memset(&event, 0, sizeof(event));
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u32 = index;
    if (fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        abort(); /* no memory: the times would be wrong */
    }
}

static void tick(void)
{
    int fds[2];
    uint32_t i;

    for (i = 0; i < count; i++) {
        eb_browser_tick(&all[i], fds);
        watch(fds[0], i * 2);
        watch(fds[1], i * 2 + 1);
    }
}

static void step(void)
{
    static uint64_t ticked_ns;
    struct epoll_event ready[MAX_READY];
    uint32_t index;
    int n;
    int i;

    shared.now_ns = eb_clock_ns();
    if (shared.now_ns >= ticked_ns + TICK_NS) {
        ticked_ns = shared.now_ns;
        tick();
    }
    n = epoll_wait(epoll_fd, ready, MAX_READY, WAIT_MS);
    for (i = 0; i < n; i++) {
        index = ready[i].data.u32;
        if (index % 2 == 0) {
            eb_browser_ready(&all[index / 2]);
        }
        else {
            eb_browser_ready_http1(&all[index / 2]);
        }
    }
}

static void run_for(uint64_t ns)
{
    uint64_t until_ns = eb_clock_ns() + ns;

    while (eb_clock_ns() < until_ns) {
        step();
    }
}

/* Returns 0, or -1: not all of them within a minute. */
static int begin(void)
{
    uint64_t until_ns = eb_clock_ns() + BEGIN_NS;

    while (opts.events != NULL && shared.streams < opts.clients) {
        step();
        if (eb_clock_ns() > until_ns) {
            fprintf(stderr, "browsers: only %llu of %u clients have a stream\n",
                    (unsigned long long)shared.streams, opts.clients);
            return -1;
        }
    }
    run_for(WARM_NS);
    return 0;
}

static void measure(void)
{
    uint64_t until_ns;

    shared.events = shared.posted = shared.ends = 0;
    shared.is_counting = 1;
    run_for(opts.seconds_ns);
    shared.is_counting = 0;
    until_ns = eb_clock_ns() + LAST_NS;
    while (shared.open > 0 && eb_clock_ns() < until_ns) {
        step();
    }
}

static void report(void)
{
    printf("browsers requests=%llu failed=%llu retries=%llu p50_ms=%.1f "
           "p99_ms=%.1f worst_ms=%.1f streams=%llu asked=%llu ends=%llu "
           "posted=%llu events=%llu\n",
           (unsigned long long)shared.requests,
           (unsigned long long)(shared.failed + shared.open),
           (unsigned long long)shared.retries,
           (double)eb_histogram_at(&shared.times, 0.5) / EB_NS_PER_MS,
           (double)eb_histogram_at(&shared.times, 0.99) / EB_NS_PER_MS,
           (double)shared.times.max_ns / EB_NS_PER_MS,
           (unsigned long long)shared.streams, (unsigned long long)shared.asked,
           (unsigned long long)shared.ends, (unsigned long long)shared.posted,
           (unsigned long long)shared.events);
}

int main(int argc, char **argv)
{
    uint32_t i;
    int rc;

    if (read_options(argc, argv) != 0) {
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    eb_net_raise_limit();
    if (open_all() != 0) {
        fprintf(stderr, "browsers: cannot begin\n");
        return 2;
    }
    rc = begin();
    if (rc == 0) {
        measure();
        report();
    }
    for (i = 0; i < count; i++) {
        eb_browser_close(&all[i]);
    }
    free(all);
    eb_tls_close(shared.h2_tls);
    eb_tls_close(shared.h1_tls);
    close(epoll_fd);
    return rc == 0 ? 0 : 2;
}
