/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A turn of the loop:
 *
 *   notes ─► rounds of all hubs ─► shutdown, handover ─► revocations
 *     ▲                                                        │
 *     │                                    timers ◄── READY conns
 *     │                                      │
 *     └── sockets ◄── epoll_wait ◄── report progress ◄── free dead conns ◄─┘
 *
 * Each part has a time, so that none holds up the others: a turn takes some
 * 10 ms at most. What is left of a part is resumed in the next turn. Events of
 * sockets that are left are dropped, since epoll reports them again, after
 * those of other sockets. The loop sleeps in epoll_wait if nothing is left to
 * do. Before it sleeps it sets its flag in
 * shm/children, and then looks at the heads of all hubs and at the inbox once
 * more: a publisher that appends after this look sees the flag and wakes it.
 * If a wake-up is lost all the same, the loop looks again after a second.
 *
 * deliver/shutdown.h describes how it stops. After that the inbox is shut, and
 * the clients that were posted in the last moment are closed.
 */
#include "deliver/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "shm/lock.h"
#include "shm/wakeup.h"
#include "deliver/client_priv.h"
#include "deliver/conn_timers.h"
#include "deliver/fanout.h"
#include "deliver/handover.h"
#include "deliver/revoked.h"
#include "deliver/watch_priv.h"

#define EVENTS_MAX 256 /* of one epoll_wait */
#define SLEEP_MAX APR_USEC_PER_SEC

/* What a part of a turn may take, in microseconds. */
#define NOTES_TIME 1500
#define ROUNDS_TIME 5000
#define ROUNDS_SHARED_TIME 2000 /* the same, while channels are late */
#define LATE_TIME 3000          /* rounds of channels that are late */
#define READY_TIME 1500
#define READY_ALONE_TIME 6000 /* the same, while there are no rounds */
#define TIMERS_TIME 1000
#define REAP_TIME 1000
#define SOCKETS_TIME 1000
#define REVOKED_TIME 1000

/* Pieces of work for each look at the clock: a write of a round takes 3 us (24
 * us if it has 64 KB), a step 5 to 100 us, a new conn 20 us. */
#define WRITES_EVERY 8
#define STEPS_EVERY 2
#define LOOKS_EVERY 16 /* at a conn, whether it is revoked: 0.2 us */

struct es_loop_t {
    es_children_t *children;
    apr_uint32_t child;
    apr_uint32_t nhubs;
    es_inbox_t *inbox;            /* not owned */
    es_note_t *notes;             /* taken from it and not handled yet */
    es_shutdown_orders_t *orders; /* the delivery's */
    es_hub_t *hubs;               /* nhubs of them */
    es_conns_t *conns;
    es_fanout_t *fanout;
    es_handover_t *handover;
    es_shutdown_t shutdown;
    int epoll_fd;
    int wake_fd;   /* by which other processes wake it; -1 = none */
    int is_behind; /* 1 = a client is, see deliver/progress.h */
    int is_broken; /* 1 = epoll has failed */
};

/* A turn of one round and few clients is short: where now was just read, or a
 * part has nothing to do, the clock is not read for it. */
static es_deadline_t from(apr_time_t now, apr_interval_time_t time, int every)
{
    return es_deadline_from(es_clock_now, now, time, every);
}

static es_deadline_t in(apr_interval_time_t time, int every)
{
    return es_deadline_in(es_clock_now, time, every);
}

static void take_client(es_loop_t *loop, es_note_t *note, apr_time_t now)
{
    es_conn_t *conn = es_conns_from_note(note);
    apr_uint32_t hub = es_client_hub(conn->client);

    es_conns_add(loop->conns, conn, &loop->hubs[hub], now);
}

static void take_watch(es_loop_t *loop, es_note_t *note)
{
    es_watch_t *watch = es_watch_of_add_note(note);

    if (loop->shutdown.phase != ES_SHUTDOWN_SERVING) {
        es_watch_stop(watch);
        return;
    }
    es_hub_add_watch(&loop->hubs[es_watch_part(watch)->hub], watch);
}

static void drop_watch(es_loop_t *loop, es_note_t *note)
{
    es_watch_t *watch = es_watch_of_remove_note(note);

    es_hub_remove_watch(&loop->hubs[es_watch_part(watch)->hub], watch);
    es_watch_destroy(watch);
}

/* @return 1 when it was a client */
static int take_note(es_loop_t *loop, es_note_t *note, apr_time_t now)
{
    switch (note->kind) {
    case ES_NOTE_CLIENT: take_client(loop, note, now); return 1;
    case ES_NOTE_WATCH: take_watch(loop, note); break;
    default: drop_watch(loop, note);
    }
    return 0;
}

