/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The monotonic clock, by which clients are served: it advances steadily, also
 * when an administrator sets the time of day.
 */
#ifndef ES_BASE_CLOCK_H
#define ES_BASE_CLOCK_H

#include <apr_time.h>

#include <time.h>

/**
 * Microseconds since a moment that is the same in all processes.
 *
 * Context: ANY.
 */
static inline apr_time_t es_clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_time_t)now.tv_sec * APR_USEC_PER_SEC + now.tv_nsec / 1000;
}

/** The same in milliseconds, the unit of es_store_set_clock. Context: ANY. */
static inline apr_uint64_t es_clock_ms(void)
{
    return (apr_uint64_t)(es_clock_now() / 1000);
}

#endif
