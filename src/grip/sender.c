/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread's turn: go on with posts, step all shipments, settle the tickets
 * of those who wait, then sleep until a post can go on, the bell rings, or it
 * is time to look whether anything was left by a child that died.
 *
 * The bell is rung by this child's workers and by couriers of others.
 */
#include "grip/sender.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/thread.h"
#include "shm/wakeup.h"
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
    es_sender_proxy_t *sendings[ES_GRIP_PROXIES_MAX];
    int count;
} route_t;

struct es_sender_t {
    es_outbox_shm_t *outbox_shm;
    apr_uint32_t child;
    route_t *routes; /* by hub number; of the thread */
    apr_uint32_t nhubs;
    int nsendings;
    es_grip_client_t *client; /* the thread's */
    apr_pool_t *pool;         /* the thread's */
    es_thread_t thread;
    es_waiters_t waiters;
    int stop; /* atomic */
};

/* ---- Who waits --------------------------------------------------------- */

static int look(void *arg, const es_waiter_t *waiter, int proxy)
{
    const es_sender_t *sender = arg;
    const route_t *route = &sender->routes[waiter->hub];

    es_sender_proxy_t *sending = route->sendings[proxy];
    int outcome = es_outbox_outcome(es_sender_proxy_outbox(sending),
                                    waiter->from, waiter->to);

    if (waiter->is_again && outcome != ES_OUTCOME_OPEN &&
        outcome != ES_OUTCOME_TAKEN) {
        return es_sender_proxy_resend(sending, waiter->from, waiter->to);
    }
    return outcome;
}

/* @return how many are still waiting */
static int answer_all(es_sender_t *sender)
{
    return es_waiters_answer(&sender->waiters, look, sender);
}

/* ---- Shipments --------------------------------------------------------- */

typedef struct state_t {
    int busy;    /* shipments with a post on its way */
    int blocked; /* shipments that wait for another child */
} state_t;

static void step_all(es_sender_t *sender, state_t *state,
                     const es_sender_time_t *time)
{
    int changed = 0;
    apr_uint32_t hub;
    int i;

    memset(state, 0, sizeof(*state));
    for (hub = 0; hub < sender->nhubs; hub++) {
        const route_t *route = &sender->routes[hub];

        for (i = 0; i < route->count; i++) {
            changed |= es_sender_proxy_step(route->sendings[i], time);
            state->busy += es_sender_proxy_is_busy(route->sendings[i]);
            state->blocked += es_sender_proxy_is_blocked(route->sendings[i]);
        }
    }
    if (changed) {
        es_outbox_shm_wake_all(sender->outbox_shm);
    }
}

static void end_posts(es_sender_t *sender, const es_sender_time_t *time)
{
    es_sender_proxy_t *sending;
    int outcome, changed = 0;

    while ((sending = es_grip_client_done(sender->client, &outcome))) {
        changed |= es_sender_proxy_ended(sending, outcome, time);
    }
    if (changed) {
        es_outbox_shm_wake_all(sender->outbox_shm);
    }
}

static void close_sendings(es_sender_t *sender)
{
    apr_uint32_t hub;
    int i;

    for (hub = 0; hub < sender->nhubs; hub++) {
        for (i = 0; i < sender->routes[hub].count; i++) {
            es_sender_proxy_close(sender->routes[hub].sendings[i]);
        }
    }
    es_outbox_shm_wake_all(sender->outbox_shm);
}

/* ---- The thread -------------------------------------------------------- */

/* Say that we wait for other children, and look once more then. */
static int look_and_wait(es_sender_t *sender, state_t *state,
                         const es_sender_time_t *time)
{
    int waiting = answer_all(sender);

    if (waiting == 0 && state->blocked == 0) {
        return 0;
    }
    es_outbox_shm_sleeps(sender->outbox_shm, sender->child);
    step_all(sender, state, time);
    return answer_all(sender);
}

static void run(es_sender_t *sender)
{
    int wake_fd = es_outbox_shm_wake_fd(sender->outbox_shm, sender->child);
    apr_time_t until = 0;
    es_sender_time_t time;
    state_t state;
    int waiting;

    for (;;) {
        es_wakeup_drain(wake_fd);
        time.now = es_clock_now();
        time.date = apr_time_now();
        end_posts(sender, &time);
        step_all(sender, &state, &time);
        waiting = look_and_wait(sender, &state, &time);
        /* acquire: pairs with es_sender_stop; nothing else hangs on it */
        if (__atomic_load_n(&sender->stop, __ATOMIC_ACQUIRE)) {
            until = until != 0 ? until : time.now + GRACE;
            if ((waiting == 0 && state.busy == 0) || time.now >= until) {
                break;
            }
        }
        es_grip_client_wait(sender->client, wake_fd,
                            waiting || state.blocked || until ? LOOK_SOON
                                                              : LOOK);
    }
    es_outbox_shm_wakes(sender->outbox_shm, sender->child);
}

