/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The lines of EventStreamPublishLog: who has published to which channels, or
 * closed them, and with which result. A line has no contents of events.
 *
 * The code that serves a request notes what it reads and what it does. The line
 * is written before the publisher has the answer, so each publish that was
 * acknowledged is in the log. A request that httpd or another module has
 * refused gets its line when it ends.
 *
 * Context of all, except where another is named: WORKER; no lock.
 */
#ifndef ES_HTTP_PUBLISH_LOG_H
#define ES_HTTP_PUBLISH_LOG_H

#include <httpd.h>

#include "base/event.h"
#include "base/id.h"

typedef struct es_publish_log_t es_publish_log_t;

/**
 * The notes of a request, for the functions below, all of which take NULL.
 *
 * @return NULL: EventStreamPublishLog is off in its section
 */
es_publish_log_t *es_publish_log_of(request_rec *r);

/** Note the events of a batch that was read: their channels, their publisher's
 * ids, their bytes. */
void es_publish_log_batch(es_publish_log_t *log, const es_batch_t *batch);

/** Note channels that are to be closed. */
void es_publish_log_channels(es_publish_log_t *log, const es_slice_t *names,
                             int count);

/**
 * Note what was stored, in addition to what was noted before.
 *
 * @param events   count of them, also those that were stored already
 * @param last_id  of the events
 * @param clients  that receive them
 */
void es_publish_log_published(es_publish_log_t *log, apr_uint64_t events,
                              const es_id_t *last_id, apr_uint64_t clients);

/** Note that so many channels were closed; the rest as above. */
void es_publish_log_closed(es_publish_log_t *log, apr_uint64_t channels,
                           const es_id_t *id, apr_uint64_t clients);

/** Note that a user or a token was revoked. @param kind  a word, not copied */
void es_publish_log_revoked(es_publish_log_t *log, const char *kind,
                            es_slice_t name);

/** How often a request that goes on writes a line, in microseconds. */
#define ES_PUBLISH_LOG_PAUSE (10 * APR_USEC_PER_SEC)

/**
 * Write a line of what was noted since the line before, if there is something
 * and ES_PUBLISH_LOG_PAUSE is over. Its status is "-": the request goes on.
 *
 * @param now  by es_clock_now
 */
void es_publish_log_progress(es_publish_log_t *log, apr_time_t now);

/**
 * Write the line at the end of our handler, unless the status of the answer is
 * not known yet.
 *
 * @param rc  what the handler returns
 * @return rc
 */
int es_publish_log_end(request_rec *r, int rc);

/**
 * Write the line of a request that has none yet: our handler did not run.
 *
 * @return DECLINED
 *
 * Context: hook log_transaction.
 */
int es_publish_log_transaction(request_rec *r);

#endif
