/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How the layers that know no httpd write to the error log: through one
 * function that the http layer has set. Unset (unit tests), nothing is
 * written.
 */
#ifndef ES_BASE_LOG_H
#define ES_BASE_LOG_H

#include <apr_errno.h>

/** The numbers are syslog's, as httpd's APLOG_ levels are. */
enum {
    ES_LOG_CRIT = 2,
    ES_LOG_ERR = 3,
    ES_LOG_WARNING = 4,
    ES_LOG_NOTICE = 5,
    ES_LOG_INFO = 6,
    ES_LOG_DEBUG = 7
};

/** Writes one message; text is complete, without tag and line end. */
typedef void es_log_fn_t(int level, apr_status_t rv, const char *tag,
                         const char *text);

/** Set where messages go; NULL = nowhere. Context: before threads start. */
void es_log_to(es_log_fn_t *fn);

/**
 * Log one message.
 *
 * @param level ES_LOG_…
 * @param rv    told along with its text; APR_SUCCESS = none
 * @param tag   "ES" and four digits, one place each (docs/messages.md)
 *
 * Context: ANY, without locks held.
 */
void es_log(int level, apr_status_t rv, const char *tag, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif
