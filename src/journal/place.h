/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Places: from a position of one journal to an id that all journals of a
 * cluster know, and back. A place is between two records: what is before it is
 * done, the rest is to be done.
 */
#ifndef ES_JOURNAL_PLACE_H
#define ES_JOURNAL_PLACE_H

#include "journal/store.h"

/** A position before all records of any journal, and not 0. A reader there was
 * overtaken. */
#define ES_POS_BEFORE_ALL 64

/**
 * The id up to which all is before a position: no record at or behind it has
 * an id that is not higher.
 *
 * @param pos  where a record starts, or the head
 * @param id   set on success
 * @return APR_SUCCESS; APR_ENOENT: the record there is no longer retained, or
 *         the journal was never filled; APR_EAGAIN: it is being appended to,
 *         ask again; APR_TIMEUP: another process has the lock; APR_EGENERAL:
 *         damaged
 *
 * Context: CLUSTER; may take the store lock.
 */
apr_status_t es_store_id_at(es_store_t *store, es_pos_t pos, es_id_t *id);

/**
 * Move a position on, to the first record whose id is above this one.
 *
 * @param pos    where a record starts, evicted or not; moved
 * @param id     all up to it is done
 * @param looks  records to look at, at most
 * @return APR_SUCCESS: pos is there; APR_INCOMPLETE: it has come nearer, go on
 *         there; APR_ENOENT: records above id may have been evicted, pos is
 *         unchanged, or the record that was looked at is; APR_TIMEUP: another
 *         process has the lock; APR_EGENERAL: damaged
 *
 * Context: CLUSTER; may take the store lock.
 */
apr_status_t es_store_pos_after(es_store_t *store, es_pos_t *pos,
                                const es_id_t *id, int looks);

/** Records that es_store_find_batch looks at, at most. */
#define ES_STORE_FIND_MAX 65536

/**
 * Find the records of a batch, which stand one behind the other.
 *
 * @param before   the head at a time when it was not appended yet
 * @param last_id  of its last record
 * @param count    of its records, 1 or more
 * @param from     set: where the first one starts; or before, if there are too
 *                 many records since then, or they are not retained
 * @param to       set: where the last one ends; or the head
 *
 * Context: ANY, no lock.
 */
void es_store_find_batch(const es_store_t *store, es_pos_t before,
                         const es_id_t *last_id, int count, es_pos_t *from,
                         es_pos_t *to);

#endif
