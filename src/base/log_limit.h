/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A pace for messages that any client can cause: loud once in a while, and
 * otherwise to be seen by who looks for it. Pure.
 */
#ifndef ES_BASE_LOG_LIMIT_H
#define ES_BASE_LOG_LIMIT_H

#include <apr_time.h>

/** Between two loud ones of a kind, in a process. */
#define ES_LOG_LIMIT_PAUSE (10 * APR_USEC_PER_SEC)

/**
 * The level at which to log now. Put it into a variable for httpd's macros:
 * they evaluate a level twice.
 *
 * @param last   of this kind of message; begun as 0, atomic
 * @param level  ES_LOG_… or APLOG_…, of those that are loud
 * @param now    by a clock that only goes on, not 0
 * @return level, or ES_LOG_DEBUG when ES_LOG_LIMIT_PAUSE is not over
 *
 * Context: ANY.
 */
int es_log_limit_level(apr_time_t *last, int level, apr_time_t now);

#endif
