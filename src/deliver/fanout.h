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

typedef struct es_fanout_t es_fanout_t;

/** @return the fan-out, or NULL without memory */
es_fanout_t *es_fanout_create(es_conns_t *conns);

void es_fanout_destroy(es_fanout_t *fanout);

/**
 * One round of a hub, if it is due: members of the channels that were touched
 * get their frames, watches of them are signalled. When the ring was faster,
 * or it is damaged, members go on from their own cursors.
 */
void es_fanout_round(es_fanout_t *fanout, es_hub_t *hub, apr_time_t now);

#endif
