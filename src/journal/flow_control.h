/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The pace: how fast a writer may go without lapping clients that read.
 *
 * The ring never refuses an event. So each delivery tells for each hub how far
 * it has come, and a writer that can wait looks whether one of them has more
 * than half of the ring before it. Nobody is waited for that does not move for
 * a second, be it stopped, dead or told wrong: what a child tells has no other
 * effect than a pause.
 */
#ifndef ES_JOURNAL_FLOW_CONTROL_H
#define ES_JOURNAL_FLOW_CONTROL_H

#include <apr_time.h>

#include "journal/store.h"

/** A delivery that has come no further for so long is not waited for. */
#define ES_FLOW_CONTROL_PATIENCE APR_USEC_PER_SEC

/**
 * The delivery at place has offered all below pos to those of its clients that
 * take bytes.
 *
 * @param pos  0 = it has nobody to wait for
 *
 * Context: DELIVERY, no lock.
 */
void es_flow_control_report(es_store_t *store, apr_uint32_t child,
                            es_pos_t pos);

/** What it has told last. Context: ANY. */
es_pos_t es_flow_control_reported(const es_store_t *store, apr_uint32_t child);

/** One writer's view of all deliveries. */
typedef struct es_flow_control_t es_flow_control_t;

/** Context: WORKER. */
es_flow_control_t *es_flow_control_create(const es_store_t *store,
                                          apr_pool_t *p);

/**
 * Is the writer to wait before it appends more?
 *
 * @param now   of a clock that only goes on
 * @param late  places that are behind, as bits (see es_store_append), others
 *              are cleared: they may be asleep
 *
 * Context: the writer's thread, no lock.
 */
int es_flow_control_is_held(es_flow_control_t *flow, apr_time_t now,
                            apr_uint64_t *late);

#endif
