/* SPDX-License-Identifier: Apache-2.0 */
/**
 * counts: what one reading process has seen.
 *
 * Lives in memory shared with the parent. The reading process alone writes
 * it. The parent reads the counters while they change (each is stored
 * atomically, no order among them is promised) and the histogram when the
 * process has ended.
 */
#ifndef EB_COUNTS_H
#define EB_COUNTS_H

#include <stdint.h>

#include "bench/histogram.h"

typedef enum {
    EB_COUNTS_READY,     /* clients that received stream-open */
    EB_COUNTS_REFUSED,   /* clients that got no connection, no 200, no stream */
    EB_COUNTS_DELIVERED, /* events, each counted once for each client */
    EB_COUNTS_DOUBLED,   /* events a client had already */
    EB_COUNTS_REORDERED, /* delivered, but behind a later one */
    EB_COUNTS_MALFORMED, /* events that are not what was published */
    EB_COUNTS_WRONG_CHANNEL, /* events of a channel not asked for */
    EB_COUNTS_RESETS,        /* stream-reset events */
    EB_COUNTS_KEEPALIVES,    /* keep-alive events */
    EB_COUNTS_CUT,           /* streams that ended before we did */
    EB_COUNTS_LAST_NS,       /* eb_clock_ns() of the last delivery */
    EB_COUNTS_KINDS
} eb_counts_kind_t;

typedef struct {
    uint64_t counter[EB_COUNTS_KINDS]; /* written by eb_counts_set() */
    eb_histogram_t latency;
} __attribute__((aligned(64))) eb_counts_t;

/* Relaxed: a counter says nothing about any other memory. */
static inline void eb_counts_add(eb_counts_t *counts, eb_counts_kind_t which)
{
    __atomic_store_n(&counts->counter[which], counts->counter[which] + 1,
                     __ATOMIC_RELAXED);
}

static inline void eb_counts_set(eb_counts_t *counts, eb_counts_kind_t which,
                                 uint64_t value)
{
    __atomic_store_n(&counts->counter[which], value, __ATOMIC_RELAXED);
}

static inline uint64_t eb_counts_get(const eb_counts_t *counts,
                                     eb_counts_kind_t which)
{
    return __atomic_load_n(&counts->counter[which], __ATOMIC_RELAXED);
}

#endif
