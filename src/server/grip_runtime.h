/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Mailing: what a process publishes to GRIP proxies with. The parent hands
 * out the outboxes when it has read the configuration; a child has a courier.
 * Without proxies in the configuration there is neither.
 */
#ifndef ES_SERVER_GRIP_RUNTIME_H
#define ES_SERVER_GRIP_RUNTIME_H

#include "grip/sender.h"
#include "server/outbox_owners.h"
#include "server/runtime.h"

/**
 * Begin with a new configuration: make the mailroom if it has proxies.
 *
 * @param boxes   kept over restarts
 * @param places  of children
 * @param nhubs   most calls of es_grip_runtime_add that follow
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after telling the error log
 *
 * Context: PARENT, post_config.
 */
int es_grip_runtime_open(es_outbox_owners_t *outboxes,
                         apr_uint32_t max_children, apr_uint32_t nhubs,
                         server_rec *s, apr_pool_t *pconf);

/**
 * A hub of this process; in the order of their numbers, from 0.
 *
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after telling the error log:
 *         nothing is published to the hub's proxies
 *
 * Context: PARENT, post_config.
 */
int es_grip_runtime_add(const es_runtime_hub_t *view, server_rec *s);

/** Start the courier. Context: CHILD_INIT. */
void es_grip_runtime_enter(apr_uint32_t child, apr_pool_t *pchild,
                           server_rec *s);

/**
 * The child begins to stop, and those who wait for proxies shall not do so
 * for long. Context: as es_runtime_stop; not when it is graceful, as workers
 * have time then.
 */
void es_grip_runtime_stop(void);

/**
 * Wait until the courier has ended.
 *
 * @param by  until when at most, as es_clock_now tells; may be over. Then the
 *            error log is told, and the courier left to the process's end
 *
 * Context: the child's pool is cleaned.
 */
void es_grip_runtime_leave(apr_time_t by, server_rec *s);

/** The hub has got events: send them. Context: WORKER; does not block. */
void es_grip_runtime_wake(const es_runtime_hub_t *hub);

/**
 * Wait for what becomes of records, at all proxies of the hub.
 *
 * @param from      where the first starts
 * @param to        behind the last
 * @param again     as es_sender_wait
 * @param by        until when at most, as es_clock_now tells
 * @param outcomes  of each proxy, filled: ES_OUTCOME_…
 *
 * Context: WORKER; the hub has proxies. Takes the lock of the tickets.
 */
void es_grip_runtime_wait(const es_runtime_hub_t *hub, es_pos_t from,
                          es_pos_t to, int again, apr_time_t by, int *outcomes);

#endif
