/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The child's delivery: one thread that owns its clients, follows the
 * journals of all hubs and writes each frame to each client of its channels.
 * Workers reach it through its inbox only.
 *
 * It knows no httpd: sockets come as descriptors, journals as stores.
 */
#ifndef ES_DELIVER_DELIVERY_H
#define ES_DELIVER_DELIVERY_H

#include <apr_pools.h>

#include "shm/children.h"
#include "deliver/client.h"
#include "deliver/watch.h"

typedef struct es_delivery_t es_delivery_t;

/** Why a child stops, as far as it knows; a higher one overrules. */
typedef enum es_stop_t {
    ES_STOP_NONE,
    ES_STOP_GRACEFUL, /* the parent wishes it, in peace */
    ES_STOP_OWN,      /* it has served its share; the parent goes on */
    ES_STOP_NOW,      /* at once: a restart, or who knows what */
    ES_STOP_FINAL     /* the server stops: nobody is left to go to */
} es_stop_t;

typedef struct es_delivery_params_t {
    es_children_t *children;
    apr_uint32_t child;      /* of this child, from 1 */
    es_store_t *const *hubs; /* nhubs stores, by hub number */
    apr_uint32_t nhubs;
    apr_int64_t drain_ms;        /* clients that must end come back within it */
    const unsigned char *closed; /* nhubs: 1 = clients of it end; NULL = none */
    es_client_count_t
        *client_count;        /* for those who come by boat; NULL = none */
    apr_uint32_t clients_max; /* of this child; 0 = no limit */
    const int *handover;      /* send here, receive there; NULL = none */
    const int *running; /* generation of the server, see es_shutdown_server_t */
    apr_uint64_t generation; /* of this child */
} es_delivery_params_t;

/**
 * Make the delivery and start its thread, with all signals blocked.
 *
 * @param out   lives in pool, which is not used by the thread
 * @return APR_SUCCESS or why not
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_delivery_start(es_delivery_t **out,
                               const es_delivery_params_t *params,
                               apr_pool_t *pool);

/**
 * Hand over a client whose sink is a socket (sink_socket).
 *
 * @param client  taken over on success; still the caller's on any error
 * @return APR_SUCCESS, APR_EOF (it ends, or has ended), APR_ENOMEM
 *
 * Context: WORKER. Any number of threads at once; takes the inbox lock only.
 * A child that stops but whose clients go to others still takes some in: they
 * go, too.
 */
apr_status_t es_delivery_submit(es_delivery_t *d, es_client_t *client);

/**
 * Watch channels for a worker.
 *
 * @param out    to be given back with es_delivery_unwatch
 * @return APR_SUCCESS, APR_EOF (shutting down), APR_ENOMEM
 *
 * Context: WORKER. News from before this call is not told: look at the
 * journal once after it.
 */
apr_status_t es_delivery_watch(es_delivery_t *d, apr_uint32_t hub,
                               const es_slot_t *slots, int nslots,
                               es_watch_t **out);

/** Give a watch back; it must not be used any more. Context: WORKER. */
void es_delivery_unwatch(es_delivery_t *d, es_watch_t *watch);

/** Clients that it owns just now. Context: ANY. */
apr_uint32_t es_delivery_clients(const es_delivery_t *d);

/** 1 when it has been told to stop, for whatever reason. Context: ANY. */
int es_delivery_is_stopping(const es_delivery_t *d);

/**
 * Begin to stop: watches are stopped, and clients go to other children, as far
 * as there are some or will be (deliver/shutdown.h); the others' streams end
 * cleanly. The thread ends when all are gone and es_delivery_join waits for it.
 * Returns at once, may be called again, with a stronger reason.
 *
 * Context: CHILD's main thread or a signal handler of prefork: async-signal
 * safe, so it sets a flag and writes to a descriptor, nothing else.
 */
void es_delivery_leave(es_delivery_t *d, es_stop_t why);

/** The same with ES_STOP_FINAL: no client is accepted any more, all streams
 * end. */
void es_delivery_stop(es_delivery_t *d);

/**
 * Wait for the thread to end; to be called after workers have gone, since
 * from now on it does not wait for clients that come late.
 *
 * @param patience  how long; then the thread is left to the process's end
 * @return APR_SUCCESS, or APR_TIMEUP
 */
apr_status_t es_delivery_join(es_delivery_t *d, apr_interval_time_t patience);

#endif
