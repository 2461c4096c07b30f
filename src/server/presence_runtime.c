/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread looks once a second, and at once if a worker of its child wakes
 * it. What is due is in shared memory, so that any child publishes it: also
 * what a child that is gone, or one that stops, has left. The table has a key
 * of its own in httpd's retained data, with a version: its layout is not that
 * of the rest.
 *
 * It may wait for a broker. When the child ends meanwhile, it runs on until the
 * process exits, and another child publishes the rest.
 */
#include "server/presence_runtime.h"

#include <pthread.h>
#include <stdlib.h>

#include <http_config.h>
#include <http_main.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/thread.h"
#include "shm/segment.h"
#include "server/lock_watch.h"
#include "server/log.h"

#define KEY "mod_eventstream-presence-2"

#define LOOK_EVERY APR_USEC_PER_SEC
#define JOIN_TIMEOUT APR_USEC_PER_SEC

/** What the parent retains: plain values. */
typedef struct retained_t {
    void *mem;
    apr_size_t size;
    apr_uint32_t rows;
} retained_t;

/* Of the thread; allocated, since it may outlive its child's pool. */
typedef struct es_presence_thread_t {
    es_thread_t thread;
    es_presence_t *table;
    const es_presence_runtime_calls_t *calls;
    apr_uint32_t child;
    pthread_mutex_t lock;
    pthread_cond_t cond; /* is_woken or is_stopping was set */
    int is_woken;        /* guarded by lock, as the next */
    int is_stopping;
    es_presence_event_t events[ES_PRESENCE_RUNTIME_EVENTS];
} es_presence_thread_t;

/* Of the current configuration; lives in its pool. */
static es_presence_t *table;

static es_presence_thread_t *thread; /* of this child, atomic; NULL = none */

/* ---- The parent --------------------------------------------------------- */

static apr_status_t forget_table(void *unused)
{
    (void)unused;
    table = NULL;
    return APR_SUCCESS;
}

static apr_status_t make(retained_t *made, apr_uint32_t rows, server_rec *s)
{
    apr_status_t rv;

    made->rows = rows;
    made->size = es_presence_size(rows);
    rv = es_segment_create(&made->mem, made->size, s->process->pool);
    return rv == APR_SUCCESS ? es_presence_format(made->mem, rows) : rv;
}

static apr_status_t find(retained_t **out, server_rec *s)
{
    const es_settings_t *global = es_settings_of(s);
    apr_uint32_t rows = (apr_uint32_t)global->max_presence;
    retained_t made = {0};
    apr_status_t rv;

    *out = ap_retained_data_get(KEY);
    if (*out && (*out)->rows != rows) {
        es_slog(APLOG_NOTICE, 0, s, "ES0030",
                "EventStreamMaxPresence %u takes effect when httpd is stopped "
                "and started; it is %u until then",
                rows, (*out)->rows);
    }
    if (*out || !global->has_presence) {
        return APR_SUCCESS;
    }
    rv = make(&made, rows, s);
    if (rv == APR_SUCCESS) {
        *out = ap_retained_data_create(KEY, sizeof(**out));
        **out = made;
    }
    return rv;
}

void es_presence_runtime_open(server_rec *s, apr_pool_t *pconf)
{
    retained_t *retained;
    apr_status_t rv = find(&retained, s);

    table = NULL;
    if (rv == APR_SUCCESS && retained) {
        rv = es_presence_attach(&table, retained->mem, retained->size,
                                retained->rows, pconf);
        apr_pool_cleanup_register(pconf, NULL, forget_table,
                                  apr_pool_cleanup_null);
    }
    if (rv != APR_SUCCESS) {
        es_slog(APLOG_ERR, rv, s, "ES0031",
                "cannot make or use shared memory for EventStreamPresence; "
                "nobody is counted, and there are no join and leave events; "
                "lower EventStreamMaxPresence, or stop and start httpd");
    }
}

void es_presence_runtime_reap(apr_uint32_t child)
{
    if (table) {
        es_presence_clear(table, child, es_clock_now());
    }
}

void es_presence_runtime_watch(const es_child_pids_t *child_pids, server_rec *s)
{
    if (table) {
        es_lock_watch_look_at_presence(table, child_pids, s);
    }
}

/* ---- The thread --------------------------------------------------------- */

