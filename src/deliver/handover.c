/* SPDX-License-Identifier: Apache-2.0 */
/*
 * If a child dies here: before it sends, its clients are lost with it, as with
 * any child that dies. After it has sent, a handover socket holds the
 * descriptors, and closing the child's own copies does no harm. Between the
 * two, no process writes to these clients. If a child dies after it has
 * received, the clients that it took over are lost with it.
 *
 * All children listen, and all wake up for a message. With EPOLLEXCLUSIVE only
 * one would; if that one were about to stop, the others would never learn of
 * the message. A child that leaves a message to others takes the sockets out of
 * its epoll set, which would otherwise report them again and again.
 *
 * Clients above the limit use descriptors until they have read their end, so a
 * child takes one message of them at a time.
 *
 * The delivery does not wait for a store lock. If another process has it, or if
 * the time of the turn is over, the child stops in the middle of a message, and
 * continues in a later turn.
 */
#include "deliver/handover.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "deliver/client_priv.h"
#include "deliver/handover_msg.h"
#include "deliver/handover_take.h"
#include "deliver/sink_socket.h"

/* How long a child without room leaves a message to other children: new ones
 * may be about to start. */
#define OTHERS_WITHIN (3 * APR_USEC_PER_SEC)
#define RETRY_EVERY (APR_USEC_PER_SEC / 10)
/* How long a delivery leaves a message to one of the same process that has
 * fewer clients: its turn takes some 10 ms. */
#define FEWER_WITHIN (APR_USEC_PER_SEC / 20)
#define FEWER_RETRY_EVERY (APR_USEC_PER_SEC / 500)
/* How long received clients wait for a store lock that another process has. The
 * process may be stopped. */
#define LOCK_WITHIN (2 * APR_USEC_PER_SEC)
#define LOCK_RETRY_EVERY (APR_USEC_PER_SEC / 100)
/* What taking clients over may take of a turn; microseconds. Most take 20 us
 * each. */
#define TAKE_TIME 1500

