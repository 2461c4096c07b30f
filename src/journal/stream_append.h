/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A journal whose ids are given by a broker: the journal of a hub that several
 * nodes have in common. Each node appends the same entries in the same order,
 * with the ids that they have in the broker's stream.
 *
 * The last id is all that a node knows of its place in the stream. So it always
 * agrees with the records, also after a death: either both have moved on, or
 * none. If the node cannot go on from there, it fills its journal anew, and
 * every reader is told that it may have missed something.
 *
 * Such a journal is not appended to by es_store_append or es_close_channel.
 */
#ifndef ES_JOURNAL_STREAM_APPEND_H
#define ES_JOURNAL_STREAM_APPEND_H

#include "journal/store.h"

/**
 * The last id of the journal: of an entry, or of the marker of an epoch.
 *
 * @param last  {0, 0}: it was never filled, no broker has given an id
 * @return APR_SUCCESS; APR_TIMEUP: another process has the lock; APR_EGENERAL:
 *         the segment is unusable
 *
 * Context: ANY; takes the store lock.
 */
apr_status_t es_store_last(es_store_t *store, es_id_t *last);

/** 1 if the id is valid. Context: ANY; takes the store lock. */
int es_store_has_span_of(es_store_t *store, const es_id_t *id);

/** An entry of a broker's stream. */
typedef struct es_stream_entry_t {
    es_entry_t entry;      /* as for es_store_append; with one channel and no
                            * frame: a close of the channel */
    es_id_t id;            /* given by the broker */
    apr_uint64_t until_ms; /* of a close: when it ends, of es_store_set_clock */
    int is_again;          /* 1 = an event with a publisher's id that the broker
                            * has lost, and that was published once more. Who
                            * comes with this id may have had it at its old
                            * place: es_store_resume says APR_NOTFOUND */
} es_stream_entry_t;

/**
 * Append a batch of entries with the ids that a broker gave them: all of it, or
 * none. Readers see the whole batch at once.
 *
 * An event that is retained with the same publisher's id, channels and frame is
 * not written again, unless a close before it in the batch, or a gap before the
 * first valid id; one with other content is written. A channel for which no
 * slot can be made, as all have subscribers or events, is left out: it has no
 * client on this node, and one that comes later and resumes with an older id is
 * reset.
 *
 * @param after    the id before the first entry: nothing is appended unless it
 *                 is the journal's last id (es_store_last)
 * @param entries  count of them, 1 or more; their ids rise, are above after,
 *                 and are of the epoch that began last
 * @param touched  as for es_store_append
 * @param out      as for es_store_append; last_id is the last entry's
 * @return APR_SUCCESS; APR_EMISMATCH: the journal's last id is another one;
 *         APR_EINVAL: an entry or its id is out of range, or the entries have
 *         more than ES_STORE_BATCH_CHANNELS_MAX channels; APR_ENOSPC: the batch
 *         is larger than half the ring; APR_ENOMEM; APR_TIMEUP: another
 *         process has the lock; APR_EGENERAL: the segment is unusable
 *
 * Context: CLUSTER; takes the store lock, for a large batch several times, each
 * time for a bounded one. A child that dies in here leaves either nothing or
 * the whole batch, and the last id that belongs to it; but if nothing was
 * written of the last entries, perhaps that of an entry before them, from which
 * the caller goes on.
 */
apr_status_t es_store_append_at(es_store_t *store, const es_id_t *after,
                                const es_stream_entry_t *entries, int count,
                                apr_uint64_t *touched, es_appended_t *out);

/**
 * An epoch begins, and nothing is missing before it. The ids that were given
 * until now stay valid, up to after; but the journal knows ES_SPANS_MAX epochs,
 * and forgets the oldest.
 *
 * @param after   as for es_store_append_at
 * @param marker  above after, of another epoch; the journal's last id from now
 *                on
 * @return APR_SUCCESS; APR_EMISMATCH, APR_TIMEUP, APR_EGENERAL: as above;
 *         APR_EINVAL: marker is out of range
 *
 * Context: CLUSTER; takes the store lock.
 */
apr_status_t es_store_begin_epoch(es_store_t *store, const es_id_t *after,
                                  const es_id_t *marker);

/** Ids of one epoch, from first to last. A client that resumes with one that is
 * in no span is reset. */