/* @return 0: stop */
static int wait_for_work(es_presence_thread_t *own)
{
    apr_time_t by = es_clock_now() + LOOK_EVERY;
    int goes_on;

    pthread_mutex_lock(&own->lock);
    while (!own->is_woken && !own->is_stopping && es_clock_now() < by) {
        (void)es_thread_cond_wait(&own->cond, &own->lock, by);
    }
    own->is_woken = 0;
    goes_on = !own->is_stopping;
    pthread_mutex_unlock(&own->lock);
    return goes_on;
}

/* As long as all that were taken could be published at once, there may be
 * more. */
static void publish_due(es_presence_thread_t *own, apr_pool_t *p)
{
    int count;

    do {
        count = es_presence_take(own->table, own->child, own->events,
                                 ES_PRESENCE_RUNTIME_EVENTS, es_clock_now());
        if (count > 0) {
            own->calls->publish(own->table, own->events, count, p);
            apr_pool_clear(p);
        }
    } while (count == ES_PRESENCE_RUNTIME_EVENTS);
}

static void work(es_presence_thread_t *own, apr_pool_t *p)
{
    if (es_presence_is_sweep_due(own->table, es_clock_now())) {
        es_presence_sweep(own->table, es_clock_now());
        own->calls->keep(own->table, p);
        apr_pool_clear(p);
    }
    publish_due(own, p);
}

static void run(void *arg)
{
    es_presence_thread_t *own = arg;
    apr_pool_t *pool;

    es_context_enter(ES_WORKER); /* it calls what workers call */
    if (es_thread_pool_create(&pool) != APR_SUCCESS) {
        return;
    }
    while (wait_for_work(own)) {
        /* an old child may not know the hubs of those that follow it */
        if (!es_runtime_is_stopping()) {
            work(own, pool);
        }
    }
    apr_pool_destroy(pool);
}

static void destroy(void *arg)
{
    es_presence_thread_t *own = arg;

    pthread_cond_destroy(&own->cond);
    pthread_mutex_destroy(&own->lock);
    free(own);
}

/* ---- The child ---------------------------------------------------------- */

static void order(es_presence_thread_t *own, int *flag)
{
    pthread_mutex_lock(&own->lock);
    *flag = 1;
    pthread_cond_signal(&own->cond);
    pthread_mutex_unlock(&own->lock);
}

static apr_status_t stop(void *arg)
{
    es_presence_thread_t *own = arg;

    __atomic_store_n(&thread, NULL, __ATOMIC_RELEASE);
    order(own, &own->is_stopping);
    if (es_thread_join(&own->thread, JOIN_TIMEOUT) != APR_SUCCESS) {
        es_slog(APLOG_INFO, 0, ap_server_conf, "ES0033",
                "the thread of EventStreamPresence did not exit in time; "
                "another child publishes the rest");
    }
    return APR_SUCCESS;
}

static apr_status_t start(es_presence_thread_t *own, apr_pool_t *pchild)
{
    pthread_mutex_init(&own->lock, NULL);
    es_thread_cond_init(&own->cond);
    return es_thread_start(&own->thread, run, destroy, own, pchild);
}

void es_presence_runtime_child_init(const es_presence_runtime_calls_t *calls,
                                    apr_pool_t *pchild, server_rec *s)
{
    es_presence_thread_t *own;
    apr_status_t rv = APR_ENOMEM;

    ES_CONTEXT(ES_CHILD_INIT);
    if (!table || !es_runtime_is_serving()) {
        return;
    }
    own = calloc(1, sizeof(*own));
    if (own) {
        own->table = table;
        own->calls = calls;
        own->child = es_runtime_child();
        rv = start(own, pchild);
    }
    if (rv != APR_SUCCESS) {
        free(own);
        es_slog(APLOG_ERR, rv, s, "ES0032",
                "cannot start the thread of EventStreamPresence; the other "
                "children publish the joins and leaves of this one");
        return;
    }
    __atomic_store_n(&thread, own, __ATOMIC_RELEASE);
    /* after the one of es_thread_start, so that it runs before that */
    apr_pool_pre_cleanup_register(pchild, own, stop);
}

es_presence_t *es_presence_runtime_table(void)
{
    return table;
}

void es_presence_runtime_wake(void)
{
    es_presence_thread_t *own = __atomic_load_n(&thread, __ATOMIC_ACQUIRE);

    if (own) {
        order(own, &own->is_woken);
    }
}