/* @param deadline  NULL = all */
static void take_notes(es_loop_t *loop, es_deadline_t *deadline, apr_time_t now)
{
    es_note_t *note;
    int clients = 0;

    if (loop->notes == NULL && !es_inbox_is_empty(loop->inbox)) {
        loop->notes = es_inbox_take(loop->inbox);
    }
    while (loop->notes != NULL) {
        note = loop->notes;
        loop->notes = note->next; /* it may be freed with what it is in */
        clients += take_note(loop, note, now);
        if (es_deadline_is_over(deadline)) {
            break;
        }
    }
    if (clients > 0 && loop->shutdown.phase == ES_SHUTDOWN_ENDING) {
        es_shutdown_on_clients(&loop->shutdown, now);
    }
}

static int has_unread(const es_loop_t *loop)
{
    apr_uint32_t i;

    for (i = 0; i < loop->nhubs; i++) {
        if (es_hub_has_unread(&loop->hubs[i])) {
            return 1;
        }
    }
    return 0;
}

/* The child may be about to stop, and this thread not have the order yet. What
 * is in the sockets is then not for it. */
static int takes_clients(const es_loop_t *loop)
{
    return loop->shutdown.phase == ES_SHUTDOWN_SERVING &&
           !es_children_is_stopping(loop->children, loop->child);
}

static void run_rounds(es_loop_t *loop, apr_time_t now)
{
    int is_late = es_fanout_is_busy(loop->fanout);
    es_deadline_t deadline =
        in(is_late ? ROUNDS_SHARED_TIME : ROUNDS_TIME, WRITES_EVERY);

    (void)es_fanout_run(loop->fanout, loop->hubs, loop->nhubs, &deadline, now);
    if (is_late) {
        deadline = in(LATE_TIME, WRITES_EVERY);
        (void)es_fanout_run_late(loop->fanout, &deadline, now);
    }
}

/* The last thing in a turn, so that publishers get its result. */
static void report_progress(es_loop_t *loop, apr_time_t now)
{
    apr_uint32_t i;

    loop->is_behind = 0;
    for (i = 0; i < loop->nhubs; i++) {
        if (loop->shutdown.phase == ES_SHUTDOWN_ENDING) {
            es_progress_end(&loop->hubs[i], loop->child);
        }
        else if (es_progress_report(&loop->hubs[i], loop->child, now)) {
            loop->is_behind = 1;
        }
    }
}

/* ---- a turn ------------------------------------------------------------ */

/* Serve those that are to be stepped, and let those go that are dead.
 * @return 1 when conns are left */
static int run_conns(es_loop_t *loop, int has_rounds, apr_time_t now)
{
    es_deadline_t deadline;
    int more = 0;

    if (es_conns_has_ready(loop->conns)) {
        deadline = in(has_rounds ? READY_TIME : READY_ALONE_TIME, STEPS_EVERY);
        more = es_conns_run(loop->conns, &deadline, now);
    }
    if (es_conn_timers_wait(loop->conns, now) == 0) {
        deadline = in(TIMERS_TIME, STEPS_EVERY);
        es_conn_timers_expire(loop->conns, &deadline, now);
    }
    if (es_conns_has_dead(loop->conns)) {
        deadline = in(REAP_TIME, STEPS_EVERY);
        more = es_conns_reap(loop->conns, &deadline) || more;
    }
    return more;
}

/* Look for clients that are revoked. @return 1 when conns are left */
static int run_revoked(es_loop_t *loop, apr_time_t now)
{
    es_deadline_t deadline = from(now, REVOKED_TIME, LOOKS_EVERY);
    apr_uint32_t i;

    if (es_revoked_is_new(loop->conns)) {
        es_revoked_begin(loop->conns);
        for (i = 0; i < loop->nhubs; i++) {
            es_hub_signal_all(&loop->hubs[i]);
        }
    }
    return es_revoked_run(loop->conns, &deadline);
}

/* @return 1 when something is left to be done */
static int work(es_loop_t *loop, apr_time_t now)
{
    es_deadline_t deadline = from(now, NOTES_TIME, STEPS_EVERY);
    int is_ending = loop->shutdown.phase == ES_SHUTDOWN_ENDING;
    int is_busy = 0;
    int more;

    take_notes(loop, &deadline, now);
    if (!is_ending) {
        run_rounds(loop, now);
        is_busy = es_fanout_is_busy(loop->fanout);
    }
    es_shutdown_step(&loop->shutdown, now);
    if (takes_clients(loop)) {
        es_handover_run(loop->handover, now);
    }
    more = run_revoked(loop, now);
    more = run_conns(loop, is_busy, now) || more;
    report_progress(loop, now);
    return more || is_busy || loop->notes != NULL;
}

