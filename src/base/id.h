/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The id of an event: "<milliseconds>-<n>", as in Redis streams. The ids of a
 * journal always rise, also when the clock steps back. Pure.
 *
 * n contains the epoch of the journal, a random number that is drawn when the
 * journal is made, and a count:
 *
 *     n = ┌──────── epoch, 24 bits ────────┬── count, 12 bits ──┐
 *
 * The epoch distinguishes ids of different journals, whatever their clocks
 * were. n has at most 11 digits and is exact as a JavaScript number.
 */
#ifndef ES_BASE_ID_H
#define ES_BASE_ID_H

#include <apr.h>

#include "base/slice.h"

/** Room for any id as text with its NUL: 20 + 1 + 20 + 1 bytes. */
#define ES_ID_TEXT_SIZE 44

typedef struct es_id_t {
    apr_uint64_t ms; /* milliseconds since 1970; may be ahead of the clock */
    apr_uint64_t n;  /* epoch, and the event's number in its millisecond */
} es_id_t;

#define ES_ID_EPOCH_BITS 24
#define ES_ID_COUNT_BITS 12

/**
 * The first id of a new journal, which no event gets: the ids of all its events
 * are greater and have the same epoch.
 *
 * @param random  any number, drawn for this journal; the epoch is computed from
 *                it and is never 0
 */
es_id_t es_id_epoch(apr_uint32_t random, apr_uint64_t now_ms);

/** 1 if both ids have the same epoch. */
int es_id_is_same_epoch(const es_id_t *a, const es_id_t *b);

/** Less than, equal to or greater than 0, as memcmp returns. */
int es_id_compare(const es_id_t *a, const es_id_t *b);

/**
 * The id that follows last at the time now_ms, with the same epoch: now_ms and
 * count 0 if the clock is ahead of last, otherwise last with the next count,
 * which overflows into ms. The greatest id, with ms 2^64 - 1, is returned
 * again.
 */
es_id_t es_id_next(const es_id_t *last, apr_uint64_t now_ms);

/**
 * The greatest id below this one. A client that has it has seen all events
 * before id.
 *
 * @param id  greater than the es_id_epoch of its journal
 */
es_id_t es_id_before(const es_id_t *id);

/** Write id as text with a NUL. @return its length without the NUL. */
apr_size_t es_id_format(char text[ES_ID_TEXT_SIZE], const es_id_t *id);

/**
 * Read an id. Strict: digits, '-', digits; no sign, blank, leading zero or
 * number above 2^64 - 1.
 *
 * @return 1; 0: *id is unchanged
 */
int es_id_parse(es_id_t *id, es_slice_t text);

/** 1 if text has the form of our ids: digits '-' digits of any length. */
int es_id_is_ours(es_slice_t text);

#endif
