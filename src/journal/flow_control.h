/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Flow control: how fast a publisher may append without overtaking clients that
 * read.
 *
 * The ring never refuses an event. So each delivery reports for each hub how
 * far it is, and a publisher that can wait checks whether more than half of the
 * ring is ahead of one of them. It does not wait for a delivery that has made
 * no progress for a second, whether the delivery is stopped, dead or reports
 * nonsense: a report has no other effect than a pause.
 *
 * Budgets bound these pauses in time (EventStreamFlowControl): a publisher has
 * one for all of its pauses, and a delivery keeps one for each client
 * (deliver/progress.h).
 */
#ifndef ES_JOURNAL_FLOW_CONTROL_H
#define ES_JOURNAL_FLOW_CONTROL_H

#include <apr_time.h>

#include "journal/store.h"

/** A publisher waits at most this long for a delivery without progress. */
#define ES_FLOW_CONTROL_TIMEOUT APR_USEC_PER_SEC

/**
 * The child's delivery has offered all records before pos to those of its
 * clients whose sockets take bytes.
 *
 * @param pos  0 = publishers need not wait for it
 *
 * Context: DELIVERY, no lock.
 */
void es_flow_control_report(es_store_t *store, apr_uint32_t child,
                            es_pos_t pos);

/** The child's last report. Context: ANY. */
es_pos_t es_flow_control_reported(const es_store_t *store, apr_uint32_t child);

/** Does a publisher wait for a delivery that reports this position? 1 when more
 * than half of the ring is ahead of pos. Context: ANY, no lock. */
int es_flow_control_is_late(const es_store_t *store, es_pos_t pos);

/** A time that is used bit by bit; all zero when nothing is used. For each ten
 * seconds in which nothing is used, one second is given back. */
typedef struct es_flow_control_budget_t {
    apr_time_t as_of;         /* when used was right */
    apr_uint32_t used;        /* microseconds; the highest number: or more */
    apr_uint32_t is_given_up; /* for its owner; no function here looks at it */
} es_flow_control_budget_t;

/**
 * Use some of a budget.
 *
 * @param most    the whole budget, in microseconds, up to an hour; 0 = there is
 *                none
 * @param waited  the time until now that is used; 0 = only look
 * @param now     of a clock that only rises
 * @return 1 when some is left
 *
 * Context: the thread that owns the budget.
 */
int es_flow_control_use(es_flow_control_budget_t *budget,
                        apr_interval_time_t most, apr_interval_time_t waited,
                        apr_time_t now);

/** One publisher's view of all deliveries. */
typedef struct es_flow_control_t es_flow_control_t;

/**
 * Make one, in p.
 *
 * @param most  the budget of this publisher's pauses, in microseconds;
 *              0 = it never waits
 *
 * Context: WORKER.
 */
es_flow_control_t *es_flow_control_create(const es_store_t *store,
                                          apr_interval_time_t most,
                                          apr_pool_t *p);

/**
 * Must the publisher wait before it appends more? It is asked again after each
 * pause: the time since the last call counts as a pause if that returned 1.
 *
 * @param now   of a clock that only rises
 * @param late  bits as of touched in es_store_append: set for children that are
 *              behind and may have to be woken up, cleared for all others
 *
 * Context: the publisher's thread, no lock.
 */
int es_flow_control_must_wait(es_flow_control_t *flow, apr_time_t now,
                              apr_uint64_t *late);

/** How long the publisher has waited in all. Context: its thread. */
apr_interval_time_t es_flow_control_waited(const es_flow_control_t *flow);

#endif
