/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Closing a channel. The end stands in the journal like an event, so that
 * each reader meets it in order: what was published before is delivered, then
 * the stream ends. All of the channel's records before it are dropped: they
 * are not replayed, and a client that comes with an older id is told so.
 *
 * The channel is closed for a time, to those who come again; an event opens
 * it at once.
 */
#ifndef ES_JOURNAL_CLOSE_H
#define ES_JOURNAL_CLOSE_H

#include "journal/store.h"

/** What a close did. */
typedef struct es_closed_t {
    es_id_t id;           /* its own */
    es_pos_t from;        /* head before it */
    es_pos_t head;        /* head after it */
    apr_uint64_t clients; /* subscriptions to the channel, all children */
} es_closed_t;

/**
 * Close a channel, known or not.
 *
 * @param name      checked
 * @param now_ms    the time of day, for its id
 * @param until_ms  of es_store_clock: es_close_is_closed until then
 * @param touched   as es_store_append
 * @return APR_SUCCESS; APR_ENOMEM: no slot for it, all are in use;
 *         APR_EGENERAL: the segment is not usable any more
 *
 * Context: WORKER; takes the store lock.
 */
apr_status_t es_close_channel(es_store_t *store, es_slice_t name,
                              apr_uint64_t now_ms, apr_uint64_t until_ms,
                              apr_uint64_t *touched, es_closed_t *out);

/**
 * Is a channel closed now? To be asked after subscribing to it: a close that
 * comes later is found in the journal.
 *
 * @param now_ms  of es_store_clock
 *
 * Context: ANY, no lock; subscribed to the slot.
 */
int es_close_is_closed(const es_store_t *store, es_slot_t slot,
                       apr_uint64_t now_ms);

/**
 * Was one of these channels closed at or behind pos? For who could not read
 * on from there.
 *
 * Context: ANY, no lock; subscribed to the slots.
 */
int es_close_was_since(const es_store_t *store, const es_slot_t *slots,
                       int count, es_pos_t pos);

#endif
