/* SPDX-License-Identifier: Apache-2.0 */
#include "base/queue_thread.h"

static void keep(void *unused)
{
    (void)unused; /* the queue is static */
}

static void set_running(es_queue_thread_t *queue, int is_running)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_running = is_running;
    pthread_cond_signal(&queue->cond);
    pthread_mutex_unlock(&queue->lock);
}

apr_status_t es_queue_thread_start(es_queue_thread_t *queue,
                                   void (*run)(void *unused), apr_pool_t *pool)
{
    apr_status_t rv;

    set_running(queue, 1);
    rv = es_thread_start(&queue->thread, run, keep, NULL, pool);
    queue->has_thread = rv == APR_SUCCESS;
    if (!queue->has_thread) {
        set_running(queue, 0);
    }
    return rv;
}

apr_status_t es_queue_thread_stop(es_queue_thread_t *queue,
                                  apr_interval_time_t timeout)
{
    set_running(queue, 0);
    return queue->has_thread ? es_thread_join(&queue->thread, timeout)
                             : APR_SUCCESS;
}
