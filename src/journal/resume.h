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

/* ---- replay: a client that knows no event ------------------------------- */

/** More events than there can be. */
#define ES_REPLAY_ALL APR_UINT64_C(0x7fffffffffffffff)

/** The part of a channel that is replayed. */
typedef struct es_replay_t {
    es_slot_t slot;
    es_pos_t from; /* its events that stand before are not */
} es_replay_t;

/**
 * Find the latest events of each channel.
 *
 * @param slots   what the client has subscribed to, count of them
 * @param latest  events of each channel, at most
 * @param replay  filled, an entry for each slot
 * @param start   in: from es_store_subscribe; out: pos is that of the first
 *                event, and id is one just before it, so that who is cut now
 *                and resumes gets all the same. Unchanged when there is none
 * @return APR_SUCCESS; APR_EGENERAL: the segment is not usable any more
 *
 * Context: WORKER; takes the store lock, for short times.
 */
apr_status_t es_store_replay(es_store_t *store, const es_slot_t *slots,
                             int count, apr_uint64_t latest,
                             const es_resume_reach_t *reach,
                             es_replay_t *replay, es_start_t *start);

#endif
