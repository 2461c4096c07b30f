/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: a load generator. It subscribes, publishes, checks that each client
 * gets each event of its channel once and in order, and measures.
 *
 *     parent   memory before - start readers - all live - idle - memory idle
 *              - publish and wait - stop readers - report
 *     reader   connect its share of the clients, read until the parent ends it
 *
 * The report is a name and a number a line; bench/README explains each. Exit
 * status: 0 all is correct; 1 an event was lost, doubled, reordered or
 * malformed, or a stream was cut; 2 the run did not take place.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/load_options.h"
#include "bench/procs.h"
#include "bench/readers.h"
#include "bench/run.h"

#define EXIT_OK 0
#define EXIT_FAULTY 1
#define EXIT_NO_RUN 2

#define GRACE_S 15 /* after the deadline, to stop and report */

/* Of the server's processes; unused if --pid was not given. */
typedef struct {
    uint64_t before_bytes; /* before the first client */
    uint64_t idle_bytes;   /* with all clients idle */
} memory_t;

static int measure_memory(uint64_t *bytes, const eb_load_options_t *opts)
{
    if (opts->pid == 0) {
        return 0;
    }
    if (eb_procs_pss_bytes(bytes, (pid_t)opts->pid) != 0) {
        fprintf(stderr, "load: cannot read the memory of process %ld: %s\n",
                (long)opts->pid, strerror(errno));
        return -1;
    }
    return 0;
}

static int wait_until_live(const eb_readers_t *readers,
                           const eb_load_options_t *opts, uint64_t deadline_ns)
{
    uint64_t refused;
    uint64_t ready;

    do {
        ready = eb_readers_sum(readers, EB_COUNTS_READY);
        refused = eb_readers_sum(readers, EB_COUNTS_REFUSED);
        if (ready == opts->clients) {
            return 0;
        }
        eb_clock_sleep(5 * EB_NS_PER_MS);
    } while (ready + refused < opts->clients && eb_clock_ns() < deadline_ns);
    if (ready == opts->clients) {
        return 0;
    }
    fprintf(stderr, "load: only %llu of %u clients have a stream\n",
            (unsigned long long)ready, (unsigned int)opts->clients);
    return -1;
}

/* ---- the report ---------------------------------------------------------- */

static void number(const char *name, uint64_t value)
{
    printf("%-28s %llu\n", name, (unsigned long long)value);
}

static void quotient(const char *name, double value, double by)
{
    printf("%-28s %.2f\n", name, by > 0 ? value / by : 0.0);
}

static void print_latency(const eb_readers_t *readers)
{
    eb_histogram_t *sum;
    uint32_t i;

    sum = calloc(1, sizeof(*sum));
    if (sum == NULL) {
        return;
    }
    for (i = 0; i < readers->count; i++) {
        eb_histogram_merge(sum, &readers->counts[i].latency);
    }
    number("latency_p50_us", eb_histogram_at(sum, 0.50) / EB_NS_PER_US);
    number("latency_p99_us", eb_histogram_at(sum, 0.99) / EB_NS_PER_US);
    number("latency_max_us", sum->max_ns / EB_NS_PER_US);
    free(sum);
}

static void print_speed(const eb_load_options_t *opts,
                        const eb_readers_t *readers, const eb_run_t *run,
                        uint64_t delivered)
{
    double seconds =
        run->last_ns > run->first_ns
            ? (double)(run->last_ns - run->first_ns) / (double)EB_NS_PER_SEC
            : 0.0;

    quotient("seconds", seconds, 1.0);
    quotient("events_per_s", run->published, seconds);
    quotient("deliveries_per_s", (double)delivered, seconds);
    if (opts->pid != 0) {
        number("server_cpu_us", run->server_cpu_us);
        quotient("server_cpu_us_per_delivery", (double)run->server_cpu_us,
                 (double)delivered);
    }
    quotient("load_cpu_us_per_delivery", (double)run->load_cpu_us,
             (double)delivered);
    print_latency(readers);
}

