/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the children have delivered: a shared segment with a block for each
 * child number, which the parent keeps over restarts. What is counted belongs
 * to the number and not to the process, so that sums never go back when a child
 * dies; gauges of a child that is gone are 0.
 *
 * A block has cache lines of its own, and two parts. One is written by the
 * delivery with that number alone, by plain increments; the other by the
 * workers of its process, by atomic ones. It knows hubs by the number of their
 * counter (es_retained_hub_t), which stays the same as long as httpd runs. What
 * a hub has in a part is on lines of its own, too.
 */
#ifndef ES_SHM_CHILD_FIGURES_H
#define ES_SHM_CHILD_FIGURES_H

#include <apr_pools.h>
#include <apr_time.h>

#include "base/histogram.h"

/** Hubs that there can be until httpd is stopped; others are not counted. */
#define ES_CHILD_FIGURES_HUBS 192

/** Why a client was told by stream-reset that it may have missed events. */
typedef enum es_reset_t {
    ES_RESET_RESUME,    /* the id that it came with is unknown, or something
                         * after it is evicted */
    ES_RESET_OVERTAKEN, /* the ring has evicted what it was about to read */
    ES_RESET_HANDOVER,  /* the same, while another child took it over */
    ES_RESET_FILLED,    /* the journal was replaced by a broker's history */
    ES_RESET_DAMAGED,   /* a record was not readable */
    ES_RESETS
} es_reset_t;

/** What is counted of a hub: a cache line. */
typedef struct es_hub_figures_t {
    apr_uint64_t deliveries; /* events that clients got as a whole */
    apr_uint64_t bytes;      /* of bodies, with chunk framing, before TLS */
    apr_uint64_t streams;    /* that began; not those that were handed over */
    apr_uint64_t resets[ES_RESETS];
} es_hub_figures_t;

/** Bytes of a cache line. */
#define ES_CHILD_FIGURES_LINE 64

/** Of a hub, by a delivery. */
typedef struct es_delivery_hub_t {
    es_hub_figures_t counts;
    es_histogram_t lag;    /* es_histogram_times; a value for each round */
    es_histogram_t replay; /* es_histogram_records; for each client that had
                            * something to catch up with */
} __attribute__((aligned(ES_CHILD_FIGURES_LINE))) es_delivery_hub_t;

/** Of a hub, by workers. */
typedef struct es_worker_hub_t {
    es_hub_figures_t counts;
    es_histogram_t publish; /* es_histogram_times; for each batch */
    es_histogram_t lag;     /* the same; for each write of live events to a
                             * client that a worker holds */
    es_histogram_t replay;  /* as above, of held clients */
} __attribute__((aligned(ES_CHILD_FIGURES_LINE))) es_worker_hub_t;

/** What is there now of a delivery; 0 = not known, or it is gone. */
typedef struct es_child_gauges_t {
    apr_uint64_t lag_us;     /* of the last round */
    apr_uint64_t lag_at;     /* es_clock_now at its end */
    apr_uint64_t cpu_us;     /* of the process, user and system */
    apr_uint64_t open_files; /* of the process */
    apr_uint64_t clients[ES_CHILD_FIGURES_HUBS];
} es_child_gauges_t;

/** Counted and measured by a delivery. */
typedef struct es_delivery_figures_t {
    es_delivery_hub_t hubs[ES_CHILD_FIGURES_HUBS];
    es_child_gauges_t gauges;
} es_delivery_figures_t;

/** Counted and measured by workers. */
typedef struct es_worker_figures_t {
    es_worker_hub_t hubs[ES_CHILD_FIGURES_HUBS];
    apr_uint64_t clients[ES_CHILD_FIGURES_HUBS]; /* that they hold now */
} es_worker_figures_t;

typedef struct es_child_figures_t es_child_figures_t;

/** Bytes of the segment (max_children 1..ES_CHILDREN_MAX). Pages that no child
 * writes to take no memory. */
apr_size_t es_child_figures_size(apr_uint32_t max_children);

/** Use mem, which is all zero when it is made. The result lives in pool. */
es_child_figures_t *es_child_figures_attach(void *mem,
                                            apr_uint32_t max_children,
                                            apr_pool_t *pool);

/**
 * A child with this number counts the hub from now on. Readers look at what was
 * ever used only, so that the rest takes no memory.
 *
 * Context: CHILD_INIT. A number or a hub that has no row is ignored.
 */
void es_child_figures_use(const es_child_figures_t *figures, apr_uint32_t child,
                          apr_uint32_t hub);

/** The highest child number that was ever used, 0 = none. Context: ANY. */
apr_uint32_t es_child_figures_children(const es_child_figures_t *figures);

/** Hubs below it were ever used. Context: ANY. */
apr_uint32_t es_child_figures_hubs(const es_child_figures_t *figures);

/** The delivery's part of a block; NULL if there is no such child. Context:
 * ANY; only the delivery writes. */
es_delivery_figures_t *es_child_figures_delivery(
    const es_child_figures_t *figures, apr_uint32_t child);

/** The workers' part, as above; it is written with the atomic functions only.
 * Context: ANY. */
es_worker_figures_t *es_child_figures_workers(const es_child_figures_t *figures,
                                              apr_uint32_t child);

/** A child is gone: its gauges are 0. Context: PARENT. */
void es_child_figures_clear(const es_child_figures_t *figures,
                            apr_uint32_t child);

/** Set a gauge. Context: as es_child_figures_raise. */
static inline void es_child_figures_set(apr_uint64_t *gauge, apr_uint64_t value)
{
    __atomic_store_n(gauge, value, __ATOMIC_RELAXED);
}

/** Raise a number of which the caller is the only writer. Others may read it.
 * Context: the owner's thread. */
static inline void es_child_figures_raise(apr_uint64_t *number, apr_uint64_t by)
{
    /* relaxed: no other data depends on it; not a locked instruction */
    __atomic_store_n(number, __atomic_load_n(number, __ATOMIC_RELAXED) + by,
                     __ATOMIC_RELAXED);
}

/**
 * Add what a worker has counted by itself, of one client that it holds, and
 * begin again.
 *
 * @param own  the worker's; all 0 on return
 *
 * Context: WORKER.
 */
void es_child_figures_add_shared(es_hub_figures_t *shared,
                                 es_hub_figures_t *own);

/** Add what a hub's row has to total, which is the caller's. Context: ANY. */
void es_child_figures_sum(es_hub_figures_t *total, const es_hub_figures_t *row);

#endif
