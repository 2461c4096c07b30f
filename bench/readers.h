/* SPDX-License-Identifier: Apache-2.0 */
/**
 * readers: the processes of load that hold the clients. Each has a share of
 * them, a loop, and counters in shared memory. There is more than one if the
 * clients need more descriptors than one process may have.
 */
#ifndef EB_READERS_H
#define EB_READERS_H

#include <sys/types.h>

#include "bench/counts.h"
#include "bench/load_options.h"

#define EB_READERS_MAX 64

typedef struct {
    eb_counts_t *counts; /* shared; one for each process */
    pid_t pids[EB_READERS_MAX];
    uint32_t count;
    int stop_fd; /* writing end of a pipe; closing it ends the processes */
} eb_readers_t;

/**
 * Start the processes; they begin to connect at once.
 *
 * @return 0, or -1 (logged to stderr); call eb_readers_stop() in either case
 */
int eb_readers_start(eb_readers_t *readers, const eb_load_options_t *opts);

/** A counter's sum over all processes; of EB_COUNTS_LAST_NS the latest. */
uint64_t eb_readers_sum(const eb_readers_t *readers, eb_counts_kind_t kind);

/**
 * End the processes, within ten seconds. The counters remain.
 *
 * @return 0, or -1: one of them failed or had to be killed
 */
int eb_readers_stop(eb_readers_t *readers);

#endif
