/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Counts subscriptions: how many each child has to each slot. The store's lock
 * is held to add one, but not to remove one, so all counts are atomic.
 */
#ifndef ES_JOURNAL_SUBSCRIPTIONS_H
#define ES_JOURNAL_SUBSCRIPTIONS_H

#include "journal/layout.h"

typedef struct es_subscriptions_t {
    apr_uint32_t *totals;     /* of each child, child c at c - 1 */
    char *rows;               /* of each child */
    apr_uint32_t *high_child; /* es_table_t.high_child */
    apr_uint64_t row_bytes;
    apr_uint32_t max_children;
    apr_uint32_t nslots;
} es_subscriptions_t;

/** Compute the addresses in the segment at mem. */
void es_subscriptions_attach(es_subscriptions_t *subscriptions,
                             const es_layout_t *layout, void *mem);

/** Add one. @return 1, or 0: child or slot is out of range. Under lock. */
int es_subscriptions_raise(const es_subscriptions_t *subscriptions,
                           apr_uint32_t child, es_slot_t slot);

/**
 * Remove one, never below 0, in two steps. What the caller does between the two
 * (es_channels_note_idle) is done as well if the child dies there, since the
 * total is too high then: see es_subscriptions_clear.
 *
 * @return 1 if there was one: es_subscriptions_lower_total is due
 *
 * Context: ANY, without lock.
 */
int es_subscriptions_lower(const es_subscriptions_t *subscriptions,
                           apr_uint32_t child, es_slot_t slot);
void es_subscriptions_lower_total(const es_subscriptions_t *subscriptions,
                                  apr_uint32_t child);

/**
 * Remove all of a child that has ended.
 *
 * @param slots  it can have subscriptions to slots up to this one
 * @return 1 if it had any, or died while it removed one
 *
 * Context: PARENT.
 */
int es_subscriptions_clear(const es_subscriptions_t *subscriptions,
                           apr_uint32_t child, apr_uint32_t slots);

/**
 * Subscriptions of all children to a slot. Under lock.
 *
 * @param touched  NULL, or as for es_store_append
 */
apr_uint64_t es_subscriptions_of_slot(const es_subscriptions_t *subscriptions,
                                      es_slot_t slot, apr_uint64_t *touched);

/** Set the bits of all children that have subscriptions, as es_store_append
 * does. */
void es_subscriptions_touch_all(const es_subscriptions_t *subscriptions,
                                apr_uint64_t *touched);

/** 1 if no child subscribes to the slot. Under lock. */
int es_subscriptions_is_idle(const es_subscriptions_t *subscriptions,
                             es_slot_t slot);

/** Subscriptions of a child to all slots. */
apr_uint64_t es_subscriptions_of_child(const es_subscriptions_t *subscriptions,
                                       apr_uint32_t child);

/** Compare the rows with the totals, while no other thread uses the store.
 *
 * @param child  on 0: the first whose row differs
 * @return 1 if all are equal */
int es_subscriptions_check(const es_subscriptions_t *subscriptions,
                           apr_uint32_t *child);

#endif
