/* SPDX-License-Identifier: Apache-2.0 */
/**
 * histogram: a histogram of latencies.
 *
 * Buckets are 1/32 of a power of two wide, so that a percentile is accurate
 * within about 3 %. The struct has no pointers: it may be in memory that
 * processes share. One process writes it; another may read it once the writer
 * has ended.
 */
#ifndef EB_HISTOGRAM_H
#define EB_HISTOGRAM_H

#include <stdint.h>

#define EB_HISTOGRAM_SUB 32    /* buckets for each power of two */
#define EB_HISTOGRAM_POWERS 44 /* 2^44 ns are almost five hours */

typedef struct {
    uint64_t count[EB_HISTOGRAM_POWERS * EB_HISTOGRAM_SUB];
    uint64_t total;  /* values recorded */
    uint64_t max_ns; /* the largest of them */
} eb_histogram_t;

/** Count a value; the last bucket also takes larger ones. */
void eb_histogram_add(eb_histogram_t *histogram, uint64_t ns);

/** Add all of other's values to sum. */
void eb_histogram_merge(eb_histogram_t *sum, const eb_histogram_t *other);

/**
 * The value below which the given share of all values lies.
 *
 * @param share  0.0 to 1.0: 0.99 is the 99th percentile
 * @return nanoseconds (the bucket's upper edge); 0: no values
 */
uint64_t eb_histogram_at(const eb_histogram_t *histogram, double share);

#endif
