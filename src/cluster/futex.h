/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Waiting for a word of this process to change, without a lock: a signal
 * handler may end the process in the middle of it (prefork). Header only.
 */
#ifndef ES_CLUSTER_FUTEX_H
#define ES_CLUSTER_FUTEX_H

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <apr_time.h>

/**
 * Wait while *word is seen; may also return without cause.
 *
 * @param at_most  in microseconds; 0 or less returns at once
 */
static inline void es_cluster_futex_wait(apr_uint32_t *word, apr_uint32_t seen,
                                         apr_interval_time_t at_most)
{
    struct timespec time;

    if (at_most > 0) {
        time.tv_sec = (time_t)apr_time_sec(at_most);
        time.tv_nsec = (long)apr_time_usec(at_most) * 1000;
        (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, &time, NULL,
                      0);
    }
}

/** Wake all that wait for word, which was changed before. */
static inline void es_cluster_futex_wake(apr_uint32_t *word)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

#endif
