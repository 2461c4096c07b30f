/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ferry: takes a crew's members aboard the lifeboat when their child
 * stops, and brings passengers of other children ashore, as members of this
 * one's crew.
 *
 *     member ─► out of epoll ─► message ─► the boat took it: closed here,
 *                                          without a word to the client
 *                                      └─► it did not: a member as before
 *
 *     message ─► subscribed anew by names ─► does the journal vouch for all
 *                since the cursor? ─► member, or told by stream-reset
 *
 * While a client is in the boat, no child counts it and nobody holds its
 * slots; that is why it travels with names.
 *
 * Context of all: DELIVERY, but for es_handover_create and _destroy.
 */
#ifndef ES_DELIVER_HANDOVER_H
#define ES_DELIVER_HANDOVER_H

#include "shm/client_count.h"
#include "deliver/conns.h"

typedef struct es_handover_t es_handover_t;

typedef struct es_handover_params_t {
    es_conns_t *conns;
    es_hub_t *hubs; /* nhubs of them */
    apr_uint32_t nhubs;
    apr_uint32_t child;
    int epoll_fd;                    /* in which receive_fd is watched */
    int send_fd;                     /* -1 = clients are not handed over */
    int receive_fd;                  /* the same */
    es_client_count_t *client_count; /* NULL = clients are not counted */
    apr_uint32_t clients_max;        /* of this child; 0 = no limit */
    apr_int64_t drain_ms;            /* for those who end when they arrive */
} es_handover_params_t;

/** @return the ferry, or NULL without memory */
es_handover_t *es_handover_create(const es_handover_params_t *params);

/** NULL is nothing. */
void es_handover_destroy(es_handover_t *handover);

/**
 * Send all members that can move, as long as the boat takes them; the others
 * go on as they are.
 *
 * @return APR_SUCCESS: all were sent that can be; APR_EAGAIN: the boat is full
 *         for now; else it will take nobody
 */
apr_status_t es_handover_send(es_handover_t *handover, apr_time_t now);

/**
 * Bring passengers ashore. Those above clients_max end.
 *
 * @param messages  at most
 * @return how many clients came
 */
int es_handover_receive(es_handover_t *handover, int messages, apr_time_t now);

/**
 * Receive clients of other children from now on: epoll reports messages with
 * the address of handover. Nothing is done if clients are not handed over.
 *
 * @return APR_SUCCESS, or the error of epoll
 *
 * Context: the thread that makes the loop.
 */
apr_status_t es_handover_listen(es_handover_t *handover);

/** Epoll reports a message. */
void es_handover_on_event(es_handover_t *handover, apr_time_t now);

/** To be called in each turn of the loop while it listens. */
void es_handover_run(es_handover_t *handover, apr_time_t now);

/** Microseconds until es_handover_run has to be called; -1 = no need. */
apr_interval_time_t es_handover_wait(const es_handover_t *handover);

/** Leave messages to other children from now on. */
void es_handover_stop_listening(es_handover_t *handover);

/** 1 when clients can be handed over at all. Context: ANY. */
int es_handover_is_open(const es_handover_t *handover);

/** Clients that have left with it so far. */
apr_uint32_t es_handover_sent(const es_handover_t *handover);

#endif
