/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Waking another process: an eventfd for each child, which all children
 * inherit, and a flag in shared memory by which a sleeper asks for a wake-up,
 * so that a process that is awake costs its wakers no system call.
 *
 * The flag is a 32-bit word wherever the caller's segment has it: 1 = sleeps.
 * The head of wakeup.c explains why no wake-up is lost.
 */
#ifndef ES_SHM_WAKEUP_H
#define ES_SHM_WAKEUP_H

#include <apr_pools.h>

/**
 * Make the descriptors: all, or none.
 *
 * @param out    count descriptors, non-blocking, closed at exec; the array
 *               lives in pool, the descriptors as long as the process
 * @param count  1 or more
 * @return APR_SUCCESS, or errno of the one that could not be made
 *
 * Context: PARENT.
 */
apr_status_t es_wakeup_create(int **out, apr_uint32_t count, apr_pool_t *pool);

/**
 * The sleeper asks to be woken. It must look once more for what it waits for
 * after this call, and sleep only if there is nothing.
 *
 * Context: the sleeper.
 */
void es_wakeup_set_sleeping(apr_uint32_t *sleeping);

/** The sleeper is awake and needs no wake-up. Context: the sleeper. */
void es_wakeup_set_awake(apr_uint32_t *sleeping);

/**
 * A waker calls this once between its change of what sleepers wait for and
 * its es_wakeup_if_asleep for each of them. Context: ANY.
 */
void es_wakeup_fence(void);

/**
 * Wake a process if it sleeps; one that is awake will look by itself. Never
 * blocks.
 *
 * @param sleeping  the sleeper's flag; of several wakers one takes it back
 * @param fd        the sleeper's descriptor
 *
 * Context: ANY, after es_wakeup_fence; without locks.
 */
void es_wakeup_if_asleep(apr_uint32_t *sleeping, int fd);

/**
 * Make an eventfd readable, whatever its reader does. Never blocks if fd does
 * not; keeps errno.
 *
 * Context: ANY, also a signal handler.
 */
void es_wakeup_signal(int fd);

/** Make a non-blocking eventfd unreadable again. Context: its reader. */
void es_wakeup_drain(int fd);

#endif
