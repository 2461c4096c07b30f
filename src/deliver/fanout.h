/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The fan-out reads the new records of a hub in rounds and writes them to the
 * conns of their channels, with one write for each conn and round.
 *
 * Context of all: DELIVERY, except create and destroy.
 */
#ifndef ES_DELIVER_FANOUT_H
#define ES_DELIVER_FANOUT_H

#include "deliver/conns.h"

typedef struct es_fanout_t es_fanout_t;

/**
 * @param conns  not owned
 * @return the fan-out, or NULL if out of memory
 *
 * Context: the thread that makes the loop.
 */
es_fanout_t *es_fanout_create(es_conns_t *conns);

/** NULL is ignored. Context: the thread that destroys the loop. */
void es_fanout_destroy(es_fanout_t *fanout);

/**
 * Do one round of a hub, if it has unread records: write the frames to the
 * conns of each channel that has new records, and signal its watches. If the
 * ring has overtaken the hub's position, or the journal is damaged there, the
 * hub continues at the head, and conns read from their own cursors.
 */
void es_fanout_round(es_fanout_t *fanout, es_hub_t *hub, apr_time_t now);

#endif
