/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A thread of ours in a process of httpd's: it is started with all signals
 * blocked and joined within a time limit. There is also a condition variable
 * whose deadline is a time of base/clock.h.
 *
 * A thread that does not end in time runs until the process exits. It may use
 * its data until then, so that data is not freed.
 */
#ifndef ES_BASE_THREAD_H
#define ES_BASE_THREAD_H

#include <apr_pools.h>
#include <apr_time.h>

#include <pthread.h>

/** Embedded in what the thread works on; all fields are private. */
typedef struct es_thread_t {
    pthread_t id;
    void (*run)(void *arg);
    void (*destroy)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t cond; /* is_done has been set */
    int is_done;         /* guarded by lock; run has returned */
    int is_joined;       /* of the thread that joins */
} es_thread_t;

/**
 * Start the thread.
 *
 * @param run      what the thread does
 * @param destroy  frees arg, and thread with it if it is a part of arg; called
 *                 by the cleanup of pool if the thread was joined before, and
 *                 never if it was not
 * @param pool     not used by the thread
 * @return APR_SUCCESS, or why there is no thread: then destroy is not called
 *         either, and arg is still the caller's
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_thread_start(es_thread_t *thread, void (*run)(void *arg),
                             void (*destroy)(void *arg), void *arg,
                             apr_pool_t *pool);

/**
 * Wait until the thread has ended.
 *
 * @param timeout  at most; negative = 0
 * @return APR_SUCCESS, also if it was joined before; APR_TIMEUP
 *
 * Context: one thread at a time, that which cleans up the pool too.
 */
apr_status_t es_thread_join(es_thread_t *thread, apr_interval_time_t timeout);

/**
 * Wait until run has returned, however long that takes. Does not join.
 *
 * Context: ANY other thread.
 */
void es_thread_wait(es_thread_t *thread);

/**
 * Make a pool for a thread alone: neither its allocator nor its parent is
 * another thread's. If there is no memory, the process aborts, as with httpd's
 * own pools.
 *
 * @param pool  destroyed by the thread, or after it was joined
 * @return APR_SUCCESS, or why there is none
 */
apr_status_t es_thread_pool_create(apr_pool_t **pool);

/** Make a condition variable for es_thread_cond_wait. */
void es_thread_cond_init(pthread_cond_t *cond);

/**
 * Wait for a condition; it may also return without cause.
 *
 * @param lock  held by the caller
 * @param by    deadline, as of es_clock_now
 * @return 0, ETIMEDOUT
 */
int es_thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                        apr_time_t by);

#endif
