/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Resuming: from the id of an event that a client knows back to the position
 * where it goes on.
 */
#ifndef ES_RESUME_H
#define ES_RESUME_H

#include "store/es_store.h"

/**
 * From where does a client go on that knows the event with this id?
 *
 * @param slots    what it has subscribed to, count of them
 * @param id_text  one of our ids, or a publisher's, as the client sent it
 * @param start    in: from es_store_subscribe; on success pos is that of the
 *                 first event of its channels that it does not know, and id
 *                 is our id of the event that it knows
 * @return APR_SUCCESS: all after the event is retained. APR_NOTFOUND, with
 *         start unchanged: the journal cannot vouch for that, as the id is
 *         evicted, unknown, from the future or of another epoch, or a
 *         publisher's that stands at several places in its channels.
 *         APR_EGENERAL: the segment is not usable any more
 *
 * Context: WORKER; takes the store lock, for short times.
 */
apr_status_t es_store_resume(es_store_t *store, const es_slot_t *slots,
                             int count, es_slice_t id_text, es_start_t *start);

#endif
