/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An missed of the journal: what a client has missed, as a body that ends. It
 * is for clients that somebody else holds; who is served here reads the
 * journal by itself (deliver/client.h).
 */
#ifndef ES_JOURNAL_MISSED_H
#define ES_JOURNAL_MISSED_H

#include "base/buf.h"
#include "journal/store.h"

/** A channel of an missed: events from this position on, behind this id. */
typedef struct es_missed_part_t {
    es_slot_t slot; /* subscribed */
    es_pos_t from;
    es_id_t seen;
} es_missed_part_t;

typedef struct es_missed_t {
    const es_store_t *store;
    const es_missed_part_t *parts;
    int count;
    es_pos_t pos;  /* where to start; moves */
    es_pos_t stop; /* where to end */
    es_id_t last;  /* id of the last event put into the body */
} es_missed_t;

/**
 * Put the frames of the events between pos and stop into a body.
 *
 * @param body  has room for one event at least
 * @return APR_SUCCESS: up to stop; APR_EOF: up to where one of the channels
 *         was closed; APR_ENOSPC: the body is full, pos is where to go on and
 *         last is set; APR_ENOENT: overtaken by the ring, or damaged: all
 *         that is in the body is good, what follows is lost
 *
 * Context: WORKER, no lock.
 */
apr_status_t es_missed_collect(es_missed_t *missed, es_buf_t *body);

/* ---- what a GRIP proxy is told of a store ------------------------------- */

/**
 * Our id of each channel's last event, in one step with the present position.
 * Of a channel without an event in the journal it is an id up to which all
 * is evicted, as es_store_link tells for its next event.
 *
 * @param slots    subscribed; count of them
 * @param lasts    count ids, filled; of a new store that of its birth
 * @param present  filled
 * @return APR_SUCCESS; APR_EGENERAL: the segment is not usable any more
 *
 * Context: WORKER; takes the store lock.
 */
apr_status_t es_store_last_ids(es_store_t *store, const es_slot_t *slots,
                               int count, es_id_t *last_ids,
                               es_start_t *present);

/**
 * A number that only this store can make of the text: who brings text and
 * number has them from us. Good as long as the store lives.
 *
 * Context: ANY.
 */
apr_uint64_t es_store_seal(const es_store_t *store, es_slice_t text);

/* ---- links ---------------------------------------------------------------
 *
 * What a record says of one of its channels, for who has a record and is no
 * subscriber: names and ids are read back from the channel table.
 */

/** What one link of a record leads to. */
typedef struct es_linked_t {
    char name[ES_CHANNEL_NAME_MAX]; /* of the channel; name_len bytes */
    apr_size_t name_len;
    es_id_t before; /* our id of the channel's event before this record, just
                     * as es_store_last_ids had it before this one; when it had
                     * none yet, an id up to which none is retained */
} es_linked_t;

/**
 * Follow a link of a record that es_store_look has found.
 *
 * @param i  below record->nslots
 * @return APR_SUCCESS; APR_ENOENT: overtaken, the record is no longer
 *         retained; APR_EGENERAL: damaged, or the segment is not usable
 *
 * Context: WORKER, or another thread that may block; may take the store lock.
 */
apr_status_t es_store_link(es_store_t *store, const es_record_t *record, int i,
                           es_linked_t *out);

#endif
