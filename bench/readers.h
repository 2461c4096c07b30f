/* SPDX-License-Identifier: Apache-2.0 */
/**
 * readers: the processes that read, each with a share of the clients and a
 * tally in shared memory. More than one, since a process has only so many
 * descriptors.
 */
#ifndef EB_READERS_H
#define EB_READERS_H

#include <sys/types.h>

#include "bench/counts.h"
#include "bench/load_options.h"

#define EB_READERS_MAX 64

typedef struct {
    eb_counts_t *counts; /* shared, one for each process */
    pid_t pids[EB_READERS_MAX];
    uint32_t count;
    int stop_fd; /* the pipe's end that, closed, ends them */
} eb_readers_t;

/**
 * Start the processes; they begin to connect at once.
 *
 * @return 0, or -1 (said on stderr); eb_readers_stop() either way
 */
int eb_readers_start(eb_readers_t *readers, const eb_load_options_t *opts);

/** A counter's sum over all processes; of EB_COUNTS_LAST_NS: the latest. */
uint64_t eb_readers_sum(const eb_readers_t *readers, eb_counts_kind_t which);

/**
 * End the processes, in ten seconds at most. The tallies stay.
 *
 * @return 0, or -1: one of them had not ended as it should
 */
int eb_readers_stop(eb_readers_t *readers);

#endif
