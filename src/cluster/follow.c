/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three positions:
 *
 *     last          the journal has all up to here
 *     at            taken up to here, and nothing is missing; what is between
 *                   last and at is held
 *     seen          read up to here; what is between at and seen was written by
 *                   other programs
 *
 * A reply may end within a batch. If whole batches come before it, these are
 * appended, and the rest is read again from there: so all memory is free then.
 * If the batch is longer than the reply, it is held until its end has come.
 *
 * Several batches are appended together, as long as they are small: readers of
 * the journal then see all of them at once.
 */
#include "cluster/follow.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "cluster/revoke.h"

/** Batches are appended together up to so many events, channels and bytes: the
 * store lock is held for about 1 ms. */
#define TOGETHER_MAX 1024
#define TOGETHER_CHANNELS 4096
#define TOGETHER_BYTES (1024 * 1024)

/** Words of touched. */
static apr_size_t words_of(const es_cluster_hub_t *hub)
{
    return (hub->max_children + 63) / 64;
}

void es_cluster_follow_init(es_cluster_follow_t *follow,
                            const es_cluster_hub_t *hub, apr_pool_t *pool)
{
    memset(follow, 0, sizeof(*follow));
    follow->hub = hub;
    follow->parent = pool;
    follow->touched =
        apr_pcalloc(pool, words_of(hub) * sizeof(*follow->touched));
    apr_pool_create(&follow->pool, pool);
}

static void drop_held(es_cluster_follow_t *follow)
{
    int i;

    for (i = 0; i < follow->nreplies; i++) {
        es_cluster_reply_free(follow->replies[i]);
    }
    follow->nreplies = follow->count = follow->nends = 0;
    follow->follow = 0;
    follow->bytes = 0;
    apr_pool_clear(follow->pool);
}

void es_cluster_follow_clear(es_cluster_follow_t *follow)
{
    drop_held(follow);
    free(follow->entries);
    free(follow->replies);
    free(follow->ends);
    follow->entries = NULL;
    follow->replies = NULL;
    follow->ends = NULL;
    follow->room = follow->replies_room = follow->ends_room = 0;
}

void es_cluster_follow_from(es_cluster_follow_t *follow, const es_id_t *last)
{
    drop_held(follow);
    follow->last = follow->at = follow->seen = *last;
}

/* ---- what is held -------------------------------------------------------- */

/* Make room for one more. @return NULL without memory */
static void *grown(void *array, int count, int *room, apr_size_t size)
{
    int more = *room != 0 ? *room * 2 : 64;
    void *bigger = array;

    if (count >= *room) {
        bigger = realloc(array, (apr_size_t)more * size);
        *room = bigger != NULL ? more : *room;
    }
    return bigger;
}

static apr_status_t hold_reply(es_cluster_follow_t *follow,
                               es_cluster_reply_t *reply)
{
    es_cluster_reply_t **bigger =
        grown(follow->replies, follow->nreplies, &follow->replies_room,
              sizeof(*follow->replies));

    if (bigger == NULL) {
        drop_held(follow);
        es_cluster_reply_free(reply);
        return APR_ENOMEM;
    }
    follow->replies = bigger;
    follow->replies[follow->nreplies++] = reply;
    return APR_SUCCESS;
}

void es_cluster_follow_make(es_stream_entry_t *out,
                            const es_cluster_entry_t *entry,
                            apr_int64_t offset_ms, apr_pool_t *p)
{
    es_frame_t *frame;
    apr_int64_t until;

    out->id = entry->id;
    out->until_ms = 0;
    out->is_again = entry->is_again;
    out->entry.channels = entry->event.channels;
    out->entry.nchannels = entry->event.nchannels;
    out->entry.frame = NULL;
    if (entry->kind == ES_CLUSTER_ENTRY_CLOSE) {
        /* The offset is not exact, and a close for no time is over at once. */
        until = entry->seconds == 0 ? 0
                                    : (apr_int64_t)entry->id.ms +
                                          entry->seconds * 1000 - offset_ms;
        out->until_ms = until > 0 ? (apr_uint64_t)until : 0;
        return;
    }
    frame = apr_palloc(p, sizeof(*frame));
    es_frame_make(frame, &entry->event, p);
    out->entry.frame = frame;
}

