/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each conn gets each record once and in order, because its cursor decides:
 *
 *   - a conn that has read the records itself is beyond the round: nothing;
 *   - a conn that has read a part of them, or that has channels in two groups,
 *     or whose channel is closed in the round, is stepped, which reads the
 *     journal from its cursor up to hub->pos;
 *   - all others get the frames of the round, and their cursor is at its end.
 *
 * Between two parts of a walk conns may come, leave and be stepped. A walk goes
 * from the end of a list to its start: a conn that leaves is replaced by the
 * last one, which the walk has visited, and a new one is added at the end, and
 * has been stepped up to hub->pos. No conn is passed over; at most one is
 * visited twice, and its cursor is beyond the round by then.
 *
 * The inner loop runs once for each client and event, so it touches little:
 * the conn by its link, its client, its sink, and then the kernel. All of them
 * are spread over the heap and are prefetched: the link six iterations ahead,
 * the conn four, its client and its sink two.
 */
#include "deliver/walk.h"

#include "deliver/client_priv.h"

#define PREFETCH 6 /* conns ahead: three stages, two conns each */
#define CACHE_LINE 64

/* A channel's weight is the class of its walk's time: below 500 us, below 4 ms,
 * 32 ms, 256 ms, or more. A write takes some 3 us, and 1 us for 3 KB. */
#define LIGHT 500
#define WEIGHTS 5
#define CONN_TIME 3
#define BYTES_FOR_US 3000

static int weigh(apr_uint32_t conns, apr_size_t bytes)
{
    apr_uint64_t time =
        conns * (CONN_TIME + (apr_uint64_t)bytes / BYTES_FOR_US);
    apr_uint64_t limit = LIGHT;
    int weight;

    for (weight = 0; weight < WEIGHTS - 1 && time >= limit; weight++) {
        limit *= 8;
    }
    return weight;
}

void es_walk_begin(es_walk_t *walk)
{
    const es_round_t *round = walk->round;
    es_channel_list_t list;
    int i;

    walk->present = 0;
    walk->conns = 0;
    walk->visited = 0;
    for (i = 0; i < es_round_count(round); i++) {
        list = es_channel_index_list(walk->hub->conns, es_round_slot(round, i));
        walk->weights[i] =
            (unsigned char)weigh(list.count, es_round_bytes(round, i));
        walk->present |= 1u << walk->weights[i];
        walk->conns += list.count;
    }
    walk->is_walking = 1;
    walk->weight = 0;
    walk->channel = 0;
    walk->is_begun = 0;
}

int es_walk_is_light(const es_walk_t *walk)
{
    return walk->weight == 0;
}

int es_walk_has_visited(const es_walk_t *walk, int channel)
{
    return walk->weights[channel] < walk->weight ||
           (walk->weights[channel] == walk->weight && channel < walk->channel);
}

es_pos_t es_walk_reached(const es_walk_t *walk)
{
    es_pos_t start = es_round_start(walk->round);
    apr_uint64_t visited = walk->visited;
    es_channel_list_t list;

    if (walk->is_begun) {
        list = es_channel_index_list(walk->hub->conns,
                                     es_round_slot(walk->round, walk->channel));
        visited += list.count > walk->left ? list.count - walk->left : 0;
    }
    if (visited >= walk->conns) {
        return start; /* conns have come meanwhile: it is not known */
    }
    return start + (es_round_end(walk->round) - start) * visited / walk->conns;
}

/* Are all channels of a conn of the walk's group? */
static int has_all_channels(const es_walk_t *walk, const es_conn_t *conn)
{
    const es_slot_t *slots;
    int nslots, i;

    if (walk->hub->groups == 0) {
        return 1;
    }
    slots = es_client_slots(conn->client, &nslots);
    for (i = 0; i < nslots; i++) {
        if (es_channel_index_list(walk->hub->conns, slots[i]).group !=
            walk->mark) {
            return 0;
        }
    }
    return 1;
}

/* If the round closes a channel of the conn, its stream ends with the records
 * before the close, and the round may hold later ones. */
static int is_closed_in_round(const es_walk_t *walk, const es_conn_t *conn)
{
    const es_slot_t *slots;
    int nslots;

    if (!es_round_has_closes(walk->round)) {
        return 0;
    }
    slots = es_client_slots(conn->client, &nslots);
    return es_round_closes(walk->round, slots, nslots);
}

