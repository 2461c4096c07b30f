/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verify: does every client receive every acknowledged event, once and
 * in order, or is it told in the stream?
 *
 * Clients that behave as EventSource do, publishers that know what was
 * acknowledged, and a judgement at the end. Everything in one thread. What
 * happens to the server meanwhile is others' business (soak.sh).
 *
 *     connect all → publish for a while → wait for what is still due → judge
 *
 * At the end the slow readers read on at full speed and the fickle ones stay:
 * they too must have everything then, or have been told.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/stats.h"
#include "bench/verify_loop.h"

#define EXIT_SOUND 0
#define EXIT_FAULTY 1
#define EXIT_NO_RUN 2

#define CONNECT_NS (20 * EB_NS_PER_SEC)
#define LAST_NS (30 * EB_NS_PER_SEC) /* beyond the patience, at the end */
#define SETTLE_NS (EB_NS_PER_SEC / 2)
#define LOOK_NS (EB_NS_PER_SEC / 10)
#define GRACE_S 120

static volatile sig_atomic_t is_enough; /* SIGUSR1: publish no more */
static FILE *log_file;
static uint64_t start_ns;

static void on_signal(int number)
{
    (void)number;
    is_enough = 1;
}

/* A line each second, for those who watch or disturb the run. */
static void log_line(const eb_followers_t *flock)
{
    static uint64_t next_ns;
    uint64_t now_ns = flock->company.now_ns;

    if (log_file == NULL || now_ns < next_ns) {
        return;
    }
    next_ns = now_ns + EB_NS_PER_SEC;
    fprintf(
        log_file,
        "seconds=%llu listening=%u acknowledged=%llu deliveries=%llu "
        "cut=%llu clean_ends=%llu reconnects=%llu\n",
        (unsigned long long)((now_ns - start_ns) / EB_NS_PER_SEC),
        eb_followers_listening(flock),
        (unsigned long long)eb_findings[EB_ACKNOWLEDGED],
        (unsigned long long)eb_findings[EB_DELIVERIES],
        (unsigned long long)(eb_findings[EB_CUTS] + eb_findings[EB_CUTS_SLOW]),
        (unsigned long long)eb_findings[EB_ENDS],
        (unsigned long long)eb_findings[EB_RECONNECTS]);
    fflush(log_file);
}

static void step(eb_followers_t *flock, uint64_t due)
{
    eb_followers_step(flock, due);
    log_line(flock);
}

static int connect_all(eb_followers_t *flock)
{
    uint64_t until_ns = start_ns + CONNECT_NS;

    while (eb_followers_opened(flock) < flock->plan->clients) {
        step(flock, 0);
        if (flock->company.now_ns > until_ns) {
            fprintf(stderr, "verify: %u of %u clients have a stream\n",
                    eb_followers_opened(flock), flock->plan->clients);
            return -1;
        }
    }
    return 0;
}

/* After a pause of the server its publishers make up for one second. */
static void publish(eb_followers_t *flock)
{
    const eb_verify_options_t *plan = flock->plan;
    uint64_t begin_ns = eb_clock_ns();
    double skipped = 0;
    double due = 0;

    flock->company.has_begun = 1;
    while (!is_enough &&
           (plan->events != 0
                ? flock->offered < plan->events
                : flock->company.now_ns < begin_ns + plan->seconds_ns)) {
        due = (double)(eb_clock_ns() - begin_ns) * 1e-9 * plan->rate - skipped;
        if (due > (double)flock->offered + plan->rate + 1) {
            skipped += due - (double)flock->offered - plan->rate - 1;
        }
        if (plan->events != 0 && due > plan->events) {
            due = plan->events;
        }
        step(flock, (uint64_t)due);
    }
    while (eb_followers_is_posting(flock)) {
        step(flock, 0);
    }
}

/*
 * What waits for a slow reader may lie in the server's kernel, which tries
 * again after pauses that are longer than our patience: to the last for them.
 */
