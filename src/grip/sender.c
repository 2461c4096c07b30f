/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn of the thread: read the clocks, report the requests that have ended,
 * step the sending to each proxy, answer the waiters whose outcomes are known,
 * then sleep until a request can go on, a wake-up comes, or it is time to look
 * for what a dead child left.
 *
 * Wake-ups come from this child's workers and from the senders of other
 * children.
 */
#include "grip/sender.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/thread.h"
#include "shm/lock.h"
#include "shm/wakeup.h"
#include "grip/sender_proxy.h"
#include "grip/waiters.h"

/* The longest sleep. Another child may die with the outbox for which this child
 * waits, and then no wake-up comes. */
#define SLEEP_WAITING (200 * 1000)
#define SLEEP_IDLE (APR_USEC_PER_SEC)
/* for the requests in flight when the child stops */
#define STOP_TIMEOUT (2 * APR_USEC_PER_SEC)

/* For a lock that another child holds; if it is longer, the next turn tries
 * again. */
#define LOCK_WAIT (10 * 1000)

/** A hub's proxies. */
typedef struct route_t {
    es_sender_proxy_t *sendings[ES_GRIP_PROXIES_MAX];
    int count;
} route_t;

struct es_sender_t {
    es_outbox_shm_t *outbox_shm;
    apr_uint32_t child;
    route_t *routes; /* by hub number; of the thread */
    apr_uint32_t nhubs;
    es_grip_client_t *client; /* the thread's */
    apr_pool_t *pool;         /* the thread's */
    es_thread_t thread;
    es_waiters_t waiters;
    int stop; /* atomic */
};

/** What a turn has found. */
typedef struct turn_t {
    es_sender_time_t time;
    int busy;    /* proxies with a request in flight */
    int blocked; /* proxies whose outbox another child has */
    int more;    /* proxies that have not finished a search */
    int waiting; /* waiters without an answer */
} turn_t;

/* ---- Waiters ----------------------------------------------------------- */

/* The outcome of a waiter's records at one proxy, so far as it is known. */
static int find_outcome(void *arg, const es_waiter_t *waiter, int proxy)
{
    const es_sender_t *sender = arg;
    const route_t *route = &sender->routes[waiter->hub];

    es_sender_proxy_t *sending = route->sendings[proxy];
    int outcome = es_outbox_outcome(es_sender_proxy_outbox(sending),
                                    waiter->from, waiter->to);

    if (outcome == ES_OUTCOME_OPEN && !es_sender_proxy_may_send(sending)) {
        return ES_OUTCOME_ELSEWHERE;
    }
    if (waiter->is_again && outcome != ES_OUTCOME_OPEN &&
        outcome != ES_OUTCOME_TAKEN) {
        return es_sender_proxy_resend(sending, waiter->from, waiter->to);
    }
    return outcome;
}

static void answer_all(es_sender_t *sender, turn_t *turn)
{
    turn->waiting = es_waiters_answer(&sender->waiters, find_outcome, sender);
}

/* ---- Proxies ----------------------------------------------------------- */

static void step_all(es_sender_t *sender, turn_t *turn)
{
    int changed = 0;
    apr_uint32_t hub;
    int i;

    turn->busy = turn->blocked = turn->more = 0;
    for (hub = 0; hub < sender->nhubs; hub++) {
        const route_t *route = &sender->routes[hub];

        for (i = 0; i < route->count; i++) {
            changed |= es_sender_proxy_step(route->sendings[i], &turn->time);
            turn->busy += es_sender_proxy_is_busy(route->sendings[i]);
            turn->blocked += es_sender_proxy_is_blocked(route->sendings[i]);
            turn->more += es_sender_proxy_has_more(route->sendings[i]);
        }
    }
    if (changed) {
        es_outbox_shm_wake_all(sender->outbox_shm);
    }
}

/* Before requests go on: the process may have been stopped meanwhile. */
static void cancel_forbidden(es_sender_t *sender)
{
    int changed = 0;
    apr_uint32_t hub;
    int i;

    for (hub = 0; hub < sender->nhubs; hub++) {
        for (i = 0; i < sender->routes[hub].count; i++) {
            changed |= es_sender_proxy_cancel_forbidden(
                sender->routes[hub].sendings[i]);
        }
    }
    if (changed) {
        es_outbox_shm_wake_all(sender->outbox_shm);
    }
}

static void end_requests(es_sender_t *sender, const es_sender_time_t *time)
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

static void read_clocks(es_sender_time_t *time)
{
    time->now = es_clock_now();
    time->date = apr_time_now();
}

static void take_turn(es_sender_t *sender, turn_t *turn)
{
    cancel_forbidden(sender);
    end_requests(sender, &turn->time);
    step_all(sender, turn);
    answer_all(sender, turn);
    if (turn->waiting != 0 || turn->blocked != 0) {
        /* ask for wake-ups by other children, then look once more: their
         * changes until now caused none */
        es_outbox_shm_set_sleeping(sender->outbox_shm, sender->child);
        step_all(sender, turn);
        answer_all(sender, turn);
    }
}

/* @param stop_by  0 until the child stops, then the end of STOP_TIMEOUT */
static int is_over(es_sender_t *sender, const turn_t *turn, apr_time_t *stop_by)
{
    /* acquire: pairs with es_sender_stop; no other memory depends on it */
    if (!__atomic_load_n(&sender->stop, __ATOMIC_ACQUIRE)) {
        return 0;
    }
    if (*stop_by == 0) {
        *stop_by = turn->time.now + STOP_TIMEOUT;
    }
    return (turn->waiting == 0 && turn->busy == 0) ||
           turn->time.now >= *stop_by;
}

static apr_interval_time_t sleep_of(const turn_t *turn, apr_time_t stop_by)
{
    if (turn->more != 0) {
        return 0; /* it only looks whether a request has ended */
    }
    return turn->waiting != 0 || turn->blocked != 0 || stop_by != 0
               ? SLEEP_WAITING
               : SLEEP_IDLE;
}

static void run(es_sender_t *sender)
{
    int wake_fd = es_outbox_shm_wake_fd(sender->outbox_shm, sender->child);
    apr_time_t stop_by = 0;
    turn_t turn;

    for (;;) {
        es_wakeup_drain(wake_fd);
        read_clocks(&turn.time);
        take_turn(sender, &turn);
        if (is_over(sender, &turn, &stop_by)) {
            break;
        }
        es_grip_client_wait(sender->client, wake_fd, sleep_of(&turn, stop_by));
    }
    es_outbox_shm_set_awake(sender->outbox_shm, sender->child);
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
    es_lock_limit_wait(LOCK_WAIT);
    run(sender);
    close_sendings(sender);
    es_waiters_close(&sender->waiters);
    close_client(sender);
}

/* ---- Start and end ----------------------------------------------------- */

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
        params.may_send = hub->may_send;
        params.arg = hub->arg;
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
    rv = es_thread_pool_create(&sender->pool);
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

apr_status_t es_sender_join(es_sender_t *sender, apr_interval_time_t timeout)
{
    return es_thread_join(&sender->thread, timeout);
}

/* ---- For workers ------------------------------------------------------- */

void es_sender_wake(es_sender_t *sender)
{
    ES_CONTEXT(ES_WORKER | ES_CLUSTER);
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
