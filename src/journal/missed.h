/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What GRIP reads of a store for clients that a proxy holds: the events that a
 * client has missed, as a body that ends; the last id of each channel, with a
 * seal; and the id that a record follows. Clients that are served here read the
 * journal themselves (deliver/client.h).
 */
#ifndef ES_JOURNAL_MISSED_H
#define ES_JOURNAL_MISSED_H

#include "base/buf.h"
#include "journal/store.h"

typedef struct es_missed_t {
    const es_store_t *store;
    const es_part_t *parts; /* the caller subscribes to their slots */
    const es_id_t *seen;    /* of each part: only later events are wanted */
    int count;
    es_pos_t pos;  /* where to start; where to continue */
    es_pos_t stop; /* where to end */
    es_id_t last;  /* id of the last event in the body */
} es_missed_t;

/**
 * Append the frames of the channels' events between pos and stop to a body.
 *
 * @param body  has room for one event at least
 * @return APR_SUCCESS: up to stop; APR_EOF: up to where one of the channels
 *         was closed; APR_ENOSPC: the body is full, continue at pos, last is
 *         set; APR_ENOENT: overtaken by the ring, or damaged: the body is
 *         valid, later events are lost
 *
 * Context: WORKER, no lock.
 */
apr_status_t es_missed_collect(es_missed_t *missed, es_buf_t *body);

/* ---- what a GRIP proxy is sent ------------------------------------------ */

/**
 * Our id of each channel's last event, in one step with the present position.
 * If no event of a channel is retained, it is the id up to which its events are
 * evicted; es_store_link returns the same for its next event.
 *
 * @param slots     the caller subscribes to them; count of them
 * @param last_ids  count ids, filled; in a new store each is its epoch
 * @param present   filled
 * @return APR_SUCCESS; APR_TIMEUP: another process has the store lock;
 *         APR_EGENERAL: the segment is unusable
 *
 * Context: WORKER; takes the store lock.
 */
apr_status_t es_store_last_ids(es_store_t *store, const es_slot_t *slots,
                               int count, es_id_t *last_ids,
                               es_start_t *present);

/**
 * A number that only this store can compute from the text: a request that has
 * both received them from us. It is valid as long as the store exists.
 *
 * Context: ANY.
 */
apr_uint64_t es_store_seal(const es_store_t *store, es_slice_t text);

/* ---- links --------------------------------------------------------------
 *
 * The name of a record's channel and the id of the channel's event before it,
 * for a caller that does not subscribe to the channel.
 */

/** One channel of a record. */
typedef struct es_linked_t {
    char name[ES_CHANNEL_NAME_MAX]; /* of the channel; name_len bytes */
    apr_size_t name_len;
    es_id_t before; /* our id of the channel's event before this record, as
                     * es_store_last_ids returned it before this record; if
                     * there was none, an id up to which none is retained */
} es_linked_t;

/**
 * Look up a channel of a record that es_store_look has found.
 *
 * @param i    number of the channel, below record->nslots
 * @param out  filled on success
 * @return APR_SUCCESS; APR_ENOENT: overtaken, the record is no longer
 *         retained; APR_TIMEUP: another process has the store lock;
 *         APR_EGENERAL: damaged, or the segment is unusable
 *
 * Context: WORKER, or another thread that may block; may take the store lock.
 */
apr_status_t es_store_link(es_store_t *store, const es_record_t *record, int i,
                           es_linked_t *out);

#endif
