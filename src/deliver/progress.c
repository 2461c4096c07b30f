/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Members that are not current stand in a ring. One that was current, or took
 * bytes twice within a second, counts for a second from then. One whose second
 * is over is dropped from the ring when that is walked, and comes back with its
 * next step, which is when its socket is writable again. So those that never
 * read cost nothing, and many that read a little by turns hold up nobody: were
 * each to count for a second whenever it takes some, a few dozens of them
 * would stop all writers.
 *
 * The walk touches each member that is behind; it waits the longer for the
 * next one the more there are, so that it never takes more than a small part
 * of the time. Held clients are stepped by their workers, who tell their
 * watches where they stand.
 */
#include "deliver/progress.h"

#include "base/context.h"
#include "deliver/client_priv.h"
#include "deliver/conns.h"
#include "deliver/watch_priv.h"

#define GRACE APR_USEC_PER_SEC
/* Until the next walk: at least, and for each member that was met. */
#define PAUSE (2 * 1000)
#define PAUSE_PER_CONN 4

void es_progress_init(es_progress_t *progress)
{
    es_list_init(&progress->lagging);
}

static es_conn_t *conn_of(es_list_t *link)
{
    return ES_LIST_OWNER(link, es_conn_t, lag);
}

/* A blocked one: does it count, and how long? */
static void note_blocked(es_conn_t *conn)
{
    apr_time_t moved = es_client_moved(conn->client);

    if (moved == conn->moved) {
        return; /* it was stepped in vain */
    }
    if (conn->was_current || moved - conn->moved < GRACE) {
        conn->counts_until = moved + GRACE;
    }
    conn->was_current = 0;
    conn->moved = moved;
}

void es_progress_update(es_conn_t *conn)
{
    if (conn->state == ES_CONN_BLOCKED) {
        note_blocked(conn);
    }
    else if (conn->state == ES_CONN_CURRENT || conn->state == ES_CONN_AHEAD) {
        conn->was_current = 1;
    }
    es_list_remove(&conn->lag);
    if (conn->state == ES_CONN_READY || conn->state == ES_CONN_BLOCKED) {
        es_list_append(&conn->hub->progress.lagging, &conn->lag);
    }
}

/* The lesser of two positions, of which 0 is none. */
static es_pos_t lesser(es_pos_t a, es_pos_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static es_pos_t walk_conns(es_progress_t *progress, apr_time_t now)
{
    es_pos_t behind = 0;
    apr_interval_time_t pause = PAUSE;
    es_list_t *at, *next;

    for (at = progress->lagging.next; at != &progress->lagging; at = next) {
        es_conn_t *conn = conn_of(at);

        next = at->next;
        pause += PAUSE_PER_CONN;
        if (conn->state == ES_CONN_BLOCKED && now >= conn->counts_until) {
            es_list_remove(at);
            continue;
        }
        behind = lesser(behind, es_client_pos(conn->client));
    }
    progress->look_at = now + pause;
    return behind;
}

static es_pos_t walk_watches(const es_hub_t *hub, apr_time_t now)
{
    es_pos_t behind = 0;
    es_watch_t *watch;

    for (watch = hub->first_watch; watch; watch = es_watch_part(watch)->next) {
        behind = lesser(behind, es_watch_behind(watch, now - GRACE));
    }
    return behind;
}

int es_progress_report(es_hub_t *hub, apr_uint32_t child, apr_time_t now)
{
    es_progress_t *progress = &hub->progress;
    es_pos_t pos = 0;

    ES_CONTEXT(ES_DELIVERY);
    if (es_store_load(hub->store, child) != 0) {
        if (now >= progress->look_at) {
            progress->behind =
                lesser(walk_conns(progress, now), walk_watches(hub, now));
        }
        pos = lesser(hub->pos, progress->behind);
    }
    if (pos != progress->reported) {
        progress->reported = pos;
        es_flow_control_report(hub->store, child, pos);
    }
    return pos != 0 && progress->behind != 0;
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
