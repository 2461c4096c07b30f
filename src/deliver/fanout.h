/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The fan-out: it takes the new records of a hub round by round, and writes
 * them to the members of their channels, one write for each member and round.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_FANOUT_H
#define ES_DELIVER_FANOUT_H

#include "deliver/conns.h"
#include "deliver/round.h"

typedef struct es_fanout_t es_fanout_t;

/** @return the fan-out, or NULL without memory */
es_fanout_t *es_fanout_create(es_conns_t *conns);

void es_fanout_destroy(es_fanout_t *fanout);

/** 1 when the hub has records that were not offered yet. */
int es_fanout_is_due(const es_hub_t *hub);

/**
 * One round of a hub, if it is due: members of the channels that were touched
 * get their frames, watches of them are signalled. When the ring was faster,
 * or it is damaged, members go on from their own cursors.
 */
void es_fanout_round(es_fanout_t *fanout, es_hub_t *hub, apr_time_t now);

/**
 * Take up a watch of this hub, and signal it: there may have been news while
 * it was on its way here.
 */
void es_fanout_watch(es_hub_t *hub, es_watch_t *watch);

/** Let it go; nothing happens to one that was not taken up. */
void es_fanout_unwatch(es_hub_t *hub, es_watch_t *watch);

/** Stop all watches of a hub, and let them go. */
void es_fanout_stop_watches(es_hub_t *hub);

#endif
