/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, quotients, and the verdict; what each line means is in README. */
#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/clock.h"

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

static void print_memory(const eb_load_options_t *opts,
                         const eb_memory_t *memory)
{
    double grown = (double)memory->idle_bytes - (double)memory->before_bytes;

    number("pss_before_bytes", memory->before_bytes);
    number("pss_idle_bytes", memory->idle_bytes);
    quotient("pss_bytes_per_client", grown, (double)opts->clients);
}

int eb_report(const eb_load_options_t *opts, const eb_readers_t *readers,
              const eb_run_t *run, const eb_memory_t *memory)
{
    static const struct {
        eb_counts_kind_t which;
        const char *name;
    } FAULTS[] = {
        {EB_COUNTS_DOUBLED, "doubled"},
        {EB_COUNTS_REORDERED, "reordered"},
        {EB_COUNTS_MALFORMED, "malformed"},
        {EB_COUNTS_WRONG_CHANNEL, "foreign"},
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
    if (memory != NULL) {
        print_memory(opts, memory);
    }
    number("keepalives", eb_readers_sum(readers, EB_COUNTS_KEEPALIVES));
    number("unpublished", opts->events - run->published);
    number("lost", lost);
    for (i = 0; i < sizeof(FAULTS) / sizeof(FAULTS[0]); i++) {
        number(FAULTS[i].name, eb_readers_sum(readers, FAULTS[i].which));
        faults += eb_readers_sum(readers, FAULTS[i].which);
    }
    printf("%-28s %s\n", "verdict", faults == 0 ? "ok" : "FAULTY");
    fflush(stdout);
    return faults == 0;
}
