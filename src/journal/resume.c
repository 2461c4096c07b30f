/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an id back to a position. A channel's records are linked from the newest
 * to the oldest, so a walk costs what the client has missed, not what others
 * have published.
 *
 * A publisher's id is looked up in the index of ids, under the lock. That takes
 * a step or two for each channel, whatever id a client sends.
 *
 * The walks need no lock: if the ring overtakes a walk, es_store_look fails,
 * and the evicted ids are read once more.
 */
#include "journal/resume.h"

#include "journal/spans.h"

/* ---- the ends of chains ------------------------------------------------- */

/** At most this many channels are read at a time under the lock. */
#define ENDS_MAX 64

typedef struct chain_ends_t {
    es_pos_t newest[ENDS_MAX]; /* of each channel; 0 = none */
    es_pos_t tail;
    es_id_t evicted; /* the highest evicted id of all these channels */
    es_id_t valid;   /* the first id that is */
} chain_ends_t;

/** How many of the rest are read next. */
static int count_next(int rest)
{
    return rest < ENDS_MAX ? rest : ENDS_MAX;
}

/**
 * Read where the channels' chains begin and end: newest record, evicted id,
 * tail, first valid id. They are read under the lock, as they must agree; then
 * walks need none.
 *
 * @param count  ENDS_MAX at most
 * @param id     that must be valid; NULL: none
 * @return APR_SUCCESS; APR_NOTFOUND: id is not valid; APR_EGENERAL: the segment
 *         is unusable
 */
static apr_status_t read_ends(es_store_t *store, const es_slot_t *slots,
                              int count, const es_id_t *id, chain_ends_t *ends)
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    ends->tail = es_journal_tail(&store->journal);
    ends->valid = es_spans_first_valid(store);
    ends->evicted.ms = ends->evicted.n = 0;
    for (i = 0; i < count; i++) {
        const es_chan_t *chan = es_channels_at(&store->channels, slots[i]);
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
    if (id != NULL && !es_spans_have(store, id)) {
        rv = APR_NOTFOUND; /* of another journal, or before a fill */
    }
    es_store_unlock(store, &report);
    return rv;
}

/* ---- a publisher's id --------------------------------------------------- */

/** The event that was found by a publisher's id. */
typedef struct id_match_t {
    es_pos_t pos; /* 0 = none yet */
    es_id_t id;   /* our id of it */
} id_match_t;

/** @return 0: two events have the id, or one has had two places, and either may
 * be meant */
static int add_match(id_match_t *match, const es_record_t *found)
{
    if (found->pos == 0) {
        return 1;
    }
    if (found->is_again || (match->pos != 0 && match->pos != found->pos)) {
        return 0;
    }
    match->pos = found->pos;
    match->id = found->id;
    return 1;
}

static apr_status_t search_locked(es_store_t *store, const es_slot_t *slots,
                                  int count, es_slice_t text, id_match_t *match)
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
        if (!add_match(match, &found)) {
            return APR_NOTFOUND;
        }
    }
    return APR_SUCCESS;
}

static apr_status_t search_some(es_store_t *store, const es_slot_t *slots,
                                int count, es_slice_t text, id_match_t *match)
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = search_locked(store, slots, count, text, match);
    if (rv == APR_EGENERAL) {
        rv = es_store_repair(store, &report);
        if (rv == APR_SUCCESS) {
            rv = search_locked(store, slots, count, text, match);
        }
    }
    es_store_unlock(store, &report);
    return rv;
}

/** Our id of the one event that has the publisher's id. */
static apr_status_t resolve_publisher_id(es_store_t *store,
                                         const es_slot_t *slots, int count,
                                         es_slice_t text, es_id_t *id)
{
    id_match_t match = {0, {0, 0}};
    apr_status_t rv = APR_SUCCESS;
    int i;

    if (text.len < 1 || text.len > ES_EVENT_FIELD_MAX) {
        return APR_NOTFOUND;
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i += ENDS_MAX) {
        rv = search_some(store, slots + i, count_next(count - i), text, &match);
    }
    *id = match.id;
    return rv == APR_SUCCESS && match.pos == 0 ? APR_NOTFOUND : rv;
}

