/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The deliveries of a child: as many as EventStreamThreads says. Each has a
 * child number of its own, with which its clients are counted and subscribed,
 * and by which publishers wake it. So to all other processes each delivery is
 * what a child with one delivery would be; only the pid shows which of them
 * belong together. A client belongs to one delivery, until it ends or is handed
 * over.
 */
#ifndef ES_SERVER_DELIVERIES_H
#define ES_SERVER_DELIVERIES_H

#include <apr_pools.h>

#include "shm/children.h"
#include "shm/client_count.h"
#include "deliver/delivery.h"

#define ES_DELIVERIES_MAX 64

/** All zero at first; it does not change after es_deliveries_start. */
typedef struct es_deliveries_t {
    es_children_t *table;
    apr_uint32_t count;                       /* of the next two */
    apr_uint32_t children[ES_DELIVERIES_MAX]; /* their child numbers */
    es_delivery_t *deliveries[ES_DELIVERIES_MAX];
} es_deliveries_t;

/**
 * Claim child numbers for the calling process.
 *
 * @param wanted  1..ES_DELIVERIES_MAX
 * @return how many there are, fewer than wanted if numbers are short; 0: all
 *         are in use
 *
 * Context: CHILD_INIT.
 */
apr_uint32_t es_deliveries_claim(es_deliveries_t *deliveries,
                                 es_children_t *children, apr_uint32_t wanted,
                                 apr_uint64_t generation, apr_uint64_t pid);

/**
 * Start a delivery for each number that was claimed. Numbers whose delivery
 * cannot start take no clients; count is then lower, and at 0 nothing runs.
 *
 * @param params  as of es_delivery_start; child is not read
 * @return APR_SUCCESS, or why at least one of them did not start
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_deliveries_start(es_deliveries_t *deliveries,
                                 const es_delivery_params_t *params,
                                 apr_pool_t *pool);

/**
 * Choose the delivery for a new client: the one with the fewest clients, of
 * several any. One that has failed is left out.
 *
 * @return its child number; 0: there is no delivery
 *
 * Context: WORKER.
 */
apr_uint32_t es_deliveries_choose(const es_deliveries_t *deliveries,
                                  const es_client_count_t *client_count);

/** The delivery of a child number; NULL = not of this process. Context: ANY. */
es_delivery_t *es_deliveries_of(const es_deliveries_t *deliveries,
                                apr_uint32_t child);

/** 1 when all were asked to stop, or have failed. Context: ANY. */
int es_deliveries_is_stopping(const es_deliveries_t *deliveries);

/**
 * es_delivery_leave for all, and as async-signal safe. All are marked as
 * stopping before the first gets the order, so that none receives what another
 * one hands over.
 */
void es_deliveries_leave(const es_deliveries_t *deliveries, es_stop_t why);

/**
 * Wait for all to end, as es_delivery_join does.
 *
 * @param by  as of es_clock_now; the same for all
 * @return APR_SUCCESS; APR_TIMEUP: at least one has not ended
 *
 * Context: the child's main thread.
 */
apr_status_t es_deliveries_join(const es_deliveries_t *deliveries,
                                apr_time_t by);

#endif
