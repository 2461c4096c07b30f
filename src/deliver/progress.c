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
 * A walk visits each conn that is behind. The more there are, the later is the
 * next walk, so that walks take only a small part of the time. Held clients
 * are stepped by their workers, which report the client's position to its
 * watch.
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
/* A client may use this part of the time for which a publisher waits in all.
 * So one client cannot use up what is meant for all. */
#define CLIENT_PART 4

/* The client that is furthest behind. */
typedef struct lowest_t {
    es_pos_t pos;           /* 0 = no client is behind */
    es_progress_use_t *use; /* its own; NULL = it is not charged */
} lowest_t;

void es_progress_init(es_progress_t *progress)
{
    es_list_init(&progress->conns);
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

void es_progress_update(es_conn_t *conn)
{
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
        es_list_append(&conn->hub->progress.conns, &conn->behind_link);
    }
}

/* The lower of two positions, where 0 is none. */
static es_pos_t lower(es_pos_t a, es_pos_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static void add_pos(lowest_t *lowest, es_pos_t pos, es_progress_use_t *use)
{
    if (pos != 0 && (lowest->pos == 0 || pos < lowest->pos)) {
        lowest->pos = pos;
        lowest->use = use;
    }
}

static void walk_conns(es_progress_t *progress, lowest_t *lowest,
                       apr_time_t now)
{
    apr_interval_time_t interval = WALK_INTERVAL;
    es_list_t *at, *next;

    for (at = progress->conns.next; at != &progress->conns; at = next) {
        es_conn_t *conn = conn_of(at);

        next = at->next;
        interval += WALK_INTERVAL_PER_CONN;
        if (conn->use.is_given_up ||
            (is_blocked(conn) && now >= conn->waited_for_until)) {
            es_list_remove(at);
            continue;
        }
        add_pos(lowest, es_client_pos(conn->client),
                is_blocked(conn) ? &conn->use : NULL);
    }
    progress->next_walk = now + interval;
}

static void walk_watches(const es_hub_t *hub, lowest_t *lowest, apr_time_t now)
{
    es_watch_t *watch;

    for (watch = hub->first_watch; watch; watch = es_watch_part(watch)->next) {
        es_pos_t pos = es_watch_reported_pos(watch, now - WAITED_FOR);
        es_progress_use_t *use = &es_watch_part(watch)->use;

        if (pos == 0) {
            use->is_given_up = 0;
        }
        else if (!use->is_given_up) {
            add_pos(lowest, pos, use);
        }
    }
}

/* The lowest of all that publishers wait for; charges it. */
static es_pos_t walk(es_hub_t *hub, apr_time_t now)
{
    es_progress_t *progress = &hub->progress;
    lowest_t lowest = {0};
    apr_time_t since = progress->late_since;

    walk_conns(progress, &lowest, now);
    walk_watches(hub, &lowest, now);
    progress->late_since =
        es_flow_control_is_late(hub->store, lowest.pos) ? now : 0;
    if (since != 0 && progress->late_since != 0 && lowest.use != NULL) {
        lowest.use->is_given_up = !es_flow_control_use(
            &lowest.use->budget, progress->client_us, now - since, now);
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
    return pos != 0 && progress->lowest != 0;
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
