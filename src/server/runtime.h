/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The service: what a process serves events with: the board, a store for
 * each hub, and in a child its place and its delivery.
 *
 * The parent makes the memory once and keeps it over restarts (retained data
 * of plain values); each load of the module attaches to it anew, and each
 * child inherits what its parent has attached.
 */
#ifndef ES_SERVER_RUNTIME_H
#define ES_SERVER_RUNTIME_H

#include <httpd.h>
#include <ap_mpm.h>

#include "shm/children.h"
#include "shm/client_count.h"
#include "shm/counters.h"
#include "journal/store.h"
#include "deliver/delivery.h"
#include "server/settings.h"

/** One hub, as this process sees it. */
typedef struct es_runtime_hub_t {
    const char *name;
    es_store_t *store;
    apr_uint32_t counter;    /* of the meter, the same in all children */
    apr_uint32_t number;     /* from 0, as delivery counts them */
    const es_grip_t *grip;   /* NULL = GRIP is off */
    const char *grip_prefix; /* of names in GRIP items, also if it is off */
    apr_uint64_t history;    /* of es_hub_conf_t, as is the next */
    apr_int64_t age_us;
} es_runtime_hub_t;

/**
 * Make or find the memory of all hubs.
 *
 * @return OK, or HTTP_INTERNAL_SERVER_ERROR after telling the error log; at a
 *         restart always OK: the server goes on with what there is
 *
 * Context: PARENT, post_config, not in the first of the two passes.
 */
int es_runtime_open(apr_pool_t *pconf, apr_pool_t *plog, server_rec *s);

/**
 * Claim a place and start the delivery. On failure the child goes on without
 * events, and says so.
 *
 * Context: CHILD_INIT.
 */
void es_runtime_enter(apr_pool_t *pchild, server_rec *s);

/**
 * The child begins to stop. Context: hook child_stopping, which prefork calls
 * in a signal handler.
 */
void es_runtime_stop(int graceful);

/** A child is gone: give back its place. Context: PARENT, child_status. */
void es_runtime_reap(pid_t pid);

/**
 * The hub of these settings.
 *
 * @return NULL when this child cannot serve events (told at its start)
 *
 * Context: WORKER.
 */
const es_runtime_hub_t *es_runtime_hub(const es_dir_t *conf);

/**
 * The hub of this name; NULL: as above, or the configuration names none so.
 *
 * Context: WORKER.
 */
const es_runtime_hub_t *es_runtime_hub_named(const char *name);

/** This child's delivery; NULL when it cannot serve. Context: WORKER. */
es_delivery_t *es_runtime_delivery(void);

/**
 * Does this child stop, or is it to? A worker that waits for long asks it once
 * a second and ends. Context: WORKER.
 */
int es_runtime_is_stopping(void);

/** This child's place, from 1. Context: WORKER. */
apr_uint32_t es_runtime_child(void);

/**
 * The census and its limits. Context: WORKER of a child that serves.
 */
es_client_count_t *es_runtime_client_count(es_client_limits_t *limits);

/** The meter; NULL where no events are served. Context: ANY. */
es_counters_t *es_runtime_counters(void);

/** Number of places on the board. Context: WORKER. */
apr_uint32_t es_runtime_max_children(void);

/**
 * Wake the children whose bits are set, as es_store_append fills them.
 * Context: WORKER, without locks.
 */
void es_runtime_wake(const apr_uint64_t *touched);

#endif
