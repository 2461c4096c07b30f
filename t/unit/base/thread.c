/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/thread.c. */
#include "t/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "t/unit/deny_threads.h"

#include "base/clock.h"
#include "base/thread.h"

#define SECOND APR_USEC_PER_SEC

typedef struct job_t {
    es_thread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond; /* may_end has been set */
    int may_end;         /* guarded by lock */
    sigset_t blocked;    /* in the thread */
    int destroyed;
} job_t;

static void job_init(job_t *job)
{
    memset(job, 0, sizeof(*job));
    pthread_mutex_init(&job->lock, NULL);
    es_thread_cond_init(&job->cond);
}

static void job_clear(job_t *job)
{
    pthread_cond_destroy(&job->cond);
    pthread_mutex_destroy(&job->lock);
}

static void on_thread(void *arg)
{
    job_t *job = arg;

    pthread_sigmask(SIG_SETMASK, NULL, &job->blocked);
    pthread_mutex_lock(&job->lock);
    while (!job->may_end) {
        pthread_cond_wait(&job->cond, &job->lock);
    }
    pthread_mutex_unlock(&job->lock);
}

static void on_destroy(void *arg)
{
    ((job_t *)arg)->destroyed++;
}

static void let_it_end(job_t *job)
{
    pthread_mutex_lock(&job->lock);
    job->may_end = 1;
    pthread_cond_signal(&job->cond);
    pthread_mutex_unlock(&job->lock);
}

static void job_start(job_t *job)
{
    job_init(job);
    assert_int_equal(
        es_thread_start(&job->thread, on_thread, on_destroy, job, pool),
        APR_SUCCESS);
}

FACTS(a_thread_has_all_signals_blocked_and_its_starter_none)
{
    sigset_t before, after;
    job_t job;

    pthread_sigmask(SIG_SETMASK, NULL, &before);
    job_start(&job);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    let_it_end(&job);
    assert_int_equal(es_thread_join(&job.thread, 10 * SECOND), APR_SUCCESS);
    assert_true(sigismember(&job.blocked, SIGTERM));
    assert_true(sigismember(&job.blocked, SIGHUP));
    assert_true(sigismember(&job.blocked, SIGUSR1));
    assert_int_equal(sigismember(&after, SIGTERM),
                     sigismember(&before, SIGTERM));
    apr_pool_clear(pool);
    job_clear(&job);
}

FACTS(a_join_gives_up_at_its_deadline_and_may_be_repeated)
{
    apr_time_t start = es_clock_now();
    job_t job;

    job_start(&job);
    assert_int_equal(es_thread_join(&job.thread, SECOND / 10), APR_TIMEUP);
    assert_true(es_clock_now() - start >= SECOND / 10);
    assert_int_equal(es_thread_join(&job.thread, 0), APR_TIMEUP);
    assert_int_equal(es_thread_join(&job.thread, -SECOND), APR_TIMEUP);
    let_it_end(&job);
    assert_int_equal(es_thread_join(&job.thread, 10 * SECOND), APR_SUCCESS);
    assert_int_equal(es_thread_join(&job.thread, 0), APR_SUCCESS);
    apr_pool_clear(pool);
    job_clear(&job);
}

FACTS(the_pool_destroys_what_a_joined_thread_used)
{
    job_t job;

    job_start(&job);
    let_it_end(&job);
    assert_int_equal(es_thread_join(&job.thread, 10 * SECOND), APR_SUCCESS);
    assert_int_equal(job.destroyed, 0);
    apr_pool_clear(pool);
    assert_int_equal(job.destroyed, 1);
    job_clear(&job);
}

FACTS(the_pool_leaves_what_a_thread_may_still_use)
{
    job_t job;

    job_start(&job);
    assert_int_equal(es_thread_join(&job.thread, 0), APR_TIMEUP);
    apr_pool_clear(pool);
    assert_int_equal(job.destroyed, 0);
    let_it_end(&job);
    assert_int_equal(es_thread_join(&job.thread, 10 * SECOND), APR_SUCCESS);
    job_clear(&job);
}

static void *on_waiter(void *arg)
{
    es_thread_wait(arg);
    return NULL;
}

FACTS(any_thread_may_wait_for_the_end)
{
    pthread_t waiters[2];
    job_t job;

    job_start(&job);
    assert_int_equal(pthread_create(&waiters[0], NULL, on_waiter, &job.thread),
                     0);
    assert_int_equal(pthread_create(&waiters[1], NULL, on_waiter, &job.thread),
                     0);
    let_it_end(&job);
    pthread_join(waiters[0], NULL);
    pthread_join(waiters[1], NULL);
    es_thread_wait(&job.thread);
    assert_int_equal(es_thread_join(&job.thread, 0), APR_SUCCESS);
    apr_pool_clear(pool);
    job_clear(&job);
}

FACTS(a_thread_that_cannot_start_leaves_nothing_behind)
{
    job_t job;

    job_init(&job);
    unit_deny_threads();
    assert_int_not_equal(
        es_thread_start(&job.thread, on_thread, on_destroy, &job, pool),
        APR_SUCCESS);
    unit_allow_threads();
    apr_pool_clear(pool);
    assert_int_equal(job.destroyed, 0);
    job_clear(&job);
}

FACTS(a_condition_waits_until_a_time_of_our_clock)
{
    apr_time_t by = es_clock_now() + SECOND / 10;
    int error = 0;
    job_t job;

    job_init(&job);
    pthread_mutex_lock(&job.lock);
    while (error == 0) {
        error = es_thread_cond_wait(&job.cond, &job.lock, by);
    }
    pthread_mutex_unlock(&job.lock);
    assert_int_equal(error, ETIMEDOUT);
    assert_true(es_clock_now() >= by);
    assert_true(es_clock_now() < by + 10 * SECOND);
    job_clear(&job);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_thread_has_all_signals_blocked_and_its_starter_none),
    UNIT(a_join_gives_up_at_its_deadline_and_may_be_repeated),
    UNIT(the_pool_destroys_what_a_joined_thread_used),
    UNIT(the_pool_leaves_what_a_thread_may_still_use),
    UNIT(any_thread_may_wait_for_the_end),
    UNIT(a_thread_that_cannot_start_leaves_nothing_behind),
    UNIT(a_condition_waits_until_a_time_of_our_clock),
};

UNIT_MAIN(tests)