static apr_status_t resolve(es_store_t *store, const es_slot_t *slots,
                            int count, es_slice_t text, es_id_t *id)
{
    if (es_id_is_ours(text)) {
        return es_id_parse(id, text) ? APR_SUCCESS : APR_NOTFOUND;
    }
    return resolve_publisher_id(store, slots, count, text, id);
}

/* ---- reach -------------------------------------------------------------- */

/** The time of the oldest event within reach. */
static apr_uint64_t reach_since(const es_resume_reach_t *reach,
                                const es_id_t *present)
{
    apr_uint64_t now =
        reach->now_ms > present->ms ? reach->now_ms : present->ms;

    return reach->age_ms != 0 && reach->age_ms < now ? now - reach->age_ms : 0;
}

/**
 * Is an event within reach?
 *
 * @param since_ms  from reach_since
 * @param newer     how many events of its channel are newer
 */
static int is_in_reach(const es_resume_reach_t *reach, apr_uint64_t since_ms,
                       const es_id_t *id, apr_uint64_t newer)
{
    return (reach->events == 0 || newer < reach->events) && id->ms >= since_ms;
}

/* ---- the position ------------------------------------------------------- */

/** The event that the client knows, and how far back it may go. */
typedef struct resume_query_t {
    es_id_t id; /* of the event */
    const es_resume_reach_t *reach;
    apr_uint64_t since_ms; /* older events are out of reach */
    apr_uint64_t left;     /* records that may be looked at */
} resume_query_t;

/**
 * Walk a channel back to the id.
 *
 * @param first  lowered to the first record after the id
 * @return APR_SUCCESS; APR_ENOENT: the ring has overtaken the walk;
 *         APR_NOTFOUND: a record after the id is out of reach; APR_EGENERAL:
 *         a record is damaged
 */
static apr_status_t walk_back(const es_store_t *store, es_slot_t slot,
                              es_pos_t newest, es_pos_t tail,
                              resume_query_t *query, es_pos_t *first)
{
    es_pos_t pos = newest;
    apr_uint64_t seen = 0;
    es_record_t record;

    while (pos != 0 && pos >= tail) {
        apr_status_t rv = es_store_look(store, pos, &record);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (es_id_compare(&record.id, &query->id) <= 0) {
            return APR_SUCCESS;
        }
        if (!is_in_reach(query->reach, query->since_ms, &record.id, seen++) ||
            query->left-- == 0) {
            return APR_NOTFOUND;
        }
        if (pos < *first) {
            *first = pos;
        }
        pos = es_journal_record_before(&record, slot);
    }
    return APR_SUCCESS;
}

/** Read the ends. @return APR_NOTFOUND: a record after id is evicted */
static apr_status_t read_ends_after(es_store_t *store, const es_slot_t *slots,
                                    int count, const es_id_t *id,
                                    chain_ends_t *ends)
{
    apr_status_t rv = read_ends(store, slots, count, id, ends);

    if (rv == APR_SUCCESS && es_id_compare(&ends->evicted, id) > 0) {
        rv = APR_NOTFOUND;
    }
    return rv;
}

static apr_status_t walk_some(es_store_t *store, const es_slot_t *slots,
                              int count, resume_query_t *query, es_pos_t *first)
{
    chain_ends_t ends;
    apr_status_t rv = read_ends_after(store, slots, count, &query->id, &ends);
    int overtaken = 0;
    int i;

    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        rv =
            walk_back(store, slots[i], ends.newest[i], ends.tail, query, first);
        if (rv == APR_ENOENT) {
            overtaken = 1;
            rv = APR_SUCCESS;
        }
        else if (rv != APR_SUCCESS) {
            rv = APR_NOTFOUND;
        }
    }
    if (rv == APR_SUCCESS && overtaken) {
        /* if only records up to the id are evicted, the walk saw all others */
        rv = read_ends_after(store, slots, count, &query->id, &ends);
    }
    return rv;
}

