/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round writes to a conn without changing its list or its timer. So a timer
 * may fire too early, because something was written after it had been set; it
 * is then set again. A timer is set to an earlier time only when its conn
 * becomes BLOCKED or LINGER.
 *
 * A socket is taken out of the epoll set before it is closed: its open file
 * description may stay open in another process or thread, and epoll would
 * continue to report it.
 */
#include "deliver/conns.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/context.h"
#include "base/jitter.h"
#include "base/log.h"
#include "deliver/client_priv.h"
#include "deliver/conn_timers.h"
#include "deliver/conns_priv.h"
#include "deliver/sink_socket.h"

#define LINGER (2 * APR_USEC_PER_SEC)

/* ---- one conn ---------------------------------------------------------- */

static es_channel_link_t *links_of(es_conn_t *conn)
{
    return conn->nslots > 1 ? conn->links : &conn->link;
}

es_conn_t *es_conns_prepare(es_client_t *client)
{
    es_conn_t *conn = calloc(1, sizeof(*conn));
    int nslots, i;

    if (conn == NULL) {
        return NULL;
    }
    (void)es_client_slots(client, &nslots);
    conn->nslots = (apr_uint32_t)nslots;
    if (nslots > 1) {
        conn->links = calloc((size_t)nslots, sizeof(es_channel_link_t));
        if (conn->links == NULL) {
            free(conn);
            return NULL;
        }
    }
    for (i = 0; i < nslots; i++) {
        links_of(conn)[i].owner = conn;
    }
    conn->client = client;
    conn->sink = es_client_sink(client);
    conn->chunked = conn->sink->chunked != 0;
    conn->is_large = conn->sink->is_large != 0;
    es_timer_wheel_timer_init(&conn->timer);
    es_list_init(&conn->behind_link);
    return conn;
}

void es_conns_discard(es_conn_t *conn)
{
    if (conn->nslots > 1) {
        free(conn->links);
    }
    free(conn);
}

es_conn_t *es_conns_from_note(es_note_t *note)
{
    return ES_LIST_OWNER(note, es_conn_t, note);
}

/* ---- all conns --------------------------------------------------------- */

es_conns_t *es_conns_create(int epoll_fd, apr_time_t now)
{
    es_conns_t *conns = calloc(1, sizeof(*conns));
    int i;

    if (conns == NULL) {
        return NULL;
    }
    for (i = 0; i < ES_CONN_STALLS_MAX; i++) {
        es_list_init(&conns->stalled[i]);
    }
    conns->epoll_fd = epoll_fd;
    es_list_init(&conns->waiting);
    es_list_init(&conns->ready);
    es_list_init(&conns->dead);
    es_timer_wheel_init(&conns->wheel, now);
    return conns;
}

apr_uint32_t es_conns_count(const es_conns_t *conns)
{
    /* relaxed: for display, no other memory depends on it */
    return __atomic_load_n(&conns->count, __ATOMIC_RELAXED);
}

static void add_to_count(es_conns_t *conns, int n)
{
    __atomic_store_n(&conns->count, conns->count + (apr_uint32_t)n,
                     __ATOMIC_RELAXED);
}

static es_list_t *list_of(es_conns_t *conns, es_conn_t *conn)
{
    switch (conn->state) {
    case ES_CONN_READY: return &conns->ready;
    case ES_CONN_AHEAD: return &conn->hub->ahead;
    case ES_CONN_STALLED: return &conns->stalled[conn->stalls - 1];
    case ES_CONN_DEAD: return &conns->dead;
    default: return &conns->waiting;
    }
}

void es_conns_set_state(es_conns_t *conns, es_conn_t *conn,
                        es_conn_state_t state)
{
    es_list_remove(&conn->state_link);
    conns->nstalled -= conn->state == ES_CONN_STALLED;
    conns->nstalled += state == ES_CONN_STALLED;
    conn->state = (unsigned char)state;
    es_list_append(list_of(conns, conn), &conn->state_link);
    es_progress_update(conn);
}

/* es_conns_run is to step it. */
static void make_ready(es_conns_t *conns, es_conn_t *conn)
{
    if (conn->state == ES_CONN_CURRENT) {
        /* Rounds that did not concern it left its cursor behind. */
        es_client_seek(conn->client, es_hub_done(conn->hub));
    }
    if (conn->state != ES_CONN_READY) {
        es_conns_set_state(conns, conn, ES_CONN_READY);
    }
}

