/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conns that are READY or BLOCKED are in the list of those behind. Publishers
 * wait for a BLOCKED conn for one second after its socket took bytes, if it was
 * CURRENT before or has taken bytes twice within a second. When that second is
 * over, the next walk removes the conn from the list; its next step, made when
 * the socket is writable again, puts it back. So conns that never read cost
 * nothing, and many conns that each read a little now and then delay no
 * publisher: if publishers waited for a second after each read, a few dozen of
 * these conns would stop all publishers.
 *
 * A conn that reads all the time, but slowly, would be waited for without end.
 * So each walk charges the time since the last walk to one conn or watch: the
 * one that is furthest behind, if it is so late that publishers wait for it,
 * since they would not wait if it were not there. Many conns that are equally
 * slow use their budgets in turn; one that is slower than all others uses its
 * own. A READY conn is not charged: it waits for this thread.
 *
 * A walk visits each conn that is behind, but only some of them at a time. The
 * more it has visited, the later does it continue, so that walks take only a
 * small part of the time. Conns that it has visited are behind a mark in the
 * list:
 *
 *     conns ─► to be visited … ─► mark ─► visited, or stepped since it began
 *
 * A conn that is stepped moves to the end of the list as well; its position is
 * then taken into account at once. Held clients are stepped by their workers,
 * which report the client's position to its watch.
 */
#include "deliver/progress.h"

#include "base/context.h"
#include "deliver/client_priv.h"
#include "deliver/conns.h"
#include "deliver/watch_priv.h"

#define WAITED_FOR APR_USEC_PER_SEC
/* Until the next walk, in microseconds: at least, and for each conn visited. */
#define WALK_INTERVAL (2 * 1000)
#define WALK_INTERVAL_PER_CONN 4
/* Conns that are visited at a time: 0.25 ms. At the intervals at which the loop
 * reports, a walk then takes as long as if it were not divided. */
#define WALK_CONNS_MAX 5000
/* A client may use this part of the time for which a publisher waits in all.
 * So one client cannot use up what is meant for all. */
#define CLIENT_PART 4

void es_progress_init(es_progress_t *progress)
{
    es_list_init(&progress->conns);
    es_list_init(&progress->mark);
}

void es_progress_set_most(es_progress_t *progress, apr_interval_time_t most)
{
    progress->client_us = most / CLIENT_PART;
}

static int is_blocked(const es_conn_t *conn)
{
    return conn->state == ES_CONN_BLOCKED || conn->state == ES_CONN_STALLED;
}

static es_conn_t *conn_of(es_list_t *link)
{
    return ES_LIST_OWNER(link, es_conn_t, behind_link);
}

/* Until when do publishers wait for this BLOCKED conn? */
static void on_blocked(es_conn_t *conn)
{
    apr_time_t moved = es_client_last_progress(conn->client);

    if (moved == conn->last_progress) {
        return; /* its last step wrote nothing */
    }
    if (conn->was_current || moved - conn->last_progress < WAITED_FOR) {
        conn->waited_for_until = moved + WAITED_FOR;
    }
    conn->was_current = 0;
    conn->last_progress = moved;
}

