/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sender: a thread in each child that sends what is published to the GRIP
 * proxies of all hubs, to all proxies at once. Workers wake it when there is
 * something to send, and may wait for the outcome.
 *
 * The senders of all children share the outboxes (grip/outbox_shm.h). One of
 * them at a time sends to a proxy, for all children. So a proxy gets events in
 * the order of the journal, whichever child has published them, and what a
 * killed child has left is sent by another.
 */
#ifndef ES_GRIP_SENDER_H
#define ES_GRIP_SENDER_H

#include <apr_pools.h>

#include "grip/outbox_shm.h"
#include "grip/outcome.h"
#include "grip/proxy.h"

typedef struct es_sender_t es_sender_t;

/** A hub, with its outboxes in the order of its proxies. */
typedef struct es_sender_hub_t {
    const char *name;
    es_store_t *store;
    const es_grip_t *grip; /* NULL = it has no proxies */
    apr_uint32_t outboxes[ES_GRIP_PROXIES_MAX];
    es_may_send_fn_t *may_send; /* NULL = always */
    void *arg;                  /* its argument */
} es_sender_hub_t;

typedef struct es_sender_params_t {
    es_outbox_shm_t *outbox_shm;
    apr_uint32_t child; /* of this child, from 1 */
    const es_sender_hub_t *hubs;
    apr_uint32_t nhubs;
} es_sender_params_t;

/**
 * Start the thread, with all signals blocked.
 *
 * @param out     freed by the cleanup of pool, if the thread was joined
 * @param params  not used after the call; what it points to must outlive the
 *                thread
 * @param pool    not used by the thread
 * @return APR_SUCCESS, or why there is no thread; then all is given back
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_sender_start(es_sender_t **out,
                             const es_sender_params_t *params,
                             apr_pool_t *pool);

/** Wake the thread: there is something to send, or it may send now. Context:
 * WORKER or CLUSTER; does not block. */
void es_sender_wake(es_sender_t *sender);

/**
 * Wait for the outcome of records at those proxies of their hub whose outcome
 * is open.
 *
 * @param hub       its number, from 0
 * @param from      where the first record starts
 * @param to        where the last record ends
 * @param again     1 = records that a proxy has not taken are first sent to it
 *                  again
 * @param by        deadline on es_clock_now; may have passed
 * @param outcomes  one for each proxy; those that are ES_OUTCOME_OPEN are
 *                  set, or stay open if the time was over before
 * @return 1 if no outcome is open
 *
 * Context: WORKER; takes the lock of the waiters, but not while it waits.
 */
int es_sender_wait(es_sender_t *sender, apr_uint32_t hub, es_pos_t from,
                   es_pos_t to, int again, apr_time_t by, int *outcomes);

/**
 * Begin to stop: requests in flight have 2 seconds to end; then waiters get
 * ES_OUTCOME_STOPPING. Returns at once and may be called again.
 *
 * Context: async-signal safe, as es_delivery_leave.
 */
void es_sender_stop(es_sender_t *sender);

/**
 * Wait until the thread has ended, after es_sender_stop.
 *
 * @param timeout  at most; then the thread lives until the process ends
 * @return APR_SUCCESS, or APR_TIMEUP
 */
apr_status_t es_sender_join(es_sender_t *sender, apr_interval_time_t timeout);

#endif
