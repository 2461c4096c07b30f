/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eb_crowd: the clients of one reading process, and the loop that serves
 * them.
 */
#ifndef EB_CROWD_H
#define EB_CROWD_H

#include "bench/load_options.h"
#include "bench/counts.h"

/**
 * Connect clients first … first + count - 1 and read until told to stop.
 *
 * @param connecting  connections under way at once
 * @param stop_fd     a pipe's reading end: hangs up when it is time, also
 *                    when the parent dies
 * @return 0, or -1 with errno set: no loop could be set up
 */
int eb_crowd_run(const eb_options_t *opts, eb_tally_t *tally, uint32_t first,
                 uint32_t count, uint32_t connecting, int stop_fd);

#endif