/* A batch ends with what is held. */
static apr_status_t end_batch(es_cluster_follow_t *follow)
{
    int *bigger = grown(follow->ends, follow->nends, &follow->ends_room,
                        sizeof(*follow->ends));

    if (bigger == NULL) {
        return APR_ENOMEM;
    }
    follow->ends = bigger;
    if (follow->count > 0 &&
        (follow->nends == 0 ||
         follow->ends[follow->nends - 1] != follow->count)) {
        follow->ends[follow->nends++] = follow->count;
    }
    return APR_SUCCESS;
}

static apr_status_t hold_entry(es_cluster_follow_t *follow,
                               const es_cluster_entry_t *entry)
{
    es_stream_entry_t *bigger = grown(follow->entries, follow->count,
                                      &follow->room, sizeof(*follow->entries));
    es_stream_entry_t *held;

    if (bigger == NULL) {
        return APR_ENOMEM;
    }
    follow->entries = bigger;
    if (follow->follow != 0 && entry->follow != follow->follow - 1 &&
        end_batch(follow) != APR_SUCCESS) {
        return APR_ENOMEM; /* the batch before has ended early */
    }
    if (entry->revokes) {
        es_cluster_revoke_here(follow->hub, &entry->revoked,
                               es_cluster_revoke_until(entry),
                               follow->clock_offset_ms);
    }
    held = &follow->entries[follow->count++];
    es_cluster_follow_make(held, entry, follow->clock_offset_ms, follow->pool);
    follow->bytes += es_store_entry_size(held);
    follow->at = entry->id;
    follow->follow = entry->follow;
    return entry->follow == 0 ? end_batch(follow) : APR_SUCCESS;
}

/* ---- appending ----------------------------------------------------------- */

/* Append entries from..to. Those that do not fit into half of the ring at once
 * are appended in parts: the hub may be larger at another node. */
static apr_status_t append(es_cluster_follow_t *follow, int from, int to)
{
    const es_cluster_hub_t *hub = follow->hub;
    es_appended_t done;
    apr_status_t rv;

    memset(follow->touched, 0, words_of(hub) * sizeof(*follow->touched));
    rv = es_store_append_at(hub->store, &follow->last, follow->entries + from,
                            to - from, follow->touched, &done);
    if (rv == APR_SUCCESS) {
        follow->last = follow->entries[to - 1].id;
        es_cluster_state_add(hub->state, ES_CLUSTER_ENTRIES,
                             (apr_uint64_t)(to - from));
        es_cluster_state_advance(hub->state);
        hub->wake(hub->arg, follow->touched);
        return APR_SUCCESS;
    }
    if (rv != APR_ENOSPC && rv != APR_EINVAL) {
        return rv;
    }
    if (to - from == 1) {
        return APR_INCOMPLETE; /* this journal cannot have it */
    }
    rv = append(follow, from, from + (to - from) / 2);
    return rv != APR_SUCCESS ? rv : append(follow, from + (to - from) / 2, to);
}

/** The size of some entries. */
typedef struct load_t {
    int count;
    int channels;
    apr_uint64_t bytes;
} load_t;

static load_t load_of(const es_cluster_follow_t *follow, int from, int to)
{
    load_t load = {to - from, 0, 0};
    int i;

    for (i = from; i < to; i++) {
        load.bytes += es_store_entry_size(&follow->entries[i]);
        load.channels += follow->entries[i].entry.nchannels;
    }
    return load;
}

/* @return 0: both are too much for one append; *sum is unchanged */
static int add_load(load_t *sum, const load_t *more)
{
    if (sum->count + more->count > TOGETHER_MAX ||
        sum->channels + more->channels > TOGETHER_CHANNELS ||
        sum->bytes + more->bytes > TOGETHER_BYTES) {
        return 0;
    }
    sum->count += more->count;
    sum->channels += more->channels;
    sum->bytes += more->bytes;
    return 1;
}

