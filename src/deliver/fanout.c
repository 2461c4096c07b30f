/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A round is taken by a group of channels, and its walk writes it to the conns
 * of each of these channels, light ones first. A hub's channels are one group,
 * the main one, as long as its walks end within their time. When the time is
 * over within a channel that is not light, the channels that are left become a
 * late group with a position of its own, and the main one goes on without them:
 *
 *     journal   a b a a c a b a │          a is broad, its walk takes long
 *     main      ───────────────►│ pos      b, c: each event at once
 *     late (a)  ─────►│ pos                next round: a a a, in one write each
 *
 * A late group takes its next rounds from its own position on, up to that of
 * the hub. When it has reached that, its channels are of the main group again.
 * The mark in the channel index tells the group of a channel.
 */
#include "deliver/fanout.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/log.h"
#include "deliver/walk.h"

#define ROUND_BYTES (512 * 1024)
/* To take a round of so much of the journal takes longer than a few writes. */
#define LONG_ROUND (64 * 1024)

#define GROUPS_MAX 8 /* of all hubs; two are left to main groups at least */
#define LATE_MAX 6

typedef struct group_t {
    es_walk_t walk;      /* its round, NULL = none was needed yet; its hub, NULL
                          * = the group is not in use */
    apr_uint32_t number; /* of this group, from 1 */
    int is_late;
    es_pos_t pos; /* late: its channels' records below it are in rounds */
    int nslots;   /* late: its channels */
    es_slot_t slots[ES_ROUND_CHANNELS_MAX];
} group_t;

struct es_fanout_t {
    es_conns_t *conns;
    int nused; /* groups that are in use; with few clients none is for long */
    int nlate; /* those of them that are late */
    apr_uint32_t next_hub; /* the first in the next run */
    int next_late;         /* the same */
    group_t groups[GROUPS_MAX];
};

es_fanout_t *es_fanout_create(es_conns_t *conns)
{
    es_fanout_t *fanout = calloc(1, sizeof(*fanout));
    int i;

    if (fanout == NULL) {
        return NULL;
    }
    for (i = 0; i < GROUPS_MAX; i++) {
        fanout->groups[i].number = (apr_uint32_t)i + 1;
    }
    fanout->conns = conns;
    /* the others when they are needed */
    fanout->groups[0].walk.round = es_round_create(ROUND_BYTES);
    if (fanout->groups[0].walk.round == NULL) {
        free(fanout);
        return NULL;
    }
    return fanout;
}

void es_fanout_destroy(es_fanout_t *fanout)
{
    int i;

    if (fanout != NULL) {
        for (i = 0; i < GROUPS_MAX; i++) {
            es_round_destroy(fanout->groups[i].walk.round);
        }
        free(fanout);
    }
}

/* ---- groups ------------------------------------------------------------ */

/* The hub's main group if its walk is not finished; else NULL. */
static group_t *unfinished_main(es_fanout_t *fanout, const es_hub_t *hub)
{
    int i;

    if (fanout->nused == fanout->nlate) {
        return NULL;
    }
    for (i = 0; i < GROUPS_MAX; i++) {
        if (fanout->groups[i].walk.hub == hub && !fanout->groups[i].is_late) {
            return &fanout->groups[i];
        }
    }
    return NULL;
}

/* A group that is not in use; NULL = none, or out of memory. */
static group_t *free_group(es_fanout_t *fanout)
{
    group_t *group;
    int i;

    for (i = 0; i < GROUPS_MAX; i++) {
        group = &fanout->groups[i];
        if (group->walk.hub == NULL && group->walk.round == NULL) {
            group->walk.round = es_round_create(ROUND_BYTES);
        }
        if (group->walk.hub == NULL && group->walk.round != NULL) {
            return group;
        }
    }
    return NULL;
}

/* To be called when the start of an unfinished round has changed. */
static void update_undone(es_fanout_t *fanout, es_hub_t *hub)
{
    const group_t *group;
    es_pos_t pos;
    int left = fanout->nused;
    int i;

    hub->undone = ES_HUB_NONE;
    hub->walked = 0;
    for (i = 0; left > 0 && i < GROUPS_MAX; i++) {
        group = &fanout->groups[i];
        left -= group->walk.hub != NULL;
        if (group->walk.hub == hub) {
            pos = group->walk.is_walking ? es_round_start(group->walk.round)
                                         : group->pos;
            hub->undone = pos < hub->undone ? pos : hub->undone;
        }
    }
}

