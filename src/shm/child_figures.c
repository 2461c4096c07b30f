/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The segment is an array of blocks; child number c has the one at c - 1:
 *
 *   ┌──────────────────────────────────┬────────────────────────────────────┐
 *   │ delivery: hubs, lag, replay,     │ workers: hubs, publish, replay     │
 *   │ gauges                           │                                    │
 *   └──────────────────────────────────┴────────────────────────────────────┘
 *
 * Both parts are whole cache lines, and so is each row of a hub. Each number is
 * written by itself. A child that is killed between two of them leaves figures
 * that lack one event or one value, and nothing to repair. The parent writes
 * gauges only, at addresses that it computes by itself.
 */
#include "shm/child_figures.h"

#include <string.h>

#include "base/context.h"

#define LINE 64

typedef struct block_t {
    union {
        es_delivery_figures_t figures;
        char lines[(sizeof(es_delivery_figures_t) + LINE - 1) / LINE * LINE];
    } delivery;
    union {
        es_worker_figures_t figures;
        char lines[(sizeof(es_worker_figures_t) + LINE - 1) / LINE * LINE];
    } workers;
} block_t;

typedef char assert_row_is_a_line[sizeof(es_hub_figures_t) == LINE ? 1 : -1];
typedef char assert_block_is_lines[sizeof(block_t) % LINE == 0 ? 1 : -1];

struct es_child_figures_t {
    block_t *blocks;
    apr_uint32_t max_children;
};

apr_size_t es_child_figures_size(apr_uint32_t max_children)
{
    return (apr_size_t)max_children * sizeof(block_t);
}

es_child_figures_t *es_child_figures_attach(void *mem,
                                            apr_uint32_t max_children,
                                            apr_pool_t *pool)
{
    es_child_figures_t *figures = apr_palloc(pool, sizeof(*figures));

    figures->blocks = mem;
    figures->max_children = max_children;
    return figures;
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

    return block ? &block->delivery.figures : NULL;
}

es_worker_figures_t *es_child_figures_workers(const es_child_figures_t *figures,
                                              apr_uint32_t child)
{
    block_t *block = block_at(figures, child);

    return block ? &block->workers.figures : NULL;
}

void es_child_figures_clear(const es_child_figures_t *figures,
                            apr_uint32_t child)
{
    block_t *block = block_at(figures, child);

    ES_CONTEXT(ES_PARENT);
    if (block) {
        memset(&block->delivery.figures.gauges, 0, sizeof(es_child_gauges_t));
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
