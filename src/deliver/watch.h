/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A watch: a worker that holds a client waits on it for new events of the
 * client's channels, instead of reading the journal all the time. This header
 * is the worker's side; es_delivery_watch makes a watch, es_delivery_unwatch
 * gives it back.
 */
#ifndef ES_DELIVER_WATCH_H
#define ES_DELIVER_WATCH_H

#include <apr_time.h>

#include "journal/store.h"

typedef struct es_watch_t es_watch_t;

/**
 * Wait until there was news since the last wait, the watch was stopped, or
 * timeout is over.
 *
 * @return 1: news; 0: timeout is over; -1: the child stops, end the stream
 *
 * Context: WORKER, blocks.
 */
int es_watch_wait(es_watch_t *watch, apr_interval_time_t timeout);

/**
 * Report where the client of this watch stands, before each step and after the
 * last one.
 *
 * @param pos  the first record that it has not seen; 0 = it has seen all
 *
 * Context: WORKER, no lock.
 */
void es_watch_report_pos(es_watch_t *watch, es_pos_t pos, apr_time_t now);

#endif
