/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Counters that all children raise and any process reads, in a shared segment
 * that the parent keeps over restarts. Its users decide what each counter
 * means. What a child has counted stays counted when it is killed.
 */
#ifndef ES_SHM_COUNTERS_H
#define ES_SHM_COUNTERS_H

#include <apr.h>

/** Number of counters. */
#define ES_COUNTERS_MAX 256

typedef struct es_counters_t es_counters_t;

/** Bytes of the segment. */
apr_size_t es_counters_size(void);

/** Use mem, which is all zero when it is made. */
es_counters_t *es_counters_attach(void *mem);

/**
 * Raise a counter by n.
 *
 * @param counter  below ES_COUNTERS_MAX; otherwise nothing happens
 *
 * Context: ANY; takes no lock.
 */
void es_counters_add(es_counters_t *counters, apr_uint32_t counter,
                     apr_uint64_t n);

/** The value of a counter; 0 if there is none. Context: ANY; takes no lock. */
apr_uint64_t es_counters_read(const es_counters_t *counters,
                              apr_uint32_t counter);

#endif
