/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The runtime: what a process needs to serve events. That is the table of
 * children and a store for each hub; a child adds its deliveries and their
 * numbers.
 *
 * The parent makes the shared memory once and retains it over restarts
 * (server/retained.h). Each time the module is loaded it attaches again, and
 * each child inherits what its parent has attached.
 */
#ifndef ES_SERVER_RUNTIME_H
#define ES_SERVER_RUNTIME_H

#include <httpd.h>
#include <ap_mpm.h>

#include "shm/asks.h"
#include "shm/child_figures.h"
#include "shm/children.h"
#include "shm/client_count.h"
#include "shm/counters.h"
#include "shm/rates.h"
#include "journal/store.h"
#include "server/deliveries.h"
#include "server/settings.h"

/** One hub, as this process sees it. */
typedef struct es_runtime_hub_t {
    const char *name;
    es_store_t *store;
    apr_uint32_t counter;    /* of shm/counters.h, the same in all children */
    apr_uint32_t number;     /* from 0, as the delivery numbers them */
    const es_grip_t *grip;   /* NULL = GRIP is off */
    const char *grip_prefix; /* of names in GRIP items, also if it is off */
    apr_uint64_t history;    /* as in es_hub_conf_t, like the next */
    apr_int64_t age_us;
    const es_cluster_conf_t *cluster; /* NULL = the hub is not clustered */
} es_runtime_hub_t;

/**
 * Make the memory of all hubs, or attach to it.
 *
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after an error was logged; at a
 *         restart always OK, and the server continues with the hubs it has
 *
 * Context: PARENT, post_config, not in the first of the two passes.
 */
int es_runtime_open(apr_pool_t *pconf, apr_pool_t *plog, server_rec *s);

/**
 * Claim child numbers and start the deliveries. On failure the child logs why
 * and runs on without events.
 *
 * Context: CHILD_INIT.
 */
void es_runtime_child_init(apr_pool_t *pchild, server_rec *s);

/**
 * Begin to stop. Context: the hook child_stopping, which prefork calls in a
 * signal handler.
 */
void es_runtime_child_stopping(int graceful);

/**
 * Look for a child that holds the lock of a hub and does not move; log it, and
 * kill it if EventStreamLockTimeout says so. Takes no lock.
 *
 * Context: PARENT, monitor.
 */
void es_runtime_watch_locks(server_rec *s);

/** A child has exited: free its numbers and clear their counts. Context:
 * PARENT, child_status. */
void es_runtime_reap(pid_t pid);

/**
 * The hub of these settings.
 *
 * @return NULL if this child cannot serve events (it logged why at its start)
 *
 * Context: WORKER.
 */
const es_runtime_hub_t *es_runtime_hub(const es_dir_t *conf);

/**
 * The hub of this name; NULL as above, or if no such hub is configured.
 *
 * Context: WORKER.
 */
const es_runtime_hub_t *es_runtime_hub_named(const char *name);

/** 1 if this child can serve events. Context: ANY. */
int es_runtime_is_serving(void);

/**
 * The delivery of a number of this process.
 *
 * @param child  of es_runtime_choose_child
 * @return NULL when there is none
 *
 * Context: WORKER.
 */
es_delivery_t *es_runtime_delivery(apr_uint32_t child);

/**
 * Choose the delivery of a new client (es_deliveries_choose). @return its
 * number, with which the client is counted and subscribed. Context: WORKER.
 */
apr_uint32_t es_runtime_choose_child(void);

/**
 * Does this child stop, or is it about to? A worker in a long wait asks once a
 * second and ends its wait. Context: WORKER.
 */
int es_runtime_is_stopping(void);

/** The first number of this process, for what has no client. Context:
 * WORKER. */
apr_uint32_t es_runtime_child(void);

/** The numbers of this process, one after the other. @return 0: there are not
 * so many. Context: ANY. */
apr_uint32_t es_runtime_own_child(int i);

/**
 * The count of clients and its limits; child_clients is that of each child
 * number.
 *
 * @param limits  filled
 *
 * Context: WORKER of a child that serves events.
 */
es_client_count_t *es_runtime_client_count(es_client_limits_t *limits);

/** The shared counters; NULL if no events are served. Context: ANY. */
es_counters_t *es_runtime_counters(void);

/** What each child has delivered; NULL if no events are served, or there is no
 * memory for it. Context: ANY. */
const es_child_figures_t *es_runtime_figures(void);

/** The browsers that were asked to use HTTP/1.1; NULL if none can be. Context:
 * ANY. */
es_asks_t *es_runtime_asks(void);

/** What publishers may still publish; NULL if none are limited. Context: ANY.
 */
es_rates_t *es_runtime_rates(void);

/** The table of children. Context: ANY thread of a child that serves events. */
const es_children_t *es_runtime_children(void);

/** The highest child number there can be. Context: WORKER. */
apr_uint32_t es_runtime_max_children(void);

/**
 * Wake the children whose bits are set, as es_store_append sets them.
 * Context: WORKER or CLUSTER, without locks.
 */
void es_runtime_wake(const apr_uint64_t *touched);

/** Wake all children. Context: as above. */
void es_runtime_wake_all(void);

#endif
