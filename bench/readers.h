/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eb_team: the processes that read, each with a share of the clients and a
 * tally in shared memory. More than one, since a process has only so many
 * descriptors.
 */
#ifndef EB_TEAM_H
#define EB_TEAM_H

#include <sys/types.h>

#include "bench/load_options.h"
#include "bench/counts.h"

#define EB_TEAM_MAX 64

typedef struct {
    eb_tally_t *tallies; /* shared, one for each process */
    pid_t pids[EB_TEAM_MAX];
    uint32_t count;
    int stop_fd; /* the pipe's end that, closed, ends them */
} eb_team_t;

/**
 * Start the processes; they begin to connect at once.
 *
 * @return 0, or -1 (said on stderr); eb_team_stop() either way
 */
int eb_team_start(eb_team_t *team, const eb_options_t *opts);

/** A counter's sum over all processes; of EB_LAST_NS: the latest. */
uint64_t eb_team_sum(const eb_team_t *team, eb_counter_t which);

/**
 * End the processes, in ten seconds at most. The tallies stay.
 *
 * @return 0, or -1: one of them had not ended as it should
 */
int eb_team_stop(eb_team_t *team);

#endif
