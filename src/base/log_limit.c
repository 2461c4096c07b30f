/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_limit.h"

#include "base/log.h"

int es_log_limit_level(apr_time_t *last, int level, apr_time_t now)
{
    /* relaxed: a time, nothing hangs on it */
    apr_time_t then = __atomic_load_n(last, __ATOMIC_RELAXED);

    if (then != 0 && now - then < ES_LOG_LIMIT_PAUSE) {
        return ES_LOG_DEBUG;
    }
    /* of several threads that come at once, one is loud */
    return __atomic_compare_exchange_n(last, &then, now, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED)
               ? level
               : ES_LOG_DEBUG;
}
