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
#include "deliver/watch_priv.h"

#define GRACE APR_USEC_PER_SEC
/* Until the next walk: at least, and for each member that was met. */
#define PAUSE (2 * 1000)
#define PAUSE_PER_MEMBER 4

void es_headway_init(es_hub_t *hub)
{
    es_ring_init(&hub->headway.lagging);
}

static es_member_t *member_of(es_ring_t *link)
{
    return ES_RING_OWNER(link, es_member_t, lag);
}

/* A blocked one: does it count, and how long? */
static void note_blocked(es_member_t *member)
{
    apr_time_t moved = es_client_moved(member->client);

    if (moved == member->moved) {
        return; /* it was stepped in vain */
    }
    if (member->was_current || moved - member->moved < GRACE) {
        member->counts_until = moved + GRACE;
    }
    member->was_current = 0;
    member->moved = moved;
}

void es_headway_note(es_member_t *member)
{
    if (member->state == ES_MEMBER_BLOCKED) {
        note_blocked(member);
    }
    else if (member->state == ES_MEMBER_CURRENT ||
             member->state == ES_MEMBER_AHEAD) {
        member->was_current = 1;
    }
    es_ring_remove(&member->lag);
    if (member->state == ES_MEMBER_READY ||
        member->state == ES_MEMBER_BLOCKED) {
        es_ring_append(&member->hub->headway.lagging, &member->lag);
    }
}

/* The lesser of two positions, of which 0 is none. */
static es_pos_t lesser(es_pos_t a, es_pos_t b)
{
    return a == 0 || (b != 0 && b < a) ? b : a;
}

static es_pos_t walk_members(es_headway_t *headway, apr_time_t now)
{
    es_pos_t behind = 0;
    apr_interval_time_t pause = PAUSE;
    es_ring_t *at, *next;

    for (at = headway->lagging.next; at != &headway->lagging; at = next) {
        es_member_t *member = member_of(at);

        next = at->next;
        pause += PAUSE_PER_MEMBER;
        if (member->state == ES_MEMBER_BLOCKED && now >= member->counts_until) {
            es_ring_remove(at);
            continue;
        }
        behind = lesser(behind, es_client_pos(member->client));
    }
    headway->look_at = now + pause;
    return behind;
}

static es_pos_t walk_watches(const es_hub_t *hub, apr_time_t now)
{
    es_pos_t behind = 0;
    es_watch_t *watch;

    for (watch = hub->known; watch; watch = es_watch_part(watch)->next) {
        behind = lesser(behind, es_watch_behind(watch, now - GRACE));
    }
    return behind;
}

int es_headway_tell(es_hub_t *hub, apr_uint32_t place, apr_time_t now)
{
    es_headway_t *headway = &hub->headway;
    es_pos_t pos = 0;

    ES_CONTEXT(ES_DELIVERY);
    if (es_store_load(hub->store, place) != 0) {
        if (now >= headway->look_at) {
            headway->behind =
                lesser(walk_members(headway, now), walk_watches(hub, now));
        }
        pos = lesser(hub->pos, headway->behind);
    }
    if (pos != headway->told) {
        headway->told = pos;
        es_pace_tell(hub->store, place, pos);
    }
    return pos != 0 && headway->behind != 0;
}

int es_headway_is_alone(const es_hub_t *hub)
{
    return hub->headway.told == 0;
}

void es_headway_end(es_hub_t *hub, apr_uint32_t place)
{
    hub->headway.told = 0;
    es_pace_tell(hub->store, place, 0);
}
