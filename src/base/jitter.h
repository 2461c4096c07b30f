/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Random numbers: for delays, so that clients whose streams end together do not
 * all reconnect together, and for choices among equals. Not for secrets: the
 * numbers can be guessed.
 */
#ifndef ES_BASE_JITTER_H
#define ES_BASE_JITTER_H

#include <apr.h>

/**
 * Draw a seed from the system. Each process does so before its first draw: a
 * child without a seed draws the same numbers as the other children.
 *
 * Context: CHILD_INIT.
 */
void es_jitter_seed(void);

/**
 * A number from 0 up to, but not including, limit, each equally likely.
 *
 * @param limit  below 2^48; 0 or less: the number is 0
 *
 * Context: ANY, any number of threads at once; no lock, no system call.
 */
apr_int64_t es_jitter_below(apr_int64_t limit);

/**
 * A number within percent of value, both ends included, each equally likely.
 *
 * @param value    0 to 2^46; any unit
 * @param percent  0 to 100
 *
 * Context: as es_jitter_below.
 */
apr_int64_t es_jitter_around(apr_int64_t value, int percent);

#endif