apr_status_t es_store_resume(es_store_t *store, const es_slot_t *slots,
                             int count, es_slice_t id_text,
                             const es_resume_reach_t *reach, es_start_t *start)
{
    resume_query_t query = {{0, 0},
                            reach,
                            reach_since(reach, &start->id),
                            reach->records != 0 ? reach->records
                                                : APR_UINT64_MAX};
    es_pos_t first = start->pos;
    apr_status_t rv = resolve(store, slots, count, id_text, &query.id);
    int i;

    if (rv == APR_SUCCESS && es_id_compare(&query.id, &start->id) > 0) {
        rv = APR_NOTFOUND; /* not given when the client subscribed */
    }
    for (i = 0; i < count && rv == APR_SUCCESS; i += ENDS_MAX) {
        rv = walk_some(store, slots + i, count_next(count - i), &query, &first);
    }
    if (rv == APR_SUCCESS) {
        start->pos = first;
        start->id = query.id;
    }
    return rv;
}

/* ---- replay -------------------------------------------------------------
 *
 * Each channel is walked back from its newest record until there are enough
 * events, or one is out of reach, evicted, or a close, or has no valid id. An
 * evicted event is no loss here: the client is promised retained events only.
 *
 * A client has one cursor for all of its channels, which starts at the first of
 * these events. So it meets older events of a busy channel, too; from excludes
 * them.
 */

/** The arguments of a replay, and the first event that was found. */
typedef struct replay_query_t {
    apr_uint64_t latest;
    const es_resume_reach_t *reach;
    apr_uint64_t since_ms;
    es_pos_t first;
    es_id_t id; /* of the event at first */
} replay_query_t;

/**
 * Walk a channel back over its latest events.
 *
 * @param i     number of the channel, in ends
 * @param head  of the subscription: later events arrive live, however many
 * @return where the channel's replay starts; head if it has none
 */
static es_pos_t walk_latest(const es_store_t *store, es_slot_t slot,
                            const chain_ends_t *ends, int i, es_pos_t head,
                            replay_query_t *query)
{
    es_pos_t from = head;
    es_pos_t pos = ends->newest[i];
    apr_uint64_t seen = 0;
    es_record_t record;

    while (seen < query->latest && pos != 0 && pos >= ends->tail &&
           es_store_look(store, pos, &record) == APR_SUCCESS &&
           es_id_compare(&record.id, &ends->valid) >= 0) {
        if (record.closes) {
            break; /* the events before it are dropped */
        }
        if (pos < head) {
            if (!is_in_reach(query->reach, query->since_ms, &record.id,
                             seen++)) {
                break;
            }
            from = pos;
            if (pos < query->first) {
                query->first = pos;
                query->id = record.id;
            }
        }
        pos = es_journal_record_before(&record, slot);
    }
    return from;
}

apr_status_t es_store_replay(es_store_t *store, const es_slot_t *slots,
                             int count, apr_uint64_t latest,
                             const es_resume_reach_t *reach, es_part_t *parts,
                             es_start_t *start)
{
    replay_query_t query = {latest, reach, reach_since(reach, &start->id),
                            start->pos, start->id};
    apr_status_t rv = APR_SUCCESS;
    chain_ends_t ends;
    int i;

    for (i = 0; i < count; i++) {
        if (i % ENDS_MAX == 0) {
            rv =
                read_ends(store, slots + i, count_next(count - i), NULL, &ends);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        parts[i].slot = slots[i];
        parts[i].from = walk_latest(store, slots[i], &ends, i % ENDS_MAX,
                                    start->pos, &query);
    }
    if (query.first < start->pos) {
        start->pos = query.first;
        start->id = es_id_before(&query.id);
    }
    return APR_SUCCESS;
}
