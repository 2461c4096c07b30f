/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The function is set once before threads start and only read afterwards, so
 * it needs no lock.
 */
#include "base/log.h"

#include <stdarg.h>

#include <apr_strings.h>

#include "base/context.h"
#include "base/log_queue.h"

static es_log_fn_t *log_fn;

void es_log_set_handler(es_log_fn_t *fn)
{
    log_fn = fn;
}

static void write_message(int level, apr_status_t rv, const char *tag,
                          const char *text)
{
    if (log_fn != NULL) {
        log_fn(level, rv, tag, text);
    }
}

apr_status_t es_log_start_thread(apr_pool_t *pool)
{
    return es_log_queue_start(write_message, pool);
}

void es_log(int level, apr_status_t rv, const char *tag, const char *fmt, ...)
{
    char text[ES_LOG_TEXT_SIZE];
    va_list args;

    if (log_fn == NULL) {
        return;
    }
    va_start(args, fmt);
    apr_vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (!es_context_is(ES_DELIVERY | ES_SENDER | ES_CLUSTER) ||
        !es_log_queue_add(level, rv, tag, text)) {
        log_fn(level, rv, tag, text);
    }
}

int es_log_limit_level(apr_time_t *last, int level, apr_time_t now)
{
    /* relaxed: only the time itself is shared */
    apr_time_t then = __atomic_load_n(last, __ATOMIC_RELAXED);

    if (then != 0 && now - then < ES_LOG_LIMIT_PAUSE) {
        return ES_LOG_DEBUG;
    }
    /* of several threads at once, one logs at the level */
    return __atomic_compare_exchange_n(last, &then, now, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED)
               ? level
               : ES_LOG_DEBUG;
}
