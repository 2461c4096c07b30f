/* SPDX-License-Identifier: Apache-2.0 */
/*
 * If a child dies here: before it sends, its clients are lost with it, as with
 * any child that dies. After it has sent, a handover socket holds the
 * descriptors, and closing the child's own copies does no harm. Between the
 * two, no process writes to these clients. If a child dies after it has
 * received, the clients that it took over are lost with it.
 *
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
 * that it has seen. Within a frame it continues in the same frame, whose bytes
 * are the same.
 *
 * All children listen, and all wake up for a message. With EPOLLEXCLUSIVE only
 * one would; if that one were about to stop, the others would never learn of
 * the message. A child that has no room takes the sockets out of its epoll
 * set, which would otherwise report them again and again.
 *
 * Clients above the limit use descriptors until they have read their end, so a
 * child takes one message of them at a time.
 */
#include "deliver/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/context.h"
#include "base/log.h"
#include "journal/resume.h"
#include "deliver/client_priv.h"
#include "deliver/handover_msg.h"
#include "deliver/sink_socket.h"

/* How long a child without room leaves a message to other children: new ones
 * may be about to start. */
#define OTHERS_WITHIN (3 * APR_USEC_PER_SEC)
#define RETRY_EVERY (APR_USEC_PER_SEC / 10)

struct es_handover_t {
    es_handover_params_t params;
    es_handover_sockets_t sockets;
    es_handover_msg_t *msg;
    es_conn_t *sent[ES_HANDOVER_MSG_CLIENTS]; /* conns in msg, in order */
    apr_status_t send_status;                 /* of es_handover_send so far */
    apr_time_t now;
    apr_uint32_t nsent;
    apr_time_t full_since;  /* stopped listening then; 0 = listens */
    es_store_t *present_of; /* the store of present; NULL = none */
    es_start_t present;
    apr_time_t logged_lost;      /* of es_log_limit_level: ES0320 */
    apr_time_t logged_malformed; /* the same: ES0321 */
    es_slice_t names[ES_HANDOVER_MSG_NAMES];
    es_slot_t slots[ES_HANDOVER_MSG_NAMES];
};

es_handover_t *es_handover_create(const es_handover_params_t *params)
{
    es_handover_t *handover = calloc(1, sizeof(*handover));

    if (handover == NULL) {
        return NULL;
    }
    handover->params = *params;
    if (params->sockets != NULL) {
        handover->sockets = *params->sockets;
    }
    handover->msg = es_handover_msg_create();
    if (handover->msg == NULL) {
        free(handover);
        return NULL;
    }
    return handover;
}

void es_handover_destroy(es_handover_t *handover)
{
    if (handover != NULL) {
        es_handover_msg_destroy(handover->msg);
        free(handover);
    }
}

apr_uint32_t es_handover_sent(const es_handover_t *handover)
{
    return handover->nsent;
}

/* ---- sending ----------------------------------------------------------- */

/* Is cursor at the head? Reads the head once for all clients that are there. */
static int is_present(es_handover_t *handover, es_store_t *store,
                      es_pos_t cursor)
{
    if (handover->present_of != store || handover->present.pos != cursor) {
        handover->present_of =
            es_store_current(store, &handover->present) == APR_SUCCESS ? store
                                                                       : NULL;
    }
    return handover->present_of != NULL && handover->present.pos == cursor;
}

/* The id up to which a client at cursor has seen all; {0, 0} = unknown. */
static es_id_t seen_id_at(es_handover_t *handover, es_store_t *store,
                          es_pos_t cursor)
{
    es_id_t seen = {0, 0};
    es_record_t record;

    if (is_present(handover, store, cursor)) {
        seen = handover->present.id;
    }
    else if (es_store_look(store, cursor, &record) == APR_SUCCESS) {
        seen = es_id_before(&record.id);
    }
    return seen;
}

