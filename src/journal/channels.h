/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The channel table: which slot belongs to which channel, and what the journal
 * holds of it. All functions need the store's lock, except es_channels_at,
 * es_channels_name and where stated.
 *
 * A slot is idle if none of its records is retained, no child subscribes to it,
 * its channel is not closed, and the present batch does not use it. An idle
 * slot keeps its channel until the table is full; then it is given to another
 * one. A slot that belongs to no channel is spare.
 */
#ifndef ES_JOURNAL_CHANNELS_H
#define ES_JOURNAL_CHANNELS_H

#include "journal/idle_slots.h"
#include "journal/layout.h"
#include "journal/subscriptions.h"

typedef struct es_channels_t {
    es_table_t *table;
    apr_uint32_t *buckets;
    es_chan_t *slots;
    apr_uint32_t nslots;
    apr_uint32_t nbuckets; /* a power of 2 */
    apr_uint32_t reserve;  /* slots, see journal/slot_maker.h */
    apr_uint64_t key[2];   /* copied: the segment may be damaged */
    const es_subscriptions_t *subscriptions;
    es_idle_slots_t idle;
} es_channels_t;

/** Compute the addresses in the segment at mem. */
void es_channels_attach(es_channels_t *channels, const es_layout_t *layout,
                        void *mem, const es_subscriptions_t *subscriptions);

/** @return NULL if the slot is out of range */
es_chan_t *es_channels_at(const es_channels_t *channels, es_slot_t slot);

/** The name of the slot's channel; empty if it has none or is out of range. It
 * lives in the segment: without the lock, another channel may take the slot and
 * write its name there. */
es_slice_t es_channels_name(const es_channels_t *channels, es_slot_t slot);

/** The hash of a name. Needs no lock; callers compute it before they lock. */
apr_uint64_t es_channels_hash(const es_channels_t *channels, es_slice_t name);

/** Begin a batch: slots that the batch before used may be reclaimed again. */
void es_channels_begin_batch(const es_channels_t *channels);

/** Set the time, see es_store_set_clock: channels that are closed until later
 * keep their slots. Needs no lock. */
void es_channels_set_clock(const es_channels_t *channels, apr_uint64_t now_ms);

/** The present batch uses the slot. @return 1 the first time in this batch */
int es_channels_use_slot(const es_channels_t *channels, es_slot_t slot);

/**
 * Find a channel's slot.
 *
 * @param slot  0 if the channel has none
 * @return APR_SUCCESS; APR_EGENERAL: the chains are damaged, repair the store
 */
apr_status_t es_channels_find(const es_channels_t *channels, es_slice_t name,
                              apr_uint64_t hash, es_slot_t *slot);

/**
 * Find a channel's slot, or give it a spare or an idle one.
 *
 * @return APR_SUCCESS; APR_ENOMEM: there is none, or none was found within a
 *         bounded number of steps; APR_EGENERAL: the chains are damaged, repair
 *         the store
 */
apr_status_t es_channels_make(const es_channels_t *channels, es_slice_t name,
                              apr_uint64_t hash, es_slot_t *slot);

/* The parts of es_channels_make. A slot that was taken is in no chain and no
 * list until it is given to a channel or back; if the caller dies before that,
 * a repair puts it into the free list. */

/** Take a spare slot. @return as es_channels_make */
apr_status_t es_channels_take_spare(const es_channels_t *channels,
                                    es_slot_t *slot);

/** Take an idle slot from its channel. @return as es_channels_make */
apr_status_t es_channels_take_idle(const es_channels_t *channels,
                                   es_slot_t *slot);

/** Take this slot, which is idle, from its channel. @return APR_SUCCESS or
 * APR_EGENERAL, as es_channels_make */
apr_status_t es_channels_take(const es_channels_t *channels, es_slot_t slot);

/** Give a slot that was taken to a channel that has none. */
void es_channels_give(const es_channels_t *channels, es_slot_t slot,
                      es_slice_t name, apr_uint64_t hash);

/** Make a slot that was taken a spare one. */
void es_channels_give_back(const es_channels_t *channels, es_slot_t slot);

