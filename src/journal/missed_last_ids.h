/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What a GRIP proxy is told of a store: the last id of each channel, and a
 * seal for what it is to bring back.
 */
#ifndef ES_JOURNAL_MISSED_LAST_IDS_H
#define ES_JOURNAL_MISSED_LAST_IDS_H

#include "journal/store.h"

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

#endif