/* @return 0 when the client cannot be handed over */
static int describe(es_handover_t *handover, es_conn_t *conn,
                    es_handed_t *handed)
{
    es_client_params_t params;
    int i;

    memset(handed, 0, sizeof(*handed));
    if (!es_client_save(conn->client, handover->now, &params, &handed->saved) ||
        params.nslots > ES_HANDOVER_MSG_NAMES) {
        return 0;
    }
    for (i = 0; i < params.nslots; i++) {
        handover->names[i] = es_store_name(params.store, params.slots[i]);
    }
    handed->fd = es_sink_socket_fd(conn->sink);
    handed->epoch = es_store_epoch(params.store);
    handed->segment_id = es_store_segment_id(params.store);
    handed->seen_id = seen_id_at(handover, params.store, handed->saved.cursor);
    handed->chunked = conn->chunked;
    handed->opts = params.opts;
    handed->is_counted = params.counted.client_count != NULL;
    handed->address = params.counted.address;
    handed->names = handover->names;
    handed->nnames = params.nslots;
    return 1;
}

/* Send msg, and drop or keep its conns. */
static void send_msg(es_handover_t *handover)
{
    int count = es_handover_msg_count(handover->msg);
    int i;

    handover->send_status =
        es_handover_sockets_send(&handover->sockets, handover->msg);
    for (i = 0; i < count; i++) {
        if (handover->send_status == APR_SUCCESS) {
            es_conns_drop(handover->params.conns, handover->sent[i]);
            handover->nsent++;
        }
        else {
            es_conns_resume(handover->params.conns, handover->sent[i]);
        }
    }
    /* msg does not own these descriptors: empty it without closing them */
    es_handover_msg_begin(handover->msg);
}

/* @return 1 to continue with the next conn */
static int add_to_msg(void *baton, es_conn_t *conn)
{
    es_handover_t *handover = baton;
    es_handed_t handed;
    apr_status_t rv;

    if (!es_conns_suspend(handover->params.conns, conn)) {
        return 1;
    }
    if (!describe(handover, conn, &handed)) {
        es_conns_resume(handover->params.conns, conn);
        return 1;
    }
    rv = es_handover_msg_add(handover->msg, &handed);
    if (rv == APR_ENOSPC) {
        send_msg(handover);
        rv = handover->send_status == APR_SUCCESS
                 ? es_handover_msg_add(handover->msg, &handed)
                 : handover->send_status;
    }
    if (rv != APR_SUCCESS) {
        es_conns_resume(handover->params.conns, conn);
    }
    else {
        handover->sent[es_handover_msg_count(handover->msg) - 1] = conn;
    }
    return handover->send_status == APR_SUCCESS;
}

apr_status_t es_handover_send(es_handover_t *handover, apr_time_t now)
{
    const es_handover_params_t *params = &handover->params;

    ES_CONTEXT(ES_DELIVERY);
    if (!es_handover_is_open(handover)) {
        return APR_ENOTIMPL;
    }
    handover->now = now;
    handover->send_status = APR_SUCCESS;
    es_handover_msg_begin(handover->msg);
    es_conns_foreach(params->conns, params->hubs, params->nhubs, add_to_msg,
                     handover);
    if (es_handover_msg_count(handover->msg) > 0) {
        send_msg(handover);
    }
    return handover->send_status;
}

/* ---- receiving ---------------------------------------------------------- */

static void count_client(es_handover_t *handover, const es_handed_t *handed,
                         es_counted_t *counted)
{
    static const es_client_limits_t none = {0, 0, 0};

    memset(counted, 0, sizeof(*counted));
    if (handover->params.client_count != NULL && handed->is_counted) {
        (void)es_client_count_add(handover->params.client_count,
                                  handover->params.child, handed->address,
                                  &none, counted);
    }
}

/**
 * Find the position where a received client continues.
 *
 * @param present  where it was subscribed again
 * @param saved    filled; its cursor is one of this store's segment
 * @return 1, or 0: some record since it was sent may be lost
 */
