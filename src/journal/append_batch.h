/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A batch while it is appended: its events and closes, and what was found out
 * about them. It finds slots for the channels, looks up the publishers' ids,
 * and writes the records; it moves no head. Only the store's own files include
 * this.
 */
#ifndef ES_JOURNAL_APPEND_BATCH_H
#define ES_JOURNAL_APPEND_BATCH_H

#include "journal/slot_maker.h"
#include "journal/store_priv.h"
#include "journal/stream_append.h"

/** A batch of at most this many channels, and hence events, needs no malloc. */
#define ES_APPEND_BATCH_SMALL ES_EVENT_CHANNELS_MAX

/** One channel of one event. */
typedef struct es_append_channel_t {
    apr_uint64_t hash;
    es_slot_t slot; /* found under the lock; 0 = the channel is left out */
    int is_first;   /* 1 = no channel before it in the batch has this slot */
} es_append_channel_t;

/** What the lookups find out about one event. */
typedef struct es_append_event_t {
    apr_uint64_t publisher_hash; /* of the publisher's id, if it has one */
    es_append_channel_t *channels;
    int is_known; /* 1 = retained already; found under the lock */
    es_pos_t pos; /* where it was written; 0 = it was not */
} es_append_event_t;

/** What is appended. An entry without a frame closes its one channel. */
typedef struct es_append_params_t {
    const es_entry_t *entries;      /* their ids are drawn; or NULL, and ... */
    const es_stream_entry_t *given; /* ... these have ids */
    int count;
    apr_uint64_t now_ms;   /* with entries: the time of day, for the ids */
    apr_uint64_t until_ms; /* with entries: when a close ends */
    const es_id_t *after;  /* the last id, given by a broker; NULL = any */
    int leaves_out;        /* 1 = channels for which there is no slot */
    apr_size_t channels;   /* of all entries, at most */
} es_append_params_t;

/** The arguments, what was found out about them, and the result. */
typedef struct es_append_batch_t {
    es_store_t *store;
    es_append_params_t params;
    int closes_from;      /* the number of the first close, INT_MAX = none */
    apr_size_t nchannels; /* of all entries */
    es_append_channel_t *channels; /* nchannels of them */
    es_append_event_t *events;     /* count of them */
    int *dups;                     /* count; from es_batch_dups_find */
    es_append_channel_t small_channels[ES_APPEND_BATCH_SMALL];
    es_append_event_t small_events[ES_APPEND_BATCH_SMALL];
    int small_dups[ES_APPEND_BATCH_SMALL];
    es_slot_maker_t maker;
    es_pos_t end;             /* the batch ends about here */
    int is_last_try;          /* 1 = it is written, whatever is in the way */
    es_id_t id;               /* of the last entry that was written or known */
    apr_uint32_t appended_us; /* of its records, see es_record_hdr_t */
    es_appended_t result;
} es_append_batch_t;

/** Entry number i. */
static inline const es_entry_t *es_append_batch_entry(
    const es_append_batch_t *batch, int i)
{
    return batch->params.given != NULL ? &batch->params.given[i].entry
                                       : &batch->params.entries[i];
}

/** The publisher's id of an entry; len 0 = it has none. */
static inline es_slice_t es_append_batch_publisher_id(const es_entry_t *entry)
{
    return entry->frame != NULL ? entry->frame->publisher_id
                                : es_slice(NULL, 0);
}

/**
 * Check the entries and hash their names and ids; find those that occur twice,
 * unless they have ids.
 *
 * @param params  copied
 * @return APR_SUCCESS; APR_EINVAL, APR_ENOSPC, APR_ENOMEM, APR_EEXIST: as
 *         es_store_append. In any case es_append_batch_clear is due
 *
 * Context: ANY; takes no lock.
 */
apr_status_t es_append_batch_init(es_append_batch_t *batch, es_store_t *store,
                                  const es_append_params_t *params);

/** Bytes of the ring that an entry takes, if ours is an id of id_len bytes. */
apr_uint64_t es_append_batch_event_size(const es_entry_t *entry,
                                        apr_size_t id_len);

/** Give its memory back; the entries stay the caller's. */
void es_append_batch_clear(const es_append_batch_t *batch);

/**
 * Find or make the slots of event number i.
 *
 * @param makes  0 = find them only
 * @return APR_SUCCESS; APR_ENOMEM, APR_EGENERAL: as es_slot_maker_make. If
 *         channels are left out, not APR_ENOMEM
 *
 * Context: ANY; lock held, es_channels_begin_batch called since it was taken.
 */
apr_status_t es_append_batch_find_slots(es_append_batch_t *batch, int i,
                                        int makes);

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

/**
 * Write the entries that are new, and evict what is in the way. Readers do not
 * see them before the head is set to their end.
 *
 * @param at  where the record before ends
 * @return where the last record ends; 0: damaged, repair the store
 *
 * Context: ANY; lock held, all slots and known events found.
 */
es_pos_t es_append_batch_write(es_append_batch_t *batch, es_pos_t at);

/**
 * The head was set: closes drop what was before them, and each channel is open
 * or closed as its last entry says. Death before it, or in it: a repair does
 * that.
 *
 * Context: ANY; lock held.
 */
void es_append_batch_close_and_open(const es_append_batch_t *batch);

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

/**
 * Append a batch, with all checks and lookups: what es_store_append,
 * es_close_channel, es_store_append_at and a migration have in common.
 *
 * @return as es_store_append_at, or es_store_append
 *
 * Context: as these; takes the store lock.
 */
apr_status_t es_append_run(es_store_t *store, const es_append_params_t *params,
                           apr_uint64_t *touched, es_appended_t *out);

#endif