/** The slots that publishers can have for new channels, though idle ones are
 * not counted: spare ones, and those whose records they can evict. */
apr_uint32_t es_channels_for_publishers(const es_channels_t *channels);

/** Slots above this one were never used. Needs no lock. */
apr_uint32_t es_channels_used(const es_channels_t *channels);

/** 1 if the slot will be idle once its record at pos is evicted. */
int es_channels_needs_only(const es_channels_t *channels, es_slot_t slot,
                           es_pos_t pos);

/** Count a subscription of a child. @return as es_subscriptions_raise */
int es_channels_subscribe(const es_channels_t *channels, apr_uint32_t child,
                          es_slot_t slot);

/**
 * Take note of a slot that may have become idle: its last record was evicted,
 * or a child has removed its last subscription. Called after each of the two.
 *
 * Context: ANY, needs no lock.
 */
void es_channels_note_idle(const es_channels_t *channels, es_slot_t slot);

/** es_channels_note_idle for all slots that were ever used. Needs no lock. */
void es_channels_note_all_idle(const es_channels_t *channels);

/** The journal is about to receive a record of the slot at pos. @return where
 * the slot's record before starts, 0 = none is retained */
es_pos_t es_channels_append(const es_channels_t *channels, es_slot_t slot,
                            es_pos_t pos, es_pos_t tail);

/** The journal is about to evict the record of the slot at pos. */
void es_channels_evict(const es_channels_t *channels, es_slot_t slot,
                       es_pos_t pos, const es_id_t *id);

/**
 * A close of the slot at pos is committed: the records before it are dropped,
 * and the channel is closed.
 */
void es_channels_close(const es_channels_t *channels, es_slot_t slot,
                       es_pos_t pos, const es_id_t *id, apr_uint64_t until_ms);

/** The first half of es_channels_close: drop the records up to the close, all
 * but the newest ones, after of them. */
void es_channels_drop(const es_channels_t *channels, es_slot_t slot,
                      es_pos_t pos, const es_id_t *id, apr_uint32_t after);

/** The second half: the channel is closed until then; 0 = open, as after an
 * event. */
void es_channels_set_closed(const es_channels_t *channels, es_slot_t slot,
                            apr_uint64_t until_ms);

/**
 * All records of all channels are about to be evicted; then their channels
 * count as having lost all up to id, also those that are made later.
 *
 * @param pos  as if the newest record of each had been here; 0 = where it is
 */
void es_channels_evict_all(const es_channels_t *channels, es_pos_t pos,
                           const es_id_t *id);

/** 1 if the record of the slot at pos is not after the slot's last close. */
int es_channels_has_dropped(const es_channels_t *channels, es_slot_t slot,
                            es_pos_t pos);

/* ---- for migration ------------------------------------------------------ */

/** Records of the slot up to id were evicted before the slot was made. */
void es_channels_set_evicted(const es_channels_t *channels, es_slot_t slot,
                             const es_id_t *id);

/** The slot's records up to this id are evicted; {0, 0}: out of range. */
es_id_t es_channels_evicted(const es_channels_t *channels, es_slot_t slot);

/** Records up to id were evicted of channels that have no slot any more. */
void es_channels_raise_forgotten(const es_channels_t *channels,
                                 const es_id_t *id);

/** 1 if a slot is spare. */
int es_channels_has_room(const es_channels_t *channels);

/* ---- single words of the table, for check and repair; lock held --------- */

static inline apr_uint32_t *es_channels_bucket(const es_channels_t *channels,
                                               apr_uint64_t hash)
{
    return &channels->buckets[hash & (channels->nbuckets - 1)];
}

/** A record of the slot is retained. */
void es_channels_count_record(const es_channels_t *channels, es_slot_t slot);

static inline void es_channels_set_state(es_chan_t *chan, apr_uint32_t state)
{
    __atomic_store_n(&chan->state, state, __ATOMIC_RELEASE);
}

/** Store an id. Death between the two stores leaves the new ms with the old n.
 * As ms only rises here, that is above the old id, and at worst above the new
 * one, too: then a client is reset though it has missed nothing. */
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
