/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Are all records since the cursor retained? The child subscribes first and
 * reads the tail then. If the cursor is not below the tail, all records since
 * the cursor are retained. So no channel of the client has lost a record, and
 * no channel has lost its slot, since a slot with a retained record is not
 * given to another channel. From then on the subscription keeps the slots. A
 * cursor below the tail counts as a loss, because it is unknown what became of
 * the slots meanwhile. That takes a whole ring of records while the client is
 * in the handover socket: even a client of quiet channels is sent with its
 * cursor at the head.
 *
 * If the hub's events were migrated to another segment meanwhile, the cursor
 * means nothing there. The client then resumes by the id of the last record
 * that it has seen. That costs the records that it has missed, so they are
 * limited; with more of them it gets a reset. Within a frame it continues in
 * the same frame, whose bytes are the same.
 */
#include "deliver/handover_take.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "journal/resume.h"
#include "deliver/client_priv.h"
#include "deliver/sink_socket.h"

/* Most records that a client may have missed while its hub was resized, if it
 * is to continue without a reset: 5 ms of this thread. */
#define MISSED_MAX 32768

typedef struct take_t {
    const es_handover_params_t *params;
    const es_handed_t *handed;
    es_slot_t *slots; /* handed->nnames of them are subscribed */
    es_hub_t *hub;
    es_start_t present;      /* where it was subscribed again */
    es_client_saved_t saved; /* its cursor is one of this store's segment */
    es_client_presence_t *presence; /* counted again; NULL = none */
    int is_complete; /* 0: some record since it was sent may be lost */
    apr_time_t now;
} take_t;

int es_handover_take_has_room(const es_handover_params_t *params,
                              apr_uint32_t clients)
{
    return params->clients_max == 0 || params->client_count == NULL ||
           es_client_count_total(params->client_count, params->child) +
                   clients <=
               params->clients_max;
}

int es_handover_take_is_ahead(const es_handover_params_t *params,
                              apr_uint32_t clients)
{
    const es_children_t *children = params->children;
    apr_uint32_t other, own;
    apr_uint64_t pid;

    if (children == NULL || params->client_count == NULL) {
        return 0;
    }
    own = es_client_count_total(params->client_count, params->child);
    pid = es_children_pid(children, params->child);
    for (other = 1; other <= es_children_max(children); other++) {
        if (es_children_pid(children, other) == pid &&
            !es_children_is_stopping(children, other) &&
            es_client_count_total(params->client_count, other) + clients <
                own) {
            return 1;
        }
    }
    return 0;
}

/* Each configuration may number hubs in another way: find it by epoch. */
static es_hub_t *hub_of(const es_handover_params_t *params,
                        const es_handed_t *handed)
{
    apr_uint32_t i;

    for (i = 0; i < params->nhubs; i++) {
        es_id_t epoch = es_store_epoch(params->hubs[i].store);

        if (es_id_compare(&epoch, &handed->epoch) == 0) {
            return &params->hubs[i];
        }
    }
    return NULL;
}

/* ---- the position ------------------------------------------------------- */

static void unsubscribe(const take_t *take)
{
    es_store_unsubscribe(take->hub->store, take->params->child, take->slots,
                         take->handed->nnames);
}

/** Find the position where the client continues. @return as subscribe */
static apr_status_t find_start(take_t *take)
{
    static const es_resume_reach_t reach = {.records = MISSED_MAX};
    const es_handed_t *handed = take->handed;
    es_store_t *store = take->hub->store;
    es_start_t start = take->present;
    char text[ES_ID_TEXT_SIZE];
    apr_status_t rv;

    take->saved = handed->saved;
    if (es_store_segment_id(store) == handed->segment_id) {
        take->is_complete = handed->saved.cursor >= es_store_tail(store) &&
                            handed->saved.cursor <= take->present.pos;
        return APR_SUCCESS;
    }
    /* the hub's size has changed, and its events were migrated */
    rv = es_store_resume(store, take->slots, handed->nnames,
                         es_slice(text, es_id_format(text, &handed->seen_id)),
                         &reach, &start);
    if (rv == APR_TIMEUP) {
        return rv;
    }
    take->is_complete = rv == APR_SUCCESS;
    /* from the tail on, it ends for a close that is retained */
    take->saved.cursor = take->is_complete ? start.pos : es_store_tail(store);
    return APR_SUCCESS;
}

/* Count its name here, before it stops to count as handed over. An event that
 * is due then is told by the next sweep. @return APR_TIMEUP: another process
 * has the lock of the table; a table that is unusable is none */
static apr_status_t find_presence(take_t *take)
{
    const es_handed_t *handed = take->handed;
    es_presence_who_t who;
    apr_status_t rv;
    es_presence_entered_t entered;

    if (take->params->presence == NULL || handed->who.len == 0) {
        return APR_SUCCESS;
    }
    who.epoch = handed->epoch;
    who.name = handed->who;
    who.child = take->params->child;
    who.grace_ms = handed->grace_ms;
    rv = es_client_presence_create(&take->presence, take->params->presence,
                                   &who, take->hub->store, take->slots,
                                   handed->nnames, &entered);
    return rv == APR_TIMEUP ? rv : APR_SUCCESS;
}

