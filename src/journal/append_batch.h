/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A batch while it is appended: its events, and what was found out about them.
 * It finds slots for the channels and looks up the publishers' ids; it writes
 * no record. Only the store's own files include this.
 */
#ifndef ES_JOURNAL_APPEND_BATCH_H
#define ES_JOURNAL_APPEND_BATCH_H

#include "journal/slot_maker.h"
#include "journal/store_priv.h"

/** A batch of at most this many channels, and hence events, needs no malloc. */
#define ES_APPEND_BATCH_SMALL ES_EVENT_CHANNELS_MAX

/** One channel of one event. */
typedef struct es_append_channel_t {
    apr_uint64_t hash;
    es_slot_t slot; /* found under the lock */
    int is_first;   /* 1 = no channel before it in the batch has this slot */
} es_append_channel_t;

/** What the lookups find out about one event. */
typedef struct es_append_event_t {
    apr_uint64_t publisher_hash; /* of the publisher's id, if it has one */
    es_append_channel_t *channels;
    int is_known; /* 1 = retained already; found under the lock */
} es_append_event_t;

/** The arguments, what was found out about them, and the result. */
typedef struct es_append_batch_t {
    es_store_t *store;
    const es_entry_t *entries;
    int count;
    apr_uint64_t now_ms;
    apr_size_t nchannels;          /* of all entries */
    es_append_channel_t *channels; /* nchannels of them */
    es_append_event_t *events;     /* count of them */
    int *dups;                     /* count; from es_batch_dups_find */
    es_append_channel_t small_channels[ES_APPEND_BATCH_SMALL];
    es_append_event_t small_events[ES_APPEND_BATCH_SMALL];
    int small_dups[ES_APPEND_BATCH_SMALL];
    es_slot_maker_t maker;
    es_pos_t end;    /* the batch ends about here */
    int is_last_try; /* 1 = it is written, whatever is in the way */
    es_appended_t result;
} es_append_batch_t;

/**
 * Check the entries, hash their names and ids, and find those that occur twice.
 *
 * @return APR_SUCCESS; APR_EINVAL, APR_ENOSPC, APR_ENOMEM, APR_EEXIST: as
 *         es_store_append. In any case es_append_batch_clear is due
 *
 * Context: ANY; takes no lock.
 */
apr_status_t es_append_batch_init(es_append_batch_t *batch, es_store_t *store,
                                  const es_entry_t *entries, int count,
                                  apr_uint64_t now_ms);

/** Bytes of the ring that an event takes, if ours is an id of id_len bytes. */
apr_uint64_t es_append_batch_event_size(const es_entry_t *entry,
                                        apr_size_t id_len);

void es_append_batch_clear(const es_append_batch_t *batch);

/**
 * Find or make the slots of event number i.
 *
 * @return APR_SUCCESS; APR_ENOMEM, APR_EGENERAL: as es_slot_maker_make
 *
 * Context: ANY; lock held, es_channels_begin_batch called since it was taken.
 */
apr_status_t es_append_batch_find_slots(es_append_batch_t *batch, int i);

/** Forget which events are known. */
void es_append_batch_forget_known(es_append_batch_t *batch);

/**
 * Find out whether event number i, whose slots are found, is retained already.
 * If so, the result counts it.
 *
 * @return APR_SUCCESS; APR_EEXIST: as es_store_append, clash is filled;
 *         APR_EGENERAL: the index is damaged, repair the store
 *
 * Context: ANY; lock held.
 */
apr_status_t es_append_batch_find_known(es_append_batch_t *batch, int i);

/** The id of the batch is the highest id of its events. */
void es_append_batch_raise_last_id(es_append_batch_t *batch, const es_id_t *id);

/**
 * Count the subscriptions to the channels of a batch that was appended, and set
 * the bits of the children that have them. A child that subscribed before the
 * append took the lock is counted; one that subscribed later has seen the new
 * head.
 *
 * Context: ANY; takes no lock.
 */
void es_append_batch_count_clients(es_append_batch_t *batch,
                                   apr_uint64_t *touched);

#endif