static void close_client(es_sender_t *sender)
{
    if (sender->client) {
        es_grip_client_close(sender->client);
    }
    es_grip_client_teardown();
}

static void on_thread(void *arg)
{
    es_sender_t *sender = arg;

    es_context_enter(ES_SENDER);
    run(sender);
    close_sendings(sender);
    es_waiters_close(&sender->waiters);
    close_client(sender);
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

static apr_status_t open_route(es_sender_t *sender, route_t *route,
                               const es_sender_hub_t *hub)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    for (i = 0; hub->grip && i < hub->grip->proxies->nelts; i++) {
        es_sender_proxy_params_t params = {0};

        params.hub = hub->name;
        params.store = hub->store;
        params.grip = hub->grip;
        params.proxy = APR_ARRAY_IDX(hub->grip->proxies, i, const es_proxy_t *);
        params.outbox = es_outbox_shm_at(sender->outbox_shm, hub->outboxes[i]);
        rv = es_sender_proxy_open(&route->sendings[i], &params, sender->client,
                                  sender->pool);
        if (rv != APR_SUCCESS) {
            break;
        }
        route->count++;
    }
    return rv;
}

static int count_proxies(const es_sender_params_t *params)
{
    int count = 0;
    apr_uint32_t i;

    for (i = 0; i < params->nhubs; i++) {
        count +=
            params->hubs[i].grip ? params->hubs[i].grip->proxies->nelts : 0;
    }
    return count;
}

static apr_status_t open_routes(es_sender_t *sender,
                                const es_sender_params_t *params)
{
    apr_status_t rv =
        es_grip_client_open(&sender->client, count_proxies(params));
    apr_uint32_t i;

    sender->routes =
        apr_pcalloc(sender->pool, sizeof(*sender->routes) * params->nhubs);
    sender->nhubs = params->nhubs;
    for (i = 0; i < params->nhubs && rv == APR_SUCCESS; i++) {
        rv = open_route(sender, &sender->routes[i], &params->hubs[i]);
    }
    return rv;
}

static void destroy(void *arg)
{
    es_sender_t *sender = arg;

    if (sender->pool) {
        apr_pool_destroy(sender->pool);
    }
    es_waiters_destroy(&sender->waiters);
    free(sender);
}

apr_status_t es_sender_start(es_sender_t **out,
                             const es_sender_params_t *params, apr_pool_t *pool)
{
    es_sender_t *sender = calloc(1, sizeof(*sender));
    apr_status_t rv = sender ? es_grip_client_setup() : APR_ENOMEM;

    ES_CONTEXT(ES_CHILD_INIT);
    if (rv != APR_SUCCESS) {
        free(sender);
        return rv;
    }
    sender->outbox_shm = params->outbox_shm;
    sender->child = params->child;
    es_waiters_init(&sender->waiters);
    rv = make_pool(&sender->pool);
    if (rv == APR_SUCCESS) {
        rv = open_routes(sender, params);
    }
    if (rv == APR_SUCCESS) {
        rv = es_thread_start(&sender->thread, on_thread, destroy, sender, pool);
    }
    if (rv != APR_SUCCESS) {
        close_sendings(sender);
        close_client(sender);
        destroy(sender);
        return rv;
    }
    *out = sender;
    return APR_SUCCESS;
}

void es_sender_stop(es_sender_t *sender)
{
    __atomic_store_n(&sender->stop, 1, __ATOMIC_RELEASE);
    es_outbox_shm_wake(sender->outbox_shm, sender->child);
}

apr_status_t es_sender_join(es_sender_t *sender, apr_interval_time_t patience)
{
    return es_thread_join(&sender->thread, patience);
}

/* ---- For workers ------------------------------------------------------- */

void es_sender_wake(es_sender_t *sender)
{
    ES_CONTEXT(ES_WORKER);
    es_outbox_shm_wake(sender->outbox_shm, sender->child);
}

static void wake(void *arg)
{
    es_sender_wake(arg);
}

int es_sender_wait(es_sender_t *sender, apr_uint32_t hub, es_pos_t from,
                   es_pos_t to, int again, apr_time_t by, int *outcomes)
{
    es_waiter_t waiter = {.hub = hub, .from = from, .to = to};

    ES_CONTEXT(ES_WORKER);
    waiter.is_again = again;
    waiter.outcomes = outcomes;
    waiter.count = sender->routes[hub].count;
    return es_waiters_wait(&sender->waiters, &waiter, by, wake, sender);
}
