/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Replay for a client that knows no event: from where it starts when it shall
 * get the latest events of its channels first.
 */
#ifndef ES_JOURNAL_REPLAY_H
#define ES_JOURNAL_REPLAY_H

#include "journal/resume.h"

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
