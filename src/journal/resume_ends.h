/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Where the chains of some channels end: what a walk from a channel's newest
 * record to its oldest one has to know before it starts. Only the parts of
 * the store that walk include this.
 */
#ifndef ES_JOURNAL_RESUME_ENDS_H
#define ES_JOURNAL_RESUME_ENDS_H

#include "journal/store.h"

/** Channels that are read under the lock at a time. */
#define ES_RESUME_ENDS_MAX 64

typedef struct es_resume_ends_t {
    es_pos_t newest[ES_RESUME_ENDS_MAX]; /* of each channel; 0 = none */
    es_pos_t tail;
    es_id_t evicted; /* of all of them, the highest id that is gone */
} es_resume_ends_t;

/** How many of the rest are read next. */
int es_resume_ends_some(int rest);

/**
 * Read the ends.
 *
 * @param count  ES_RESUME_ENDS_MAX at most
 * @return APR_SUCCESS; APR_EGENERAL: the segment is not usable any more
 *
 * Context: WORKER or DELIVERY; takes the store lock.
 */
apr_status_t es_resume_ends_read(es_store_t *store, const es_slot_t *slots,
                                 int count, es_resume_ends_t *ends);

#endif
