/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The channel table: which slot belongs to which channel, and what the
 * journal holds of it. All is done under the store's lock, but for
 * es_channels_at, es_channels_name and reading a slot's newest.
 *
 * A slot is idle when nothing of it is retained, nobody subscribes to it and
 * the present batch does not use it; idle slots keep their channel until the
 * table is full, and are then given to another one.
 */
#ifndef ES_JOURNAL_CHANNELS_H
#define ES_JOURNAL_CHANNELS_H

#include "journal/layout.h"
#include "journal/subscriptions.h"

typedef struct es_channels_t {
    es_table_t *table;
    apr_uint32_t *buckets;
    es_chan_t *slots;
    apr_uint32_t nslots;
    apr_uint32_t nbuckets; /* a power of 2 */
    apr_uint64_t key[2];   /* own copy */
    const es_subscriptions_t *subscriptions;
} es_channels_t;

void es_channels_attach(es_channels_t *channels, const es_layout_t *layout,
                        void *mem, const es_subscriptions_t *subscriptions);

/** @return NULL when the slot is out of range */
es_chan_t *es_channels_at(const es_channels_t *channels, es_slot_t slot);

es_slice_t es_channels_name(const es_channels_t *channels, es_slot_t slot);

/** Needs no lock; to be done before it is taken. */
apr_uint64_t es_channels_hash(const es_channels_t *channels, es_slice_t name);

/** A new batch: slots used by the one before may be reclaimed again. */
void es_channels_begin_batch(const es_channels_t *channels);

/** What the clock says: channels that are closed until later stay. Needs no
 * lock. */
void es_channels_set_clock(const es_channels_t *channels, apr_uint64_t now_ms);

/** Used by the present batch. @return 1 the first time in this batch */
int es_channels_use_slot(const es_channels_t *channels, es_slot_t slot);

/**
 * @param slot  0 when the channel has none
 * @return APR_SUCCESS, or APR_EGENERAL: the chains are damaged, repair
 */
apr_status_t es_channels_find(const es_channels_t *channels, es_slice_t name,
                              apr_uint64_t hash, es_slot_t *slot);

/**
 * Find a channel's slot or give it one.
 *
 * @return APR_SUCCESS; APR_ENOMEM: all slots are in use; APR_EGENERAL: the
 *         chains are damaged, repair
 */
apr_status_t es_channels_make(const es_channels_t *channels, es_slice_t name,
                              apr_uint64_t hash, es_slot_t *slot);

/** The journal has got a record of the slot. @return the one before, or 0 */
es_pos_t es_channels_append(const es_channels_t *channels, es_slot_t slot,
                            es_pos_t pos, es_pos_t tail);

/** The journal is about to lose the record of the slot at pos. */
void es_channels_evict(const es_channels_t *channels, es_slot_t slot,
                       es_pos_t pos, const es_id_t *id);

/**
 * The journal has got a close of the slot, and it is committed: what was
 * before it is dropped.
 */
void es_channels_close(const es_channels_t *channels, es_slot_t slot,
                       es_pos_t pos, const es_id_t *id, apr_uint64_t until_ms);

/** The first half of it: drop what was before the close. */
void es_channels_drop(const es_channels_t *channels, es_slot_t slot,
                      es_pos_t pos, const es_id_t *id);

/** The other one: it is closed until then; 0 = open, as after an event. */
void es_channels_set_closed(const es_channels_t *channels, es_slot_t slot,
                            apr_uint64_t until_ms);

/** 1 when a record of the slot at pos is not after its last close. */
int es_channels_has_dropped(const es_channels_t *channels, es_slot_t slot,
                            es_pos_t pos);

/* ---- carrying over ----------------------------------------------------- */

/** Records of the slot up to id were evicted before the slot was made. */
void es_channels_set_evicted(const es_channels_t *channels, es_slot_t slot,
                             const es_id_t *id);

/** Up to which id records of the slot are gone; {0, 0} without slot. */
es_id_t es_channels_evicted(const es_channels_t *channels, es_slot_t slot);

/** Records up to id were evicted of channels that have no slot. */
void es_channels_raise_forgotten(const es_channels_t *channels,
                                 const es_id_t *id);

/** 1 when a slot can be made without taking that of another channel. */
int es_channels_has_room(const es_channels_t *channels);

/* ---- single words of the table, for its repair and its check; lock held -- */

static inline apr_uint32_t *es_channels_bucket(const es_channels_t *channels,
                                               apr_uint64_t hash)
{
    return &channels->buckets[hash & (channels->nbuckets - 1)];
}

static inline void es_channels_set_state(es_chan_t *chan, apr_uint32_t state)
{
    __atomic_store_n(&chan->state, state, __ATOMIC_RELEASE);
}

/** Death between the two leaves the new ms with the old n. As ms only rises
 * here, that is above the old id and at worst above the new one, too: some
 * client is told of a gap that is none. */
static inline void es_channels_store_id(apr_uint64_t *ms, apr_uint64_t *n,
                                        const es_id_t *id)
{
    __atomic_store_n(ms, id->ms, __ATOMIC_RELEASE);
    __atomic_store_n(n, id->n, __ATOMIC_RELEASE);
}

/** Put a slot into its bucket's chain, by one store. */
static inline void es_channels_link(const es_channels_t *channels,
                                    es_slot_t slot)
{
    es_chan_t *chan = es_channels_at(channels, slot);
    apr_uint32_t *bucket = es_channels_bucket(channels, chan->hash);

    chan->next = *bucket;
    __atomic_store_n(bucket, slot, __ATOMIC_RELEASE);
}

#endif