static void wait_for_rest(eb_followers_t *flock)
{
    eb_followers_conf_t *company = &flock->company;
    uint64_t last_ns = company->now_ns + flock->plan->patience_ns + LAST_NS;
    uint64_t look_ns = 0;
    int is_complete = 0;
    int is_owed = 0;

    company->is_ending = 1;
    company->news_ns = company->now_ns;
    while (!is_complete && company->now_ns < last_ns &&
           (is_owed ||
            company->now_ns < company->news_ns + flock->plan->patience_ns)) {
        step(flock, 0);
        if (company->now_ns >= look_ns) {
            is_complete = eb_followers_is_complete(flock);
            is_owed = eb_followers_is_owed(flock);
            look_ns = company->now_ns + LOOK_NS;
        }
    }
    /* nothing should come any more */
    last_ns = company->now_ns + SETTLE_NS;
    while (company->now_ns < last_ns) {
        step(flock, 0);
    }
}

static int report(const eb_verify_options_t *plan,
                  const eb_histogram_t *latency)
{
    uint64_t faults = eb_errors_faults();

    if (plan->no_cuts) {
        faults += eb_findings[EB_CUTS];
    }
    printf(
        "%llu of %llu events acknowledged; %llu deliveries to %u clients, "
        "%llu missing with notice\n%llu streams cut, %llu ended cleanly, "
        "%llu times come back\n%llu faults%s\n",
        (unsigned long long)eb_findings[EB_ACKNOWLEDGED],
        (unsigned long long)eb_findings[EB_OFFERED],
        (unsigned long long)eb_findings[EB_DELIVERIES], plan->clients,
        (unsigned long long)eb_findings[EB_EXCUSED],
        (unsigned long long)(eb_findings[EB_CUTS] + eb_findings[EB_CUTS_SLOW]),
        (unsigned long long)eb_findings[EB_ENDS],
        (unsigned long long)eb_findings[EB_RECONNECTS],
        (unsigned long long)faults,
        faults == 0 ? "" : ": see lost to denied in the next line");
    eb_errors_print(faults == 0);
    printf(" latency_p50_us=%llu latency_p99_us=%llu\n",
           (unsigned long long)(eb_histogram_at(latency, 0.5) / EB_NS_PER_US),
           (unsigned long long)(eb_histogram_at(latency, 0.99) / EB_NS_PER_US));
    if (eb_findings[EB_ACKNOWLEDGED] == 0) {
        fprintf(stderr, "verify: no event was acknowledged\n");
        return EXIT_NO_RUN;
    }
    return faults == 0 ? EXIT_SOUND : EXIT_FAULTY;
}

int main(int argc, char **argv)
{
    eb_followers_t flock;
    eb_verify_options_t plan;
    int rc;

    if (eb_verify_options_read(&plan, argc, argv) != 0) {
        return EXIT_NO_RUN;
    }
    if (plan.log != NULL) {
        log_file = fopen(plan.log, "w");
        if (log_file == NULL) {
            fprintf(stderr, "verify: %s: %s\n", plan.log, strerror(errno));
            return EXIT_NO_RUN;
        }
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, on_signal);
    /* the last resort: a run always ends */
    alarm((unsigned int)((plan.seconds_ns + plan.patience_ns) / EB_NS_PER_SEC) +
          GRACE_S);
    eb_net_raise_limit();
    start_ns = eb_clock_ns();
    if (eb_followers_open(&flock, &plan) != 0) {
        return EXIT_NO_RUN;
    }
    rc = connect_all(&flock);
    if (rc == 0) {
        publish(&flock);
        wait_for_rest(&flock);
    }
    eb_followers_close(&flock);
    if (log_file != NULL) {
        fclose(log_file);
    }
    return rc == 0 ? report(&plan, &flock.company.latency) : EXIT_NO_RUN;
}
