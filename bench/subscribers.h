/* SPDX-License-Identifier: Apache-2.0 */
/**
 * subscribers: the clients of one reading process, and the loop that serves
 * them.
 */
#ifndef EB_SUBSCRIBERS_H
#define EB_SUBSCRIBERS_H

#include "bench/counts.h"
#include "bench/load_options.h"

/**
 * Connect clients first … first + count - 1 and read until told to stop.
 *
 * @param connecting  connections under way at once
 * @param stop_fd     a pipe's reading end: hangs up when it is time, also
 *                    when the parent dies
 * @return 0, or -1 with errno set: no loop could be set up
 */
int eb_subscribers_run(const eb_load_options_t *opts, eb_counts_t *counts,
                       uint32_t first, uint32_t count, uint32_t connecting,
                       int stop_fd);

#endif
