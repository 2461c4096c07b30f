/* SPDX-License-Identifier: Apache-2.0 */
/**
 * histogram: how often each latency was seen.
 *
 * Buckets are 1/32 of a power of two wide, so a percentile is right within
 * about 3 %. The struct holds no pointers: it lives in memory shared by
 * processes, is written by one of them, and added up by another once the
 * writer has stopped.
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

/** Count one value; what is too large for the last bucket lands there. */
void eb_histogram_add(eb_histogram_t *histogram, uint64_t ns);

/** Add all of other's values to sum. */
void eb_histogram_merge(eb_histogram_t *sum, const eb_histogram_t *other);

/**
 * The value below which the given share of all values lies.
 *
 * @param share  0.0 to 1.0: 0.99 is the 99th percentile
 * @return nanoseconds (the bucket's upper edge); 0 when nothing was recorded
 */
uint64_t eb_histogram_at(const eb_histogram_t *histogram, double share);

#endif