/* Has anything arrived since this turn took it? */
static int has_work(const es_loop_t *loop)
{
    return !es_inbox_is_empty(loop->inbox) || es_revoked_is_new(loop->conns) ||
           es_shutdown_is_due(&loop->shutdown) ||
           (loop->shutdown.phase != ES_SHUTDOWN_ENDING && has_unread(loop));
}

/* Milliseconds until there is something to do at the latest. */
static int sleep_ms(const es_loop_t *loop, apr_time_t now)
{
    apr_interval_time_t wait = SLEEP_MAX;
    apr_interval_time_t timer = es_conn_timers_wait(loop->conns, now);
    apr_interval_time_t decide = es_shutdown_wait(&loop->shutdown);
    apr_interval_time_t handover_retry = es_handover_wait(loop->handover);

    if (loop->is_behind) {
        wait = ES_PROGRESS_INTERVAL;
    }
    if (timer >= 0 && timer < wait) {
        wait = timer;
    }
    if (decide >= 0 && decide < wait) {
        wait = decide;
    }
    if (handover_retry >= 0 && handover_retry < wait) {
        wait = handover_retry;
    }
    return (int)((wait + 999) / 1000); /* rounded up, or the loop would spin */
}

static void on_event(es_loop_t *loop, const struct epoll_event *event,
                     apr_time_t now)
{
    if (event->data.ptr == &loop->inbox) {
        es_inbox_drain(loop->inbox);
    }
    else if (event->data.ptr == &loop->wake_fd) {
        es_wakeup_drain(loop->wake_fd);
    }
    else if (event->data.ptr == loop->handover) {
        if (takes_clients(loop)) {
            es_handover_on_event(loop->handover, now);
        }
    }
    else {
        es_conns_on_event(loop->conns, event->data.ptr, event->events, now);
    }
}

/* Sleep, unless there is more to do, and handle events. */
static void poll_once(es_loop_t *loop, int more, apr_time_t now)
{
    struct epoll_event events[EVENTS_MAX];
    int timeout = 0;
    es_deadline_t deadline;
    int count, i;

    if (!more) {
        es_children_set_sleeping(loop->children, loop->child);
        timeout = has_work(loop) ? 0 : sleep_ms(loop, now);
    }
    count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, timeout);
    if (!more) {
        es_children_set_awake(loop->children, loop->child);
    }
    if (count < 0 && errno != EINTR) {
        es_log(ES_LOG_CRIT, APR_FROM_OS_ERROR(errno), "ES0304",
               "epoll_wait failed: all event streams of this child end, and "
               "clients reconnect");
        __atomic_store_n(&loop->orders->stop, ES_STOP_FINAL, __ATOMIC_RELEASE);
        loop->is_broken = 1;
        return;
    }
    now = es_clock_now();
    deadline = from(now, SOCKETS_TIME, STEPS_EVERY);
    for (i = 0; i < count; i++) {
        on_event(loop, &events[i], now);
        if (es_deadline_is_over(&deadline)) {
            break;
        }
    }
}

/* Notes may be left of a turn. The inbox is looked at last: it may have got a
 * client before the order to finish, and after this turn has taken the notes.
 */
static int is_over(const es_loop_t *loop)
{
    return loop->is_broken ||
           (es_shutdown_is_over(&loop->shutdown) && loop->notes == NULL &&
            es_inbox_is_empty(loop->inbox));
}

static void close_down(es_loop_t *loop)
{
    apr_uint32_t i;

    es_inbox_shut(loop->inbox);
    take_notes(loop, NULL, es_clock_now()); /* those left of a turn */
    take_notes(loop, NULL, es_clock_now());
    es_conns_close_all(loop->conns, loop->hubs, loop->nhubs);
    for (i = 0; i < loop->nhubs; i++) {
        es_progress_end(&loop->hubs[i], loop->child);
    }
}

void es_loop_run(es_loop_t *loop)
{
    apr_time_t now = es_clock_now();
    int more;

    es_context_enter(ES_DELIVERY);
    es_lock_limit_wait(0); /* it waits for no other process */
    while (!is_over(loop)) {
        more = work(loop, now);
        if (!is_over(loop)) {
            poll_once(loop, more, now);
        }
        now = es_clock_now();
    }
    close_down(loop);
}

/* ---- start and end ----------------------------------------------------- */

