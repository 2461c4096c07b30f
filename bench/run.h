/* SPDX-License-Identifier: Apache-2.0 */
/**
 * run: publishes all events when they are due, waits until they are delivered,
 * and measures the processor time.
 */
#ifndef EB_RUN_H
#define EB_RUN_H

#include "bench/load_options.h"
#include "bench/readers.h"

typedef struct {
    uint64_t expected;      /* deliveries that are due for these events */
    uint64_t first_ns;      /* before the first event was published */
    uint64_t last_ns;       /* the last delivery */
    uint64_t server_cpu_us; /* of the server's processes; 0: unknown */
    uint64_t load_cpu_us;   /* of load's own processes */
    uint32_t published;     /* events that the server acknowledged */
} eb_run_t;

/**
 * Publish, then wait until every client has every event, until there was no
 * delivery for opts->give_up_ns, or until the deadline.
 *
 * @return 0, or -1: publishing failed (logged to stderr); run is valid in
 *         either case
 */
int eb_run(eb_run_t *run, const eb_load_options_t *opts,
           const eb_readers_t *readers, uint64_t deadline_ns);

#endif
