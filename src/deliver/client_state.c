/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client on its way to another owner. Its backlog stays behind: of the past
 * that is left it gets all then, in order, and each event once.
 */
#include "deliver/client_priv.h"

#include "journal/close.h"

void es_client_rebase(es_client_t *client, apr_time_t now)
{
    client->last = now;
    if (client->end_at != 0) {
        client->end_at = now + client->opts.lifetime;
    }
}

/* Else the ring might pass a quiet client while nobody holds its slots. */
static void skip_others(es_client_t *client)
{
    es_reader_t reader = es_client_reader(client);
    es_pos_t head = es_store_head(client->store);

    if (client->skip == 0 && client->cursor < head &&
        es_reader_is_all_seen(&reader, client->cursor)) {
        client->cursor = head;
    }
}

int es_client_save(es_client_t *client, apr_time_t now,
                   es_client_params_t *params, es_client_state_t *state)
{
    if (client->ending || client->finished || client->broken ||
        client->control > ES_CLIENT_CONTROL_MAX ||
        (client->control == ES_CONTROL_RESET && client->control_offset > 0)) {
        return 0; /* the names in a reset stand in the order of our slots */
    }
    skip_others(client);
    memset(params, 0, sizeof(*params));
    params->store = client->store;
    params->hub = client->hub;
    params->slots = client->slots;
    params->nslots = client->nslots;
    params->opts = client->opts;
    params->counted = client->counted;
    if (client->end_at != 0) {
        params->opts.lifetime = client->end_at > now ? client->end_at - now : 1;
    }
    state->cursor = client->cursor;
    state->skip = client->skip;
    state->control = client->control;
    state->control_offset = client->control_offset;
    state->reset_id = client->reset_id;
    return 1;
}

void es_client_load(es_client_t *client, const es_client_state_t *state,
                    int lost, const es_start_t *present)
{
    client->control = state->control;
    client->control_offset = state->control_offset;
    client->reset_id = state->reset_id;
    if (!lost) {
        client->cursor = state->cursor;
        client->skip = state->skip;
        return;
    }
    client->cursor = present->pos;
    if (state->skip > 0 || state->control_offset > 0) {
        client->broken = 1; /* cut, so that it is seen not to be the end */
        return;
    }
    if (es_close_was_since(client->store, client->slots, client->nslots,
                           state->cursor)) {
        es_client_end_closed(client); /* it goes on behind the close */
        return;
    }
    client->control = ES_CONTROL_RESET;
    client->reset_id = present->id;
}
