/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear buckets: values below 32 have a bucket each; above, the five
 * bits after the highest one choose among the 32 buckets of its power.
 */
#include "bench/histogram.h"

#include <stddef.h>

#define BUCKETS (EB_HISTOGRAM_POWERS * EB_HISTOGRAM_SUB)
#define SUB_BITS 5

static size_t bucket_of(uint64_t ns)
{
    unsigned int shift;
    size_t bucket;

    if (ns < EB_HISTOGRAM_SUB) {
        return (size_t)ns;
    }
    shift = 63u - (unsigned int)__builtin_clzll(ns) - SUB_BITS;
    bucket = ((size_t)shift << SUB_BITS) + (size_t)(ns >> shift);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t upper_edge(size_t bucket)
{
    size_t shift;

    if (bucket < EB_HISTOGRAM_SUB) {
        return bucket;
    }
    shift = (bucket >> SUB_BITS) - 1;
    return ((uint64_t)(bucket - (shift << SUB_BITS) + 1) << shift) - 1;
}

void eb_histogram_add(eb_histogram_t *histogram, uint64_t ns)
{
    histogram->count[bucket_of(ns)]++;
    histogram->total++;
    if (ns > histogram->max_ns) {
        histogram->max_ns = ns;
    }
}

void eb_histogram_merge(eb_histogram_t *sum, const eb_histogram_t *other)
{
    size_t i;

    for (i = 0; i < BUCKETS; i++) {
        sum->count[i] += other->count[i];
    }
    sum->total += other->total;
    if (other->max_ns > sum->max_ns) {
        sum->max_ns = other->max_ns;
    }
}

uint64_t eb_histogram_at(const eb_histogram_t *histogram, double share)
{
    uint64_t wanted;
    uint64_t seen;
    size_t i;

    wanted = (uint64_t)(share * (double)histogram->total + 0.5);
    seen = 0;
    for (i = 0; i < BUCKETS; i++) {
        seen += histogram->count[i];
        if (seen >= wanted && seen > 0) {
            return upper_edge(i) < histogram->max_ns ? upper_edge(i)
                                                     : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}