static void stop_polling(const es_conns_t *conns, es_conn_t *conn)
{
    if (conn->is_polled) {
        (void)epoll_ctl(conns->epoll_fd, EPOLL_CTL_DEL,
                        es_sink_socket_fd(conn->sink), NULL);
        conn->is_polled = 0;
    }
}

void es_conns_drop(es_conns_t *conns, es_conn_t *conn)
{
    /* or epoll would report it, and no others, until it is reaped */
    stop_polling(conns, conn);
    es_conns_set_state(conns, conn, ES_CONN_DEAD);
}

static apr_status_t poll_for(es_conns_t *conns, es_conn_t *conn, int operation)
{
    struct epoll_event event = {0};

    /* epoll would report the end of what the peer sends again and again */
    event.events = (conn->half_closed ? 0 : EPOLLIN | EPOLLRDHUP) |
                   (conn->wants_out ? EPOLLOUT : 0);
    event.data.ptr = conn;
    if (epoll_ctl(conns->epoll_fd, operation, es_sink_socket_fd(conn->sink),
                  &event) != 0) {
        return APR_FROM_OS_ERROR(errno);
    }
    return APR_SUCCESS;
}

void es_conns_set_wants_out(es_conns_t *conns, es_conn_t *conn, int wants)
{
    if (conn->wants_out == wants) {
        return;
    }
    conn->wants_out = (unsigned char)wants;
    if (poll_for(conns, conn, EPOLL_CTL_MOD) != APR_SUCCESS) {
        es_conns_drop(conns, conn); /* epoll would never report it again */
    }
}

static void linger(es_conns_t *conns, es_conn_t *conn, apr_time_t now)
{
    es_conns_set_state(conns, conn, ES_CONN_LINGER);
    conn->deadline = now + LINGER;
    es_conn_timers_set(conns, conn, conn->deadline);
    es_conns_set_wants_out(conns, conn, 0);
}

/* Change to the state that follows from a step or an offer. */
static void apply_step(es_conns_t *conns, es_conn_t *conn, es_step_t step,
                       apr_time_t now)
{
    switch (step) {
    case ES_STEP_CURRENT:
        es_conns_set_state(conns, conn,
                           es_client_pos(conn->client) > conn->hub->pos
                               ? ES_CONN_AHEAD
                               : ES_CONN_CURRENT);
        break;
    case ES_STEP_BLOCKED:
        es_conns_set_state(conns, conn, ES_CONN_BLOCKED);
        break;
    case ES_STEP_MORE: es_conns_set_state(conns, conn, ES_CONN_READY); break;
    default:
        if (es_client_is_finished(conn->client)) {
            linger(conns, conn, now);
        }
        else {
            es_conns_drop(conns, conn);
        }
        return;
    }
    es_conn_timers_set(conns, conn, es_client_due(conn->client));
    es_conns_set_wants_out(conns, conn, step == ES_STEP_BLOCKED);
}

void es_conns_step(es_conns_t *conns, es_conn_t *conn, apr_time_t now)
{
    apr_uint32_t events;
    es_step_t step;

    make_ready(conns, conn);
    (void)es_revoked_look(conns, conn);
    step = es_client_step_to(conn->client, conn->hub->pos, now, conns->scratch,
                             sizeof(conns->scratch));
    if (es_client_take_replayed(conn->client, &events)) {
        es_hub_note_replay(conn->hub, events);
    }
    apply_step(conns, conn, step, now);
}

void es_conns_add(es_conns_t *conns, es_conn_t *conn, es_hub_t *hub,
                  apr_time_t now)
{
    const es_slot_t *slots;
    apr_status_t rv;
    int nslots;

    ES_CONTEXT(ES_DELIVERY);
    conn->hub = hub;
    conn->state = ES_CONN_READY;
    es_list_append(&conns->ready, &conn->state_link);
    add_to_count(conns, 1);
    es_hub_add_clients(hub, 1);
    es_client_rebase(conn->client, now);

    slots = es_client_slots(conn->client, &nslots);
    rv = es_channel_index_add_all(hub->conns, slots, nslots, links_of(conn));
    if (rv == APR_SUCCESS) {
        rv = poll_for(conns, conn, EPOLL_CTL_ADD);
        conn->is_polled = rv == APR_SUCCESS;
    }
    if (rv != APR_SUCCESS) {
        es_log(es_log_limit_level(&conns->logged, ES_LOG_ERR, now), rv,
               "ES0301",
               "cannot add a client to the %u that this child serves; its "
               "connection is closed and the client reconnects; "
               "EventStreamMaxClients may be too high",
               es_conns_count(conns) - 1);
        es_conns_drop(conns, conn);
        return;
    }
    es_conns_step(conns, conn, now);
}

