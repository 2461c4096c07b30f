/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The meter: counters that all children raise and anybody reads, in a shared
 * segment that the parent keeps over restarts. What a counter means is its
 * users' business. A child that is killed takes nothing away.
 */
#ifndef ES_SHM_COUNTERS_H
#define ES_SHM_COUNTERS_H

#include <apr.h>

/** How many there are. */
#define ES_COUNTERS_MAX 256

typedef struct es_counters_t es_counters_t;

/** Bytes of a meter. */
apr_size_t es_counters_size(void);

/** Use mem, which was all zero when it was made. */
es_counters_t *es_counters_attach(void *mem);

/**
 * @param counter  below ES_COUNTERS_MAX; else nothing is done
 *
 * Context: ANY, no lock.
 */
void es_counters_add(es_counters_t *counters, apr_uint32_t counter,
                     apr_uint64_t n);

/** Context: ANY, no lock. */
apr_uint64_t es_counters_read(const es_counters_t *counters,
                              apr_uint32_t counter);

#endif
