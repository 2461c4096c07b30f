/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Histograms with fixed bounds: how many values were at most so large, and
 * their sum. A histogram is plain numbers, all 0 at first, so it may be in
 * shared memory; a process that is killed while it adds a value leaves one that
 * lacks this value, in its sum or as a whole.
 */
#ifndef ES_BASE_HISTOGRAM_H
#define ES_BASE_HISTOGRAM_H

#include <apr.h>

/** Most bounds. */
#define ES_HISTOGRAM_BOUNDS 17

typedef struct es_histogram_t {
    apr_uint64_t sum;
    apr_uint64_t counts[ES_HISTOGRAM_BOUNDS + 1]; /* [i]: values at most bound i
                                                   * and above the one before
                                                   * it; last: all larger */
} es_histogram_t;

/** What a kind of histograms has: its bounds, which rise. */
typedef struct es_histogram_kind_t {
    int count;                                /* of bounds */
    apr_uint64_t bounds[ES_HISTOGRAM_BOUNDS]; /* in the unit of the values */
} es_histogram_kind_t;

/** Times in microseconds: from 100 us to 10 s. */
extern const es_histogram_kind_t es_histogram_times;

/** Numbers of records: from 0 to 10,000. */
extern const es_histogram_kind_t es_histogram_records;

/**
 * Add a value.
 *
 * Context: ANY; the only thread that adds to it.
 */
void es_histogram_add(es_histogram_t *histogram,
                      const es_histogram_kind_t *kind, apr_uint64_t value);

/** The same; any number of threads and processes at once. Context: ANY. */
void es_histogram_add_shared(es_histogram_t *histogram,
                             const es_histogram_kind_t *kind,
                             apr_uint64_t value);

/** Add what a histogram has to total, which is the caller's alone. Context:
 * ANY. */
void es_histogram_sum(es_histogram_t *total, const es_histogram_t *histogram);

/** How many values were added. Context: as es_histogram_sum. */
apr_uint64_t es_histogram_count(const es_histogram_t *total);

#endif