/* The time was over within the group's walk. */
static void note_walked(const group_t *group)
{
    es_hub_t *hub = group->walk.hub;

    if (es_round_start(group->walk.round) == hub->undone) {
        hub->walked = es_walk_reached(&group->walk) - hub->undone;
    }
}

/* The group is no longer in use; its channels are of the main group. */
static void dissolve(es_fanout_t *fanout, group_t *group)
{
    es_hub_t *hub = group->walk.hub;
    es_slot_t slot;
    int i;

    if (group->is_late) {
        for (i = 0; i < group->nslots; i++) {
            slot = group->slots[i];
            if (es_channel_index_list(hub->conns, slot).group ==
                group->number) {
                es_channel_index_set_group(hub->conns, slot, 0);
            }
        }
        group->is_late = 0;
        group->walk.mark = 0;
        hub->groups--;
        fanout->nlate--;
    }
    group->walk.is_walking = 0;
    group->walk.hub = NULL;
    fanout->nused--;
    update_undone(fanout, hub);
}

/* The channels of a main group that its walk has not finished become late. */
static void split(es_fanout_t *fanout, group_t *group)
{
    es_hub_t *hub = group->walk.hub;
    int i;

    group->is_late = 1;
    group->walk.mark = group->number;
    group->pos = es_round_end(group->walk.round);
    group->nslots = 0;
    for (i = 0; i < es_round_count(group->walk.round); i++) {
        if (!es_walk_has_visited(&group->walk, i)) {
            group->slots[group->nslots] = es_round_slot(group->walk.round, i);
            es_channel_index_set_group(
                hub->conns, group->slots[group->nslots++], group->number);
        }
    }
    hub->groups++;
    fanout->nlate++;
}

/* A round was taken. */
static void begin_walk(es_fanout_t *fanout, group_t *group,
                       es_deadline_t *deadline)
{
    const es_round_t *round = group->walk.round;

    es_walk_begin(&group->walk);
    update_undone(fanout, group->walk.hub);
    if (es_round_end(round) - es_round_start(round) >= LONG_ROUND) {
        es_deadline_look_next(deadline);
    }
}

/* ---- rounds ------------------------------------------------------------ */

static int on_wants(void *baton, es_slot_t slot)
{
    const group_t *group = baton;
    const es_hub_t *hub = group->walk.hub;
    es_channel_list_t conns = es_channel_index_list(hub->conns, slot);

    if (group->is_late) {
        return conns.count != 0 && conns.group == group->number;
    }
    if (conns.group != 0) {
        /* a late group takes the record; watches do not wait for it */
        es_hub_signal_channel(hub, slot);
        return 0;
    }
    return conns.count != 0 ||
           es_channel_index_list(hub->watches, slot).count != 0;
}

/* Skip records that cannot be read. All conns of the hub read them themselves,
 * as far as they exist: no group is left. */
static void skip_to(es_fanout_t *fanout, es_hub_t *hub, es_pos_t head,
                    apr_status_t reason, apr_time_t now)
{
    int is_reset = es_store_is_reset(hub->store, hub->pos);
    int i;

    es_conns_catch_up(fanout->conns, hub);
    for (i = 0; i < GROUPS_MAX; i++) {
        if (fanout->groups[i].walk.hub == hub) {
            dissolve(fanout, &fanout->groups[i]);
        }
    }
    hub->pos = head;
    es_conns_hub_advanced(fanout->conns, hub);
    es_hub_signal_all(hub);
    if (es_progress_is_idle(hub) || is_reset) {
        return; /* it had no clients that could miss a record; or the journal
                 * was filled anew, which is no fault of this child */
    }
    if (APR_STATUS_IS_ENOENT(reason)) {
        es_log(es_log_limit_level(&hub->logged_overtaken, ES_LOG_WARNING, now),
               APR_SUCCESS, "ES0302",
               "events come faster than this child delivers them: the journal "
               "has overwritten some before it read them; clients that missed "
               "events get a stream-reset; raise EventStreamHub size=");
    }
    else {
        es_log(es_log_limit_level(&hub->logged_broken, ES_LOG_ERR, now), reason,
               "ES0303",
               "cannot read new events of a hub: clients get a stream-reset "
               "and continue at the present position");
    }
}

/* The walk of a group's round is over: how late was the last write? */
static void note_written(const group_t *group)
{
    apr_uint32_t appended_us;

    if (es_round_appended(group->walk.round, &appended_us)) {
        es_hub_note_lag(group->walk.hub, appended_us, es_clock_now());
    }
}