typedef struct es_span_t {
    es_id_t first;
    es_id_t last;
} es_span_t;

#define ES_SPANS_MAX 8

/** The end of a broker's stream. */
typedef struct es_history_t {
    const es_stream_entry_t *entries; /* oldest first; their ids rise, and each
                                       * is in a span, the first one above its
                                       * first id */
    int count;                        /* of entries, 0 or more */
    const es_span_t *spans;           /* oldest first. Nothing that was
                                       * published after the first id of
                                       * spans[valid] is missing in entries */
    int nspans;                       /* 1..ES_SPANS_MAX */
    int valid; /* the first span whose ids are valid. Entries of those before
                * are for GRIP proxies only */
} es_history_t;

/**
 * Replace all that the journal has. Every record is evicted. Every reader is
 * told that it may have missed something, be it live, catching up or about to
 * resume; it gets the present position and not the history. Ids are unknown
 * unless they are in spans, and the entries are the new history. Readers see
 * all of it at once, and nothing before. The journal's last id may become lower
 * than it was.
 *
 * Channels for which there is no slot are left out, as in es_store_append_at.
 * Channels without an entry are open.
 *
 * Entries whose ids are not valid are read by position only: no client resumes
 * at one of them or behind it, and none is replayed.
 *
 * @param history  the last id of its last span is the journal's afterwards
 * @param touched  as for es_store_append: set for each child that has
 *                 subscriptions
 * @return APR_SUCCESS; APR_EINVAL: an entry or a span is out of range;
 *         APR_ENOSPC: the entries are larger than es_store_fill_max;
 *         APR_ENOMEM; APR_TIMEUP: another process has the lock; APR_EGENERAL:
 *         the segment is unusable
 *
 * Context: CLUSTER; takes the store lock, for all of it: docs/bounds.md says
 * for how long. A child that dies in here leaves the journal as it was before,
 * or an empty one with its last id, or the new one.
 */
apr_status_t es_store_fill(es_store_t *store, const es_id_t *after,
                           const es_history_t *history, apr_uint64_t *touched);

/** Most bytes of the entries of a fill, counted by es_store_entry_size: half of
 * the ring, less a line. */
apr_uint64_t es_store_fill_max(const es_store_t *store);

/** Bytes that an entry takes in the ring, at most. */
apr_uint64_t es_store_entry_size(const es_stream_entry_t *entry);

/** A channel that has subscribers on this node. */
typedef struct es_clients_of_t {
    es_slot_t slot;
    apr_uint64_t clients; /* subscriptions of all children */
    es_slice_t name;      /* in text */
    char text[ES_CHANNEL_NAME_MAX];
} es_clients_of_t;

/**
 * Go on through the channels that have subscribers. It is called until *at is
 * 0.
 *
 * @param at     the slot behind which to go on: at first 0; changed. Back to
 *               0: all were seen
 * @param found  room for max of them, 1 or more
 * @return how many were found, also if there are more; -1: the lock could not
 *         be taken, and *at is unchanged
 *
 * Context: ANY; takes the store lock, for up to 64 slots at a time and only
 * where there are subscribers.
 */
int es_store_next_clients(es_store_t *store, es_slot_t *at,
                          es_clients_of_t *found, int max);

/** An event with a publisher's id, in one of its channels. */
typedef struct es_published_t {
    es_id_t id; /* ours */
    es_slice_t channel;
    es_slice_t publisher_id;
} es_published_t;

/** Room that es_store_next_published needs at least. */
#define ES_PUBLISHED_MIN ES_EVENT_CHANNELS_MAX

/**
 * Go on through the retained events that have a publisher's id, oldest first.
 * It is called until the journal's end is reached.
 *
 * @param at     the position to go on at; at first 0, the tail; changed
 * @param found  room for max of them, ES_PUBLISHED_MIN or more; their slices
 *               live in pool
 * @param count  how many were found; 0 as well if there are more
 * @return APR_SUCCESS; APR_EOF: there are no more; APR_TIMEUP: another process
 *         has the lock; APR_EGENERAL: the segment is unusable
 *
 * Context: ANY; takes the store lock, for up to 1,024 records at a time.
 */
apr_status_t es_store_next_published(es_store_t *store, es_pos_t *at,
                                     es_published_t *found, int max, int *count,
                                     apr_pool_t *pool);

#endif
