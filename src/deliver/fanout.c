/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loop runs once for each client and event, so it touches little:
 * the conn by its link, its client, its sink, and then the kernel. All of them
 * are spread over the heap and are prefetched: the conn four iterations ahead,
 * its client and its sink two iterations ahead.
 *
 * While the loop runs, conns only change their state. The lists of the index
 * stay as they are until es_conns_reap frees dead conns.
 */
#include "deliver/fanout.h"

#include <stdlib.h>

#include "base/context.h"
#include "base/log.h"
#include "deliver/client_priv.h"
#include "deliver/round.h"

#define ROUND_BYTES (512 * 1024)
#define PREFETCH 4 /* conns to prefetch */

struct es_fanout_t {
    es_conns_t *conns;
    es_round_t *round;
};

es_fanout_t *es_fanout_create(es_conns_t *conns)
{
    es_fanout_t *fanout = calloc(1, sizeof(*fanout));

    if (fanout == NULL) {
        return NULL;
    }
    fanout->conns = conns;
    fanout->round = es_round_create(ROUND_BYTES);
    if (fanout->round == NULL) {
        free(fanout);
        return NULL;
    }
    return fanout;
}

void es_fanout_destroy(es_fanout_t *fanout)
{
    if (fanout != NULL) {
        es_round_destroy(fanout->round);
        free(fanout);
    }
}

static int on_wants(void *baton, es_slot_t slot)
{
    const es_hub_t *hub = baton;

    return es_channel_index_list(hub->conns, slot).count != 0 ||
           es_channel_index_list(hub->watches, slot).count != 0;
}

static void offer(es_fanout_t *fanout, es_conn_t *conn,
                  const es_round_frames_t *frames, apr_time_t now)
{
    es_step_t step;

    step = es_client_offer(conn->client, es_round_start(fanout->round),
                           es_round_end(fanout->round), frames->iov,
                           frames->count, now);
    if (step != ES_STEP_CURRENT) {
        es_conns_stepped(fanout->conns, conn, step, now);
    }
}

/* A conn of several channels is in the list of each of them. It gets the
 * frames of all its channels when its first list is processed; from then on its
 * cursor is at the end of the round. */
static void offer_merged(es_fanout_t *fanout, es_conn_t *conn, apr_time_t now)
{
    const es_slot_t *slots;
    const es_round_frames_t *frames;
    int nslots;

    if (es_client_pos(conn->client) >= es_round_end(fanout->round)) {
        return;
    }
    slots = es_client_slots(conn->client, &nslots);
    frames = es_round_merge(fanout->round, slots, nslots, conn->chunked);
    if (frames != NULL) {
        offer(fanout, conn, frames, now);
    }
}

/* If the round closes a channel of the conn, its stream ends with the records
 * before the close, and the round may hold later ones: step the client
 * instead. */
static int is_closed_in_round(es_fanout_t *fanout, const es_conn_t *conn)
{
    const es_slot_t *slots;
    int nslots;

    if (!es_round_has_closes(fanout->round)) {
        return 0;
    }
    slots = es_client_slots(conn->client, &nslots);
    return es_round_closes(fanout->round, slots, nslots);
}

static void offer_channel(es_fanout_t *fanout, es_hub_t *hub, int i,
                          apr_time_t now)
{
    es_round_t *round = fanout->round;
    es_channel_list_t list =
        es_channel_index_list(hub->conns, es_round_slot(round, i));
    const es_round_frames_t *frames[2] = {NULL, NULL};
    const es_conn_t *next;
    es_conn_t *conn;
    apr_uint32_t m;

    for (m = 0; m < list.count; m++) {
        if (m + PREFETCH < list.count) {
            __builtin_prefetch(list.links[m + PREFETCH]);
            next = list.links[m + PREFETCH / 2]->owner;
            __builtin_prefetch(next->client);
            __builtin_prefetch(next->sink);
        }
        conn = list.links[m]->owner;
        if (conn->state != ES_CONN_CURRENT) {
            continue; /* it reads the journal itself */
        }
        if (is_closed_in_round(fanout, conn)) {
            es_conns_stepped(fanout->conns, conn, ES_STEP_MORE, now);
            continue;
        }
        if (conn->nslots > 1) {
            offer_merged(fanout, conn, now);
            continue;
        }
        if (frames[conn->chunked] == NULL) {
            frames[conn->chunked] = es_round_frames(round, i, conn->chunked);
        }
        offer(fanout, conn, frames[conn->chunked], now);
    }
}

/* Skip unread records. Conns read them themselves, as far as they exist. */
static void skip_to_head(es_fanout_t *fanout, es_hub_t *hub, es_pos_t head,
                         apr_status_t reason, apr_time_t now)
{
    es_conns_catch_up(fanout->conns, hub);
    hub->pos = head;
    es_conns_hub_advanced(fanout->conns, hub);
    es_hub_signal_all(hub);
    if (es_progress_is_idle(hub)) {
        return; /* it had no clients that could miss a record */
    }
    if (APR_STATUS_IS_ENOENT(reason)) {
        es_log(es_log_limit_level(&hub->logged_overtaken, ES_LOG_WARNING, now),
               APR_SUCCESS, "ES0302",
               "events come faster than this child delivers them: the journal "
               "has overwritten some before it read them; clients that missed "
               "events get a stream-reset; raise EventStreamHub size=");
    }
    else {
        es_log(es_log_limit_level(&hub->logged_broken, ES_LOG_ERR, now), reason,
               "ES0303",
               "cannot read new events of a hub: clients get a stream-reset "
               "and continue at the present position");
    }
}

void es_fanout_round(es_fanout_t *fanout, es_hub_t *hub, apr_time_t now)
{
    es_round_t *round = fanout->round;
    es_pos_t head = es_store_head(hub->store);
    apr_status_t rv;
    int i;

    ES_CONTEXT(ES_DELIVERY);
    if (head == hub->pos) {
        return;
    }
    rv = head > hub->pos
             ? es_round_take(round, hub->store, hub->pos, head, on_wants, hub)
             : APR_EGENERAL;
    if (rv != APR_SUCCESS) {
        skip_to_head(fanout, hub, head, rv, now);
        return;
    }
    for (i = 0; i < es_round_count(round); i++) {
        offer_channel(fanout, hub, i, now);
        es_hub_signal_channel(hub, es_round_slot(round, i));
    }
    hub->pos = es_round_end(round);
    es_conns_hub_advanced(fanout->conns, hub);
    es_hub_signal_quiet(hub);
}
