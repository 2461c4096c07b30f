/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The thread of a queue in static memory, with the queue's lock: what
 * base/line_queue and base/log_queue have in common. Others add to the queue,
 * and the thread writes, which may block without end. So the queue is never
 * freed: a thread that hangs in a write, and those that add, may use it until
 * the process exits.
 */
#ifndef ES_BASE_QUEUE_THREAD_H
#define ES_BASE_QUEUE_THREAD_H

#include <pthread.h>

#include "base/thread.h"

/** A part of the queue. lock, cond and is_running are for its owner. */
typedef struct es_queue_thread_t {
    pthread_mutex_t
        lock;            /* of the queue; not held while something is written */
    pthread_cond_t cond; /* something was added, or the thread is to end */
    int is_running;      /* guarded by lock; 1 = the queue takes more; when it
                           * is 0 and nothing is left, the thread returns */
    int has_thread;      /* private; of the main thread */
    es_thread_t thread;  /* private */
} es_queue_thread_t;

#define ES_QUEUE_THREAD_INIT                                                \
    {                                                                       \
        .lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER \
    }

/**
 * Start the thread.
 *
 * @param run   takes from the queue until is_running is 0 and nothing is left;
 *              its argument is NULL
 * @param pool  not used by the thread; its cleanup follows es_queue_thread_stop
 * @return APR_SUCCESS, or why there is no thread: then is_running is 0
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_queue_thread_start(es_queue_thread_t *queue,
                                   void (*run)(void *unused), apr_pool_t *pool);

/**
 * Write what is left and end the thread. A thread that hangs in a write runs
 * until the process exits, and what is left is lost.
 *
 * @param timeout  how long to wait for that at most; negative = 0
 * @return APR_SUCCESS, also without a thread; APR_TIMEUP
 *
 * Context: the child's main thread, when no thread adds any more.
 */
apr_status_t es_queue_thread_stop(es_queue_thread_t *queue,
                                  apr_interval_time_t timeout);

#endif
