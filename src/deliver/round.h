/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A round is a batch of new records of a journal, copied once and verified,
 * with the frames of each channel ready to be written to any number of
 * clients. It does not know the clients. One thread at a time.
 */
#ifndef ES_DELIVER_ROUND_H
#define ES_DELIVER_ROUND_H

#include <sys/uio.h>

#include "journal/store.h"

typedef struct es_round_t es_round_t;

/** Most channels with new records in a round. */
#define ES_ROUND_CHANNELS_MAX 1024

/** Frames that are ready to be written to a client. */
typedef struct es_round_frames_t {
    const struct iovec *iov;
    int count;        /* parts, 1 or more; adjacent ones are merged */
    apr_size_t total; /* bytes */
    apr_uint32_t events;
} es_round_frames_t;

/** @return 1 when a client here wants the channel. A record is copied only if
 * one of its channels is wanted. */
typedef int es_round_wants_fn_t(void *baton, es_slot_t slot);

/**
 * Make an empty round.
 *
 * @param bytes  room for copies; a larger record gets a round of its own
 * @return the round, or NULL if out of memory
 */
es_round_t *es_round_create(apr_size_t bytes);

/** NULL is ignored. */
void es_round_destroy(es_round_t *round);

/**
 * Begin again: take as many records as fit, from start on, up to stop.
 *
 * @param start  where a record starts, less than stop
 * @param stop   a head that was read before
 * @return APR_SUCCESS: es_round_end is beyond start; APR_ENOENT: the ring has
 *         overwritten start; APR_EGENERAL: there is no valid record at start;
 *         APR_ENOMEM
 */
apr_status_t es_round_take(es_round_t *round, const es_store_t *store,
                           es_pos_t start, es_pos_t stop,
                           es_round_wants_fn_t *wants, void *baton);

/** The start of the last es_round_take. */
es_pos_t es_round_start(const es_round_t *round);

/** The end of the last record that was taken: the next round starts there. */
es_pos_t es_round_end(const es_round_t *round);

/** When the oldest of its records that has frames was appended: the lower half
 * of es_clock_now. @return 0: it has none */
int es_round_appended(const es_round_t *round, apr_uint32_t *appended_us);

/** The number of wanted channels that have new records. */
int es_round_count(const es_round_t *round);

/** Channel i of these, from 0. */
es_slot_t es_round_slot(const es_round_t *round, int i);

/** Bytes that a client of channel i gets, with chunk framing; 0 = the round
 * only closes the channel. */
apr_size_t es_round_bytes(const es_round_t *round, int i);

/** 1 when the round closes a channel. */
int es_round_has_closes(const es_round_t *round);

/** 1 when the round closes one of these channels: writing the frames is not
 * enough then. */
int es_round_closes(es_round_t *round, const es_slot_t *slots, int count);

/**
 * The frames of channel i, valid until the next es_round_take.
 *
 * @param chunked  1 = each frame in an HTTP chunk, 0 = frames alone
 */
const es_round_frames_t *es_round_frames(es_round_t *round, int i, int chunked);

/**
 * The frames of a set of channels, each once and in the order of the journal.
 * Valid until the next call.
 *
 * @param slots  sorted
 * @return NULL when none of the channels has new records
 */
const es_round_frames_t *es_round_merge(es_round_t *round,
                                        const es_slot_t *slots, int count,
                                        int chunked);

#endif
