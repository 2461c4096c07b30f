/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How many subscriptions the child at each place has to each slot. Counts are
 * raised under the store's lock and lowered without it, so all are atomic.
 */
#ifndef ES_COUNTS_H
#define ES_COUNTS_H

#include "journal/layout.h"

typedef struct es_counts_t {
    apr_uint32_t *totals; /* of each place */
    char *rows;
    apr_uint32_t *high; /* es_table_t.rows */
    apr_uint64_t row_bytes;
    apr_uint32_t places;
    apr_uint32_t channels;
} es_counts_t;

void es_counts_use(es_counts_t *counts, const es_layout_t *layout, void *mem);

/** One subscription more. @return 1, or 0 when out of range. Under lock. */
int es_counts_raise(const es_counts_t *counts, apr_uint32_t place,
                    es_slot_t slot);

/** One less, never below 0. Context: ANY, without lock. */
void es_counts_lower(const es_counts_t *counts, apr_uint32_t place,
                     es_slot_t slot);

/** All of a place to 0. Context: PARENT. */
void es_counts_forget(const es_counts_t *counts, apr_uint32_t place);

/**
 * Subscriptions to a slot over all places. Under lock.
 *
 * @param touched  NULL, or bits of the places that have one are set in it
 */
apr_uint64_t es_counts_sum(const es_counts_t *counts, es_slot_t slot,
                           apr_uint64_t *touched);

/** 1 when nobody subscribes to the slot. Under lock. */
int es_counts_is_idle(const es_counts_t *counts, es_slot_t slot);

/** All subscriptions of a place. */
apr_uint64_t es_counts_total(const es_counts_t *counts, apr_uint32_t place);

/** 1 when the rows add up to the totals; for a store at rest. */
int es_counts_check(const es_counts_t *counts, apr_uint32_t *place);

#endif
