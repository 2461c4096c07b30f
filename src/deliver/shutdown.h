/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The retreat: how a delivery stops.
 *
 *     SERVING ─► LEAVING ─► BOARDING ─► ENDING
 *       until      rounds     members     the others are told to end, and
 *       told       go on,     go into     stepped until none is left or the
 *       to stop    where to?  the boat    time is over; late ones follow
 *
 * With the first step watches are stopped and the boat's arrivals are left to
 * other children. It is over when nobody is left and nobody brings clients
 * any more.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_SHUTDOWN_H
#define ES_DELIVER_SHUTDOWN_H

#include "shm/children.h"
#include "deliver/conns.h"
#include "deliver/delivery.h"
#include "deliver/handover.h"

typedef enum es_shutdown_action_t {
    ES_SHUTDOWN_WAIT,       /* go on serving, ask again soon */
    ES_SHUTDOWN_HAND_OVER,  /* into the lifeboat */
    ES_SHUTDOWN_END_STREAMS /* nowhere: the streams end */
} es_shutdown_action_t;

typedef struct es_shutdown_server_t {
    const es_children_t *children;
    apr_uint32_t child;      /* of this child */
    const int *running;      /* atomic; the server's generation, that of the
                              * children it makes now; NULL = never changes */
    apr_uint64_t generation; /* of this child */
} es_shutdown_server_t;

/** What the loop is told from outside; each is followed by a poke of the
 * inbox. */
typedef struct es_shutdown_orders_t {
    int stop;   /* atomic; es_stop_t, only rises */
    int finish; /* atomic; 1 = nobody brings clients any more */
} es_shutdown_orders_t;

typedef enum es_shutdown_phase_t {
    ES_SHUTDOWN_SERVING,
    ES_SHUTDOWN_DECIDING,
    ES_SHUTDOWN_SENDING,
    ES_SHUTDOWN_ENDING
} es_shutdown_phase_t;

typedef struct es_shutdown_t {
    /* filled by the owner */
    es_children_t *children;
    es_shutdown_server_t server;
    es_conns_t *conns;
    es_hub_t *hubs;
    apr_uint32_t nhubs;
    apr_int64_t drain_ms;
    es_handover_t *handover;
    const es_shutdown_orders_t *orders;
    /* its own, all zero at first */
    es_shutdown_phase_t phase;
    int hands_over;    /* late ones are sent after the others */
    int has_received;  /* ENDING: somebody came by boat; there may be more */
    apr_time_t since;  /* it was told to stop, or entered the phase */
    apr_time_t end_by; /* ENDING: close what is left then */
} es_shutdown_t;

/** Do what is to be done now. Nobody may hold a pointer to a dead member. */
void es_shutdown_step(es_shutdown_t *shutdown, apr_time_t now);

/** A client has come while the phase is ENDING. */
void es_shutdown_on_client(es_shutdown_t *shutdown, apr_time_t now);

/** 1 when es_shutdown_step has to be called at once. */
int es_shutdown_is_due(const es_shutdown_t *shutdown);

/** Most time until the next step; -1 = it waits for an order. */
apr_interval_time_t es_shutdown_wait(const es_shutdown_t *shutdown);

int es_shutdown_is_over(const es_shutdown_t *shutdown);

/**
 * @param since  how long it has been stopping
 *
 * Context: DELIVERY.
 */
es_shutdown_action_t es_shutdown_choose(const es_shutdown_server_t *server,
                                        es_stop_t why,
                                        apr_interval_time_t since);

/**
 * Is it upon this child to bring ashore those that are still in the boat, as
 * nobody comes who would?
 */
int es_shutdown_is_last(const es_shutdown_server_t *server, es_stop_t why);

#endif
