/* SPDX-License-Identifier: Apache-2.0 */
/*
 * load: the load generator. Subscribes, publishes, checks that each
 * client gets each event of its channel once and in order, and measures.
 *
 *     parent   memory before ─ start readers ─ all live ─ rest ─ memory
 *              idle ─ publish and wait ─ stop readers ─ report
 *     reader   connect its share of the clients, read until told to stop
 *
 * Exit status: 0 all as it should be; 1 an event lost, doubled, reordered
 * or spoilt, or a client cut; 2 the run did not come about.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/clock.h"
#include "bench/load_options.h"
#include "bench/procs.h"
#include "bench/readers.h"
#include "bench/report.h"
#include "bench/run.h"

#define EXIT_OK 0
#define EXIT_FAULTY 1
#define EXIT_NO_RUN 2

#define GRACE_S 15 /* behind the deadline, for stopping and reporting */

static int measure_memory(uint64_t *bytes, const eb_load_options_t *opts)
{
    if (opts->pid == 0) {
        return 0;
    }
    if (eb_procs_pss_bytes(bytes, opts->pid) != 0) {
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
    fprintf(stderr, "load: %llu of %u clients have a stream\n",
            (unsigned long long)ready, (unsigned int)opts->clients);
    return -1;
}

int main(int argc, char **argv)
{
    uint64_t deadline_ns;
    eb_load_options_t opts;
    eb_memory_t memory;
    eb_readers_t readers;
    eb_run_t run = {0};
    int rc;

    if (eb_load_options_read(&opts, argc, argv) != 0) {
        return EXIT_NO_RUN;
    }
    /* the last resort: nobody waits for us longer than they allowed */
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
    if (!eb_report(&opts, &readers, &run, opts.pid != 0 ? &memory : NULL)) {
        return EXIT_FAULTY;
    }
    return rc == 0 ? EXIT_OK : EXIT_NO_RUN;
}