/* The main group's next round. @return 0 when there was none to take */
static int take_main(es_fanout_t *fanout, group_t *group, es_hub_t *hub,
                     es_deadline_t *deadline, apr_time_t now)
{
    es_pos_t head = es_store_head(hub->store);
    apr_status_t rv = APR_EGENERAL;
    int i;

    group->walk.hub = hub;
    fanout->nused++;
    if (head > hub->pos) {
        rv = es_round_take(group->walk.round, hub->store, hub->pos, head,
                           on_wants, group);
    }
    if (rv != APR_SUCCESS) {
        skip_to(fanout, hub, head, rv, now);
        return 0;
    }
    hub->pos = es_round_end(group->walk.round);
    begin_walk(fanout, group, deadline);
    for (i = 0; i < es_round_count(group->walk.round); i++) {
        es_hub_signal_channel(hub, es_round_slot(group->walk.round, i));
    }
    es_conns_hub_advanced(fanout->conns, hub);
    es_hub_signal_quiet(hub);
    return 1;
}

/* Do rounds of a hub's main group until there is no new record. */
static void run_main(es_fanout_t *fanout, es_hub_t *hub,
                     es_deadline_t *deadline, apr_time_t now)
{
    group_t *group = unfinished_main(fanout, hub);

    while (group != NULL || es_hub_has_unread(hub)) {
        if (group == NULL) {
            group = free_group(fanout);
            if (group == NULL ||
                !take_main(fanout, group, hub, deadline, now)) {
                return; /* another walk has to end first; or all was skipped */
            }
        }
        if (!es_walk_run(&group->walk, fanout->conns, deadline, now)) {
            note_walked(group);
            if (!es_walk_is_light(&group->walk) && fanout->nlate < LATE_MAX) {
                split(fanout, group);
            }
            return;
        }
        note_written(group);
        dissolve(fanout, group);
        group = NULL;
        if (es_deadline_is_over(deadline)) {
            return;
        }
    }
}

int es_fanout_run(es_fanout_t *fanout, es_hub_t *hubs, apr_uint32_t nhubs,
                  es_deadline_t *deadline, apr_time_t now)
{
    apr_uint32_t first = fanout->next_hub++;
    apr_uint32_t i;

    ES_CONTEXT(ES_DELIVERY);
    for (i = 0; i < nhubs; i++) {
        run_main(fanout, &hubs[(first + i) % nhubs], deadline, now);
        if (deadline != NULL && deadline->is_over) {
            break;
        }
    }
    return es_fanout_is_busy(fanout);
}

/* Do rounds of a late group until it has reached the hub's position. */
static void run_late(es_fanout_t *fanout, group_t *group,
                     es_deadline_t *deadline, apr_time_t now)
{
    es_hub_t *hub = group->walk.hub;
    int has_walked = group->walk.is_walking;
    apr_status_t rv;

    for (;; has_walked = 1) {
        if (group->walk.is_walking &&
            !es_walk_run(&group->walk, fanout->conns, deadline, now)) {
            note_walked(group);
            return;
        }
        if (has_walked) {
            note_written(group);
        }
        group->pos = es_round_end(group->walk.round);
        if (group->pos >= hub->pos) {
            dissolve(fanout, group);
            return;
        }
        if (has_walked && es_hub_has_unread(hub) &&
            hub->pos - group->pos < ROUND_BYTES / 2) {
            update_undone(fanout, hub);
            return; /* the hub goes on first: the next round has more then */
        }
        rv = es_round_take(group->walk.round, hub->store, group->pos, hub->pos,
                           on_wants, group);
        if (rv != APR_SUCCESS) {
            skip_to(fanout, hub, hub->pos, rv, now);
            return;
        }
        begin_walk(fanout, group, deadline);
        if (es_deadline_is_over(deadline)) {
            return;
        }
    }
}

int es_fanout_run_late(es_fanout_t *fanout, es_deadline_t *deadline,
                       apr_time_t now)
{
    int first = fanout->next_late;
    int i, at;

    ES_CONTEXT(ES_DELIVERY);
    for (i = 0; i < GROUPS_MAX; i++) {
        at = (first + i) % GROUPS_MAX;
        if (fanout->groups[at].is_late) {
            run_late(fanout, &fanout->groups[at], deadline, now);
            fanout->next_late = (at + 1) % GROUPS_MAX;
            if (deadline != NULL && deadline->is_over) {
                break;
            }
        }
    }
    return es_fanout_is_busy(fanout);
}

int es_fanout_is_busy(const es_fanout_t *fanout)
{
    return fanout->nused > 0;
}