/*
 * The peer sends no more. Most peers have gone, and the first write tells it;
 * but one that has only closed its half reads on. It is no use to serve it as
 * before, since that would keep those that have gone until the next keep-alive:
 * its stream ends, and it may reconnect.
 */
static void half_close(es_conns_t *conns, es_conn_t *conn, apr_time_t now)
{
    conn->half_closed = 1;
    es_client_because(conn->client, ES_END_CLIENT);
    if (conn->state == ES_CONN_LINGER || /* it has read its end */
        poll_for(conns, conn, EPOLL_CTL_MOD) != APR_SUCCESS) {
        es_conns_drop(conns, conn);
        return;
    }
    es_conns_end(conns, conn, 0);
    if (conn->state == ES_CONN_READY) {
        es_conns_step(conns, conn, now);
    }
}

/* Read what the peer has sent. @return 0: the conn is DEAD */
static int drain(es_conns_t *conns, es_conn_t *conn, unsigned int events,
                 apr_time_t now)
{
    apr_status_t rv = conn->sink->ops->drain(conn->sink);

    if (APR_STATUS_IS_EOF(rv) || (rv == APR_SUCCESS && (events & EPOLLRDHUP))) {
        half_close(conns, conn, now);
    }
    else if (rv != APR_SUCCESS) {
        es_client_because(conn->client, ES_END_CLIENT);
        es_conns_drop(conns, conn);
    }
    return conn->state != ES_CONN_DEAD;
}

/* The kernel ends the connection of a peer that is not reachable, or takes
 * nothing: es_sink_socket_tcp_set. */
static es_end_t why_hung_up(const es_conn_t *conn)
{
    int error = 0;
    socklen_t len = sizeof(error);

    (void)getsockopt(es_sink_socket_fd(conn->sink), SOL_SOCKET, SO_ERROR,
                     &error, &len);
    return error == ETIMEDOUT ? ES_END_TIMEOUT : ES_END_CLIENT;
}

void es_conns_on_event(es_conns_t *conns, es_conn_t *conn, unsigned int events,
                       apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (conn->state == ES_CONN_DEAD) {
        return;
    }
    if (events & (EPOLLHUP | EPOLLERR)) {
        es_client_because(conn->client, why_hung_up(conn));
        es_conns_drop(conns, conn);
        return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP)) && !drain(conns, conn, events, now)) {
        return;
    }
    if ((events & EPOLLOUT) && conn->state == ES_CONN_BLOCKED) {
        es_conn_timers_try(conns, conn, now);
    }
}

void es_conns_stepped(es_conns_t *conns, es_conn_t *conn, es_step_t step,
                      apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    if (step == ES_STEP_MORE) {
        es_client_seek(conn->client, es_hub_done(conn->hub));
    }
    apply_step(conns, conn, step, now);
}

void es_conns_hub_advanced(es_conns_t *conns, es_hub_t *hub)
{
    es_list_t *at, *next;
    es_conn_t *conn;

    for (at = hub->ahead.next; at != &hub->ahead; at = next) {
        next = at->next;
        conn = es_conns_of_link(at);
        if (es_client_pos(conn->client) > hub->pos) {
            break; /* those after it may wait, too: the list is nearly sorted */
        }
        make_ready(conns, conn);
    }
}

void es_conns_catch_up(es_conns_t *conns, es_hub_t *hub)
{
    es_list_t *at, *next;
    es_conn_t *conn;

    for (at = conns->waiting.next; at != &conns->waiting; at = next) {
        next = at->next;
        conn = es_conns_of_link(at);
        if (conn->hub == hub && conn->state == ES_CONN_CURRENT) {
            make_ready(conns, conn);
        }
    }
}

int es_conns_has_ready(const es_conns_t *conns)
{
    return !es_list_is_empty(&conns->ready);
}

int es_conns_has_dead(const es_conns_t *conns)
{
    return !es_list_is_empty(&conns->dead);
}

