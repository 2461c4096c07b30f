/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where a client starts: after the event whose id it sends (resume), or at the
 * latest events of its channels if it knows none (replay).
 */
#ifndef ES_JOURNAL_RESUME_H
#define ES_JOURNAL_RESUME_H

#include "journal/store.h"

/**
 * How far back a client receives events when it connects. Events beyond the
 * reach count as evicted.
 */
typedef struct es_resume_reach_t {
    apr_uint64_t events;  /* the latest of each channel; 0 = all */
    apr_uint64_t age_ms;  /* events that are not older; 0 = all */
    apr_uint64_t now_ms;  /* the time of day, from which the age counts; if it
                          * was set back, the latest event's time counts */
    apr_uint64_t records; /* those of all channels that es_store_resume looks
                           * at; 0 = all */
} es_resume_reach_t;

/**
 * Find where a client that knows the event with this id continues.
 *
 * @param slots    that the client subscribes to, count of them
 * @param id_text  one of our ids, or a publisher's, as the client sent it
 * @param start    in: from es_store_subscribe; on success pos is that of the
 *                 first event of its channels that it does not know, and id
 *                 is our id of the event that it knows
 * @return APR_SUCCESS: all events after it are retained and within reach.
 *         APR_NOTFOUND, with start unchanged: that is not certain, as a later
 *         event is evicted or out of reach; or the id is unknown, from the
 *         future or of another epoch; or it is a publisher's that several
 *         events of these channels have, or one that was published again after
 *         a broker had lost it.
 *         APR_TIMEUP: another process has the store lock.
 *         APR_EGENERAL: the segment is unusable
 *
 * Context: WORKER or DELIVERY; takes the store lock, for short times.
 */
apr_status_t es_store_resume(es_store_t *store, const es_slot_t *slots,
                             int count, es_slice_t id_text,
                             const es_resume_reach_t *reach, es_start_t *start);

/* ---- replay: a client that knows no event ------------------------------- */

/** As latest: all events; more than there can be. */
#define ES_REPLAY_ALL APR_UINT64_C(0x7fffffffffffffff)

/**
 * Find the latest events of each channel.
 *
 * @param slots   that the client subscribes to, count of them
 * @param latest  most events of each channel
 * @param parts   filled, one for each slot: its events before from are not
 *                replayed
 * @param start   in: from es_store_subscribe; out: pos is that of the first
 *                event, and id is one just before it: a client that is cut off
 *                now and resumes by this id receives the same events.
 *                Unchanged if there are no events
 * @return APR_SUCCESS; APR_TIMEUP: another process has the store lock;
 *         APR_EGENERAL: the segment is unusable
 *
 * Context: WORKER; takes the store lock, for short times.
 */
apr_status_t es_store_replay(es_store_t *store, const es_slot_t *slots,
                             int count, apr_uint64_t latest,
                             const es_resume_reach_t *reach, es_part_t *parts,
                             es_start_t *start);

#endif
