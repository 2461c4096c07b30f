/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The index of publishers' ids: which record of a channel has an id, so that
 * an event that is published once more is known again, and a client that
 * resumes with it is found. All is done under the store's lock.
 *
 * It knows records that are retained only; eviction needs no work, as what is
 * below the tail is passed over.
 */
#ifndef ES_JOURNAL_PUBLISHER_IDS_H
#define ES_JOURNAL_PUBLISHER_IDS_H

#include "journal/journal.h"
#include "journal/layout.h"

typedef struct es_publisher_ids_t {
    apr_uint64_t *buckets; /* references, 0 = empty */
    apr_uint64_t nbuckets; /* a power of 2 */
    apr_uint64_t key[2];   /* own copy */
    const es_journal_t *journal;
} es_publisher_ids_t;

void es_publisher_ids_attach(es_publisher_ids_t *ids, const es_layout_t *layout,
                             void *mem, const es_journal_t *journal);

/** Needs no lock; to be done before it is taken. */
apr_uint64_t es_publisher_ids_hash(const es_publisher_ids_t *ids,
                                   es_slice_t id);

/**
 * The record at pos, which is about to be written, has the id with this hash
 * and the slot in its link number index.
 *
 * @return what the link holds as own_before
 */
apr_uint64_t es_publisher_ids_add(const es_publisher_ids_t *ids,
                                  apr_uint64_t hash, es_slot_t slot,
                                  es_pos_t pos, int index);

/**
 * The newest retained record of the slot with this id.
 *
 * @param hash   of id, from es_publisher_ids_hash
 * @param found  pos is 0 when there is none
 * @return APR_SUCCESS, or APR_EGENERAL: the chains are damaged, repair
 */
apr_status_t es_publisher_ids_find(const es_publisher_ids_t *ids,
                                   apr_uint64_t hash, es_slot_t slot,
                                   es_slice_t id, es_record_t *found);

/* ---- repair: clear, then restore each record from the tail on ---------- */

/** Forget all. */
void es_publisher_ids_clear(const es_publisher_ids_t *ids);

/** A retained record, newer than those before; one without own id is none
 * of ours. */
void es_publisher_ids_restore(const es_publisher_ids_t *ids,
                              const es_record_t *record);

/** Walk all chains and compare them with the journal. @return NULL, or what
 * is wrong */
const char *es_publisher_ids_check(const es_publisher_ids_t *ids,
                                   apr_pool_t *p);

#endif