/* Append all batches that have ended. */
static apr_status_t append_whole(es_cluster_follow_t *follow)
{
    apr_status_t rv = APR_SUCCESS;
    load_t sum = {0, 0, 0};
    int from = 0, to = 0;
    int i;

    for (i = 0; i < follow->nends && rv == APR_SUCCESS; i++) {
        load_t load = load_of(follow, to, follow->ends[i]);

        if (!add_load(&sum, &load)) {
            rv = to > from ? append(follow, from, to) : APR_SUCCESS;
            from = to;
            sum = load;
        }
        to = follow->ends[i];
    }
    return rv == APR_SUCCESS && to > from ? append(follow, from, to) : rv;
}

/* Append what has ended; the rest is held, or read again. */
static apr_status_t append_held(es_cluster_follow_t *follow)
{
    apr_status_t rv = APR_SUCCESS;
    es_id_t last;

    if (follow->bytes > es_store_fill_max(follow->hub->store)) {
        rv = end_batch(follow); /* it is larger than the journal can take */
    }
    if (rv == APR_SUCCESS && follow->nends > 0) {
        int is_all = follow->ends[follow->nends - 1] == follow->count;
        es_id_t seen = follow->seen;

        rv = append_whole(follow);
        last = follow->last;
        es_cluster_follow_from(follow, &last);
        follow->seen = is_all ? seen : last;
    }
    return rv;
}

/* ---- taking -------------------------------------------------------------- */

void es_cluster_follow_log(const es_cluster_hub_t *hub,
                           const es_cluster_entry_t *entry)
{
    static apr_time_t last_logged; /* atomic */
    char id[ES_ID_TEXT_SIZE];

    es_id_format(id, &entry->id);
    es_log(es_log_limit_level(&last_logged, ES_LOG_WARNING, es_clock_now()),
           APR_SUCCESS, "ES0840",
           "hub %s: cannot use the entry %s of the broker's stream: %s%s",
           hub->name, id, entry->why,
           entry->kind == ES_CLUSTER_ENTRY_FOREIGN
               ? "; it is skipped"
               : "; clients are told that they may have missed an event");
}

/* An epoch begins. */
static apr_status_t take_marker(es_cluster_follow_t *follow,
                                const es_cluster_entry_t *entry)
{
    apr_status_t rv = end_batch(follow);

    if (rv == APR_SUCCESS) {
        rv = append_held(follow);
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = es_store_begin_epoch(follow->hub->store, &follow->last, &entry->id);
    if (rv == APR_SUCCESS) {
        es_cluster_follow_from(follow, &entry->id);
        es_cluster_state_add(follow->hub->state, ES_CLUSTER_ENTRIES, 1);
        es_cluster_state_advance(follow->hub->state);
    }
    return rv;
}

static apr_status_t take_entry(es_cluster_follow_t *follow,
                               const es_cluster_entry_t *entry)
{
    follow->seen = entry->id;
    if (entry->kind == ES_CLUSTER_ENTRY_FOREIGN) {
        es_cluster_follow_log(follow->hub, entry);
        return APR_SUCCESS;
    }
    if (es_id_compare(&entry->before, &follow->at) != 0) {
        return APR_INCOMPLETE;
    }
    if (entry->kind == ES_CLUSTER_ENTRY_BAD) {
        es_cluster_follow_log(follow->hub, entry);
        return APR_INCOMPLETE;
    }
    if (entry->kind != ES_CLUSTER_ENTRY_EPOCH) {
        return hold_entry(follow, entry);
    }
    return entry->is_continued ? take_marker(follow, entry) : APR_INCOMPLETE;
}

apr_status_t es_cluster_follow_take(es_cluster_follow_t *follow,
                                    es_cluster_reply_t *reply,
                                    const es_cluster_reply_t *entries)
{
    int count = es_cluster_reply_count(entries);
    apr_status_t rv = APR_SUCCESS;
    es_cluster_entry_t entry;
    int i;

    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        es_cluster_entry_read(&entry, es_cluster_reply_at(entries, i),
                              follow->pool);
        rv = take_entry(follow, &entry);
    }
    if (rv == APR_SUCCESS) {
        rv = append_held(follow);
    }
    if (rv == APR_SUCCESS && follow->count > 0) {
        return hold_reply(follow, reply);
    }
    drop_held(follow);
    es_cluster_reply_free(reply);
    return rv;
}
