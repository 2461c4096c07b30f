/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The shutdown: how a delivery stops.
 *
 *     SERVING ─► DECIDING ─► SENDING ─► ENDING
 *                    └───────────────────▲
 *
 *     SERVING   until it is ordered to stop
 *     DECIDING  rounds go on until it is known whether other children take
 *               clients over; if none does, ENDING is next. So it is as soon as
 *               no client is left and no worker can submit one
 *     SENDING   clients are handed over; rounds go on
 *     ENDING    the streams of clients that are left end: they are stepped
 *               until all are gone or their time is over; a client that comes
 *               now is handed over or ended, too
 *
 * When DECIDING begins, watches are stopped, and the handover socket is left
 * to other children. The shutdown is over when no client is left and no worker
 * can submit one any more.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_SHUTDOWN_H
#define ES_DELIVER_SHUTDOWN_H

#include "shm/children.h"
#include "deliver/conns.h"
#include "deliver/delivery.h"
#include "deliver/handover.h"

/** What a child that stops does with its clients. */
typedef enum es_shutdown_action_t {
    ES_SHUTDOWN_WAIT,       /* serve them, and decide again soon */
    ES_SHUTDOWN_HAND_OVER,  /* send them to other children */
    ES_SHUTDOWN_END_STREAMS /* end their streams */
} es_shutdown_action_t;

/** What a child knows of its server. */
typedef struct es_shutdown_server_t {
    es_children_t *children;
    apr_uint32_t child;      /* of this process, from 1 */
    const int *running;      /* atomic; the server's generation, which its new
                              * children have; NULL = never changes */
    apr_uint64_t generation; /* of this child */
} es_shutdown_server_t;

/** Orders to the loop, from other threads; the loop itself sets stop, too.
 * Another thread that has set one then calls es_inbox_wake. */
typedef struct es_shutdown_orders_t {
    int stop;   /* atomic; es_stop_t, only rises */
    int finish; /* atomic; 1 = no worker submits clients any more */
} es_shutdown_orders_t;

typedef enum es_shutdown_phase_t {
    ES_SHUTDOWN_SERVING,
    ES_SHUTDOWN_DECIDING,
    ES_SHUTDOWN_SENDING,
    ES_SHUTDOWN_ENDING
} es_shutdown_phase_t;

typedef struct es_shutdown_t {
    /* filled by the owner */
    es_shutdown_server_t server;
    es_conns_t *conns;
    es_hub_t *hubs; /* nhubs of them */
    apr_uint32_t nhubs;
    apr_int64_t drain_ms; /* most random extra wait before reconnects */
    es_handover_t *handover;
    const es_shutdown_orders_t *orders;
    /* its own, all zero at first */
    es_shutdown_phase_t phase;
    int hands_over;    /* clients that come later are sent, too */
    int has_received;  /* ENDING: a message was received, there may be more */
    int has_unsent;    /* SENDING: the time of the turn was over */
    apr_time_t since;  /* DECIDING began */
    apr_time_t end_by; /* SENDING: do not send after it; ENDING: close clients
                        * that are left then */
} es_shutdown_t;

/** Do what is to be done now. The caller holds no pointer to a dead conn. */
void es_shutdown_step(es_shutdown_t *shutdown, apr_time_t now);

/** Clients have been added in the phase ENDING. */
void es_shutdown_on_clients(es_shutdown_t *shutdown, apr_time_t now);

/** 1 when es_shutdown_step has to be called at once. */
int es_shutdown_is_due(const es_shutdown_t *shutdown);

/** Microseconds until the next step; -1 = it waits for an order. */
apr_interval_time_t es_shutdown_wait(const es_shutdown_t *shutdown);

/** 1 when the loop may end. */
int es_shutdown_is_over(const es_shutdown_t *shutdown);

/**
 * Choose what to do with the clients of a child that stops.
 *
 * @param since  time since it began to stop
 */
es_shutdown_action_t es_shutdown_choose(const es_shutdown_server_t *server,
                                        es_stop_t why,
                                        apr_interval_time_t since);

/**
 * 1 when no other child takes clients, or will: this child ends the streams of
 * those that are still in the handover socket.
 */
int es_shutdown_is_last(const es_shutdown_server_t *server, es_stop_t why);

#endif