/** @return APR_SUCCESS; APR_TIMEUP: another process has the store lock, or that
 *          of the table of presence; or why the store refuses it */
static apr_status_t subscribe(take_t *take)
{
    const es_handed_t *handed = take->handed;
    apr_status_t rv =
        es_store_subscribe(take->hub->store, take->params->child, handed->names,
                           handed->nnames, take->slots, &take->present);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = find_start(take);
    if (rv == APR_SUCCESS) {
        rv = find_presence(take);
    }
    if (rv != APR_SUCCESS) {
        unsubscribe(take);
    }
    return rv;
}

/* ---- the client --------------------------------------------------------- */

static void count_client(const take_t *take, es_counted_t *counted)
{
    static const es_client_limits_t none = {0};
    const es_handover_params_t *params = take->params;

    memset(counted, 0, sizeof(*counted));
    counted->user = take->handed->user;
    if (params->client_count != NULL && take->handed->is_counted) {
        (void)es_client_count_add(params->client_count, params->child,
                                  take->handed->address, &none, counted);
        (void)es_client_count_add_user(counted, take->handed->user, &none);
        (void)es_client_count_add_channels(
            counted, (apr_uint32_t)take->handed->nnames, &none);
        es_client_count_add_kind(counted, take->handed->tls != NULL
                                              ? ES_CLIENT_COUNT_DETACHED_TLS
                                              : ES_CLIENT_COUNT_DETACHED);
    }
}

/* @return NULL if out of memory: the sink is closed */
static es_client_t *make_client(const take_t *take, es_sink_t *sink)
{
    es_client_params_t params = {0};
    es_client_t *client;

    params.store = take->hub->store;
    params.hub = (apr_uint32_t)(take->hub - take->params->hubs);
    params.child = take->params->child;
    params.slots = take->slots;
    params.nslots = take->handed->nnames;
    params.pos = take->present.pos;
    params.opts = take->handed->opts;
    params.figures = take->hub->figures ? &take->hub->figures->counts : NULL;
    if (take->handed->line != NULL) {
        params.line = es_stream_line_copy(take->handed->line);
    }
    params.presence = take->presence;
    params.token = take->handed->token;
    params.checked = take->handed->checked;
    count_client(take, &params.counted);
    client = es_client_create(&params, sink, take->now);
    if (client == NULL) {
        free(params.line);
        es_client_count_remove(&params.counted);
        sink->ops->close(sink);
        return NULL;
    }
    es_client_load(client, &take->saved, !take->is_complete, &take->present);
    return client;
}

/* @return NULL if out of memory: the descriptor is closed */
static es_sink_t *make_sink(const es_handed_t *handed)
{
    apr_interval_time_t timeout = handed->opts.send_timeout;

    return handed->tls != NULL
               ? es_sink_tls_create(handed->fd, handed->chunked, timeout,
                                    handed->tls)
               : es_sink_socket_create(handed->fd, handed->chunked, timeout);
}

/* @return as make_sink */
static es_conn_t *make_conn(const take_t *take)
{
    es_sink_t *sink = make_sink(take->handed);
    es_client_t *client = sink != NULL ? make_client(take, sink) : NULL;
    es_conn_t *conn;

    if (client == NULL) {
        es_client_presence_destroy(take->presence, 0);
        unsubscribe(take);
        return NULL;
    }
    conn = es_conns_prepare(client);
    if (conn == NULL) {
        es_client_close(client);
    }
    return conn;
}

void es_handover_take_log_lost(const es_handed_t *handed)
{
    es_stream_end_t end = {0};

    if (handed->line != NULL) {
        end.channels = handed->names;
        end.nchannels = handed->nnames;
        end.last_id = handed->seen_id;
        end.at = es_clock_now();
        end.why = ES_END_HANDOVER;
        es_stream_line_log(handed->line, &end);
    }
}

apr_status_t es_handover_take_client(const es_handover_params_t *params,
                                     const es_handed_t *handed,
                                     es_slot_t *slots, apr_time_t now)
{
    take_t take = {0};
    es_conn_t *conn;
    apr_status_t rv = APR_NOTFOUND;

    ES_CONTEXT(ES_DELIVERY);
    take.params = params;
    take.handed = handed;
    take.slots = slots;
    take.hub = hub_of(params, handed);
    take.now = now;
    if (take.hub != NULL) {
        rv = subscribe(&take);
    }
    if (rv == APR_TIMEUP) {
        return rv;
    }
    if (rv != APR_SUCCESS) {
        es_handover_take_log_lost(handed);
        close(handed->fd);
        return rv;
    }
    conn = make_conn(&take);
    if (conn == NULL) {
        return APR_ENOMEM;
    }
    es_conns_add(params->conns, conn, take.hub, now);
    if (take.hub->is_closed || !es_handover_take_has_room(params, 0)) {
        es_client_because(conn->client,
                          take.hub->is_closed ? ES_END_SHUTDOWN : ES_END_LIMIT);
        es_conns_end(params->conns, conn, params->drain_ms);
    }
    return APR_SUCCESS;
}
