/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch is in the index once for each of its channels, and in a list of all
 * watches of the hub. The index is used to signal a channel, the list to
 * signal or stop all. The links of both are embedded in the watch
 * (deliver/watch_priv.h).
 */
#include "deliver/hub.h"

#include "base/context.h"
#include "deliver/watch_priv.h"

apr_status_t es_hub_init(es_hub_t *hub, es_store_t *store, int is_closed)
{
    memset(hub, 0, sizeof(*hub));
    hub->store = store;
    hub->is_closed = is_closed;
    hub->pos = es_store_head(store);
    hub->undone = ES_HUB_NONE;
    hub->signalled_at = hub->pos;
    es_list_init(&hub->ahead);
    es_progress_init(&hub->progress);
    hub->conns = es_channel_index_create();
    hub->watches = es_channel_index_create();
    return hub->conns != NULL && hub->watches != NULL ? APR_SUCCESS
                                                      : APR_ENOMEM;
}

void es_hub_set_figures(es_hub_t *hub, es_delivery_figures_t *figures,
                        apr_uint32_t counter)
{
    int has_row = counter < ES_CHILD_FIGURES_HUBS;

    hub->gauges = &figures->gauges;
    hub->figures = has_row ? &figures->hubs[counter] : NULL;
    hub->clients = has_row ? &figures->gauges.clients[counter] : NULL;
}

void es_hub_add_clients(const es_hub_t *hub, int n)
{
    if (hub->clients != NULL) {
        es_child_figures_raise(hub->clients, (apr_uint64_t)(apr_int64_t)n);
    }
}

/* The numbers are cut to 32 bits, as records have them: a lag of more than 71
 * minutes looks like a short one. */
void es_hub_note_lag(const es_hub_t *hub, apr_uint32_t appended_us,
                     apr_time_t now)
{
    apr_uint32_t lag_us = (apr_uint32_t)now - appended_us;

    if (hub->figures != NULL) {
        es_histogram_add(&hub->figures->lag, &es_histogram_times, lag_us);
    }
    if (hub->gauges != NULL) {
        es_child_figures_set(&hub->gauges->lag_us, lag_us);
        es_child_figures_set(&hub->gauges->lag_at, (apr_uint64_t)now);
    }
}

void es_hub_note_replay(const es_hub_t *hub, apr_uint32_t events)
{
    if (hub->figures != NULL) {
        es_histogram_add(&hub->figures->replay, &es_histogram_records, events);
    }
}

void es_hub_clear(es_hub_t *hub)
{
    es_channel_index_destroy(hub->conns);
    es_channel_index_destroy(hub->watches);
}

int es_hub_has_unread(const es_hub_t *hub)
{
    return es_store_head(hub->store) != hub->pos;
}

void es_hub_add_watch(es_hub_t *hub, es_watch_t *watch)
{
    es_watch_part_t *part = es_watch_part(watch);
    int i;

    ES_CONTEXT(ES_DELIVERY);
    part->is_added = 1;
    part->prev = NULL;
    part->next = hub->first_watch;
    if (hub->first_watch != NULL) {
        es_watch_part(hub->first_watch)->prev = watch;
    }
    hub->first_watch = watch;
    for (i = 0; i < part->nslots; i++) {
        /* If out of memory, the watch is not signalled for this channel;
         * its worker reads the journal from time to time anyway. */
        (void)es_channel_index_add(hub->watches, es_watch_slot(watch, i),
                                   &part->links[i]);
    }
    es_watch_signal(watch);
}

void es_hub_remove_watch(es_hub_t *hub, es_watch_t *watch)
{
    es_watch_part_t *part = es_watch_part(watch);

    ES_CONTEXT(ES_DELIVERY);
    if (!part->is_added) {
        return;
    }
    part->is_added = 0;
    es_channel_index_remove_all(hub->watches, part->links, part->nslots);
    if (part->next != NULL) {
        es_watch_part(part->next)->prev = part->prev;
    }
    if (part->prev != NULL) {
        es_watch_part(part->prev)->next = part->next;
    }
    else {
        hub->first_watch = part->next;
    }
}

void es_hub_stop_watches(es_hub_t *hub)
{
    es_watch_t *watch;

    ES_CONTEXT(ES_DELIVERY);
    while (hub->first_watch != NULL) {
        watch = hub->first_watch;
        /* Remove it first: the worker that waits may give it back at once. */
        es_hub_remove_watch(hub, watch);
        es_watch_stop(watch);
    }
}

void es_hub_signal_channel(const es_hub_t *hub, es_slot_t slot)
{
    es_channel_list_t list;
    apr_uint32_t i;

    if (hub->first_watch == NULL) {
        return; /* mostly: saves a look into the index for each event */
    }
    list = es_channel_index_list(hub->watches, slot);
    for (i = 0; i < list.count; i++) {
        es_watch_signal(list.links[i]->owner);
    }
}

void es_hub_signal_all(es_hub_t *hub)
{
    es_watch_t *watch;

    hub->signalled_at = hub->pos;
    for (watch = hub->first_watch; watch; watch = es_watch_part(watch)->next) {
        es_watch_signal(watch);
    }
}

void es_hub_signal_quiet(es_hub_t *hub)
{
    es_pos_t retained = es_store_head(hub->store) - es_store_tail(hub->store);

    if (hub->pos - hub->signalled_at > retained / 4) {
        es_hub_signal_all(hub);
    }
}
