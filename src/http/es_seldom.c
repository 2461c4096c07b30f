/* SPDX-License-Identifier: Apache-2.0 */
#include "http/es_seldom.h"

#include <httpd.h>
#include <http_log.h>

#define PAUSE (10 * APR_USEC_PER_SEC)

int es_seldom_level(apr_time_t *last)
{
    apr_time_t now = apr_time_now(), then;

    /* relaxed: two threads may both warn, which does no harm */
    then = __atomic_load_n(last, __ATOMIC_RELAXED);
    if (now - then < PAUSE && now >= then) {
        return APLOG_DEBUG;
    }
    __atomic_store_n(last, now, __ATOMIC_RELAXED);
    return APLOG_WARNING;
}
