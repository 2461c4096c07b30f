/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash chains through the journal. A bucket refers to the newest link that
 * falls into it, each link to the one before it:
 *
 *     buckets  [ 0 ][ r3 ][ 0 ] …       (hash of the id, slot) -> bucket
 *                     │
 *     journal  …[r1 rec│links]…[r2]……[r3 rec│links]…
 *                 ▲───publisher_before───┘
 *          ▲ tail: a chain ends at the first reference below it
 *
 * A reference is the position of a record, which is a multiple of 64, and in
 * its low six bits the number of the link. References fall along a chain, so
 * each walk ends. An id is looked up for one channel. Links of other channels
 * with the same id are in other buckets (publishers that count for each channel
 * use the same ids in many), so chains stay short whatever is published.
 *
 * A writer that dies leaves buckets that refer beyond the head. It held the
 * lock, so a repair computes all of them from the records before the next
 * lookup.
 */
#include "journal/publisher_ids.h"

#include <apr_siphash.h>
#include <apr_strings.h>

#define INDEX_MASK ((apr_uint64_t)(ES_LINE - 1))

ES_LAYOUT_ASSERT(link_in_reference, ES_EVENT_CHANNELS_MAX <= ES_LINE);

void es_publisher_ids_attach(es_publisher_ids_t *ids, const es_layout_t *layout,
                             void *mem, const es_journal_t *journal)
{
    const es_store_segment_t *segment = mem;

    ids->buckets = (apr_uint64_t *)((char *)mem + layout->publisher_ids);
    ids->nbuckets = layout->npublisher_ids;
    ids->key[0] = segment->hdr.key[0];
    ids->key[1] = segment->hdr.key[1];
    ids->journal = journal;
}

apr_uint64_t es_publisher_ids_hash(const es_publisher_ids_t *ids, es_slice_t id)
{
    /* with a secret key: a client chooses the id with which it resumes */
    return apr_siphash24(id.data, id.len, (const unsigned char *)ids->key);
}

static apr_uint64_t *bucket_of(const es_publisher_ids_t *ids, apr_uint64_t hash,
                               es_slot_t slot)
{
    /* an odd factor: slots that differ in their low bits have products that
     * do, so one id in many channels spreads over the buckets */
    apr_uint64_t spread = slot * APR_UINT64_C(0x9e3779b97f4a7c15);

    return &ids->buckets[(hash ^ spread) & (ids->nbuckets - 1)];
}

apr_uint64_t es_publisher_ids_add(const es_publisher_ids_t *ids,
                                  apr_uint64_t hash, es_slot_t slot,
                                  es_pos_t pos, int index)
{
    apr_uint64_t *bucket = bucket_of(ids, hash, slot);
    apr_uint64_t before = *bucket;

    *bucket = pos | (apr_uint64_t)index;
    return before;
}

/**
 * The link that ref refers to. Its record is not checked: a walk passes links
 * of other ids, and each check would load two more cache lines.
 *
 * @return APR_SUCCESS; APR_EOF: the record is no longer retained;
 *         APR_EGENERAL: damaged
 */
static apr_status_t follow(const es_publisher_ids_t *ids, apr_uint64_t ref,
                           const es_link_t **link)
{
    es_pos_t pos = ref & ~INDEX_MASK;

    if (pos < es_journal_tail(ids->journal)) {
        return APR_EOF;
    }
    *link = pos < es_journal_head(ids->journal)
                ? es_journal_link_at(ids->journal, pos, (int)(ref & INDEX_MASK))
                : NULL;
    return *link != NULL && (*link)->publisher_before < ref ? APR_SUCCESS
                                                            : APR_EGENERAL;
}

/** The record that ref refers to. @return 0 if damaged */
static int look(const es_publisher_ids_t *ids, apr_uint64_t ref,
                es_record_t *record)
{
    es_pos_t pos = ref & ~INDEX_MASK;

    return es_journal_look(ids->journal, pos, record) == APR_SUCCESS &&
           record->pos == pos && record->has_publisher_id &&
           (int)(ref & INDEX_MASK) < record->nslots;
}

apr_status_t es_publisher_ids_find(const es_publisher_ids_t *ids,
                                   apr_uint64_t hash, es_slot_t slot,
                                   es_slice_t id, es_record_t *found)
{
    apr_uint64_t ref = *bucket_of(ids, hash, slot);
    const es_link_t *link;

    for (; ref != 0; ref = link->publisher_before) {
        apr_status_t rv = follow(ids, ref, &link);

        if (rv == APR_EOF) {
            break;
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (link->slot != slot) {
            continue;
        }
        if (!look(ids, ref, found)) {
            return APR_EGENERAL;
        }
        if (es_slice_equal(es_journal_id(ids->journal, found), id)) {
            return APR_SUCCESS;
        }
    }
    found->pos = 0;
    return APR_SUCCESS;
}

void es_publisher_ids_clear(const es_publisher_ids_t *ids)
{
    memset(ids->buckets, 0, (apr_size_t)ids->nbuckets * sizeof(*ids->buckets));
}

void es_publisher_ids_restore(const es_publisher_ids_t *ids,
                              const es_record_t *record)
{
    apr_uint64_t hash;
    int i;

    if (!record->has_publisher_id) {
        return;
    }
    hash = es_publisher_ids_hash(ids, es_journal_id(ids->journal, record));
    for (i = 0; i < record->nslots; i++) {
        es_journal_link_at(ids->journal, record->pos, i)->publisher_before =
            es_publisher_ids_add(ids, hash, record->slots[i], record->pos, i);
    }
}

/** Number of links of retained records with a publisher's id. */
static apr_uint64_t count_links(const es_publisher_ids_t *ids)
{
    es_pos_t pos = es_journal_tail(ids->journal);
    apr_uint64_t links = 0;
    es_record_t record;

    for (; es_journal_look(ids->journal, pos, &record) == APR_SUCCESS;
         pos = record.next) {
        links += record.has_publisher_id ? (apr_uint64_t)record.nslots : 0;
    }
    return links;
}

const char *es_publisher_ids_check(const es_publisher_ids_t *ids, apr_pool_t *p)
{
    apr_uint64_t links = count_links(ids);
    apr_uint64_t seen = 0;
    apr_uint64_t i, ref;
    es_record_t record;
    const es_link_t *link;

    for (i = 0; i < ids->nbuckets; i++) {
        for (ref = ids->buckets[i]; ref != 0; ref = link->publisher_before) {
            apr_status_t rv = follow(ids, ref, &link);

            if (rv == APR_EOF) {
                break;
            }
            if (rv != APR_SUCCESS || !look(ids, ref, &record) ||
                bucket_of(ids,
                          es_publisher_ids_hash(
                              ids, es_journal_id(ids->journal, &record)),
                          link->slot) != &ids->buckets[i]) {
                return apr_psprintf(p,
                                    "publishers' ids: bucket %" APR_UINT64_T_FMT
                                    " refers to %" APR_UINT64_T_FMT,
                                    i, ref);
            }
            seen++;
        }
    }
    /* references fall along a chain, and each link is in its own bucket only,
     * so none was seen twice */
    if (seen != links) {
        return apr_psprintf(p,
                            "publishers' ids: %" APR_UINT64_T_FMT
                            " in the index, %" APR_UINT64_T_FMT " in records",
                            seen, links);
    }
    return NULL;
}
