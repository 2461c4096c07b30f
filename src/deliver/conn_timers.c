/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The timers of conns, and conns that are tried again after a time.
 *
 * A socket may take nothing although epoll reports that it is writable: the
 * kernel is short of memory for sockets (ENOBUFS, ENOMEM; with tcp_mem
 * exhausted EAGAIN). epoll would report it again at once, and the loop would
 * spin. Its conn becomes STALLED instead, and is tried after a time that
 * doubles. Conns with the same number of tries wait equally long, so a list
 * for each number is in the order of time.
 */
#include "deliver/conn_timers.h"

#include "base/context.h"
#include "deliver/client_priv.h"
#include "deliver/conns_priv.h"

#define RETRY_FIRST (APR_USEC_PER_SEC / 50)
#define RETRY_LAST APR_USEC_PER_SEC

void es_conn_timers_set(es_conns_t *conns, es_conn_t *conn, apr_time_t due)
{
    if (due != 0 &&
        (!es_timer_wheel_is_set(&conn->timer) || conn->timer.due > due)) {
        es_timer_wheel_set(&conns->wheel, &conn->timer, due);
    }
}

static apr_interval_time_t retry_after(int stalls)
{
    apr_interval_time_t wait = (apr_interval_time_t)RETRY_FIRST << (stalls - 1);

    return wait < RETRY_LAST ? wait : RETRY_LAST;
}

static void stall(es_conns_t *conns, es_conn_t *conn, apr_time_t now)
{
    if (conn->stalls < ES_CONN_STALLS_MAX) {
        conn->stalls++;
    }
    conn->deadline = now + retry_after(conn->stalls);
    es_conns_set_state(conns, conn, ES_CONN_STALLED);
    es_conns_set_wants_out(conns, conn, 0);
}

void es_conn_timers_try(es_conns_t *conns, es_conn_t *conn, apr_time_t now)
{
    apr_time_t before = es_client_last_progress(conn->client);

    es_conns_step(conns, conn, now);
    if (conn->state == ES_CONN_BLOCKED &&
        es_client_last_progress(conn->client) == before) {
        stall(conns, conn, now);
    }
    else if (conn->state != ES_CONN_DEAD) {
        conn->stalls = 0;
    }
}

/* The timer may have been set in an earlier state. */
static void on_timer(es_conns_t *conns, es_conn_t *conn, apr_time_t now)
{
    apr_time_t due;

    if (conn->state == ES_CONN_DEAD) {
        return;
    }
    due = conn->state == ES_CONN_LINGER ? conn->deadline
                                        : es_client_due(conn->client);
    if (due == 0 || due > now) {
        es_conn_timers_set(conns, conn, due);
        return;
    }
    switch (conn->state) {
    case ES_CONN_LINGER: es_conns_drop(conns, conn); break;
    case ES_CONN_READY:
        es_conn_timers_set(conns, conn,
                           now + ES_TIMER_WHEEL_TICK); /* about to be stepped */
        break;
    case ES_CONN_STALLED: es_conn_timers_try(conns, conn, now); break;
    default: es_conns_step(conns, conn, now);
    }
}

static void retry_stalled(es_conns_t *conns, es_deadline_t *deadline,
                          apr_time_t now)
{
    es_list_t *list;
    int i;

    /* down, because a try moves it up */
    for (i = ES_CONN_STALLS_MAX - 1; i >= 0; i--) {
        list = &conns->stalled[i];
        while (!es_list_is_empty(list) &&
               es_conns_of_link(list->next)->deadline <= now) {
            es_conn_timers_try(conns, es_conns_of_link(list->next), now);
            if (es_deadline_is_over(deadline)) {
                return;
            }
        }
    }
}

void es_conn_timers_expire(es_conns_t *conns, es_deadline_t *deadline,
                           apr_time_t now)
{
    es_timer_t *entry = es_timer_wheel_pop(&conns->wheel, now);

    ES_CONTEXT(ES_DELIVERY);
    while (entry != NULL) {
        on_timer(conns, ES_LIST_OWNER(entry, es_conn_t, timer), now);
        entry = es_deadline_is_over(deadline)
                    ? NULL
                    : es_timer_wheel_pop(&conns->wheel, now);
    }
    retry_stalled(conns, deadline, now);
}

apr_interval_time_t es_conn_timers_wait(const es_conns_t *conns, apr_time_t now)
{
    apr_interval_time_t wait = es_timer_wheel_wait(&conns->wheel, now);
    apr_interval_time_t retry;
    int i;

    if (conns->nstalled == 0) {
        return wait;
    }
    for (i = 0; i < ES_CONN_STALLS_MAX; i++) {
        if (!es_list_is_empty(&conns->stalled[i])) {
            retry = es_conns_of_link(conns->stalled[i].next)->deadline - now;
            retry = retry > 0 ? retry : 0;
            wait = wait < 0 || retry < wait ? retry : wait;
        }
    }
    return wait;
}
