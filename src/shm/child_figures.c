/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment is a head and an array of blocks; child number c has the one at
 * c - 1:
 *
 *   ┌──────┐┌──────────────────────────────┬────────────────────────────────┐
 *   │ head ││ delivery                     │ workers                        │
 *   │      ││ for each hub: counts, lag,   │ for each hub: counts, publish, │
 *   │      ││ replay; gauges               │ lag, replay; clients           │
 *   └──────┘└──────────────────────────────┴────────────────────────────────┘
 *
 * Both parts are whole cache lines, and so is what a hub has. Each number is
 * written by itself. A child that is killed between two of them leaves figures
 * that lack one event or one value, and nothing to repair. The parent writes
 * gauges only, at addresses that it computes by itself.
 */
#include "shm/child_figures.h"

#include <stddef.h>
#include <string.h>

#include "base/context.h"

#define LINE ES_CHILD_FIGURES_LINE

typedef struct head_t {
    apr_uint32_t children; /* numbers up to it were used; only rises */
    apr_uint32_t hubs;     /* rows below it were used; only rises */
} __attribute__((aligned(LINE))) head_t;

typedef struct block_t {
    es_delivery_figures_t delivery;
    es_worker_figures_t workers;
} block_t;

typedef char assert_row_is_a_line[sizeof(es_hub_figures_t) == LINE ? 1 : -1];
typedef char assert_block_is_lines[sizeof(block_t) % LINE == 0 ? 1 : -1];
typedef char
    assert_part_is_lines[offsetof(block_t, workers) % LINE == 0 ? 1 : -1];

struct es_child_figures_t {
    head_t *head;
    block_t *blocks;
    apr_uint32_t max_children;
};

apr_size_t es_child_figures_size(apr_uint32_t max_children)
{
    return sizeof(head_t) + (apr_size_t)max_children * sizeof(block_t);
}

es_child_figures_t *es_child_figures_attach(void *mem,
                                            apr_uint32_t max_children,
                                            apr_pool_t *pool)
{
    es_child_figures_t *figures = apr_palloc(pool, sizeof(*figures));

    figures->head = mem;
    figures->blocks = (block_t *)(figures->head + 1);
    figures->max_children = max_children;
    return figures;
}

/* Whoever has the higher number wins, in whatever order they come. */
static void raise_to(apr_uint32_t *most, apr_uint32_t value)
{
    apr_uint32_t now = __atomic_load_n(most, __ATOMIC_RELAXED);

    while (now < value &&
           !__atomic_compare_exchange_n(most, &now, value, 0, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
    }
}

void es_child_figures_use(const es_child_figures_t *figures, apr_uint32_t child,
                          apr_uint32_t hub)
{
    if (child <= figures->max_children) {
        raise_to(&figures->head->children, child);
    }
    if (hub < ES_CHILD_FIGURES_HUBS) {
        raise_to(&figures->head->hubs, hub + 1);
    }
}

static apr_uint32_t at_most(const apr_uint32_t *number, apr_uint32_t most)
{
    apr_uint32_t value = __atomic_load_n(number, __ATOMIC_RELAXED);

    return value < most ? value : most;
}

apr_uint32_t es_child_figures_children(const es_child_figures_t *figures)
{
    return at_most(&figures->head->children, figures->max_children);
}

apr_uint32_t es_child_figures_hubs(const es_child_figures_t *figures)
{
    return at_most(&figures->head->hubs, ES_CHILD_FIGURES_HUBS);
}

static block_t *block_at(const es_child_figures_t *figures, apr_uint32_t child)
{
    return child != 0 && child <= figures->max_children
               ? &figures->blocks[child - 1]
               : NULL;
}

es_delivery_figures_t *es_child_figures_delivery(
    const es_child_figures_t *figures, apr_uint32_t child)
{
    block_t *block = block_at(figures, child);

    return block ? &block->delivery : NULL;
}

es_worker_figures_t *es_child_figures_workers(const es_child_figures_t *figures,
                                              apr_uint32_t child)
{
    block_t *block = block_at(figures, child);

    return block ? &block->workers : NULL;
}

void es_child_figures_clear(const es_child_figures_t *figures,
                            apr_uint32_t child)
{
    block_t *block = block_at(figures, child);

    ES_CONTEXT(ES_PARENT);
    if (block) {
        memset(&block->delivery.gauges, 0, sizeof(block->delivery.gauges));
        memset(block->workers.clients, 0, sizeof(block->workers.clients));
    }
}

/* Most numbers are 0 after a step: no locked instruction then. */
static void move(apr_uint64_t *to, apr_uint64_t *from)
{
    if (*from != 0) {
        __atomic_fetch_add(to, *from, __ATOMIC_RELAXED);
        *from = 0;
    }
}

void es_child_figures_add_shared(es_hub_figures_t *shared,
                                 es_hub_figures_t *own)
{
    int i;

    move(&shared->deliveries, &own->deliveries);
    move(&shared->bytes, &own->bytes);
    move(&shared->streams, &own->streams);
    for (i = 0; i < ES_RESETS; i++) {
        move(&shared->resets[i], &own->resets[i]);
    }
}

static apr_uint64_t load(const apr_uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

void es_child_figures_sum(es_hub_figures_t *total, const es_hub_figures_t *row)
{
    int i;

    total->deliveries += load(&row->deliveries);
    total->bytes += load(&row->bytes);
    total->streams += load(&row->streams);
    for (i = 0; i < ES_RESETS; i++) {
        total->resets[i] += load(&row->resets[i]);
    }
}
