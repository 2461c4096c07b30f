/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The loop that the delivery's thread runs: notes, rounds, members, timers,
 * sockets. It is made and destroyed by other threads, before and after.
 */
#ifndef ES_DELIVER_LOOP_H
#define ES_DELIVER_LOOP_H

#include "deliver/delivery.h"
#include "deliver/inbox.h"
#include "deliver/shutdown.h"

typedef struct es_loop_t es_loop_t;

/** What a note brings. */
enum {
    ES_NOTE_CLIENT, /* an es_conn_t, by its note */
    ES_NOTE_WATCH,  /* an es_watch_t, by its come */
    ES_NOTE_UNWATCH /* an es_watch_t, by its go: it is destroyed */
};

/**
 * @param inbox   not owned, outlives the loop, as orders do
 * @return APR_SUCCESS, or what could not be had
 */
apr_status_t es_loop_create(es_loop_t **out, const es_delivery_params_t *params,
                            es_inbox_t *inbox, es_shutdown_orders_t *orders);

/** Run until it is to part and all clients have gone. Context: DELIVERY. */
void es_loop_run(es_loop_t *loop);

/** Members just now. Context: ANY. */
apr_uint32_t es_loop_clients(const es_loop_t *loop);

/** Nobody runs it. NULL is nothing. */
void es_loop_destroy(es_loop_t *loop);

#endif