int es_conns_run(es_conns_t *conns, es_deadline_t *deadline, apr_time_t now)
{
    ES_CONTEXT(ES_DELIVERY);
    while (es_conns_has_ready(conns)) {
        es_conns_step(conns, es_conns_of_link(conns->ready.next), now);
        if (es_deadline_is_over(deadline)) {
            break;
        }
    }
    return es_conns_has_ready(conns);
}

void es_conns_end(es_conns_t *conns, es_conn_t *conn, apr_int64_t drain_ms)
{
    if (conn->state != ES_CONN_LINGER && conn->state != ES_CONN_DEAD) {
        es_client_end(conn->client, es_client_retry_ms(conn->client) +
                                        es_jitter_below(drain_ms + 1));
        make_ready(conns, conn);
    }
}

static int each_of(es_list_t *list, int (*visit)(void *baton, es_conn_t *conn),
                   void *baton)
{
    es_list_t *at, *next;
    es_list_t *last = list->prev;

    for (at = list->next; at != list; at = next) {
        /* a visit may move it to the end of the list */
        next = at == last ? list : at->next;
        if (!visit(baton, es_conns_of_link(at))) {
            return 0;
        }
    }
    return 1;
}

void es_conns_foreach(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs,
                      int (*visit)(void *baton, es_conn_t *conn), void *baton)
{
    int goes_on = each_of(&conns->ready, visit, baton) &&
                  each_of(&conns->waiting, visit, baton);
    apr_uint32_t i;

    for (i = 0; goes_on && i < ES_CONN_STALLS_MAX; i++) {
        goes_on = each_of(&conns->stalled[i], visit, baton);
    }
    for (i = 0; goes_on && i < nhubs; i++) {
        goes_on = each_of(&hubs[i].ahead, visit, baton);
    }
}

typedef struct end_t {
    es_conns_t *conns;
    apr_int64_t drain_ms;
} end_t;

static int on_end(void *baton, es_conn_t *conn)
{
    const end_t *end = baton;

    es_client_because(conn->client, ES_END_SHUTDOWN);
    es_conns_end(end->conns, conn, end->drain_ms);
    return 1;
}

void es_conns_end_all(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs,
                      apr_int64_t drain_ms)
{
    end_t end = {conns, drain_ms};

    es_conns_foreach(conns, hubs, nhubs, on_end, &end);
}

int es_conns_suspend(es_conns_t *conns, es_conn_t *conn)
{
    ES_CONTEXT(ES_DELIVERY);
    if (conn->state == ES_CONN_LINGER || !conn->is_polled) {
        return 0;
    }
    if (conn->state == ES_CONN_CURRENT) {
        es_client_seek(conn->client, es_hub_done(conn->hub));
    }
    stop_polling(conns, conn);
    return 1;
}

void es_conns_resume(es_conns_t *conns, es_conn_t *conn)
{
    ES_CONTEXT(ES_DELIVERY);
    conn->is_polled = poll_for(conns, conn, EPOLL_CTL_ADD) == APR_SUCCESS;
    if (!conn->is_polled) {
        es_conns_drop(conns, conn); /* epoll would never report it again */
    }
}

static int on_close(void *baton, es_conn_t *conn)
{
    es_client_because(conn->client, ES_END_SHUTDOWN);
    es_conns_drop(baton, conn);
    return 1;
}

void es_conns_close_all(es_conns_t *conns, es_hub_t *hubs, apr_uint32_t nhubs)
{
    es_conns_foreach(conns, hubs, nhubs, on_close, conns);
    (void)es_conns_reap(conns, NULL);
}

static void reap(es_conns_t *conns, es_conn_t *conn)
{
    es_channel_index_remove_all(conn->hub->conns, links_of(conn),
                                (int)conn->nslots);
    es_timer_wheel_unset(&conns->wheel, &conn->timer);
    es_client_close(conn->client);
    es_hub_add_clients(conn->hub, -1);
    es_conns_discard(conn);
    add_to_count(conns, -1);
}

int es_conns_reap(es_conns_t *conns, es_deadline_t *deadline)
{
    es_conn_t *conn;

    ES_CONTEXT(ES_DELIVERY);
    while (es_conns_has_dead(conns)) {
        conn = es_conns_of_link(conns->dead.next);
        es_list_remove(&conn->state_link);
        reap(conns, conn);
        if (es_deadline_is_over(deadline)) {
            break;
        }
    }
    return es_conns_has_dead(conns);
}

void es_conns_destroy(es_conns_t *conns)
{
    free(conns);
}
