/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an id back to a position. A channel's records are linked from the
 * newest to the oldest, so that a walk costs what the client has missed, not
 * what others have published.
 *
 * A publisher's id is looked up in the index of ids, under the lock: a step
 * or two for each channel, whatever a client comes with.
 *
 * What else is read under the lock: up to which id a channel was evicted, its
 * newest record, and the tail. The walks need no lock: should the ring pass
 * them, the look says so, and then it is read once more what was evicted.
 */
#include "store/es_resume.h"

#include "store/es_view.h"

/* channels that are read under the lock at a time */
#define SOME 64

typedef struct ends_t {
    es_pos_t newest[SOME];
    es_pos_t tail;
    es_id_t evicted; /* the highest of them */
} ends_t;

static apr_status_t read_ends(es_store_t *store, const es_slot_t *slots,
                              int count, ends_t *ends)
{
    es_news_t news;
    apr_status_t rv = es_view_lock(store, &news);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    ends->tail = es_journal_tail(&store->journal);
    ends->evicted.ms = ends->evicted.n = 0;
    for (i = 0; i < count; i++) {
        const es_chan_t *chan = es_chantab_at(&store->tab, slots[i]);
        es_id_t evicted = {0, 0};

        ends->newest[i] = 0;
        if (chan) {
            ends->newest[i] = chan->newest;
            evicted.ms = chan->evicted_ms;
            evicted.n = chan->evicted_n;
        }
        if (es_id_compare(&evicted, &ends->evicted) > 0) {
            ends->evicted = evicted;
        }
    }
    es_view_unlock(store, &news);
    return APR_SUCCESS;
}

/** The record of the slot before this one, 0 = none. */
static es_pos_t before(const es_record_t *record, es_slot_t slot)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        if (record->slots[i] == slot) {
            return record->previous[i];
        }
    }
    return 0;
}

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
    apr_uint64_t hash = es_owntab_hash(&store->owns, text);
    es_record_t found;
    int i;

    for (i = 0; i < count; i++) {
        apr_status_t rv =
            es_owntab_find(&store->owns, hash, slots[i], text, &found);

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
    es_news_t news;
    apr_status_t rv = es_view_lock(store, &news);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = search_locked(store, slots, count, text, own);
    if (rv == APR_EGENERAL) {
        rv = es_repair(store, &news);
        if (rv == APR_SUCCESS) {
            rv = search_locked(store, slots, count, text, own);
        }
    }
    es_view_unlock(store, &news);
    return rv;
}

static int some_of(int rest)
{
    return rest < SOME ? rest : SOME;
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
    for (i = 0; i < count && rv == APR_SUCCESS; i += SOME) {
        rv = search_some(store, slots + i, some_of(count - i), text, &own);
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

/**
 * Walk a channel back to id.
 *
 * @param first  lowered to the first record after id
 * @return APR_SUCCESS; APR_ENOENT: overtaken by the ring on the way;
 *         APR_EGENERAL: damaged
 */
static apr_status_t walk_back(const es_store_t *store, es_slot_t slot,
                              es_pos_t newest, es_pos_t tail, const es_id_t *id,
                              es_pos_t *first)
{
    es_pos_t pos = newest;
    es_record_t record;

    while (pos != 0 && pos >= tail) {
        apr_status_t rv = es_store_look(store, pos, &record);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (es_id_compare(&record.id, id) <= 0) {
            return APR_SUCCESS;
        }
        if (pos < *first) {
            *first = pos;
        }
        pos = before(&record, slot);
    }
    return APR_SUCCESS;
}

/** Read the ends. @return APR_NOTFOUND: a record after id is evicted */
static apr_status_t read_vouching(es_store_t *store, const es_slot_t *slots,
                                  int count, const es_id_t *id, ends_t *ends)
{
    apr_status_t rv = read_ends(store, slots, count, ends);

    if (rv == APR_SUCCESS && es_id_compare(&ends->evicted, id) > 0) {
        rv = APR_NOTFOUND;
    }
    return rv;
}

static apr_status_t walk_some(es_store_t *store, const es_slot_t *slots,
                              int count, const es_id_t *id, es_pos_t *first)
{
    ends_t ends;
    apr_status_t rv = read_vouching(store, slots, count, id, &ends);
    int overtaken = 0;
    int i;

    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv = walk_back(store, slots[i], ends.newest[i], ends.tail, id, first);
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
        rv = read_vouching(store, slots, count, id, &ends);
    }
    return rv;
}

apr_status_t es_store_resume(es_store_t *store, const es_slot_t *slots,
                             int count, es_slice_t id_text, es_start_t *start)
{
    es_pos_t first = start->pos;
    es_id_t id;
    apr_status_t rv = resolve(store, slots, count, id_text, &id);
    int i;

    /* of another store; or from the future, which we have not given */
    if (rv == APR_SUCCESS && (!es_id_is_kin(&id, &store->birth) ||
                              es_id_compare(&id, &start->id) > 0)) {
        rv = APR_NOTFOUND;
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i += SOME) {
        rv = walk_some(store, slots + i, some_of(count - i), &id, &first);
    }
    if (rv == APR_SUCCESS) {
        start->pos = first;
        start->id = id;
    }
    return rv;
}
