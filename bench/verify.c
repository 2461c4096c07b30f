/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: does every client receive every acknowledged event, once and in
 * order, or a stream-reset that reports the gap?
 *
 * Its clients behave as EventSource does, its publishers record what the server
 * acknowledged, and at the end the two are compared. Everything runs in one
 * thread. A script causes the faults of the server meanwhile (soak.sh).
 *
 *     connect all → publish for a while → wait for what is still due → compare
 *
 * At the end slow clients read at full speed and churning clients stay
 * connected, so that these, too, must have everything or a stream-reset.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/stats.h"
#include "bench/verify_loop.h"

#define EXIT_OK 0
#define EXIT_FAULTY 1
#define EXIT_NO_RUN 2

#define CONNECT_NS (20 * EB_NS_PER_SEC)
#define LAST_NS (30 * EB_NS_PER_SEC) /* for slow clients, at the end */
#define SETTLE_NS (EB_NS_PER_SEC / 2)
#define LOOK_NS (EB_NS_PER_SEC / 10)
#define GRACE_S 120

static volatile sig_atomic_t is_enough; /* SIGUSR1: stop publishing */
static FILE *log_file;
static uint64_t start_ns;

static void on_signal(int number)
{
    (void)number;
    is_enough = 1;
}

/* A line each second, read by the scripts that cause the faults. */
static void log_line(const eb_verify_loop_t *loop)
{
    static uint64_t next_ns;
    uint64_t now_ns = loop->shared.now_ns;

    if (log_file == NULL || now_ns < next_ns) {
        return;
    }
    next_ns = now_ns + EB_NS_PER_SEC;
    fprintf(log_file,
            "seconds=%llu streaming=%u acknowledged=%llu deliveries=%llu "
            "cut=%llu clean_ends=%llu reconnects=%llu\n",
            (unsigned long long)((now_ns - start_ns) / EB_NS_PER_SEC),
            eb_verify_loop_streaming(loop),
            (unsigned long long)eb_stats[EB_STATS_ACKNOWLEDGED],
            (unsigned long long)eb_stats[EB_STATS_DELIVERIES],
            (unsigned long long)(eb_stats[EB_STATS_CUT] +
                                 eb_stats[EB_STATS_CUT_SLOW]),
            (unsigned long long)eb_stats[EB_STATS_CLEAN_ENDS],
            (unsigned long long)eb_stats[EB_STATS_RECONNECTS]);
    fflush(log_file);
}

static void step(eb_verify_loop_t *loop, uint64_t due)
{
    eb_verify_loop_step(loop, due);
    log_line(loop);
}

static int connect_all(eb_verify_loop_t *loop)
{
    uint64_t until_ns = start_ns + CONNECT_NS;

    while (eb_verify_loop_opened(loop) < loop->opts->clients) {
        step(loop, 0);
        if (loop->shared.now_ns > until_ns) {
            fprintf(stderr, "verify: only %u of %u clients have a stream\n",
                    eb_verify_loop_opened(loop), loop->opts->clients);
            return -1;
        }
    }
    return 0;
}

/* After a pause of the server, up to one second of events is made up for. */
static void publish(eb_verify_loop_t *loop)
{
    const eb_verify_options_t *opts = loop->opts;
    uint64_t begin_ns = eb_clock_ns();
    double skipped = 0;
    double due = 0;

    loop->shared.has_begun = 1;
    while (!is_enough &&
           (opts->events != 0
                ? loop->posted < opts->events
                : loop->shared.now_ns < begin_ns + opts->seconds_ns)) {
        due = (double)(eb_clock_ns() - begin_ns) * 1e-9 * opts->rate - skipped;
        if (due > (double)loop->posted + opts->rate + 1) {
            skipped += due - (double)loop->posted - opts->rate - 1;
        }
        if (opts->events != 0 && due > opts->events) {
            due = opts->events;
        }
        step(loop, (uint64_t)due);
    }
    while (eb_verify_loop_is_posting(loop)) {
        step(loop, 0);
    }
}

/*
 * Bytes for a slow client may be in the send buffer of the server's kernel,
 * which retries after pauses that are longer than --give-up. So slow clients
 * are waited for until the deadline.
 */
