/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The id of an event: "<milliseconds>-<n>", as Redis streams have it. Ids of
 * one journal always rise, also when the clock steps back. Pure.
 *
 * n holds the epoch of the journal, a number drawn at its birth, and a count:
 *
 *     n = ┌──────── epoch, 24 bits ────────┬── count, 12 bits ──┐
 *
 * So an id of another journal is known as such, whatever the clocks were. n
 * has at most 11 digits, and is exact as a number of JavaScript.
 */
#ifndef ES_BASE_ID_H
#define ES_BASE_ID_H

#include <apr.h>

#include "base/slice.h"

/** Room for any id as text with its NUL: 20 + 1 + 20 + 1 bytes. */
#define ES_ID_TEXT_SIZE 44

typedef struct es_id_t {
    apr_uint64_t ms; /* milliseconds since 1970 of the clock, or later */
    apr_uint64_t n;  /* epoch, and a count of a millisecond's events from 0 */
} es_id_t;

#define ES_ID_EPOCH_BITS 24
#define ES_ID_COUNT_BITS 12

/**
 * The id that a journal is born with; all its ids are above it and have its
 * epoch.
 *
 * @param random  any number, drawn for this journal; decides the epoch,
 *                which is never 0
 */
es_id_t es_id_epoch(apr_uint32_t random, apr_uint64_t now_ms);

/** 1 when both ids are of the same epoch. */
int es_id_is_same_epoch(const es_id_t *a, const es_id_t *b);

/** Less than, equal to or greater than 0, as memcmp tells. */
int es_id_compare(const es_id_t *a, const es_id_t *b);

/**
 * The id that follows last at the time now_ms, of the same epoch: now_ms and
 * count 0 when the clock is ahead of last, else the next one after last (the
 * count overflowing into ms). After the very last, of ms 2^64 - 1, there is
 * none: it is given again.
 */
es_id_t es_id_next(const es_id_t *last, apr_uint64_t now_ms);

/**
 * The highest id below this one: who knows it has seen all before it.
 *
 * @param id  above its journal's birth
 */
es_id_t es_id_before(const es_id_t *id);

/** Write id as text with a NUL. @return its length without the NUL. */
apr_size_t es_id_format(char text[ES_ID_TEXT_SIZE], const es_id_t *id);

/**
 * Read an id back. Strict: digits, '-', digits; no sign, blank, leading zero
 * or number above 2^64 - 1.
 *
 * @return 1, or 0 with *id untouched
 */
int es_id_parse(es_id_t *id, es_slice_t text);

/** 1 when text looks like one of our ids: digits '-' digits of any length. */
int es_id_is_ours(es_slice_t text);

#endif
