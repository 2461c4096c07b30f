/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A round: the new records of a journal, copied once and proven good, and
 * for each channel that was touched the parts to write, ready for any number
 * of clients. It knows no clients. One thread at a time.
 */
#ifndef ES_DELIVER_ROUND_H
#define ES_DELIVER_ROUND_H

#include <sys/uio.h>

#include "journal/store.h"

typedef struct es_round_t es_round_t;

/** What to write to a client. */
typedef struct es_round_frames_t {
    const struct iovec *iov;
    int count;        /* parts, 1 or more; adjacent ones are merged */
    apr_size_t total; /* bytes */
} es_round_frames_t;

/** Does anybody want this channel? What nobody wants is not copied. */
typedef int es_round_wants_fn_t(void *baton, es_slot_t slot);

/**
 * @param bytes  for copies; a record that is larger gets a round of its own
 * @return the round, empty, or NULL without memory
 */
es_round_t *es_round_create(apr_size_t bytes);

void es_round_destroy(es_round_t *round);

/**
 * Begin anew: take the records from start on, as many as fit, up to stop.
 *
 * @param start  where a record starts, less than stop
 * @param stop   a head that was read before
 * @return APR_SUCCESS: es_round_end is beyond start; APR_ENOENT: overtaken by
 *         the ring; APR_EGENERAL: what stands there is no record; APR_ENOMEM
 */
apr_status_t es_round_take(es_round_t *round, const es_store_t *store,
                           es_pos_t start, es_pos_t stop,
                           es_round_wants_fn_t *wants, void *baton);

es_pos_t es_round_start(const es_round_t *round);

/** Up to where records were copied: where the next round starts. */
es_pos_t es_round_end(const es_round_t *round);

/** Wanted channels that have new records, and each of them, from 0. */
int es_round_count(const es_round_t *round);
es_slot_t es_round_slot(const es_round_t *round, int i);

/** 1 when a channel was closed in this round. */
int es_round_has_closes(const es_round_t *round);

/** 1 when one of these channels was: there is more than frames to do. */
int es_round_closes(es_round_t *round, const es_slot_t *slots, int count);

/**
 * The frames of channel i. Valid until the next es_round_take.
 *
 * @param chunked  1 = each in its chunk, 0 = as they are
 */
const es_round_frames_t *es_round_frames(es_round_t *round, int i, int chunked);

/**
 * The frames of a set of channels, each once and in order. Valid until the
 * next call.
 *
 * @param slots  sorted
 * @return NULL when none of them was touched
 */
const es_round_frames_t *es_round_merge(es_round_t *round,
                                        const es_slot_t *slots, int count,
                                        int chunked);

#endif
