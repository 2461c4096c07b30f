/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The timers of conns: keep-alives, timeouts, and the next try of a socket
 * that took nothing although it was writable.
 *
 * Context of all: DELIVERY.
 */
#ifndef ES_DELIVER_CONN_TIMERS_H
#define ES_DELIVER_CONN_TIMERS_H

#include "deliver/conns.h"

/**
 * Run the timers that are due, and try STALLED conns again.
 *
 * @param deadline  NULL = all; if some are left, es_conn_timers_wait returns 0
 */
void es_conn_timers_expire(es_conns_t *conns, es_deadline_t *deadline,
                           apr_time_t now);

/** Microseconds until es_conn_timers_expire has to be called; -1 = no timer. */
apr_interval_time_t es_conn_timers_wait(const es_conns_t *conns,
                                        apr_time_t now);

/** Make the timer fire at due or earlier; 0 = no timer is needed. */
void es_conn_timers_set(es_conns_t *conns, es_conn_t *conn, apr_time_t due);

/** Step a conn whose socket is writable, or may be: if it takes nothing, do
 * not wait for epoll. */
void es_conn_timers_try(es_conns_t *conns, es_conn_t *conn, apr_time_t now);

#endif