static int find_start(es_handover_t *handover, const es_handed_t *handed,
                      es_store_t *store, const es_start_t *present,
                      es_client_saved_t *saved)
{
    static const es_resume_reach_t all = {0, 0, 0};
    es_start_t start = *present;
    char text[ES_ID_TEXT_SIZE];

    *saved = handed->saved;
    if (es_store_segment_id(store) == handed->segment_id) {
        return saved->cursor >= es_store_tail(store) &&
               saved->cursor <= present->pos;
    }
    /* the hub's size has changed, and its events were migrated */
    if (es_store_resume(store, handover->slots, handed->nnames,
                        es_slice(text, es_id_format(text, &handed->seen_id)),
                        &all, &start) != APR_SUCCESS) {
        saved->cursor =
            es_store_tail(store); /* it ends for a close that is retained */
        return 0;
    }
    saved->cursor = start.pos;
    return 1;
}

static es_client_t *make_client(es_handover_t *handover,
                                const es_handed_t *handed, const es_hub_t *hub,
                                es_sink_t *sink, apr_time_t now)
{
    es_client_params_t params = {0};
    es_client_saved_t saved;
    es_client_t *client;
    es_start_t present;
    int is_complete;

    if (es_store_subscribe(hub->store, handover->params.child, handed->names,
                           handed->nnames, handover->slots,
                           &present) != APR_SUCCESS) {
        return NULL;
    }
    is_complete = find_start(handover, handed, hub->store, &present, &saved);
    params.store = hub->store;
    params.hub = (apr_uint32_t)(hub - handover->params.hubs);
    params.child = handover->params.child;
    params.slots = handover->slots;
    params.nslots = handed->nnames;
    params.pos = present.pos;
    params.opts = handed->opts;
    count_client(handover, handed, &params.counted);
    client = es_client_create(&params, sink, now);
    if (client == NULL) {
        es_store_unsubscribe(hub->store, handover->params.child,
                             handover->slots, handed->nnames);
        es_client_count_remove(&params.counted);
        return NULL;
    }
    es_client_load(client, &saved, !is_complete, &present);
    return client;
}

/* Each configuration may number hubs in another way: find it by epoch. */
static es_hub_t *hub_of(const es_handover_t *handover,
                        const es_handed_t *handed)
{
    apr_uint32_t i;

    for (i = 0; i < handover->params.nhubs; i++) {
        es_id_t epoch = es_store_epoch(handover->params.hubs[i].store);

        if (es_id_compare(&epoch, &handed->epoch) == 0) {
            return &handover->params.hubs[i];
        }
    }
    return NULL;
}

/* Are there at most clients_max clients if this many more come? */
static int has_room(const es_handover_t *handover, apr_uint32_t clients)
{
    const es_handover_params_t *params = &handover->params;

    return params->clients_max == 0 || params->client_count == NULL ||
           es_client_count_total(params->client_count, params->child) +
                   clients <=
               params->clients_max;
}

/* @return 1, or 0: the client could not be taken over and was closed */
static int take_over(es_handover_t *handover, const es_handed_t *handed,
                     apr_time_t now)
{
    es_client_t *client;
    es_conn_t *conn;
    es_hub_t *hub = hub_of(handover, handed);
    es_sink_t *sink;

    if (hub == NULL) {
        close(handed->fd);
        return 0;
    }
    sink = es_sink_socket_create(handed->fd, handed->chunked,
                                 handed->opts.send_timeout);
    if (sink == NULL) {
        return 0;
    }
    client = make_client(handover, handed, hub, sink, now);
    if (client == NULL) {
        sink->ops->close(sink);
        return 0;
    }
    conn = es_conns_prepare(client);
    if (conn == NULL) {
        es_client_close(client);
        return 0;
    }
    es_conns_add(handover->params.conns, conn, hub, now);
    if (hub->is_closed || !has_room(handover, 0)) {
        es_conns_end(handover->params.conns, conn, handover->params.drain_ms);
    }
    return 1;
}

