/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Whether an event that is about to be appended is known: a publisher that
 * got no answer sends it once more, under the same id.
 */
#ifndef ES_JOURNAL_APPEND_KNOWN_H
#define ES_JOURNAL_APPEND_KNOWN_H

#include "journal/store_priv.h"

/**
 * Look an event with a publisher's id up. Lock held.
 *
 * @param hash     of its id, from es_publisher_ids_hash
 * @param slots    of its channels, in their order
 * @param found    the record that is this event; pos is 0 when it is new
 * @param channel  on APR_EEXIST the number of the channel
 * @return APR_SUCCESS; APR_EEXIST: a channel retains another event with the
 *         id; APR_EGENERAL: the index is damaged, repair
 */
apr_status_t es_append_known_find(const es_store_t *store,
                                  const es_entry_t *entry, apr_uint64_t hash,
                                  const es_slot_t *slots, es_record_t *found,
                                  int *channel);

#endif
