/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A delivery of a child: one thread that owns clients, follows the journals
 * of all hubs and writes each frame to each client of its channels. Workers
 * reach it through its inbox only.
 *
 * It knows no httpd: sockets come as descriptors, journals as stores.
 */
#ifndef ES_DELIVER_DELIVERY_H
#define ES_DELIVER_DELIVERY_H

#include <apr_pools.h>

#include "shm/child_figures.h"
#include "shm/children.h"
#include "shm/revocations.h"
#include "deliver/client.h"
#include "deliver/handover_sockets.h"
#include "deliver/watch.h"

typedef struct es_delivery_t es_delivery_t;

/** Why a child stops, as far as it knows. A higher reason overrules. */
typedef enum es_stop_t {
    ES_STOP_NONE,
    ES_STOP_GRACEFUL, /* the parent asks for it: a graceful restart or stop */
    ES_STOP_OWN,      /* only this child stops, having served its share */
    ES_STOP_NOW,      /* at once: a restart, or the reason is unknown */
    ES_STOP_FINAL     /* the server stops: no child is left to take clients */
} es_stop_t;

typedef struct es_delivery_params_t {
    es_children_t *children;
    apr_uint32_t child;      /* the delivery's own number, from 1 */
    es_store_t *const *hubs; /* nhubs stores, by hub number */
    apr_uint32_t nhubs;
    apr_int64_t drain_ms;        /* most random extra wait before reconnects */
    apr_int64_t flow_control_us; /* publishers wait for clients so long
                                  * in all; 0 = never */
    const unsigned char *closed; /* nhubs flags: 1 = clients of the hub end;
                                      * NULL = of none */
    es_client_count_t *client_count;   /* counts clients of other children that
                                      * are taken over; NULL = not counted */
    const es_child_figures_t *figures; /* where it counts; NULL = nowhere */
    const apr_uint32_t *counters;      /* nhubs numbers, for figures; NULL = its
                                      * number is that of the hub */
    apr_uint32_t clients_max;          /* of this delivery; 0 = no limit */
    es_presence_t *presence;           /* the same for their names */
    es_revocations_t *revocations;     /* NULL = none end a client */
    const es_handover_sockets_t *handover; /* NULL = none */
    const int *running;                    /* the server's generation, see
                              * es_shutdown_server_t */
    apr_uint64_t generation;               /* of this child */
} es_delivery_params_t;

/**
 * Make the delivery and start its thread with all signals blocked.
 *
 * @param params  copied; what it points to outlives the delivery, except
 *                handover
 * @param pool    not used by the thread; its cleanup frees the delivery if the
 *                thread was joined; otherwise it stays until the process exits
 * @return APR_SUCCESS, or the errno of a descriptor or thread that could not be
 *         made, or APR_ENOMEM
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_delivery_start(es_delivery_t **out,
                               const es_delivery_params_t *params,
                               apr_pool_t *pool);

/**
 * Submit a client whose sink is a socket (deliver/sink_socket.h).
 *
 * @param client  taken over on success; still the caller's on any error
 * @return APR_SUCCESS; APR_EOF: the delivery ends or has ended; APR_EINVAL:
 *         there is no hub of the client's number; APR_ENOMEM
 *
 * Context: WORKER. Any number of threads at once; takes the inbox lock only.
 * A child that stops and hands its clients over still accepts clients, which
 * are handed over, too.
 */
apr_status_t es_delivery_submit(es_delivery_t *d, es_client_t *client);

/**
 * Watch channels for a worker.
 *
 * @param hub    its number, from 0
 * @param slots  nslots channels, copied
 * @param out    to be given back with es_delivery_unwatch
 * @return APR_SUCCESS; APR_EOF: the child stops; APR_EINVAL: there is no hub of
 *         this number; APR_ENOMEM
 *
 * Context: WORKER; takes the inbox lock. Records from before this call are not
 * signalled: the caller reads the journal once after it.
 */
apr_status_t es_delivery_watch(es_delivery_t *d, apr_uint32_t hub,
                               const es_slot_t *slots, int nslots,
                               es_watch_t **out);

/** Give a watch back; the caller must not use it any more. Context: WORKER; may
 * block until the thread ends, if that is ending. */
void es_delivery_unwatch(es_delivery_t *d, es_watch_t *watch);

/** The number of clients that it owns. Context: ANY. */
apr_uint32_t es_delivery_clients(const es_delivery_t *d);

/** 1 when it was asked to stop, for any reason. Context: ANY. */
int es_delivery_is_stopping(const es_delivery_t *d);

/**
 * Begin to stop. Watches are stopped. Clients are handed over to other
 * children, if there are some or will be (deliver/shutdown.h); otherwise their
 * streams end cleanly. The thread ends when all clients are gone and
 * es_delivery_join waits for it. Returns at once; may be called again with a
 * higher reason.
 *
 * Context: the child's main thread, or a signal handler of prefork. It is
 * async-signal safe: it sets a flag and writes to a descriptor, nothing else.
 */
void es_delivery_leave(es_delivery_t *d, es_stop_t why);

/** The same with ES_STOP_FINAL: no client is accepted any more, all streams
 * end. */
void es_delivery_stop(es_delivery_t *d);

/**
 * Workers have ended: the delivery does not wait for further clients from now
 * on. Context: the child's main thread.
 */
void es_delivery_finish(es_delivery_t *d);

/**
 * Wait for the thread to end, after es_delivery_finish, which it calls, too.
 *
 * @param timeout  at most; a thread that has not ended by then runs until the
 *                 process exits
 * @return APR_SUCCESS, or APR_TIMEUP
 *
 * Context: the child's main thread.
 */
apr_status_t es_delivery_join(es_delivery_t *d, apr_interval_time_t timeout);

#endif
