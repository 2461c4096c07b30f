/* SPDX-License-Identifier: Apache-2.0 */
/**
 * clock: the one clock of the load generator.
 *
 * CLOCK_MONOTONIC is the same for all processes of a machine, so that an
 * event's stamp, made by the publishing process, can be compared with the
 * time at which a reading process saw it.
 */
#ifndef EB_CLOCK_H
#define EB_CLOCK_H

#include <stdint.h>
#include <time.h>

#define EB_NS_PER_SEC UINT64_C(1000000000)
#define EB_NS_PER_MS UINT64_C(1000000)
#define EB_NS_PER_US UINT64_C(1000)

/** Nanoseconds since some fixed moment in the past. */
static inline uint64_t eb_clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * EB_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/** Sleep; a signal may end it early. */
static inline void eb_clock_sleep(uint64_t ns)
{
    struct timespec ts;

    ts.tv_sec = (time_t)(ns / EB_NS_PER_SEC);
    ts.tv_nsec = (long)(ns % EB_NS_PER_SEC);
    nanosleep(&ts, NULL);
}

#endif
