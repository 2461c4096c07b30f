/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How many subscriptions the child at each place has to each slot. Counts are
 * raised under the store's lock and lowered without it, so all are atomic.
 */
#ifndef ES_JOURNAL_SUBSCRIPTIONS_H
#define ES_JOURNAL_SUBSCRIPTIONS_H

#include "journal/layout.h"

typedef struct es_subscriptions_t {
    apr_uint32_t *totals; /* of each place */
    char *rows;
    apr_uint32_t *high_child; /* es_table_t.high_child */
    apr_uint64_t row_bytes;
    apr_uint32_t max_children;
    apr_uint32_t nslots;
} es_subscriptions_t;

void es_subscriptions_attach(es_subscriptions_t *subscriptions,
                             const es_layout_t *layout, void *mem);

/** One subscription more. @return 1, or 0 when out of range. Under lock. */
int es_subscriptions_raise(const es_subscriptions_t *subscriptions,
                           apr_uint32_t child, es_slot_t slot);

/** One less, never below 0. Context: ANY, without lock. */
void es_subscriptions_lower(const es_subscriptions_t *subscriptions,
                            apr_uint32_t child, es_slot_t slot);

/** All of a place to 0. Context: PARENT. */
void es_subscriptions_clear(const es_subscriptions_t *subscriptions,
                            apr_uint32_t child);

/**
 * Subscriptions to a slot over all places. Under lock.
 *
 * @param touched  NULL, or bits of the places that have one are set in it
 */
apr_uint64_t es_subscriptions_of_slot(const es_subscriptions_t *subscriptions,
                                      es_slot_t slot, apr_uint64_t *touched);

/** 1 when nobody subscribes to the slot. Under lock. */
int es_subscriptions_is_idle(const es_subscriptions_t *subscriptions,
                             es_slot_t slot);

/** All subscriptions of a place. */
apr_uint64_t es_subscriptions_of_child(const es_subscriptions_t *subscriptions,
                                       apr_uint32_t child);

/** 1 when the rows add up to the totals; for a store at rest. */
int es_subscriptions_check(const es_subscriptions_t *subscriptions,
                           apr_uint32_t *child);

#endif