static void wait_for_rest(eb_verify_loop_t *loop)
{
    eb_eventsource_shared_t *shared = &loop->shared;
    uint64_t last_ns = shared->now_ns + loop->opts->give_up_ns + LAST_NS;
    uint64_t look_ns = 0;
    int is_complete = 0;
    int awaits_slow = 0;

    shared->is_ending = 1;
    shared->news_ns = shared->now_ns;
    while (!is_complete && shared->now_ns < last_ns &&
           (awaits_slow ||
            shared->now_ns < shared->news_ns + loop->opts->give_up_ns)) {
        step(loop, 0);
        if (shared->now_ns >= look_ns) {
            is_complete = eb_verify_loop_is_complete(loop);
            awaits_slow = eb_verify_loop_awaits_slow(loop);
            look_ns = shared->now_ns + LOOK_NS;
        }
    }
    /* anything that still arrives is an error, and must be counted */
    last_ns = shared->now_ns + SETTLE_NS;
    while (shared->now_ns < last_ns) {
        step(loop, 0);
    }
}

static int report(const eb_verify_options_t *opts,
                  const eb_histogram_t *latency)
{
    uint64_t errors = eb_stats_errors();

    if (opts->no_cuts) {
        errors += eb_stats[EB_STATS_CUT];
    }
    printf(
        "%llu of %llu events acknowledged; %llu deliveries to %u clients, "
        "%llu missing in reported gaps\n%llu streams cut, %llu ended cleanly, "
        "%llu reconnects\n%llu errors%s\n",
        (unsigned long long)eb_stats[EB_STATS_ACKNOWLEDGED],
        (unsigned long long)eb_stats[EB_STATS_POSTED],
        (unsigned long long)eb_stats[EB_STATS_DELIVERIES], opts->clients,
        (unsigned long long)eb_stats[EB_STATS_REPORTED_MISSING],
        (unsigned long long)(eb_stats[EB_STATS_CUT] +
                             eb_stats[EB_STATS_CUT_SLOW]),
        (unsigned long long)eb_stats[EB_STATS_CLEAN_ENDS],
        (unsigned long long)eb_stats[EB_STATS_RECONNECTS],
        (unsigned long long)errors,
        errors == 0 ? "" : ": see lost to refused in the next line");
    eb_stats_print(errors == 0);
    printf(" latency_p50_us=%llu latency_p99_us=%llu\n",
           (unsigned long long)(eb_histogram_at(latency, 0.5) / EB_NS_PER_US),
           (unsigned long long)(eb_histogram_at(latency, 0.99) / EB_NS_PER_US));
    if (eb_stats[EB_STATS_ACKNOWLEDGED] == 0) {
        fprintf(stderr, "verify: no event was acknowledged\n");
        return EXIT_NO_RUN;
    }
    return errors == 0 ? EXIT_OK : EXIT_FAULTY;
}

int main(int argc, char **argv)
{
    eb_verify_loop_t loop;
    eb_verify_options_t opts;
    int rc;

    if (eb_verify_options_read(&opts, argc, argv) != 0) {
        return EXIT_NO_RUN;
    }
    if (opts.log != NULL) {
        log_file = fopen(opts.log, "w");
        if (log_file == NULL) {
            fprintf(stderr, "verify: %s: %s\n", opts.log, strerror(errno));
            return EXIT_NO_RUN;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, on_signal);
    /* the run ends even if this program hangs */
    alarm((unsigned int)((opts.seconds_ns + opts.give_up_ns + opts.retry_ns) /
                         EB_NS_PER_SEC) +
          GRACE_S);
    eb_net_raise_limit();
    start_ns = eb_clock_ns();
    if (eb_verify_loop_open(&loop, &opts) != 0) {
        return EXIT_NO_RUN;
    }
    rc = connect_all(&loop);
    if (rc == 0) {
        publish(&loop);
        wait_for_rest(&loop);
    }
    eb_verify_loop_close(&loop);
    if (log_file != NULL) {
        fclose(log_file);
    }
    return rc == 0 ? report(&opts, &loop.shared.latency) : EXIT_NO_RUN;
}
