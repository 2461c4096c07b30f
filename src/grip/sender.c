/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread's turn: go on with posts, step all shipments, settle the tickets
 * of those who wait, then sleep until a post can go on, the bell rings, or it
 * is time to look whether anything was left by a child that died.
 *
 * The bell is rung by this child's workers and by couriers of others.
 */
#include "grip/sender.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/context.h"
#include "base/clock.h"
#include "grip/sender_proxy.h"
#include "grip/waiters.h"

/* How long it sleeps at most: when somebody waits for what a child may have
 * died with, and when nobody does. */
#define LOOK_SOON (200 * 1000)
#define LOOK (APR_USEC_PER_SEC)
/* For posts on their way when the child stops. */
#define GRACE (2 * APR_USEC_PER_SEC)

/** A hub with its shipments. */
typedef struct route_t {
    es_shipment_t *shipments[ES_GRIP_PROXIES_MAX];
    int count;
} route_t;

struct es_courier_t {
    es_mailroom_t *room;
    apr_uint32_t place;
    route_t *routes; /* by hub number; of the thread */
    apr_uint32_t nhubs;
    int nshipments;
    es_grip_client_t *client; /* the thread's */
    apr_pool_t *pool;         /* the thread's */
    pthread_t thread;
    es_tickets_t tickets;
    pthread_mutex_t lock;
    pthread_cond_t cond; /* is_done has been set */
    int is_done;         /* guarded by lock; the thread is at its last line */
    int stop;            /* atomic */
    int joined;          /* only who joins */
};

/* ---- Who waits --------------------------------------------------------- */

static int look(void *arg, const es_ticket_t *ticket, int proxy)
{
    const es_courier_t *courier = arg;
    const route_t *route = &courier->routes[ticket->hub];

    es_shipment_t *shipment = route->shipments[proxy];
    int outcome =
        es_outbox_outcome(es_shipment_box(shipment), ticket->from, ticket->to);

    if (ticket->is_again && outcome != ES_OUTCOME_OPEN &&
        outcome != ES_OUTCOME_TAKEN) {
        return es_shipment_again(shipment, ticket->from, ticket->to);
    }
    return outcome;
}

/* @return how many are still waiting */
static int tell_all(es_courier_t *courier)
{
    return es_tickets_tell(&courier->tickets, look, courier);
}

/* ---- Shipments --------------------------------------------------------- */

typedef struct state_t {
    int busy;    /* shipments with a post on its way */
    int blocked; /* shipments that wait for another child */
} state_t;

static void step_all(es_courier_t *courier, state_t *state)
{
    int changed = 0;
    apr_uint32_t hub;
    int i;

    memset(state, 0, sizeof(*state));
    for (hub = 0; hub < courier->nhubs; hub++) {
        const route_t *route = &courier->routes[hub];

        for (i = 0; i < route->count; i++) {
            changed |= es_shipment_step(route->shipments[i]);
            state->busy += es_shipment_is_busy(route->shipments[i]);
            state->blocked += es_shipment_is_blocked(route->shipments[i]);
        }
    }
    if (changed) {
        es_mailroom_ring_all(courier->room);
    }
}

static void end_posts(es_courier_t *courier)
{
    es_shipment_t *shipment;
    int outcome, changed = 0;

    while ((shipment = es_grip_client_done(courier->client, &outcome))) {
        changed |= es_shipment_ended(shipment, outcome);
    }
    if (changed) {
        es_mailroom_ring_all(courier->room);
    }
}

static void close_shipments(es_courier_t *courier)
{
    apr_uint32_t hub;
    int i;

    for (hub = 0; hub < courier->nhubs; hub++) {
        for (i = 0; i < courier->routes[hub].count; i++) {
            es_shipment_close(courier->routes[hub].shipments[i]);
        }
    }
    es_mailroom_ring_all(courier->room);
}

/* ---- The thread -------------------------------------------------------- */

static void drain_bell(int bell)
{
    apr_uint64_t rung;

    (void)!read(bell, &rung, sizeof(rung)); /* does not block */
}

/* Say that we wait for other children, and look once more then. */
static int look_and_wait(es_courier_t *courier, state_t *state)
{
    int waiting = tell_all(courier);

    if (waiting == 0 && state->blocked == 0) {
        return 0;
    }
    es_mailroom_waits(courier->room, courier->place);
    step_all(courier, state);
    return tell_all(courier);
}

static void run(es_courier_t *courier)
{
    int bell = es_mailroom_bell(courier->room, courier->place);
    apr_time_t until = 0;
    state_t state;
    int waiting;

    for (;;) {
        drain_bell(bell);
        end_posts(courier);
        step_all(courier, &state);
        waiting = look_and_wait(courier, &state);
        /* acquire: pairs with es_courier_leave; nothing else hangs on it */
        if (__atomic_load_n(&courier->stop, __ATOMIC_ACQUIRE)) {
            until = until != 0 ? until : es_clock_now() + GRACE;
            if ((waiting == 0 && state.busy == 0) || es_clock_now() >= until) {
                break;
            }
        }
        es_grip_client_wait(courier->client, bell,
                            waiting || state.blocked || until ? LOOK_SOON
                                                              : LOOK);
    }
    es_mailroom_wakes(courier->room, courier->place);
}

static void *on_thread(void *arg)
{
    es_courier_t *courier = arg;

    es_context_enter(ES_COURIER);
    run(courier);
    close_shipments(courier);
    es_tickets_close(&courier->tickets);
    es_grip_client_close(courier->client);
    es_grip_client_teardown();
    pthread_mutex_lock(&courier->lock);
    courier->is_done = 1;
    pthread_cond_broadcast(&courier->cond);
    pthread_mutex_unlock(&courier->lock);
    return NULL;
}

