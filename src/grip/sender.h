/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The courier: a thread in each child that sends what is published to the
 * GRIP proxies of all hubs, to all at once. Workers tell it that there is
 * something and may wait for what becomes of it.
 *
 * The couriers of all children share the outboxes (grip/outbox_shm.h): one
 * of them sends to a proxy at a time, also what others' workers wait for. So
 * what a proxy gets is in the order of the journal, whichever child has
 * published it, and what a killed child has left is sent by another.
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
} es_sender_hub_t;

typedef struct es_sender_params_t {
    es_outbox_shm_t *outbox_shm;
    apr_uint32_t child; /* of this child, from 1 */
    const es_sender_hub_t *hubs;
    apr_uint32_t nhubs;
} es_sender_params_t;

/**
 * Start its thread, with all signals blocked.
 *
 * @param out  lives in pool, which is not used by the thread
 * @return APR_SUCCESS or why not
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_sender_start(es_sender_t **out,
                             const es_sender_params_t *params,
                             apr_pool_t *pool);

/** There is something to send. Context: WORKER; does not block. */
void es_sender_wake(es_sender_t *sender);

/**
 * Wait for what becomes of records, at all proxies of their hub of which the
 * outcome is open.
 *
 * @param hub       its number
 * @param from      where the first starts
 * @param to        behind the last
 * @param again     1 = those that were sent before and not taken are sent
 *                  again first
 * @param by        deadline on es_clock_now; may have passed
 * @param outcomes  one for each proxy; those that are ES_OUTCOME_OPEN are
 *                  filled, or stay so when the time was over before
 * @return 1 when no outcome is open
 *
 * Context: WORKER; takes the lock of the tickets, not while it waits.
 */
int es_sender_wait(es_sender_t *sender, apr_uint32_t hub, es_pos_t from,
                   es_pos_t to, int again, apr_time_t by, int *outcomes);

/**
 * Begin to stop: posts on their way have 2 seconds to end, then all who wait
 * are told ES_OUTCOME_STOPPING. Returns at once, may be called again.
 *
 * Context: async-signal safe, as es_delivery_leave.
 */
void es_sender_stop(es_sender_t *sender);

/**
 * Wait for the thread to end, after es_sender_stop.
 *
 * @param patience  how long; then the thread is left to the process's end
 * @return APR_SUCCESS, or APR_TIMEUP
 */
apr_status_t es_sender_join(es_sender_t *sender, apr_interval_time_t patience);

#endif
