/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The clock by which clients are served: it only goes on, also when somebody
 * sets the time of day.
 */
#ifndef ES_BASE_CLOCK_H
#define ES_BASE_CLOCK_H

#include <apr_time.h>

#include <time.h>

/** Microseconds since some moment. Context: ANY. */
static inline apr_time_t es_clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (apr_time_t)now.tv_sec * APR_USEC_PER_SEC + now.tv_nsec / 1000;
}

/** The same in milliseconds: what es_store_clock is told. Context: ANY. */
static inline apr_uint64_t es_clock_ms(void)
{
    return (apr_uint64_t)(es_clock_now() / 1000);
}

#endif
