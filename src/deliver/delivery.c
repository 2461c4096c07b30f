/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers use the inbox, the thread uses the loop, and both use the orders by
 * which the thread is stopped. The loop is freed after the thread was joined
 * and not when it ends, because workers may ask for the number of clients until
 * then.
 */
#include "deliver/delivery.h"

#include <stdlib.h>

#include "base/context.h"
#include "base/thread.h"
#include "tls/session.h"
#include "deliver/client_priv.h"
#include "deliver/conns.h"
#include "deliver/loop.h"
#include "deliver/watch_priv.h"

struct es_delivery_t {
    apr_uint32_t nhubs;
    es_inbox_t *inbox;
    es_loop_t *loop; /* the thread's */
    es_shutdown_orders_t orders;
    es_thread_t thread;
};

static void run(void *arg)
{
    es_delivery_t *d = arg;

    es_loop_run(d->loop);
    es_tls_thread_end();
}

static void destroy(void *arg)
{
    es_delivery_t *d = arg;

    es_loop_destroy(d->loop);
    es_inbox_close(d->inbox);
    free(d);
}

apr_status_t es_delivery_start(es_delivery_t **out,
                               const es_delivery_params_t *params,
                               apr_pool_t *pool)
{
    es_delivery_t *d = calloc(1, sizeof(*d));
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
    rv = es_loop_create(&d->loop, params, d->inbox, &d->orders);
    if (rv == APR_SUCCESS) {
        rv = es_thread_start(&d->thread, run, destroy, d, pool);
    }
    if (rv != APR_SUCCESS) {
        destroy(d);
        return rv;
    }
    *out = d;
    return APR_SUCCESS;
}

int es_delivery_is_stopping(const es_delivery_t *d)
{
    /* acquire: pairs with es_delivery_leave. Relaxed would do, as no other
     * memory depends on the reason. */
    return __atomic_load_n(&d->orders.stop, __ATOMIC_ACQUIRE) != ES_STOP_NONE;
}

void es_delivery_leave(es_delivery_t *d, es_stop_t why)
{
    int before = __atomic_load_n(&d->orders.stop, __ATOMIC_RELAXED);

    while (before < (int)why &&
           !__atomic_compare_exchange_n(&d->orders.stop, &before, (int)why, 1,
                                        __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
        continue; /* before was read again */
    }
    es_inbox_wake(d->inbox);
}

void es_delivery_stop(es_delivery_t *d)
{
    es_delivery_leave(d, ES_STOP_FINAL);
}

void es_delivery_finish(es_delivery_t *d)
{
    __atomic_store_n(&d->orders.finish, 1, __ATOMIC_RELEASE);
    es_inbox_wake(d->inbox);
}

apr_status_t es_delivery_join(es_delivery_t *d, apr_interval_time_t timeout)
{
    es_delivery_finish(d);
    return es_thread_join(&d->thread, timeout);
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
    /* relaxed: if it is set at this moment, the loop ends the stream */
    if (__atomic_load_n(&d->orders.stop, __ATOMIC_RELAXED) == ES_STOP_FINAL) {
        return APR_EOF;
    }
    if (es_client_hub(client) >= d->nhubs) {
        return APR_EINVAL;
    }
    conn = es_conns_prepare(client);
    if (conn == NULL) {
        return APR_ENOMEM;
    }
    conn->note.kind = ES_NOTE_CLIENT;
    rv = es_inbox_post(d->inbox, &conn->note);
    if (rv != APR_SUCCESS) {
        es_conns_discard(conn);
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
    es_watch_part(watch)->add_note.kind = ES_NOTE_WATCH;
    rv = es_inbox_post(d->inbox, &es_watch_part(watch)->add_note);
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
    es_watch_part(watch)->remove_note.kind = ES_NOTE_UNWATCH;
    if (es_inbox_post(d->inbox, &es_watch_part(watch)->remove_note) ==
        APR_SUCCESS) {
        return; /* the thread may be about to signal it, and destroys it */
    }
    /* The thread is ending, but may be stopping this watch at the moment. */
    es_thread_wait(&d->thread);
    es_watch_destroy(watch);
}
