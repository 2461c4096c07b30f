/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pthread_join has no deadline. So the thread sets a flag as its last act, and
 * es_thread_join waits for the flag: once it is set, pthread_join returns
 * within microseconds.
 */
#include "base/thread.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static void *on_thread(void *data)
{
    es_thread_t *thread = data;

    thread->run(thread->arg);
    pthread_mutex_lock(&thread->lock);
    thread->is_done = 1;
    pthread_cond_broadcast(&thread->cond);
    pthread_mutex_unlock(&thread->lock);
    return NULL;
}

/* httpd's threads handle signals; one that interrupted ours would run httpd's
 * handler in it. */
static int create_without_signals(es_thread_t *thread)
{
    sigset_t all, before;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread->id, NULL, on_thread, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static void clear(es_thread_t *thread)
{
    pthread_cond_destroy(&thread->cond);
    pthread_mutex_destroy(&thread->lock);
}

/* A thread that was not joined may be anywhere: its memory stays. */
static apr_status_t on_pool_cleanup(void *data)
{
    es_thread_t *thread = data;

    if (thread->is_joined) {
        clear(thread);
        thread->destroy(thread->arg);
    }
    return APR_SUCCESS;
}

apr_status_t es_thread_start(es_thread_t *thread, void (*run)(void *arg),
                             void (*destroy)(void *arg), void *arg,
                             apr_pool_t *pool)
{
    int error;

    thread->run = run;
    thread->destroy = destroy;
    thread->arg = arg;
    thread->is_done = 0;
    thread->is_joined = 0;
    pthread_mutex_init(&thread->lock, NULL);
    es_thread_cond_init(&thread->cond);
    error = create_without_signals(thread);
    if (error != 0) {
        clear(thread);
        return APR_FROM_OS_ERROR(error);
    }
    apr_pool_cleanup_register(pool, thread, on_pool_cleanup,
                              apr_pool_cleanup_null);
    return APR_SUCCESS;
}

static int wait_done(es_thread_t *thread, apr_time_t by)
{
    int error = 0;
    int is_done;

    pthread_mutex_lock(&thread->lock);
    while (!thread->is_done && error == 0) {
        error = es_thread_cond_wait(&thread->cond, &thread->lock, by);
    }
    is_done = thread->is_done;
    pthread_mutex_unlock(&thread->lock);
    return is_done;
}

apr_status_t es_thread_join(es_thread_t *thread, apr_interval_time_t timeout)
{
    if (thread->is_joined) {
        return APR_SUCCESS;
    }
    if (!wait_done(thread, es_clock_now() + (timeout > 0 ? timeout : 0))) {
        return APR_TIMEUP;
    }
    pthread_join(thread->id, NULL);
    thread->is_joined = 1;
    return APR_SUCCESS;
}

void es_thread_wait(es_thread_t *thread)
{
    pthread_mutex_lock(&thread->lock);
    while (!thread->is_done) {
        pthread_cond_wait(&thread->cond, &thread->lock);
    }
    pthread_mutex_unlock(&thread->lock);
}

/* ---- its pool ---------------------------------------------------------- */

/* Bytes that the allocator keeps for later. */
#define FREE_MAX (4 * 1024 * 1024)

/* As httpd does with its own pools: without it, a pool returns NULL, and the
 * process would end at any later line. */
static int on_no_memory(int unused)
{
    (void)unused;
    abort();
}

apr_status_t es_thread_pool_create(apr_pool_t **pool)
{
    apr_allocator_t *allocator;
    apr_status_t rv = apr_allocator_create(&allocator);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    apr_allocator_max_free_set(allocator, FREE_MAX);
    rv = apr_pool_create_unmanaged_ex(pool, NULL, allocator);
    if (rv != APR_SUCCESS) {
        apr_allocator_destroy(allocator);
        return rv;
    }
    apr_allocator_owner_set(allocator, *pool);
    apr_pool_abort_set(on_no_memory, *pool);
    return APR_SUCCESS;
}

/* ---- conditions -------------------------------------------------------- */

void es_thread_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* es_clock_now's */
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

int es_thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock,
                        apr_time_t by)
{
    struct timespec at;

    at.tv_sec = (time_t)apr_time_sec(by);
    at.tv_nsec = (long)apr_time_usec(by) * 1000;
    return pthread_cond_timedwait(cond, lock, &at);
}
