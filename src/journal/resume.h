/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Resuming: from the id of an event that a client knows back to the position
 * where it goes on.
 */
#ifndef ES_JOURNAL_RESUME_H
#define ES_JOURNAL_RESUME_H

#include "journal/store.h"

/**
 * How far back events are given to clients that come. What is beyond is
 * treated as if it were evicted.
 */
typedef struct es_resume_reach_t {
    apr_uint64_t events; /* of each channel, the latest; 0 = all */
    apr_uint64_t age_ms; /* not older; 0 = all */
    apr_uint64_t now_ms; /* the clock, from which the age is reckoned; when it
                          * has stepped back, the latest event's time is */
} es_resume_reach_t;

/** The time of the oldest event within reach. */
apr_uint64_t es_resume_reach_since(const es_resume_reach_t *reach,
                                   const es_id_t *present);

/**
 * Is an event within reach?
 *
 * @param since_ms  from es_resume_reach_since
 * @param newer     how many events of its channel are newer
 */
int es_resume_reach_has(const es_resume_reach_t *reach, apr_uint64_t since_ms,
                        const es_id_t *id, apr_uint64_t newer);

/**
 * From where does a client go on that knows the event with this id?
 *
 * @param slots    what it has subscribed to, count of them
 * @param id_text  one of our ids, or a publisher's, as the client sent it
 * @param start    in: from es_store_subscribe; on success pos is that of the
 *                 first event of its channels that it does not know, and id
 *                 is our id of the event that it knows
 * @return APR_SUCCESS: all after the event is retained, and within reach.
 *         APR_NOTFOUND, with start unchanged: the journal cannot vouch for
 *         that, as a later event is evicted or out of reach, or the id is
 *         unknown, from the future or of another epoch, or a
 *         publisher's that stands at several places in its channels.
 *         APR_EGENERAL: the segment is not usable any more
 *
 * Context: WORKER or DELIVERY; takes the store lock, for short times.
 */
apr_status_t es_store_resume(es_store_t *store, const es_slot_t *slots,
                             int count, es_slice_t id_text,
                             const es_resume_reach_t *reach, es_start_t *start);

#endif