/* ---- Start and end ----------------------------------------------------- */

/* The thread's memory: from an allocator of its own, and no other's child. */
static apr_status_t make_pool(apr_pool_t **pool)
{
    apr_allocator_t *allocator;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_allocator_max_free_set(allocator, 4 * 1024 * 1024);
    rv = apr_pool_create_unmanaged_ex(pool, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, *pool);
    return APR_SUCCESS;
}

static apr_status_t open_route(es_courier_t *courier, route_t *route,
                               const es_courier_hub_t *hub)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; hub->grip && i < hub->grip->proxies->nelts; i++) {
        es_shipment_params_t params = {0};

        params.hub = hub->name;
        params.store = hub->store;
        params.grip = hub->grip;
        params.proxy = APR_ARRAY_IDX(hub->grip->proxies, i, const es_proxy_t *);
        params.box = es_mailroom_box(courier->room, hub->boxes[i]);
        rv = es_shipment_open(&route->shipments[i], &params, courier->client,
                              courier->pool);
        if (rv != APR_SUCCESS) {
            break;
        }
        route->count++;
    }
    return rv;
}

static int count_proxies(const es_courier_params_t *params)
{
    int count = 0;
    apr_uint32_t i;

    for (i = 0; i < params->nhubs; i++) {
        count +=
            params->hubs[i].grip ? params->hubs[i].grip->proxies->nelts : 0;
    }
    return count;
}

static apr_status_t open_routes(es_courier_t *courier,
                                const es_courier_params_t *params)
{
    apr_status_t rv =
        es_grip_client_open(&courier->client, count_proxies(params));
    apr_uint32_t i;

    courier->routes =
        apr_pcalloc(courier->pool, sizeof(*courier->routes) * params->nhubs);
    courier->nhubs = params->nhubs;
    for (i = 0; i < params->nhubs && rv == APR_SUCCESS; i++) {
        rv = open_route(courier, &courier->routes[i], &params->hubs[i]);
    }
    return rv;
}

/* Signals are the other threads' matter. */
static apr_status_t start_thread(es_courier_t *courier)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&courier->thread, NULL, on_thread, courier);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? APR_SUCCESS : APR_FROM_OS_ERROR(error);
}

static void init_sync(es_courier_t *courier)
{
    pthread_condattr_t attr;

    es_tickets_init(&courier->tickets);
    pthread_mutex_init(&courier->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&courier->cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* A thread that was not joined may be anywhere: its memory stays. */
static apr_status_t on_pool_cleanup(void *data)
{
    es_courier_t *courier = data;

    if (courier->joined) {
        apr_pool_destroy(courier->pool);
        pthread_cond_destroy(&courier->cond);
        pthread_mutex_destroy(&courier->lock);
        es_tickets_destroy(&courier->tickets);
        free(courier);
    }
    return APR_SUCCESS;
}

apr_status_t es_courier_start(es_courier_t **out,
                              const es_courier_params_t *params,
                              apr_pool_t *pool)
{
    es_courier_t *courier = calloc(1, sizeof(*courier));
    apr_status_t rv = courier ? es_grip_client_setup() : APR_ENOMEM;

    ES_CONTEXT(ES_CHILD_INIT);
    if (rv != APR_SUCCESS) {
        free(courier);
        return rv;
    }
    courier->room = params->room;
    courier->place = params->place;
    init_sync(courier);
    rv = make_pool(&courier->pool);
    if (rv == APR_SUCCESS) {
        rv = open_routes(courier, params);
    }
    if (rv == APR_SUCCESS) {
        rv = start_thread(courier);
    }
    if (rv == APR_SUCCESS) {
        apr_pool_cleanup_register(pool, courier, on_pool_cleanup,
                                  apr_pool_cleanup_null);
        *out = courier;
    }
    /* else what was opened stays: the child goes on without a courier */
    return rv;
}

void es_courier_leave(es_courier_t *courier)
{
    __atomic_store_n(&courier->stop, 1, __ATOMIC_RELEASE);
    es_mailroom_ring(courier->room, courier->place);
}

apr_status_t es_courier_join(es_courier_t *courier,
                             apr_interval_time_t patience)
{
    apr_time_t by = es_clock_now() + patience;
    struct timespec at;
    int error = 0, is_done;

    if (courier->joined) {
        return APR_SUCCESS;
    }
    at.tv_sec = (time_t)apr_time_sec(by);
    at.tv_nsec = (long)apr_time_usec(by) * 1000;
    pthread_mutex_lock(&courier->lock);
    while (!courier->is_done && error == 0) {
        error = pthread_cond_timedwait(&courier->cond, &courier->lock, &at);
    }
    is_done = courier->is_done;
    pthread_mutex_unlock(&courier->lock);
    if (!is_done) {
        return APR_TIMEUP;
    }
    pthread_join(courier->thread, NULL);
    courier->joined = 1;
    return APR_SUCCESS;
}

/* ---- For workers ------------------------------------------------------- */

void es_courier_call(es_courier_t *courier)
{
    ES_CONTEXT(ES_WORKER);
    es_mailroom_ring(courier->room, courier->place);
}

static void ring(void *arg)
{
    es_courier_call(arg);
}

int es_courier_wait(es_courier_t *courier, apr_uint32_t hub, es_pos_t from,
                    es_pos_t to, int again, apr_interval_time_t timeout,
                    int *outcomes)
{
    es_ticket_t ticket = {.hub = hub, .from = from, .to = to};

    ES_CONTEXT(ES_WORKER);
    ticket.is_again = again;
    ticket.outcomes = outcomes;
    ticket.count = courier->routes[hub].count;
    return es_tickets_wait(&courier->tickets, &ticket, timeout, ring, courier);
}
