/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers know the inbox, the thread knows the loop, and the flag to stop is
 * the only thing else that both touch. What the thread uses is freed when it
 * was joined, not when it ends, so that workers may ask for its figures until
 * then.
 */
#include "deliver/delivery.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/context.h"
#include "deliver/client_priv.h"
#include "deliver/conns.h"
#include "deliver/loop.h"
#include "deliver/watch_priv.h"

struct es_delivery_t {
    apr_uint32_t nhubs;
    es_inbox_t *inbox;
    es_loop_t *loop; /* the thread's */
    es_shutdown_orders_t orders;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond; /* done has been set */
    int done;            /* guarded by lock; the loop has ended */
    int joined;          /* only those who join */
};

static void *on_thread(void *arg)
{
    es_delivery_t *d = arg;

    es_loop_run(d->loop);
    pthread_mutex_lock(&d->lock);
    d->done = 1;
    pthread_cond_broadcast(&d->cond);
    pthread_mutex_unlock(&d->lock);
    return NULL;
}

/* Signals are the other threads' matter. */
static apr_status_t start_thread(es_delivery_t *d)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&d->thread, NULL, on_thread, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? APR_SUCCESS : APR_FROM_OS_ERROR(error);
}

static void destroy(es_delivery_t *d)
{
    es_loop_destroy(d->loop);
    es_inbox_close(d->inbox);
    pthread_cond_destroy(&d->cond);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

/* A thread that was not joined may be anywhere: its memory stays. */
static apr_status_t on_pool_cleanup(void *data)
{
    es_delivery_t *d = data;

    if (d->joined) {
        destroy(d);
    }
    return APR_SUCCESS;
}

apr_status_t es_delivery_start(es_delivery_t **out,
                               const es_delivery_params_t *params,
                               apr_pool_t *pool)
{
    es_delivery_t *d = calloc(1, sizeof(*d));
    pthread_condattr_t attr;
    apr_status_t rv;

    ES_CONTEXT(ES_CHILD_INIT);
    if (d == NULL) {
        return APR_ENOMEM;
    }
    rv = es_inbox_open(&d->inbox);
    if (rv != APR_SUCCESS) {
        free(d);
        return rv;
    }
    d->nhubs = params->nhubs;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->cond, &attr);
    pthread_condattr_destroy(&attr);

    rv = es_loop_create(&d->loop, params, d->inbox, &d->orders);
    if (rv == APR_SUCCESS) {
        rv = start_thread(d);
    }
    if (rv != APR_SUCCESS) {
        destroy(d);
        return rv;
    }
    apr_pool_cleanup_register(pool, d, on_pool_cleanup, apr_pool_cleanup_null);
    *out = d;
    return APR_SUCCESS;
}

int es_delivery_is_stopping(const es_delivery_t *d)
{
    /* acquire: pairs with es_delivery_leave, for good measure only; nothing
     * else is handed over by the reason */
    return __atomic_load_n(&d->orders.stop, __ATOMIC_ACQUIRE) != ES_STOP_NONE;
}

void es_delivery_leave(es_delivery_t *d, es_stop_t why)
{
    int before = __atomic_load_n(&d->orders.stop, __ATOMIC_RELAXED);

    while (before < (int)why &&
           !__atomic_compare_exchange_n(&d->orders.stop, &before, (int)why, 1,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        continue; /* before was read anew */
    }
    es_inbox_poke(d->inbox);
}

void es_delivery_stop(es_delivery_t *d)
{
    es_delivery_leave(d, ES_STOP_FINAL);
}

/* @return 1 when the thread holds nothing any more */
static int wait_done(es_delivery_t *d, apr_interval_time_t timeout)
{
    apr_time_t by = es_clock_now() + timeout;
    struct timespec at;
    int error = 0;
    int done;

    at.tv_sec = (time_t)apr_time_sec(by);
    at.tv_nsec = (long)apr_time_usec(by) * 1000;
    pthread_mutex_lock(&d->lock);
    while (!d->done && error == 0) {
        error = pthread_cond_timedwait(&d->cond, &d->lock, &at);
    }
    done = d->done;
    pthread_mutex_unlock(&d->lock);
    return done;
}

apr_status_t es_delivery_join(es_delivery_t *d, apr_interval_time_t patience)
{
    if (d->joined) {
        return APR_SUCCESS;
    }
    __atomic_store_n(&d->orders.part, 1, __ATOMIC_RELEASE);
    es_inbox_poke(d->inbox);
    if (!wait_done(d, patience > 0 ? patience : 0)) {
        return APR_TIMEUP;
    }
    pthread_join(d->thread, NULL);
    d->joined = 1;
    return APR_SUCCESS;
}

/* ---- for workers ------------------------------------------------------- */

apr_uint32_t es_delivery_clients(const es_delivery_t *d)
{
    return es_loop_clients(d->loop);
}

apr_status_t es_delivery_submit(es_delivery_t *d, es_client_t *client)
{
    es_conn_t *conn;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    /* relaxed: should it be set just now, the stream is ended instead */
    if (__atomic_load_n(&d->orders.stop, __ATOMIC_RELAXED) == ES_STOP_FINAL) {
        return APR_EOF;
    }
    if (es_client_hub(client) >= d->nhubs) {
        return APR_EINVAL;
    }
    conn = es_conn_create(client);
    if (conn == NULL) {
        return APR_ENOMEM;
    }
    conn->note.kind = ES_NOTE_CLIENT;
    rv = es_inbox_post(d->inbox, &conn->note);
    if (rv != APR_SUCCESS) {
        es_conn_destroy(conn);
    }
    return rv;
}

apr_status_t es_delivery_watch(es_delivery_t *d, apr_uint32_t hub,
                               const es_slot_t *slots, int nslots,
                               es_watch_t **out)
{
    es_watch_t *watch;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    if (es_delivery_is_stopping(d)) {
        return APR_EOF;
    }
    if (hub >= d->nhubs) {
        return APR_EINVAL;
    }
    watch = es_watch_create(hub, slots, nslots);
    if (watch == NULL) {
        return APR_ENOMEM;
    }
    es_watch_part(watch)->come.kind = ES_NOTE_WATCH;
    rv = es_inbox_post(d->inbox, &es_watch_part(watch)->come);
    if (rv != APR_SUCCESS) {
        es_watch_destroy(watch);
        return rv;
    }
    *out = watch;
    return APR_SUCCESS;
}

void es_delivery_unwatch(es_delivery_t *d, es_watch_t *watch)
{
    ES_CONTEXT(ES_WORKER);
    es_watch_part(watch)->go.kind = ES_NOTE_UNWATCH;
    if (es_inbox_post(d->inbox, &es_watch_part(watch)->go) == APR_SUCCESS) {
        return; /* destroyed by the thread, that may be about to signal it */
    }
    /* The thread is at its last lines, but may just be stopping this one. */
    pthread_mutex_lock(&d->lock);
    while (!d->done) {
        pthread_cond_wait(&d->cond, &d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    es_watch_destroy(watch);
}