static int take_over_all(es_handover_t *handover, apr_time_t now)
{
    int announced = es_handover_msg_count(handover->msg);
    es_handed_t handed;
    apr_status_t rv;
    int received = 0;

    rv = es_handover_msg_take(handover->msg, &handed);
    while (rv == APR_SUCCESS) {
        received += take_over(handover, &handed, now);
        rv = es_handover_msg_take(handover->msg, &handed);
    }
    if (received < announced) {
        es_log(es_log_limit_level(&handover->logged_lost, ES_LOG_WARNING, now),
               APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv, "ES0320",
               "cannot take over %d of %d clients of another child; they are "
               "closed and reconnect; the limit of open files may be reached, "
               "or their hub is new or no longer configured",
               announced - received, announced);
    }
    return received;
}

int es_handover_receive(es_handover_t *handover, int messages, apr_time_t now)
{
    int received = 0;
    apr_status_t rv;

    ES_CONTEXT(ES_DELIVERY);
    while (messages-- > 0) {
        rv = es_handover_sockets_receive(&handover->sockets, handover->msg);
        if (rv == APR_SUCCESS) {
            received += take_over_all(handover, now);
        }
        else if (rv == APR_EINVAL) {
            es_log(
                es_log_limit_level(&handover->logged_malformed, ES_LOG_WARNING,
                                   now),
                rv, "ES0321",
                "another child sent a malformed handover message; its clients "
                "are closed and reconnect");
        }
        else {
            break;
        }
    }
    return received;
}

/* ---- listening --------------------------------------------------------- */

static void stop_polling(const es_handover_t *handover)
{
    struct epoll_event unused = {0};
    int i;

    for (i = 0; i < handover->sockets.pairs; i++) {
        (void)epoll_ctl(handover->params.epoll_fd, EPOLL_CTL_DEL,
                        handover->sockets.receive[i], &unused);
    }
}

/* If epoll refuses (max_user_watches), es_handover_run tries again. */
static apr_status_t listen_again(es_handover_t *handover)
{
    struct epoll_event event = {0};
    apr_status_t rv;
    int i;

    event.events = EPOLLIN;
    event.data.ptr = handover;
    for (i = 0; i < handover->sockets.pairs; i++) {
        if (epoll_ctl(handover->params.epoll_fd, EPOLL_CTL_ADD,
                      handover->sockets.receive[i], &event) != 0) {
            rv = APR_FROM_OS_ERROR(errno);
            stop_polling(handover);
            return rv;
        }
    }
    handover->full_since = 0;
    return APR_SUCCESS;
}

apr_status_t es_handover_listen(es_handover_t *handover)
{
    return es_handover_is_open(handover) ? listen_again(handover) : APR_SUCCESS;
}

void es_handover_on_event(es_handover_t *handover, apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (has_room(handover, ES_HANDOVER_MSG_CLIENTS)) {
        (void)es_handover_receive(handover, 1, now); /* epoll reports again */
    }
    else {
        handover->full_since = now;
        stop_polling(handover);
    }
}

void es_handover_run(es_handover_t *handover, apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (handover->full_since == 0) {
        return;
    }
    if (has_room(handover, ES_HANDOVER_MSG_CLIENTS)) {
        (void)listen_again(handover);
    }
    else if (now - handover->full_since >= OTHERS_WITHIN &&
             has_room(handover, 0) &&
             es_handover_receive(handover, 1, now) == 0) {
        (void)listen_again(handover); /* the next message may wait again */
    }
}

apr_interval_time_t es_handover_wait(const es_handover_t *handover)
{
    return handover->full_since != 0 ? RETRY_EVERY : -1;
}

void es_handover_stop_listening(es_handover_t *handover)
{
    ES_CONTEXT(ES_DELIVERY);
    if (es_handover_is_open(handover)) {
        stop_polling(handover);
    }
}

int es_handover_is_open(const es_handover_t *handover)
{
    return handover->sockets.pairs > 0;
}
