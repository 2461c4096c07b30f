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
 * Do rounds of all hubs until no record is unread or the time is over: write
 * the frames to the conns of each channel that has new records, and signal its
 * watches. If the ring has overtaken a hub's position, or the journal is
 * damaged there, the hub continues at the head, and conns read from their own
 * cursors.
 *
 * When the time is over in the middle of a round, the next call resumes it, or
 * the channels that are left become late: es_fanout_run_late goes on with them.
 * In between conns may be added, stepped and freed.
 *
 * @param deadline  NULL = until all is done
 * @return 1 when a round is not finished: call again, although no record may
 *         be unread
 */
int es_fanout_run(es_fanout_t *fanout, es_hub_t *hubs, apr_uint32_t nhubs,
                  es_deadline_t *deadline, apr_time_t now);

/** Go on with channels that are late. @return as es_fanout_run */
int es_fanout_run_late(es_fanout_t *fanout, es_deadline_t *deadline,
                       apr_time_t now);

/** 1 when a round is not finished. */
int es_fanout_is_busy(const es_fanout_t *fanout);

#endif