struct es_handover_t {
    es_handover_params_t params;
    es_handover_sockets_t sockets;
    es_handover_msg_t *msg;
    es_conn_t *sent[ES_HANDOVER_MSG_CLIENTS]; /* conns in msg, in order */
    es_sink_tls_saved_t tls;                  /* of the client added last */
    apr_status_t send_status;                 /* of es_handover_send so far */
    es_deadline_t *deadline;                  /* its deadline */
    int is_cut; /* 1 = it was over, and conns may be left */
    apr_time_t now;
    apr_uint32_t nsent;
    apr_time_t full_since;        /* stopped listening then; 0 = listens */
    apr_interval_time_t left_for; /* then messages are left for so long */
    es_handed_t waiting; /* the next client of msg, if it waits for the lock
                          * of its store, or for the next turn */
    apr_time_t waiting_since; /* 0 = none waits */
    int is_next_turn;         /* 1 = it waits for the next turn */
    int announced;            /* clients in the received message */
    int received;             /* of them, taken over */
    es_store_t *present_of;   /* the store of present; NULL = none */
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
    if (params->clock == NULL) {
        handover->params.clock = es_clock_now;
    }
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

/* Close the clients of a received message that wait for the store lock. */
static void drop_waiting(es_handover_t *handover)
{
    if (handover->waiting_since != 0) {
        do {
            es_handover_take_log_lost(&handover->waiting);
            close(handover->waiting.fd);
        } while (es_handover_msg_take(handover->msg, &handover->waiting) ==
                 APR_SUCCESS);
        es_handover_msg_begin(handover->msg);
        handover->waiting_since = 0;
    }
}

void es_handover_destroy(es_handover_t *handover)
{
    if (handover != NULL) {
        drop_waiting(handover);
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
static es_id_t seen_id_at(es_handover_t *handover,
                          const es_client_params_t *params, es_pos_t cursor)
{
    es_id_t seen = {0, 0};
    es_record_t record;
    es_start_t latest;

    if (is_present(handover, params->store, cursor)) {
        seen = handover->present.id;
    }
    else if (es_store_look(params->store, cursor, &record) == APR_SUCCESS) {
        seen = es_id_before(&record.id);
    }
    else if (es_store_latest(params->store, params->slots, params->nslots,
                             &latest) == APR_SUCCESS &&
             latest.pos <= cursor) {
        seen = latest.id; /* another process has the lock */
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
    handed->seen_id = seen_id_at(handover, &params, handed->saved.cursor);
    handed->chunked = conn->chunked;
    if (es_sink_tls_save(conn->sink, &handover->tls)) {
        handed->tls = &handover->tls;
    }
    handed->line = es_client_line(conn->client);
    handed->opts = params.opts;
    handed->is_counted = params.counted.client_count != NULL;
    handed->address = params.counted.address;
    handed->user = params.counted.user;
    handed->token = params.token;
    handed->checked = params.checked;
    handed->who = es_client_presence_name(params.presence);
    handed->grace_ms = es_client_presence_grace(params.presence);
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
            es_client_forget_line(handover->sent[i]->client);
            es_client_extend_presence(handover->sent[i]->client);
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
    if (handover->send_status == APR_SUCCESS &&
        es_deadline_is_over(handover->deadline)) {
        handover->is_cut = 1;
    }
    return handover->send_status == APR_SUCCESS && !handover->is_cut;
}

apr_status_t es_handover_send(es_handover_t *handover, es_deadline_t *deadline,
                              apr_time_t now)
{
    const es_handover_params_t *params = &handover->params;

    ES_CONTEXT(ES_DELIVERY);
    if (!es_handover_is_open(handover)) {
        return APR_ENOTIMPL;
    }
    drop_waiting(handover); /* one message serves both directions */
    handover->now = now;
    handover->send_status = APR_SUCCESS;
    handover->deadline = deadline;
    handover->is_cut = 0;
    es_handover_msg_begin(handover->msg);
    es_conns_foreach(params->conns, params->hubs, params->nhubs, add_to_msg,
                     handover);
    if (es_handover_msg_count(handover->msg) > 0) {
        send_msg(handover);
    }
    return handover->send_status == APR_SUCCESS && handover->is_cut
               ? APR_INCOMPLETE
               : handover->send_status;
}

/* ---- receiving ---------------------------------------------------------- */

static void log_lost(es_handover_t *handover, apr_status_t rv, apr_time_t now)
{
    int lost = handover->announced - handover->received;

    if (lost > 0) {
        es_log(es_log_limit_level(&handover->logged_lost, ES_LOG_WARNING, now),
               APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv, "ES0320",
               "cannot take over %d of %d clients of another child; they are "
               "closed and reconnect; the limit of open files may be reached, "
               "or their hub is new or no longer configured",
               lost, handover->announced);
    }
}

static void stop_polling(const es_handover_t *handover)
{
    struct epoll_event unused = {0};
    int i;

    for (i = 0; i < handover->sockets.pairs; i++) {
        (void)epoll_ctl(handover->params.epoll_fd, EPOLL_CTL_DEL,
                        handover->sockets.receive[i], &unused);
    }
}

/* Stop in the middle of a message: handed is not taken over now. */
static void wait_with(es_handover_t *handover, const es_handed_t *handed,
                      int is_next_turn, apr_time_t since)
{
    handover->waiting = *handed;
    handover->is_next_turn = is_next_turn;
    handover->waiting_since = since;
    if (handover->full_since == 0) {
        handover->full_since = since;
        stop_polling(handover);
    }
}

/**
 * Take over the clients of the received message.
 *
 * @param handed  the next one, or rv tells why there is none
 * @param since   when the first of them found the store lock taken
 */
static void take_over_rest(es_handover_t *handover, es_handed_t *handed,
                           apr_status_t rv, apr_time_t since, apr_time_t now)
{
    es_deadline_t deadline =
        es_deadline_in(handover->params.clock, TAKE_TIME, 1);

    while (rv == APR_SUCCESS) {
        rv = es_handover_take_client(&handover->params, handed, handover->slots,
                                     now);
        if (rv == APR_TIMEUP) {
            wait_with(handover, handed, 0, since);
            return;
        }
        handover->received += rv == APR_SUCCESS;
        rv = es_handover_msg_take(handover->msg, handed);
        if (rv == APR_SUCCESS && es_deadline_is_over(&deadline)) {
            wait_with(handover, handed, 1, now != 0 ? now : 1);
            return;
        }
    }
    log_lost(handover, rv, now);
}

static int take_over_all(es_handover_t *handover, apr_time_t now)
{
    es_handed_t handed;
    apr_status_t rv;

    handover->announced = es_handover_msg_count(handover->msg);
    handover->received = 0;
    rv = es_handover_msg_take(handover->msg, &handed);
    take_over_rest(handover, &handed, rv, now, now);
    return handover->received;
}

/* Continue in the middle of a message. */
static void continue_waiting(es_handover_t *handover, apr_time_t now)
{
    apr_time_t since = handover->waiting_since;
    es_handed_t handed = handover->waiting;

    if (now - since >= LOCK_WITHIN) {
        drop_waiting(handover);
        log_lost(handover, APR_TIMEUP, now);
        return;
    }
    handover->waiting_since = 0;
    take_over_rest(handover, &handed, APR_SUCCESS, since, now);
}

int es_handover_receive(es_handover_t *handover, int messages, apr_time_t now)
{
    int received = 0;
    apr_status_t rv;

    ES_CONTEXT(ES_DELIVERY);
    while (handover->waiting_since == 0 && messages-- > 0) {
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

/* @return for how long a message is left to others; 0 = it is received */
static apr_interval_time_t leaves_for(const es_handover_t *handover)
{
    const es_handover_params_t *params = &handover->params;

    if (!es_handover_take_has_room(params, ES_HANDOVER_MSG_CLIENTS)) {
        return OTHERS_WITHIN;
    }
    return es_handover_take_is_ahead(params, ES_HANDOVER_MSG_CLIENTS)
               ? FEWER_WITHIN
               : 0;
}

void es_handover_on_event(es_handover_t *handover, apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    handover->left_for = leaves_for(handover);
    if (handover->left_for == 0) {
        (void)es_handover_receive(handover, 1, now); /* epoll reports again */
    }
    else {
        handover->full_since = now;
        stop_polling(handover);
    }
}

int es_handover_is_waiting(const es_handover_t *handover)
{
    return handover->waiting_since != 0;
}

void es_handover_continue(es_handover_t *handover, apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (handover->waiting_since != 0) {
        continue_waiting(handover, now);
    }
}

void es_handover_run(es_handover_t *handover, apr_time_t now)
{
    es_handover_continue(handover, now);
    if (handover->full_since == 0 || handover->waiting_since != 0) {
        return;
    }
    handover->left_for = leaves_for(handover);
    if (handover->left_for == 0) {
        (void)listen_again(handover);
    }
    else if (now - handover->full_since >= handover->left_for &&
             es_handover_take_has_room(&handover->params, 0) &&
             es_handover_receive(handover, 1, now) == 0) {
        (void)listen_again(handover); /* the next message may wait again */
    }
}

apr_interval_time_t es_handover_wait(const es_handover_t *handover)
{
    if (handover->waiting_since != 0) {
        return handover->is_next_turn ? 0 : LOCK_RETRY_EVERY;
    }
    if (handover->full_since == 0) {
        return -1;
    }
    return handover->left_for == FEWER_WITHIN ? FEWER_RETRY_EVERY : RETRY_EVERY;
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
