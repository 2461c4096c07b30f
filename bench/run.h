/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eb_run: publishes all events when they are due, waits until they are
 * delivered, and takes the measures around it.
 */
#ifndef EB_RUN_H
#define EB_RUN_H

#include "bench/load_options.h"
#include "bench/readers.h"

typedef struct {
    uint64_t expected;      /* deliveries due for what was published */
    uint64_t first_ns;      /* before the first event was published */
    uint64_t last_ns;       /* the last delivery */
    uint64_t server_cpu_us; /* used by the server's processes; 0 unknown */
    uint64_t load_cpu_us;   /* used by ours */
    uint32_t published;     /* events the server acknowledged */
} eb_run_t;

/**
 * Publish and wait. Returns when every client has every event, when nothing
 * has come for opts->patience_ns, or at the deadline.
 *
 * @return 0, or -1: publishing failed (said on stderr); run is filled in
 *         either way
 */
int eb_run(eb_run_t *run, const eb_load_options_t *opts,
           const eb_readers_t *readers, uint64_t deadline_ns);

#endif