/* The lower of two positions, where 0 is none. */
static es_pos_t lower(es_pos_t a, es_pos_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void add_pos(es_progress_lowest_t *lowest, es_pos_t pos,
                    es_flow_control_budget_t *use)
{
    if (pos != 0 && (lowest->pos == 0 || pos < lowest->pos)) {
        lowest->pos = pos;
        lowest->use = use;
    }
}

/* Do publishers wait for this conn, which is in the list? */
static int is_waited_for(const es_conn_t *conn, apr_time_t now)
{
    return !conn->use.is_given_up &&
           (!is_blocked(conn) || now < conn->waited_for_until);
}

static void add_conn(es_progress_lowest_t *lowest, es_conn_t *conn)
{
    add_pos(lowest, es_client_pos(conn->client),
            is_blocked(conn) ? &conn->use : NULL);
}

void es_progress_update(es_conn_t *conn)
{
    es_progress_t *progress = &conn->hub->progress;

    if (is_blocked(conn)) {
        on_blocked(conn);
    }
    else if (conn->state == ES_CONN_CURRENT || conn->state == ES_CONN_AHEAD) {
        conn->was_current = 1;
        conn->use.is_given_up = 0;
    }
    es_list_remove(&conn->behind_link);
    if (!conn->use.is_given_up &&
        (conn->state == ES_CONN_READY || is_blocked(conn))) {
        es_list_append(&progress->conns, &conn->behind_link);
        if (progress->is_walking && is_waited_for(conn, progress->walked)) {
            add_conn(&progress->found, conn);
        }
    }
    else if (progress->found.use == &conn->use) {
        progress->found.use = NULL; /* it may be freed before the walk ends */
    }
}

static void begin_walk(es_progress_t *progress)
{
    progress->found.pos = 0;
    progress->found.use = NULL;
    progress->is_walking = 1;
    es_list_append(&progress->conns, &progress->mark);
}

/* Visit some conns. @return 1 when all are visited */
static int walk_conns(es_progress_t *progress, apr_time_t now)
{
    int count;

    for (count = 0; count < WALK_CONNS_MAX; count++) {
        es_list_t *at = progress->conns.next;
        es_conn_t *conn = conn_of(at);

        es_list_remove(at);
        if (at == &progress->mark) {
            progress->is_walking = 0;
            break;
        }
        if (is_waited_for(conn, now)) {
            es_list_append(&progress->conns, at);
            add_conn(&progress->found, conn);
        }
    }
    progress->walked = now;
    progress->next_walk = now + WALK_INTERVAL + count * WALK_INTERVAL_PER_CONN;
    return !progress->is_walking;
}

static void walk_watches(const es_hub_t *hub, es_progress_lowest_t *lowest,
                         apr_time_t now)
{
    es_watch_t *watch;

    for (watch = hub->first_watch; watch; watch = es_watch_part(watch)->next) {
        es_pos_t pos = es_watch_reported_pos(watch, now - WAITED_FOR);
        es_flow_control_budget_t *use = &es_watch_part(watch)->use;

        if (pos == 0) {
            use->is_given_up = 0;
        }
        else if (!use->is_given_up) {
            add_pos(lowest, pos, use);
        }
    }
}

/* The lowest of all that publishers wait for; charges it. While the walk is not
 * complete, it may be that of the walk before. */
static es_pos_t walk(es_hub_t *hub, apr_time_t now)
{
    es_progress_t *progress = &hub->progress;
    apr_time_t since = progress->late_since;
    es_progress_lowest_t lowest;

    if (!progress->is_walking) {
        begin_walk(progress);
    }
    if (!walk_conns(progress, now)) {
        return lower(progress->lowest, progress->found.pos);
    }
    lowest = progress->found;
    progress->found.use = NULL;
    walk_watches(hub, &lowest, now);
    progress->late_since =
        es_flow_control_is_late(hub->store, lowest.pos) ? now : 0;
    if (since != 0 && progress->late_since != 0 && lowest.use != NULL) {
        lowest.use->is_given_up = !es_flow_control_use(
            lowest.use, progress->client_us, now - since, now);
    }
    return lowest.pos;
}

int es_progress_report(es_hub_t *hub, apr_uint32_t child, apr_time_t now)
{
    es_progress_t *progress = &hub->progress;
    es_pos_t pos = 0;

    ES_CONTEXT(ES_DELIVERY);
    if (es_store_child_subscriptions(hub->store, child) != 0) {
        if (now >= progress->next_walk && progress->client_us > 0) {
            progress->lowest = walk(hub, now);
        }
        pos = lower(es_hub_done(hub) + hub->walked, progress->lowest);
    }
    if (pos != progress->reported) {
        progress->reported = pos;
        es_flow_control_report(hub->store, child, pos);
    }
    return pos != 0 && (progress->lowest != 0 || progress->is_walking);
}

int es_progress_is_idle(const es_hub_t *hub)
{
    return hub->progress.reported == 0;
}

void es_progress_end(es_hub_t *hub, apr_uint32_t child)
{
    hub->progress.reported = 0;
    es_flow_control_report(hub->store, child, 0);
}
