/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Make and free a client. Its slots are sorted, since readers search them.
 */
#include "deliver/client_priv.h"

#include "base/context.h"
#include "base/jitter.h"

#include <stdlib.h>

static int compare_slots(const void *a, const void *b)
{
    es_slot_t x = *(const es_slot_t *)a;
    es_slot_t y = *(const es_slot_t *)b;

    return x < y ? -1 : x > y;
}

/* Allocate slots and backlog. @return 0 if out of memory */
static int allocate(es_client_t *client, const es_client_params_t *params)
{
    client->slots = &client->one_slot;
    if (params->nslots > 1) {
        client->slots = malloc((size_t)params->nslots * sizeof(es_slot_t));
        if (client->slots == NULL) {
            return 0;
        }
    }
    if (params->replay != NULL) {
        client->backlog =
            es_reader_backlog_create(params->replay, params->nslots);
        if (client->backlog == NULL) {
            return 0;
        }
    }
    return 1;
}

static void destroy(es_client_t *client)
{
    if (client->slots != &client->one_slot) {
        free(client->slots);
    }
    free(client->backlog);
    free(client->line);
    free(client);
}

/* After an event to all, keep-alives would be due in the same moment for ever:
 * each client's is earlier by a time of its own, up to a quarter. */
static apr_uint32_t draw_earlier(apr_interval_time_t keepalive)
{
    apr_interval_time_t most = keepalive / 4;

    return (apr_uint32_t)es_jitter_below(
        (most < APR_UINT32_MAX ? most : APR_UINT32_MAX) + 1);
}

/* Of clients that are not counted. Nobody reads it. */
static es_hub_figures_t nowhere;

es_client_t *es_client_create(const es_client_params_t *params, es_sink_t *sink,
                              apr_time_t now)
{
    es_client_t *client = calloc(1, sizeof(*client));

    ES_CONTEXT(ES_WORKER | ES_DELIVERY);
    if (client == NULL) {
        return NULL;
    }
    if (!allocate(client, params)) {
        destroy(client);
        return NULL;
    }
    if (params->nslots > 0) {
        memcpy(client->slots, params->slots,
               (size_t)params->nslots * sizeof(es_slot_t));
        qsort(client->slots, (size_t)params->nslots, sizeof(es_slot_t),
              compare_slots);
    }
    client->nslots = params->nslots;
    client->state = client->backlog != NULL ? ES_CLIENT_BEHIND : ES_CLIENT_LIVE;
    client->sink = sink;
    client->cursor = params->pos;
    client->last = now;
    client->hub = params->hub;
    client->opts = params->opts;
    client->earlier = draw_earlier(params->opts.keepalive);
    client->end_at =
        client->opts.lifetime > 0 ? now + client->opts.lifetime : 0;
    client->store = params->store;
    client->child = params->child;
    client->counted = params->counted;
    client->token = params->token;
    client->checked = params->checked;
    client->line = params->line;
    client->figures = params->figures ? params->figures : &nowhere;
    client->replay =
        params->replays ? ES_CLIENT_REPLAY_RUNS : ES_CLIENT_REPLAY_NONE;
    client->presence = params->presence;
    return client;
}

/* How long it may be away: its stream may have ended with a longer retry: than
 * it began with. */
static apr_int64_t away_ms(const es_client_t *client)
{
    return client->opts.retry_ms + ES_PRESENCE_MARGIN_MS;
}

void es_client_close(es_client_t *client)
{
    es_client_log_line(client); /* names its slots, which are ours until then */
    es_store_unsubscribe(client->store, client->child, client->slots,
                         client->nslots);
    es_client_count_remove(&client->counted);
    es_client_presence_destroy(client->presence, away_ms(client));
    client->sink->ops->close(client->sink);
    destroy(client);
}
