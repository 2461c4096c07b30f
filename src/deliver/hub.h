/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A hub as the delivery of this child sees it: its store, the position up to
 * which the journal has been read, and an index of the conns and the watches
 * that want each of its channels.
 *
 * It writes to no client: deliver/fanout.h reads the journal and delivers,
 * deliver/conns.h owns the conns.
 *
 * Context of all: DELIVERY, unless another is named.
 */
#ifndef ES_DELIVER_HUB_H
#define ES_DELIVER_HUB_H

#include "base/list.h"
#include "shm/child_figures.h"
#include "journal/store.h"
#include "deliver/channel_index.h"
#include "deliver/progress.h"
#include "deliver/watch.h"

typedef struct es_hub_t {
    es_store_t *store; /* not owned */
    int is_closed;     /* no longer configured: clients end */
    es_pos_t pos;      /* all records below it are in rounds */
    es_pos_t undone;   /* where the first round starts that is not finished, or
                      * is still to come for a group; ES_HUB_NONE = none */
    es_pos_t walked; /* beyond undone, by an estimate, for reports: a long walk
                      * makes progress, too; 0 = none */
    apr_uint32_t groups;         /* of channels that are late, see fanout.c */
    es_channel_index_t *conns;   /* channel → links of conns; owned */
    es_channel_index_t *watches; /* channel → links of watches; owned */
    es_watch_t *first_watch;     /* of the list of all its watches */
    es_pos_t signalled_at;       /* pos when all watches were last signalled */
    es_list_t ahead;             /* conns in state AHEAD */
    es_progress_t progress;      /* how far its clients have got */
    es_delivery_hub_t *figures;  /* what this thread counts and measures of it;
                                  * NULL = nothing, as the next two */
    apr_uint64_t *clients;       /* how many it has here */
    es_child_gauges_t *gauges;   /* of this thread */
    apr_time_t logged_overtaken; /* of es_log_limit_level: ES0302 */
    apr_time_t logged_broken;    /* the same: ES0303 */
} es_hub_t;

/**
 * Begin at the head of the journal, without conns and watches.
 *
 * @param store      outlives the hub
 * @param is_closed  1 = the hub is no longer configured: its clients end
 * @return APR_SUCCESS or APR_ENOMEM; the caller calls es_hub_clear either way
 *
 * Context: the thread that makes the loop.
 */
apr_status_t es_hub_init(es_hub_t *hub, es_store_t *store, int is_closed);

/**
 * Free what es_hub_init made, after all conns and watches were removed. A hub
 * that is all zero may be cleared, too.
 *
 * Context: the thread that destroys the loop.
 */
void es_hub_clear(es_hub_t *hub);

/**
 * Count and measure here from now on, before it has conns.
 *
 * @param figures  the delivery's; outlives the hub
 * @param counter  the hub's, from 0; one that has no row is not counted
 */
void es_hub_set_figures(es_hub_t *hub, es_delivery_figures_t *figures,
                        apr_uint32_t counter);

/** A round is written, whose oldest record was appended then (the lower half of
 * es_clock_now). */
void es_hub_note_lag(const es_hub_t *hub, apr_uint32_t appended_us,
                     apr_time_t now);

/** It has n clients more here, or less. */
void es_hub_add_clients(const es_hub_t *hub, int n);

/** A new client of it has caught up with so many events. */
void es_hub_note_replay(const es_hub_t *hub, apr_uint32_t events);

/** No round is unfinished. */
#define ES_HUB_NONE (~(es_pos_t)0)

/** All records below it have been offered: a CURRENT conn has seen its own. */
static inline es_pos_t es_hub_done(const es_hub_t *hub)
{
    return hub->undone < hub->pos ? hub->undone : hub->pos;
}

/** 1 when the journal has records that are in no round yet. */
int es_hub_has_unread(const es_hub_t *hub);

/**
 * Add a watch and signal it, since records may have been appended before it
 * was added.
 */
void es_hub_add_watch(es_hub_t *hub, es_watch_t *watch);

/** Remove a watch. Nothing is done if it was not added. */
void es_hub_remove_watch(es_hub_t *hub, es_watch_t *watch);

/** Stop all watches and remove them. */
void es_hub_stop_watches(es_hub_t *hub);

/** The journal has a new record of this channel: signal its watches. */
void es_hub_signal_channel(const es_hub_t *hub, es_slot_t slot);

/** Signal all watches. */
void es_hub_signal_all(es_hub_t *hub);

/**
 * The position has risen. Signal all watches if it has risen by more than a
 * quarter of what the ring retains since they were last signalled. A worker
 * then steps its held client even if nothing is published to the client's
 * channels, and the ring does not overtake the client with other records.
 */
void es_hub_signal_quiet(es_hub_t *hub);

#endif
