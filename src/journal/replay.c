/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each channel is walked from its newest record back until there are enough,
 * one is out of reach, the channel was closed, or the ring has taken the next.
 * That is no loss here: nobody was promised more than what is retained.
 *
 * A client has one cursor for all of its channels, which starts at the first
 * of these records. So of a busy channel older ones stand behind it, too;
 * from tells them apart.
 */
#include "journal/replay.h"

#include "journal/record.h"
#include "journal/resume_ends.h"

/** What is looked for, and the first event that was found. */
typedef struct search_t {
    apr_uint64_t latest;
    const es_resume_reach_t *reach;
    apr_uint64_t since_ms;
    es_pos_t first;
    es_id_t id; /* of it */
} search_t;

/**
 * @param head  of the subscription: what stands behind it comes live, however
 *              much that is
 * @return where the part of the channel starts; head when nothing does
 */
static es_pos_t walk_back(const es_store_t *store, es_slot_t slot,
                          es_pos_t newest, es_pos_t tail, es_pos_t head,
                          search_t *search)
{
    es_pos_t from = head;
    es_pos_t pos = newest;
    apr_uint64_t seen = 0;
    es_record_t record;

    while (seen < search->latest && pos != 0 && pos >= tail &&
           es_store_look(store, pos, &record) == APR_SUCCESS) {
        if (record.closes) {
            break; /* what was before it is dropped */
        }
        if (pos < head) {
            if (!es_resume_reach_has(search->reach, search->since_ms,
                                     &record.id, seen++)) {
                break;
            }
            from = pos;
            if (pos < search->first) {
                search->first = pos;
                search->id = record.id;
            }
        }
        pos = es_record_before(&record, slot);
    }
    return from;
}

apr_status_t es_store_replay(es_store_t *store, const es_slot_t *slots,
                             int count, apr_uint64_t latest,
                             const es_resume_reach_t *reach,
                             es_replay_t *replay, es_start_t *start)
{
    search_t search = {latest, reach, es_resume_reach_since(reach, &start->id),
                       start->pos, start->id};
    apr_status_t rv = APR_SUCCESS;
    es_resume_ends_t ends;
    int i;

    for (i = 0; i < count; i++) {
        if (i % ES_RESUME_ENDS_MAX == 0) {
            rv = es_resume_ends_read(store, slots + i,
                                     es_resume_ends_some(count - i), &ends);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        replay[i].slot = slots[i];
        replay[i].from =
            walk_back(store, slots[i], ends.newest[i % ES_RESUME_ENDS_MAX],
                      ends.tail, start->pos, &search);
    }
    if (search.first < start->pos) {
        start->pos = search.first;
        start->id = es_id_before(&search.id);
    }
    return APR_SUCCESS;
}
