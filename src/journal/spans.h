/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Which ids are valid: spans of them, one for each epoch that the journal
 * knows. A journal that gives ids itself has one, which began with its
 * es_store_epoch; one whose ids are given by a broker has those of the last
 * epochs of the broker's stream.
 *
 *     │ span, not valid │ span, not valid │ valid span │ valid span, open │
 *                                         ▲ something may be missing before it
 *
 * The ids of spans that are not valid are those of records that are retained
 * for GRIP proxies only (es_store_fill).
 *
 * Also the state of a fill (journal/fill.c), which changes spans, last id and
 * records in one step. All functions need the lock, except where stated.
 */
#ifndef ES_JOURNAL_SPANS_H
#define ES_JOURNAL_SPANS_H

#include "journal/store_priv.h"
#include "journal/stream_append.h"

/** Begin with the epoch of a new store. Context: es_store_format, no lock. */
void es_spans_init(es_spans_t *spans, const es_id_t *epoch);

/** The id is valid: it is within a span that is. */
int es_spans_have(const es_store_t *store, const es_id_t *id);

/** The id is within a span that is not valid: its record is retained for GRIP
 * proxies only. */
int es_spans_had(const es_store_t *store, const es_id_t *id);

/** 1 if a broker gives the ids. */
int es_spans_are_given(const es_store_t *store);

/** The id from which the present epoch counts: last ids are not below it. */
es_id_t es_spans_begin(const es_store_t *store);

/** The first id of all spans: records after it have been retained. */
es_id_t es_spans_oldest(const es_store_t *store);

/** The first id that is valid; nothing after it was missing in the last fill.
 */
es_id_t es_spans_first_valid(const es_store_t *store);

/** A broker gives the ids, and this is the last one. */
int es_spans_are_last(const es_store_t *store, const es_id_t *id);

/** The present span ends with the last id, and another one begins with marker;
 * the caller sets the last id to it. Death after it: the spans are valid, and a
 * repair raises the last id to marker. */
void es_spans_add(es_store_t *store, const es_id_t *marker);

/* ---- a fill ------------------------------------------------------------- */

/** A fill begins: its spans will be those of the store once it is committed. */
void es_spans_begin_fill(es_store_t *store, const es_history_t *history);

/** 1 if a fill has begun and is not complete. */
int es_spans_is_filling(const es_store_t *store);

/** 1 if that fill is committed: the head is beyond where it began. */
int es_spans_is_filled(const es_store_t *store);

/** A fill is committed: its spans, its last id, and the tail behind its reset
 * become those of the store, if they are not yet. */
void es_spans_settle_fill(es_store_t *store);

/** All that follows from a fill is done, or it was given up. */
void es_spans_end_fill(es_store_t *store);

/* ---- for migration, no lock --------------------------------------------- */

/**
 * Copy the valid spans out of a store whose bytes are not trusted, as a repair
 * would leave them.
 *
 * @param last  filled: the last id
 * @return 0: they make no sense
 */
int es_spans_read(const es_store_t *store, es_span_set_t *set, es_id_t *last);

/** Where the oldest record starts, as a repair would leave it: the head, if a
 * fill has begun and was not committed. */
es_pos_t es_spans_tail(const es_store_t *store);

/** Put them into a new store, which other processes do not see yet. */
void es_spans_write(es_store_t *store, const es_span_set_t *set);

/** 1 if the spans rise, each of one epoch, the last one open, and valid; a
 * journal that gives ids itself has one, which begins with the epoch of its
 * store. Pure. */
int es_spans_set_is_valid(const es_span_set_t *set, const es_id_t *epoch);

/** 1 if the id is in a span of set, valid or not, whose last span is open. */
int es_spans_set_has(const es_span_set_t *set, const es_id_t *id);

#endif
