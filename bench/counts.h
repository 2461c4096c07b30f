/* SPDX-License-Identifier: Apache-2.0 */
/**
 * counts: the counters of one reading process of load.
 *
 * They are in memory shared with the parent, and the reading process alone
 * writes them. The parent reads the counters at any time (each is stored
 * atomically, without any order among them) and the histogram once the process
 * has ended.
 */
#ifndef EB_COUNTS_H
#define EB_COUNTS_H

#include <stdint.h>

#include "bench/histogram.h"

typedef enum {
    EB_COUNTS_READY,         /* clients that received stream-open */
    EB_COUNTS_REFUSED,       /* clients without connection, 200 or stream */
    EB_COUNTS_DELIVERED,     /* events, each counted once for each client */
    EB_COUNTS_DOUBLED,       /* events that the client had already */
    EB_COUNTS_REORDERED,     /* delivered, but after a later one */
    EB_COUNTS_MALFORMED,     /* events that differ from what was published */
    EB_COUNTS_WRONG_CHANNEL, /* events of a channel that was not requested */
    EB_COUNTS_RESETS,        /* stream-reset events */
    EB_COUNTS_KEEPALIVES,    /* keep-alive events */
    EB_COUNTS_CUT,           /* streams that the server ended */
    EB_COUNTS_LAST_NS,       /* eb_clock_ns() of the last delivery */
    EB_COUNTS_KINDS
} eb_counts_kind_t;

typedef struct {
    uint64_t counter[EB_COUNTS_KINDS]; /* written by eb_counts_set() */
    eb_histogram_t latency;
} __attribute__((aligned(64))) eb_counts_t;

/* Relaxed suffices: a counter says nothing about any other memory. */
static inline void eb_counts_set(eb_counts_t *counts, eb_counts_kind_t kind,
                                 uint64_t value)
{
    __atomic_store_n(&counts->counter[kind], value, __ATOMIC_RELAXED);
}

/** Add one. The plain read is enough: this process is the only writer. */
static inline void eb_counts_add(eb_counts_t *counts, eb_counts_kind_t kind)
{
    eb_counts_set(counts, kind, counts->counter[kind] + 1);
}

static inline uint64_t eb_counts_get(const eb_counts_t *counts,
                                     eb_counts_kind_t kind)
{
    return __atomic_load_n(&counts->counter[kind], __ATOMIC_RELAXED);
}

#endif
