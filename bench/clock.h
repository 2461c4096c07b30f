/* SPDX-License-Identifier: Apache-2.0 */
/**
 * clock: CLOCK_MONOTONIC in nanoseconds.
 *
 * It is the same for all processes of a machine, so that the stamp of an event,
 * made by the publishing process, can be compared with the time at which a
 * reading process received it.
 */
#ifndef EB_CLOCK_H
#define EB_CLOCK_H

#include <stdint.h>
#include <time.h>

#define EB_NS_PER_SEC UINT64_C(1000000000)
#define EB_NS_PER_MS UINT64_C(1000000)
#define EB_NS_PER_US UINT64_C(1000)

/** Nanoseconds since a fixed moment in the past. */
static inline uint64_t eb_clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * EB_NS_PER_SEC + (uint64_t)ts.tv_nsec;
}

/** Sleep; a signal may wake it early. */
static inline void eb_clock_sleep(uint64_t ns)
{
    struct timespec ts;

    ts.tv_sec = (time_t)(ns / EB_NS_PER_SEC);
    ts.tv_nsec = (long)(ns % EB_NS_PER_SEC);
    nanosleep(&ts, NULL);
}

#endif
