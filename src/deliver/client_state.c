/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a client's states, what the delivery asks of a client, and what
 * its next owner gets. A backlog is not saved: the next owner sends all that is
 * left of the past, in order and each event once.
 */
#include "deliver/client_priv.h"

#include "base/jitter.h"
#include "journal/close.h"

#define LIVE ES_CLIENT_LIVE
#define BEHIND ES_CLIENT_BEHIND
#define BLOCKED ES_CLIENT_BLOCKED
#define ENDING ES_CLIENT_ENDING
#define ENDING_B ES_CLIENT_ENDING_BLOCKED
#define FINISHED ES_CLIENT_FINISHED
#define BROKEN ES_CLIENT_BROKEN

/* clang-format off */
const unsigned char
es_client_state_next[ES_CLIENT_STATES][ES_CLIENT_CAUSES] = {
    /* on          DUE       TAKEN     FULL      SEEN
     *             END       DONE      FAIL */
    [LIVE] =     {BEHIND,   LIVE,     BLOCKED,  LIVE,
                  ENDING,   LIVE,     BROKEN},
    [BEHIND] =   {BEHIND,   BEHIND,   BLOCKED,  LIVE,
                  ENDING,   BEHIND,   BROKEN},
    [BLOCKED] =  {BLOCKED,  BEHIND,   BLOCKED,  LIVE,
                  ENDING_B, BLOCKED,  BROKEN},
    [ENDING] =   {ENDING,   ENDING,   ENDING_B, ENDING,
                  ENDING,   FINISHED, BROKEN},
    [ENDING_B] = {ENDING_B, ENDING,   ENDING_B, ENDING_B,
                  ENDING_B, ENDING_B, BROKEN},
    [FINISHED] = {FINISHED, FINISHED, FINISHED, FINISHED,
                  FINISHED, FINISHED, FINISHED},
    [BROKEN] =   {BROKEN,   BROKEN,   BROKEN,   BROKEN,
                  BROKEN,   BROKEN,   BROKEN},
};
/* clang-format on */

int es_client_is_finished(const es_client_t *client)
{
    return client->state == ES_CLIENT_FINISHED;
}

es_sink_t *es_client_sink(const es_client_t *client)
{
    return client->sink;
}

apr_uint32_t es_client_hub(const es_client_t *client)
{
    return client->hub;
}

es_pos_t es_client_pos(const es_client_t *client)
{
    return client->cursor;
}

apr_int64_t es_client_retry_ms(const es_client_t *client)
{
    return client->opts.retry_ms;
}

const es_slot_t *es_client_slots(const es_client_t *client, int *count)
{
    *count = client->nslots;
    return client->slots;
}

apr_time_t es_client_last_progress(const es_client_t *client)
{
    return client->last;
}

void es_client_end(es_client_t *client, apr_int64_t retry_ms)
{
    if (es_client_is_open(client)) {
        client->opts.retry_ms = retry_ms;
        es_client_change(client, ES_CLIENT_ON_END);
    }
}

void es_client_reset(es_client_t *client, const es_id_t *present,
                     es_reset_t why)
{
    client->reset_id = *present;
    es_client_schedule_control(client, ES_CONTROL_RESET);
    es_child_figures_raise(&client->figures->resets[why], 1);
}

int es_client_take_replayed(es_client_t *client, apr_uint32_t *events)
{
    if (client->replay != ES_CLIENT_REPLAY_OVER) {
        return 0;
    }
    client->replay = ES_CLIENT_REPLAY_NONE;
    *events = client->noted;
    return 1;
}

int es_client_take_live(es_client_t *client, apr_uint32_t *appended_us)
{
    if (client->replay != ES_CLIENT_REPLAY_LIVE) {
        return 0;
    }
    client->replay = ES_CLIENT_REPLAY_NONE;
    *appended_us = client->noted;
    return 1;
}

/* Else the clients of the channel would all reconnect at once. */
void es_client_end_spread(es_client_t *client)
{
    es_client_end(client, client->opts.retry_ms +
                              es_jitter_below(client->opts.retry_ms / 5 + 1));
}

/* ---- to another owner ---------------------------------------------------- */

void es_client_rebase(es_client_t *client, apr_time_t now)
{
    client->last = now;
    if (client->end_at != 0) {
        client->end_at = now + client->opts.lifetime;
    }
}

/* Else the ring could overtake a client of quiet channels while no child holds
 * its slots. */
static void skip_others(es_client_t *client)
{
    es_reader_t reader = es_client_reader(client);
    es_pos_t head = es_store_head(client->store);

    if (client->skip == 0 && client->cursor < head &&
        es_reader_is_all_seen(&reader, client->cursor)) {
        client->cursor = head;
    }
}

void es_client_extend_presence(es_client_t *client)
{
    es_client_presence_extend(client->presence, ES_PRESENCE_HANDOVER_MS);
}

int es_client_save(es_client_t *client, apr_time_t now,
                   es_client_params_t *params, es_client_saved_t *saved)
{
    if (!es_client_is_open(client) ||
        (client->control == ES_CONTROL_RESET && client->control_offset > 0)) {
        return 0; /* a reset lists names in the order of our slots */
    }
    skip_others(client);
    memset(params, 0, sizeof(*params));
    params->store = client->store;
    params->hub = client->hub;
    params->slots = client->slots;
    params->nslots = client->nslots;
    params->opts = client->opts;
    params->counted = client->counted;
    params->token = client->token;
    params->checked = client->checked;
    params->presence = client->presence;
    if (client->end_at != 0) {
        params->opts.lifetime = client->end_at > now ? client->end_at - now : 1;
    }
    saved->cursor = client->cursor;
    saved->skip = client->skip;
    saved->control = client->control;
    saved->control_offset = client->control_offset;
    saved->reset_id = client->reset_id;
    return 1;
}

/* The journal cannot guarantee that it retains all records since the client was
 * saved. */
static void load_lost(es_client_t *client, const es_client_saved_t *saved,
                      const es_start_t *present)
{
    client->cursor = present->pos;
    if (saved->skip > 0 || saved->control_offset > 0) {
        /* cut: the client sees that it is no clean end */
        es_client_because(client, ES_END_OVERTAKEN);
        es_client_change(client, ES_CLIENT_ON_FAIL);
    }
    else if (es_close_exists_after(client->store, client->slots, client->nslots,
                                   saved->cursor)) {
        es_client_because(client, ES_END_CHANNEL);
        es_client_end_spread(client); /* its cursor is beyond the close now */
    }
    else {
        es_client_reset(client, &present->id, ES_RESET_HANDOVER);
    }
}

void es_client_load(es_client_t *client, const es_client_saved_t *saved,
                    int lost, const es_start_t *present)
{
    client->control = saved->control;
    client->control_offset = saved->control_offset;
    client->reset_id = saved->reset_id;
    if (lost) {
        load_lost(client, saved, present);
        return;
    }
    client->cursor = saved->cursor;
    client->skip = saved->skip;
    if (client->skip > 0 || client->control != ES_CONTROL_NONE) {
        es_client_change(client, ES_CLIENT_ON_DUE);
    }
}
