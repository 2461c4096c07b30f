/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The error log of the rooms that know no httpd: they write to it through one
 * function, which src/server sets. Until it is set (unit tests), nothing is
 * written. Also a rate limit for messages that any client can cause.
 */
#ifndef ES_BASE_LOG_H
#define ES_BASE_LOG_H

#include <apr_errno.h>
#include <apr_pools.h>
#include <apr_time.h>

/** The numbers are syslog's, as httpd's APLOG_ levels are. */
enum {
    ES_LOG_CRIT = 2,
    ES_LOG_ERR = 3,
    ES_LOG_WARNING = 4,
    ES_LOG_NOTICE = 5,
    ES_LOG_INFO = 6,
    ES_LOG_DEBUG = 7
};

/** Bytes of a message, with NUL; longer ones are cut. More than httpd's own
 * lines mostly have. */
#define ES_LOG_TEXT_SIZE 1024

/** Writes one message; text is complete, without tag and line end. */
typedef void es_log_fn_t(int level, apr_status_t rv, const char *tag,
                         const char *text);

/** Set where messages go; NULL = nowhere. Context: before threads start. */
void es_log_set_handler(es_log_fn_t *fn);

/**
 * From now on a thread of its own writes the messages of the delivery, of the
 * sender and of a cluster's threads (base/log_queue.h), until
 * es_log_queue_stop: these never wait for the error log.
 *
 * @return APR_SUCCESS, or why there is no thread
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_log_start_thread(apr_pool_t *pool);

/**
 * Log one message.
 *
 * @param level ES_LOG_…
 * @param rv    logged with its text; APR_SUCCESS = none
 * @param tag   "ES" and four digits, each used in one place of the code
 *              (docs/messages.md)
 *
 * Context: ANY, without locks held. Blocks as a write to the error log does,
 * except in DELIVERY, SENDER and CLUSTER after es_log_start_thread.
 */
void es_log(int level, apr_status_t rv, const char *tag, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** Between two messages of a kind at their level, in a process. */
#define ES_LOG_LIMIT_PAUSE (10 * APR_USEC_PER_SEC)

/**
 * The level at which to log a message that any client can cause: its own once
 * in ES_LOG_LIMIT_PAUSE, and debug in between. Put it into a variable for
 * httpd's macros, which evaluate a level twice.
 *
 * @param last   of this kind of message; 0 at the start, atomic
 * @param level  ES_LOG_… or APLOG_…
 * @param now    by a clock that only goes on, not 0
 * @return level, or ES_LOG_DEBUG if ES_LOG_LIMIT_PAUSE is not over
 *
 * Context: ANY.
 */
int es_log_limit_level(apr_time_t *last, int level, apr_time_t now);

#endif