static apr_status_t make_hubs(es_loop_t *loop,
                              const es_delivery_params_t *params)
{
    es_delivery_figures_t *figures =
        params->figures != NULL
            ? es_child_figures_delivery(params->figures, params->child)
            : NULL;
    apr_status_t rv = APR_SUCCESS;
    apr_uint32_t i;

    loop->hubs = calloc((size_t)loop->nhubs + 1, sizeof(*loop->hubs));
    if (loop->hubs == NULL) {
        return APR_ENOMEM;
    }
    for (i = 0; rv == APR_SUCCESS && i < loop->nhubs; i++) {
        rv = es_hub_init(&loop->hubs[i], params->hubs[i],
                         params->closed != NULL && params->closed[i]);
        es_progress_set_most(&loop->hubs[i].progress, params->flow_control_us);
        if (figures != NULL) {
            apr_uint32_t counter =
                params->counters != NULL ? params->counters[i] : i;

            es_child_figures_use(params->figures, params->child, counter);
            es_hub_set_figures(&loop->hubs[i], figures, counter);
        }
    }
    return rv;
}

static apr_status_t poll_fd(es_loop_t *loop, int fd, void *tag)
{
    struct epoll_event event = {0};

    event.events = EPOLLIN;
    event.data.ptr = tag;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    return APR_SUCCESS;
}

static apr_status_t make_handover(es_loop_t *loop,
                                  const es_delivery_params_t *params)
{
    es_handover_params_t handover = {0};

    handover.conns = loop->conns;
    handover.hubs = loop->hubs;
    handover.nhubs = loop->nhubs;
    handover.child = loop->child;
    handover.children = loop->children;
    handover.epoll_fd = loop->epoll_fd;
    handover.sockets = params->handover;
    handover.client_count = params->client_count;
    handover.presence = params->presence;
    handover.clients_max = params->clients_max;
    handover.drain_ms = params->drain_ms;
    loop->handover = es_handover_create(&handover);
    return loop->handover != NULL ? APR_SUCCESS : APR_ENOMEM;
}

static void init_shutdown(es_loop_t *loop, const es_delivery_params_t *params)
{
    es_shutdown_t *shutdown = &loop->shutdown;

    shutdown->server.children = params->children;
    shutdown->server.child = params->child;
    shutdown->server.running = params->running;
    shutdown->server.generation = params->generation;
    shutdown->conns = loop->conns;
    shutdown->hubs = loop->hubs;
    shutdown->nhubs = loop->nhubs;
    shutdown->drain_ms = params->drain_ms;
    shutdown->handover = loop->handover;
    shutdown->orders = loop->orders;
}

static apr_status_t make_parts(es_loop_t *loop,
                               const es_delivery_params_t *params)
{
    apr_status_t rv = make_hubs(loop, params);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    loop->conns = es_conns_create(loop->epoll_fd, es_clock_now());
    if (loop->conns == NULL) {
        return APR_ENOMEM;
    }
    es_revoked_init(loop->conns, params->revocations);
    loop->fanout = es_fanout_create(loop->conns);
    if (loop->fanout == NULL) {
        return APR_ENOMEM;
    }
    rv = make_handover(loop, params);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    init_shutdown(loop, params);
    rv = poll_fd(loop, es_inbox_fd(loop->inbox), &loop->inbox);
    if (rv == APR_SUCCESS && loop->wake_fd >= 0) {
        rv = poll_fd(loop, loop->wake_fd, &loop->wake_fd);
    }
    if (rv == APR_SUCCESS) {
        rv = es_handover_listen(loop->handover);
    }
    return rv;
}

apr_status_t es_loop_create(es_loop_t **out, const es_delivery_params_t *params,
                            es_inbox_t *inbox, es_shutdown_orders_t *orders)
{
    es_loop_t *loop = calloc(1, sizeof(*loop));
    apr_status_t rv;

    if (loop == NULL) {
        return APR_ENOMEM;
    }
    loop->children = params->children;
    loop->child = params->child;
    loop->nhubs = params->nhubs;
    loop->inbox = inbox;
    loop->orders = orders;
    loop->epoll_fd = -1;
    loop->wake_fd = es_children_wake_fd(loop->children, loop->child);
    rv = make_parts(loop, params);
    if (rv != APR_SUCCESS) {
        es_loop_destroy(loop);
        return rv;
    }
    *out = loop;
    return APR_SUCCESS;
}

apr_uint32_t es_loop_clients(const es_loop_t *loop)
{
    return es_conns_count(loop->conns);
}

void es_loop_destroy(es_loop_t *loop)
{
    apr_uint32_t i;

    if (loop == NULL) {
        return;
    }
    es_handover_destroy(loop->handover);
    es_fanout_destroy(loop->fanout);
    es_conns_destroy(loop->conns);
    for (i = 0; loop->hubs != NULL && i < loop->nhubs; i++) {
        es_hub_clear(&loop->hubs[i]);
    }
    free(loop->hubs);
    if (loop->epoll_fd >= 0) {
        close(loop->epoll_fd);
    }
    free(loop);
}
