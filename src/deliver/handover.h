/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The handover: when a child stops, it sends its clients to other children of
 * the same parent; while it serves, it receives clients of children that stop.
 * Both use the handover sockets, which the parent makes and keeps
 * (deliver/handover_sockets.h).
 *
 *     sending    conn ─► out of epoll ─► message ─► sent: the conn is dropped,
 *                                             │     its peer gets no byte of it
 *                                             └─► not sent: a conn as before
 *
 *     receiving  message ─► subscribed again by names ─► are all records since
 *                the cursor retained? ─► yes: a conn that continues
 *                                     └► no: a conn that gets a stream-reset
 *
 *     listening  message ─► room for a full one, and no delivery of this
 *                           process has far fewer clients? ─► yes: received
 *                └► no: stops listening ─► yes: listens
 *                                       └► after 3 s (50 ms if there is room),
 *                                          not above its limit: receives;
 *                                          clients above it end
 *
 * A child at its limit leaves messages to other children, because one that
 * starts early would otherwise take all of them. If no child has taken them
 * after 3 s, it takes them itself. A delivery leaves messages to those of the
 * same process that have fewer clients, because one of them would otherwise
 * have most of the clients from then on.
 *
 * While a client is in a handover socket, no child counts it and no child is
 * subscribed for it, so its slots may be given to other channels. That is why
 * a message carries the names of channels.
 *
 * Context of all: DELIVERY, unless another is named.
 */
#ifndef ES_DELIVER_HANDOVER_H
#define ES_DELIVER_HANDOVER_H

#include "shm/children.h"
#include "shm/client_count.h"
#include "shm/presence.h"
#include "deliver/conns.h"
#include "deliver/handover_sockets.h"

typedef struct es_handover_t es_handover_t;

typedef struct es_handover_params_t {
    es_conns_t *conns;
    es_hub_t *hubs; /* nhubs of them */
    apr_uint32_t nhubs;
    apr_uint32_t child;                   /* of this process, from 1 */
    const es_children_t *children;        /* NULL = no other delivery */
    int epoll_fd;                         /* in which sockets are watched */
    const es_handover_sockets_t *sockets; /* copied; NULL = none */
    es_client_count_t *client_count;      /* NULL = clients are not counted */
    es_presence_t *presence;              /* NULL = names are not counted */
    apr_uint32_t clients_max;             /* of this child; 0 = no limit */
    apr_int64_t drain_ms;          /* for clients that end when received */
    es_deadline_clock_fn_t *clock; /* NULL = es_clock_now */
} es_handover_params_t;

/**
 * @param params  copied
 * @return the handover, or NULL if out of memory
 *
 * Context: the thread that makes the loop.
 */
es_handover_t *es_handover_create(const es_handover_params_t *params);

/** NULL is ignored. Context: the thread that destroys the loop. */
void es_handover_destroy(es_handover_t *handover);

/**
 * Send conns, until the handover sockets are full or the time is over. The
 * others stay as they are.
 *
 * @param deadline  NULL = none
 * @return APR_SUCCESS: all that can be sent were sent; APR_INCOMPLETE: the time
 *         is over, call again; APR_EAGAIN: the handover sockets are full at
 *         present; APR_ENOTIMPL: clients are not handed over; else they cannot
 *         be written to
 */
apr_status_t es_handover_send(es_handover_t *handover, es_deadline_t *deadline,
                              apr_time_t now);

/** The number of clients that were sent so far. */
apr_uint32_t es_handover_sent(const es_handover_t *handover);

/**
 * Receive clients of other children. The streams of those above clients_max
 * end.
 *
 * @param messages  at most
 * @return the number of clients that were received
 */
int es_handover_receive(es_handover_t *handover, int messages, apr_time_t now);

/**
 * Listen for messages: the data.ptr of their epoll events is handover. Nothing
 * is done if clients are not handed over.
 *
 * @return APR_SUCCESS, or the errno of epoll
 *
 * Context: the thread that makes the loop.
 */
apr_status_t es_handover_listen(es_handover_t *handover);

/** Handle an event of epoll: there is a message. */
void es_handover_on_event(es_handover_t *handover, apr_time_t now);

/** The loop calls this in each turn, until es_handover_stop_listening. */
void es_handover_run(es_handover_t *handover, apr_time_t now);

/**
 * Take over the clients that wait, as es_handover_run does, too. After 2 s they
 * are closed.
 */
void es_handover_continue(es_handover_t *handover, apr_time_t now);

/** 1 when clients of a message wait for the lock of their store. */
int es_handover_is_waiting(const es_handover_t *handover);

/** Microseconds until es_handover_run has to be called; -1 = no limit. */
apr_interval_time_t es_handover_wait(const es_handover_t *handover);

/** Leave messages to other children for good. */
void es_handover_stop_listening(es_handover_t *handover);

/** 1 when clients are handed over at all. Context: ANY. */
int es_handover_is_open(const es_handover_t *handover);

#endif
