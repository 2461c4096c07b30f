/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The GRIP runtime: what a process needs to publish to GRIP proxies. The parent
 * assigns the outboxes once it has read the configuration; each child runs a
 * sender thread. Without proxies in the configuration there is neither.
 */
#ifndef ES_SERVER_GRIP_RUNTIME_H
#define ES_SERVER_GRIP_RUNTIME_H

#include "cluster/hub.h"
#include "grip/sender.h"
#include "server/child_pids.h"
#include "server/outbox_owners.h"
#include "server/runtime.h"

/**
 * Begin with a new configuration: make the segment of outboxes if it has
 * proxies.
 *
 * @param outboxes      retained over restarts
 * @param max_children  highest child number
 * @param nhubs         upper bound of the es_grip_runtime_add calls that follow
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after an error was logged
 *
 * Context: PARENT, post_config.
 */
int es_grip_runtime_open(es_outbox_owners_t *outboxes,
                         apr_uint32_t max_children, apr_uint32_t nhubs,
                         server_rec *s, apr_pool_t *pconf);

/**
 * Add a hub of this process, in the order of their numbers from 0.
 *
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after an error was logged; then
 *         nothing is published to the hub's proxies
 *
 * Context: PARENT, post_config.
 */
int es_grip_runtime_add(const es_runtime_hub_t *view, server_rec *s);

/** Look for a child that is to send to a proxy and does not move:
 * server/lock_watch.h. Context: PARENT. */
void es_grip_runtime_watch(const es_child_pids_t *child_pids, server_rec *s);

/** Start the sender thread. Context: CHILD_INIT. */
void es_grip_runtime_child_init(apr_uint32_t child, apr_pool_t *pchild,
                                server_rec *s);

/**
 * Cut short the waits for proxies, because the child stops. Context: as
 * es_runtime_child_stopping, but only if the stop is not graceful: at a
 * graceful stop workers have time.
 */
void es_grip_runtime_stop(void);

/**
 * Wait until the sender thread has exited.
 *
 * @param by  deadline on es_clock_now; may have passed. If the thread has not
 *            exited by then, a warning is logged and the process ends with it
 *
 * Context: cleanup of the child's pool.
 */
void es_grip_runtime_join(apr_time_t by, server_rec *s);

/**
 * The outboxes of a clustered hub, for the leader of this node; is_last is the
 * caller's to set.
 *
 * @param number  of the hub
 * @return NULL: it has no proxies, or this child has no sender thread
 *
 * Context: CHILD_INIT.
 */
es_cluster_outboxes_t *es_grip_runtime_outboxes(apr_uint32_t number,
                                                apr_pool_t *pchild);

/**
 * What is known of a proxy of a hub.
 *
 * @param number  of the proxy, from 0
 * @return NULL: there are not so many, or nothing is sent to it
 *
 * Context: ANY.
 */
const es_proxy_t *es_grip_runtime_stats(const es_runtime_hub_t *hub, int number,
                                        es_outbox_stats_t *stats);

/** The hub has new events: send them. Context: WORKER; does not block. */
void es_grip_runtime_wake(const es_runtime_hub_t *hub);

/**
 * Wait for the outcome of records at all proxies of the hub.
 *
 * @param from      where the first record starts
 * @param to        where the last record ends
 * @param again     as es_sender_wait
 * @param by        deadline on es_clock_now
 * @param outcomes  set for each proxy: ES_OUTCOME_…
 *
 * Context: WORKER; the hub has proxies. Takes the lock of the waiters.
 */
void es_grip_runtime_wait(const es_runtime_hub_t *hub, es_pos_t from,
                          es_pos_t to, int again, apr_time_t by, int *outcomes);

#endif
