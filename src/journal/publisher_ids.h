/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The index of publishers' ids: which record of a channel has a given id. By it
 * the store recognizes an event that is published again, and finds where a
 * client resumes. All functions need the store's lock, except where stated.
 *
 * It finds retained records only. Eviction needs no work here, as a lookup
 * ignores everything below the tail.
 */
#ifndef ES_JOURNAL_PUBLISHER_IDS_H
#define ES_JOURNAL_PUBLISHER_IDS_H

#include "journal/journal.h"
#include "journal/layout.h"

typedef struct es_publisher_ids_t {
    apr_uint64_t *buckets; /* references to links, 0 = empty */
    apr_uint64_t nbuckets; /* a power of 2 */
    apr_uint64_t key[2];   /* copied: the segment may be damaged */
    const es_journal_t *journal;
} es_publisher_ids_t;

/** Compute the addresses in the segment at mem. */
void es_publisher_ids_attach(es_publisher_ids_t *ids, const es_layout_t *layout,
                             void *mem, const es_journal_t *journal);

/** The hash of an id. Needs no lock; callers compute it before they lock. */
apr_uint64_t es_publisher_ids_hash(const es_publisher_ids_t *ids,
                                   es_slice_t id);

/**
 * Add the record at pos, which is about to be written: it has the id with this
 * hash, and the slot in its link number index.
 *
 * @return the link's publisher_before
 */
apr_uint64_t es_publisher_ids_add(const es_publisher_ids_t *ids,
                                  apr_uint64_t hash, es_slot_t slot,
                                  es_pos_t pos, int index);

/**
 * The newest retained record of the slot with this id.
 *
 * @param hash   of id, from es_publisher_ids_hash
 * @param found  filled; pos is 0 if there is none
 * @return APR_SUCCESS; APR_EGENERAL: the chains are damaged, repair the store
 */
apr_status_t es_publisher_ids_find(const es_publisher_ids_t *ids,
                                   apr_uint64_t hash, es_slot_t slot,
                                   es_slice_t id, es_record_t *found);

/* ---- repair: clear, then add each record, starting at the tail ---------- */

/** Empty the index. */
void es_publisher_ids_clear(const es_publisher_ids_t *ids);

/** Add a retained record, which is newer than those before; one without a
 * publisher's id is ignored. */
void es_publisher_ids_restore(const es_publisher_ids_t *ids,
                              const es_record_t *record);

/** Walk all chains and compare them with the journal. @return NULL, or what
 * is wrong, in p */
const char *es_publisher_ids_check(const es_publisher_ids_t *ids,
                                   apr_pool_t *p);

#endif