/* The frames for a conn; NULL = it is to be stepped instead. */
static const es_round_frames_t *frames_for(const es_walk_t *walk,
                                           const es_conn_t *conn,
                                           const es_round_frames_t **frames)
{
    const es_slot_t *slots;
    int nslots;

    if (is_closed_in_round(walk, conn)) {
        return NULL;
    }
    if (conn->nslots > 1) {
        /* It is in the list of each of its channels, and gets the frames of
         * all when the first is visited. */
        if (!has_all_channels(walk, conn)) {
            return NULL;
        }
        slots = es_client_slots(conn->client, &nslots);
        return es_round_merge(walk->round, slots, nslots, conn->chunked);
    }
    if (frames[conn->chunked] == NULL) {
        frames[conn->chunked] =
            es_round_frames(walk->round, walk->channel, conn->chunked);
    }
    return frames[conn->chunked];
}

static void offer(es_conns_t *conns, es_walk_t *walk, es_conn_t *conn,
                  const es_round_frames_t **frames, apr_time_t now)
{
    const es_round_frames_t *own;
    es_step_t step = ES_STEP_MORE;

    if (conn->state != ES_CONN_CURRENT) {
        return; /* it reads the journal itself */
    }
    if (conn->nslots > 1 &&
        es_client_pos(conn->client) >= es_round_end(walk->round)) {
        return; /* it has been visited */
    }
    own = frames_for(walk, conn, frames);
    if (own != NULL) {
        step = es_client_offer(conn->client, es_round_start(walk->round),
                               es_round_end(walk->round), own, now);
    }
    if (step != ES_STEP_CURRENT) {
        es_conns_stepped(conns, conn, step, now);
    }
}

/* The conn at an index of the list. Those that follow are prefetched here, and
 * not in a function of its own: gcc removes calls of one that only prefetches.
 */
static es_conn_t *conn_at(const es_channel_list_t *list, apr_uint32_t at)
{
    const es_conn_t *next;
    int line;

    if (at >= PREFETCH) {
        __builtin_prefetch(list->links[at - PREFETCH]);
        __builtin_prefetch(list->links[at - PREFETCH * 2 / 3]->owner);
        next = list->links[at - PREFETCH / 3]->owner;
        __builtin_prefetch(next->client);
        __builtin_prefetch(next->sink);
        for (line = CACHE_LINE; next->is_large && line < ES_SINK_LARGE;
             line += CACHE_LINE) {
            __builtin_prefetch((const char *)next->sink + line);
        }
    }
    return list->links[at]->owner;
}

/* @return 1 when all conns of the channel have been visited */
static int walk_channel(es_conns_t *conns, es_walk_t *walk,
                        es_deadline_t *deadline, apr_time_t now)
{
    const es_round_frames_t *frames[2] = {NULL, NULL};
    es_channel_list_t list = es_channel_index_list(
        walk->hub->conns, es_round_slot(walk->round, walk->channel));

    if (!walk->is_begun || walk->left > list.count) {
        walk->left = list.count;
    }
    walk->is_begun = 1;
    while (walk->left > 0) {
        walk->left--;
        offer(conns, walk, conn_at(&list, walk->left), frames, now);
        if (es_deadline_is_over(deadline)) {
            return 0;
        }
    }
    walk->is_begun = 0;
    walk->visited += list.count;
    return 1;
}

/* From the present channel on. @return 1 when all of this weight are visited */
static int walk_weight(es_conns_t *conns, es_walk_t *walk,
                       es_deadline_t *deadline, apr_time_t now)
{
    int count = es_round_count(walk->round);

    for (; walk->channel < count; walk->channel++) {
        if (walk->weights[walk->channel] == walk->weight &&
            !walk_channel(conns, walk, deadline, now)) {
            return 0;
        }
    }
    return 1;
}

int es_walk_run(es_walk_t *walk, es_conns_t *conns, es_deadline_t *deadline,
                apr_time_t now)
{
    for (; walk->present >> walk->weight != 0; walk->weight++) {
        if ((walk->present >> walk->weight & 1) != 0 &&
            !walk_weight(conns, walk, deadline, now)) {
            return 0;
        }
        walk->channel = 0;
    }
    walk->is_walking = 0;
    return 1;
}
