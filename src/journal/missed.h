/* SPDX-License-Identifier: Apache-2.0 */
/**
 * An excerpt of the journal: what a client has missed, as a body that ends. It
 * is for clients that somebody else holds; who is served here reads the
 * journal by itself (deliver/client.h).
 */
#ifndef ES_JOURNAL_MISSED_H
#define ES_JOURNAL_MISSED_H

#include "base/buf.h"
#include "journal/store.h"

/** A channel of an excerpt: events from this position on, behind this id. */
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
apr_status_t es_missed_collect(es_missed_t *excerpt, es_buf_t *body);

#endif
