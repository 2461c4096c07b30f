/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Makes slots for channels that have none. If the table is full, it evicts the
 * oldest records, as the ring does, until a slot is idle.
 *
 * A new channel gets a spare slot, or an idle one, or one that becomes idle by
 * eviction. Subscribers, which may be strangers, leave a reserve to publishers:
 * a part of the table that is spare, idle, or retains events. Channels that are
 * only subscribed to cannot fill it, and a publisher finds a slot in it, at
 * worst by eviction. Only the store's own files include this.
 */
#ifndef ES_JOURNAL_SLOT_MAKER_H
#define ES_JOURNAL_SLOT_MAKER_H

#include "journal/store_priv.h"

typedef struct es_slot_maker_t {
    es_store_t *store;
    int is_publisher;
    int left;   /* records that it may still read or evict for this slot */
    int looked; /* records that it has read or evicted; the caller's to reset */
    int evicted;    /* records that it has evicted */
    int is_full;    /* 1 = it has found no slot for a channel */
    int leaves_out; /* 1 = the caller goes on without such channels */
} es_slot_maker_t;

/** @param is_publisher  1 = the reserve is for this one, too, and it may evict
 *                       more records */
void es_slot_maker_init(es_slot_maker_t *maker, es_store_t *store,
                        int is_publisher);

/**
 * Find a channel's slot, or make one.
 *
 * @return APR_SUCCESS; APR_ENOMEM: none could be made. It may be possible at
 *         the next call, as each call reads and evicts a bounded number of
 *         records only; APR_EGENERAL: chains or records are damaged, repair the
 *         store
 *
 * Context: ANY; lock held.
 */
apr_status_t es_slot_maker_make(es_slot_maker_t *maker, es_slice_t name,
                                apr_uint64_t hash, es_slot_t *slot);

/** Warn that the table is full, if it was. Called without the lock. */
void es_slot_maker_log(const es_slot_maker_t *maker);

#endif