static void print_memory(const eb_load_options_t *opts, const memory_t *memory)
{
    double grown = (double)memory->idle_bytes - (double)memory->before_bytes;

    number("pss_before_bytes", memory->before_bytes);
    number("pss_idle_bytes", memory->idle_bytes);
    quotient("pss_bytes_per_client", grown, (double)opts->clients);
}

/* Returns 1 if each client got each event once and in order, else 0. */
static int report(const eb_load_options_t *opts, const eb_readers_t *readers,
                  const eb_run_t *run, const memory_t *memory)
{
    static const struct {
        eb_counts_kind_t kind;
        const char *name;
    } FAULTS[] = {
        {EB_COUNTS_DOUBLED, "doubled"},
        {EB_COUNTS_REORDERED, "reordered"},
        {EB_COUNTS_MALFORMED, "malformed"},
        {EB_COUNTS_WRONG_CHANNEL, "wrong_channel"},
        {EB_COUNTS_RESETS, "resets"},
        {EB_COUNTS_CUT, "cut"},
        {EB_COUNTS_REFUSED, "refused"},
    };
    uint64_t delivered = eb_readers_sum(readers, EB_COUNTS_DELIVERED);
    uint64_t lost = run->expected > delivered ? run->expected - delivered : 0;
    uint64_t faults = lost + (opts->events - run->published);
    size_t i;

    number("clients", eb_readers_sum(readers, EB_COUNTS_READY));
    number("channels", opts->channels);
    number("payload_bytes", opts->size);
    number("events", run->published);
    number("deliveries", delivered);
    if (opts->events > 0) {
        print_speed(opts, readers, run, delivered);
    }
    if (opts->pid != 0) {
        print_memory(opts, memory);
    }
    number("keepalives", eb_readers_sum(readers, EB_COUNTS_KEEPALIVES));
    number("unacknowledged", opts->events - run->published);
    number("lost", lost);
    for (i = 0; i < sizeof(FAULTS) / sizeof(FAULTS[0]); i++) {
        number(FAULTS[i].name, eb_readers_sum(readers, FAULTS[i].kind));
        faults += eb_readers_sum(readers, FAULTS[i].kind);
    }
    printf("%-28s %s\n", "result", faults == 0 ? "ok" : "faulty");
    fflush(stdout);
    return faults == 0;
}

/* ---- the run ------------------------------------------------------------- */

int main(int argc, char **argv)
{
    uint64_t deadline_ns;
    eb_load_options_t opts;
    memory_t memory = {0, 0};
    eb_readers_t readers;
    eb_run_t run = {0};
    int rc;

    if (eb_load_options_read(&opts, argc, argv) != 0) {
        return EXIT_NO_RUN;
    }
    /* the run ends even if this program hangs */
    alarm((unsigned int)(opts.seconds_ns / EB_NS_PER_SEC) + GRACE_S);
    signal(SIGPIPE, SIG_IGN);
    deadline_ns = eb_clock_ns() + opts.seconds_ns;

    if (measure_memory(&memory.before_bytes, &opts) != 0) {
        return EXIT_NO_RUN;
    }
    rc = eb_readers_start(&readers, &opts);
    if (rc == 0) {
        rc = wait_until_live(&readers, &opts, deadline_ns);
    }
    if (rc == 0) {
        eb_clock_sleep(opts.idle_ns);
        rc = measure_memory(&memory.idle_bytes, &opts);
    }
    if (rc == 0 && opts.events > 0) {
        rc = eb_run(&run, &opts, &readers, deadline_ns);
    }
    if (eb_readers_stop(&readers) != 0) {
        fprintf(stderr, "load: a reading process failed\n");
        rc = -1;
    }
    if (rc != 0 && run.published == 0) {
        return EXIT_NO_RUN;
    }
    if (!report(&opts, &readers, &run, &memory)) {
        return EXIT_FAULTY;
    }
    return rc == 0 ? EXIT_OK : EXIT_NO_RUN;
}
