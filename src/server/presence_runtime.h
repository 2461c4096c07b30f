/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Presence in a process: the table, which the parent retains over restarts, and
 * a thread of each child that publishes what is due and sweeps. There is none
 * of it while no section had EventStreamPresence on since httpd was started.
 */
#ifndef ES_SERVER_PRESENCE_RUNTIME_H
#define ES_SERVER_PRESENCE_RUNTIME_H

#include "shm/presence.h"
#include "server/child_pids.h"
#include "server/runtime.h"

/** Most events that the thread takes at once. */
#define ES_PRESENCE_RUNTIME_EVENTS 64

/**
 * Publish events.
 *
 * @param table   of the events: tell it what became of each
 * @param events  count of them, 1..ES_PRESENCE_RUNTIME_EVENTS
 * @param p       cleared afterwards
 *
 * Context: WORKER, the thread of presence; may block for a bounded time.
 */
typedef void es_presence_runtime_publish_fn_t(es_presence_t *table,
                                              const es_presence_event_t *events,
                                              int count, apr_pool_t *p);

/**
 * About once a second, in one child at a time: say that this server's names are
 * still there, where others need to know.
 *
 * Context: as for es_presence_runtime_publish_fn_t.
 */
typedef void es_presence_runtime_keep_fn_t(es_presence_t *table, apr_pool_t *p);

/** What the thread calls. */
typedef struct es_presence_runtime_calls_t {
    es_presence_runtime_publish_fn_t *publish;
    es_presence_runtime_keep_fn_t *keep;
} es_presence_runtime_calls_t;

/**
 * Find the table that the parent retains, or make it if it is needed.
 *
 * Context: PARENT, from es_runtime_open.
 */
void es_presence_runtime_open(server_rec *s, apr_pool_t *pconf);

/** A child is gone. Context: PARENT. */
void es_presence_runtime_reap(apr_uint32_t child);

/** As es_runtime_watch_locks. Context: PARENT. */
void es_presence_runtime_watch(const es_child_pids_t *child_pids,
                               server_rec *s);

/**
 * Start the thread, if there is a table and the child serves events. It stops
 * when pchild is destroyed.
 *
 * @param calls  outlives the process
 *
 * Context: CHILD_INIT, after es_runtime_child_init.
 */
void es_presence_runtime_child_init(const es_presence_runtime_calls_t *calls,
                                    apr_pool_t *pchild, server_rec *s);

/** The table; NULL = there is none. Context: ANY. */
es_presence_t *es_presence_runtime_table(void);

/** An event is due: the thread does not wait for its next look. Context: ANY
 * thread of a child. */
void es_presence_runtime_wake(void);

#endif
