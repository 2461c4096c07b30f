/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A pace for messages that any client can cause: a warning once in a while,
 * and otherwise to be seen by who looks for it.
 */
#ifndef ES_SELDOM_H
#define ES_SELDOM_H

#include <apr_time.h>

/**
 * The level at which to log now: APLOG_WARNING at most once in ten seconds in
 * a child, else APLOG_DEBUG. Put it into a variable: httpd's macros evaluate a
 * level twice.
 *
 * @param last  of this kind of message; static, begun as 0, atomic
 *
 * Context: ANY thread of a child.
 */
int es_seldom_level(apr_time_t *last);

#endif
