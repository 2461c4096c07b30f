/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Closes a channel. The close is a record in the journal, like an event, so
 * each reader finds it in order: what was published before is delivered, then
 * the stream ends. All records of the channel before it are dropped: they are
 * not replayed, and a client that resumes with an older id is reset.
 *
 * The channel stays closed for a time for clients that reconnect; an event
 * opens it at once.
 */
#ifndef ES_JOURNAL_CLOSE_H
#define ES_JOURNAL_CLOSE_H

#include "journal/store.h"

/** What a close did. */
typedef struct es_closed_t {
    es_id_t id;           /* of the close */
    es_pos_t from;        /* the head before it */
    es_pos_t head;        /* the head after it */
    apr_uint64_t clients; /* subscriptions to the channel, all children */
} es_closed_t;

/**
 * Close a channel, whether it has a slot or not.
 *
 * @param now_ms    the time of day, for the id
 * @param until_ms  of es_store_set_clock: es_close_is_closed until then
 * @param touched   as for es_store_append
 * @param out       filled on success
 * @return APR_SUCCESS; APR_EINVAL: the name is empty or too long; APR_ENOMEM:
 *         all slots are in use; APR_TIMEUP: another process has the store lock;
 *         APR_EGENERAL: the segment is unusable
 *
 * Context: WORKER; takes the store lock.
 */
apr_status_t es_close_channel(es_store_t *store, es_slice_t name,
                              apr_uint64_t now_ms, apr_uint64_t until_ms,
                              apr_uint64_t *touched, es_closed_t *out);

/**
 * Is a channel closed now? The caller subscribes first: it finds a later close
 * in the journal.
 *
 * @param now_ms  of es_store_set_clock
 *
 * Context: ANY, no lock; the caller subscribes to the slot.
 */
int es_close_is_closed(const es_store_t *store, es_slot_t slot,
                       apr_uint64_t now_ms);

/**
 * Was one of these channels closed at or after pos? Called by a reader that
 * cannot continue at pos, since the record there is evicted.
 *
 * Context: ANY, no lock; the caller subscribes to the slots.
 */
int es_close_exists_after(const es_store_t *store, const es_slot_t *slots,
                          int count, es_pos_t pos);

#endif
