/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an id back to a position. A channel's records are linked from the
 * newest to the oldest, so that a walk costs what the client has missed, not
 * what others have published.
 *
 * A publisher's id is looked up in the index of ids, under the lock: a step
 * or two for each channel, whatever a client comes with.
 *
 * The walks need no lock: should the ring pass them, the look says so, and
 * then it is read once more what was evicted.
 */
#include "journal/resume.h"

#include "journal/record.h"
#include "journal/resume_ends.h"
#include "journal/store_priv.h"

/* ---- a publisher's id -------------------------------------------------- */

/** What is known of a publisher's id so far. */
typedef struct own_t {
    es_pos_t pos; /* 0 = not found yet */
    es_id_t id;   /* ours, of the event at pos */
} own_t;

/** @return 0 when the id stands in two places: which one is meant? */
static int note_own(own_t *own, const es_record_t *found)
{
    if (found->pos == 0) {
        return 1;
    }
    if (own->pos != 0 && own->pos != found->pos) {
        return 0;
    }
    own->pos = found->pos;
    own->id = found->id;
    return 1;
}

static apr_status_t search_locked(es_store_t *store, const es_slot_t *slots,
                                  int count, es_slice_t text, own_t *own)
{
    apr_uint64_t hash = es_publisher_ids_hash(&store->publisher_ids, text);
    es_record_t found;
    int i;

    for (i = 0; i < count; i++) {
        apr_status_t rv = es_publisher_ids_find(&store->publisher_ids, hash,
                                                slots[i], text, &found);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (!note_own(own, &found)) {
            return APR_NOTFOUND;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t search_some(es_store_t *store, const es_slot_t *slots,
                                int count, es_slice_t text, own_t *own)
{
    es_repair_report_t news;
    apr_status_t rv = es_store_lock(store, &news);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = search_locked(store, slots, count, text, own);
    if (rv == APR_EGENERAL) {
        rv = es_store_repair(store, &news);
        if (rv == APR_SUCCESS) {
            rv = search_locked(store, slots, count, text, own);
        }
    }
    es_store_unlock(store, &news);
    return rv;
}

/** Our id of the one event that has the publisher's id. */
static apr_status_t resolve_own(es_store_t *store, const es_slot_t *slots,
                                int count, es_slice_t text, es_id_t *id)
{
    own_t own = {0, {0, 0}};
    apr_status_t rv = APR_SUCCESS;
    int i;

    if (text.len < 1 || text.len > ES_EVENT_FIELD_MAX) {
        return APR_NOTFOUND;
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i += ES_RESUME_ENDS_MAX) {
        rv = search_some(store, slots + i, es_resume_ends_some(count - i), text,
                         &own);
    }
    *id = own.id;
    return rv == APR_SUCCESS && own.pos == 0 ? APR_NOTFOUND : rv;
}

static apr_status_t resolve(es_store_t *store, const es_slot_t *slots,
                            int count, es_slice_t text, es_id_t *id)
{
    if (es_id_is_ours(text)) {
        return es_id_parse(id, text) ? APR_SUCCESS : APR_NOTFOUND;
    }
    return resolve_own(store, slots, count, text, id);
}

/* ---- the position ------------------------------------------------------ */

/** What a client comes with, and how far back it may go. */
typedef struct wish_t {
    es_id_t id; /* the event that it knows */
    const es_resume_reach_t *reach;
    apr_uint64_t since_ms; /* events before are out of reach */
} wish_t;

/**
 * Walk a channel back to the id.
 *
 * @param first  lowered to the first record after it
 * @return APR_SUCCESS; APR_ENOENT: overtaken by the ring on the way;
 *         APR_NOTFOUND: a record after the id is out of reach; APR_EGENERAL:
 *         damaged
 */
static apr_status_t walk_back(const es_store_t *store, es_slot_t slot,
                              es_pos_t newest, es_pos_t tail,
                              const wish_t *wish, es_pos_t *first)
{
    es_pos_t pos = newest;
    apr_uint64_t seen = 0;
    es_record_t record;

    while (pos != 0 && pos >= tail) {
        apr_status_t rv = es_store_look(store, pos, &record);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (es_id_compare(&record.id, &wish->id) <= 0) {
            return APR_SUCCESS;
        }
        if (!es_resume_reach_has(wish->reach, wish->since_ms, &record.id,
                                 seen++)) {
            return APR_NOTFOUND;
        }
        if (pos < *first) {
            *first = pos;
        }
        pos = es_record_before(&record, slot);
    }
    return APR_SUCCESS;
}

/** Read the ends. @return APR_NOTFOUND: a record after id is evicted */
static apr_status_t read_vouching(es_store_t *store, const es_slot_t *slots,
                                  int count, const es_id_t *id,
                                  es_resume_ends_t *ends)
{
    apr_status_t rv = es_resume_ends_read(store, slots, count, ends);

    if (rv == APR_SUCCESS && es_id_compare(&ends->evicted, id) > 0) {
        rv = APR_NOTFOUND;
    }
    return rv;
}

static apr_status_t walk_some(es_store_t *store, const es_slot_t *slots,
                              int count, const wish_t *wish, es_pos_t *first)
{
    es_resume_ends_t ends;
    apr_status_t rv = read_vouching(store, slots, count, &wish->id, &ends);
    int overtaken = 0;
    int i;

    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = walk_back(store, slots[i], ends.newest[i], ends.tail, wish, first);
        if (rv == APR_ENOENT) {
            overtaken = 1;
            rv = APR_SUCCESS;
        }
        else if (rv != APR_SUCCESS) {
            rv = APR_NOTFOUND;
        }
    }
    if (rv == APR_SUCCESS && overtaken) {
        /* what went was before id, and then all after it was seen; or not */
        rv = read_vouching(store, slots, count, &wish->id, &ends);
    }
    return rv;
}

apr_uint64_t es_resume_reach_since(const es_resume_reach_t *reach,
                                   const es_id_t *present)
{
    apr_uint64_t now =
        reach->now_ms > present->ms ? reach->now_ms : present->ms;

    return reach->age_ms != 0 && reach->age_ms < now ? now - reach->age_ms : 0;
}

int es_resume_reach_has(const es_resume_reach_t *reach, apr_uint64_t since_ms,
                        const es_id_t *id, apr_uint64_t newer)
{
    return (reach->events == 0 || newer < reach->events) && id->ms >= since_ms;
}

apr_status_t es_store_resume(es_store_t *store, const es_slot_t *slots,
                             int count, es_slice_t id_text,
                             const es_resume_reach_t *reach, es_start_t *start)
{
    wish_t wish = {{0, 0}, reach, es_resume_reach_since(reach, &start->id)};
    es_pos_t first = start->pos;
    apr_status_t rv = resolve(store, slots, count, id_text, &wish.id);
    int i;

    /* of another store; or from the future, which we have not given */
    if (rv == APR_SUCCESS && (!es_id_is_kin(&wish.id, &store->epoch) ||
                              es_id_compare(&wish.id, &start->id) > 0)) {
        rv = APR_NOTFOUND;
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i += ES_RESUME_ENDS_MAX) {
        rv = walk_some(store, slots + i, es_resume_ends_some(count - i), &wish,
                       &first);
    }
    if (rv == APR_SUCCESS) {
        start->pos = first;
        start->id = wish.id;
    }
    return rv;
}
