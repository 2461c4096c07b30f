/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The loop that the delivery's thread runs: notes, rounds, conns, timers,
 * sockets. Other threads make it before the thread starts, and destroy it after
 * the thread was joined.
 */
#ifndef ES_DELIVER_LOOP_H
#define ES_DELIVER_LOOP_H

#include "deliver/delivery.h"
#include "deliver/inbox.h"
#include "deliver/shutdown.h"

typedef struct es_loop_t es_loop_t;

/** What a note is embedded in, by its kind. */
enum {
    ES_NOTE_CLIENT, /* an es_conn_t: add it */
    ES_NOTE_WATCH,  /* an es_watch_t: add it */
    ES_NOTE_UNWATCH /* an es_watch_t: remove and destroy it */
};

/**
 * @param params  copied, except what it points to
 * @param inbox   not owned; like orders it outlives the loop
 * @return APR_SUCCESS; APR_ENOMEM; or the errno of a descriptor that could not
 *         be made: then nothing is left behind
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_loop_create(es_loop_t **out, const es_delivery_params_t *params,
                            es_inbox_t *inbox, es_shutdown_orders_t *orders);

/**
 * Run until the shutdown is over: orders->finish is set and all clients are
 * gone. Context: DELIVERY.
 */
void es_loop_run(es_loop_t *loop);

/** The number of clients. Context: ANY. */
apr_uint32_t es_loop_clients(const es_loop_t *loop);

/** NULL is ignored. Context: ANY, while no thread runs it. */
void es_loop_destroy(es_loop_t *loop);

#endif
