/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers hold the lock with signals blocked, and wait without it: see
 * base/sigblock.h. They wait for the state of their job, or for room, in a
 * futex.
 */
#include "cluster/job.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/sigblock.h"
#include "shm/wakeup.h"
#include "cluster/futex.h"

/* ---- state --------------------------------------------------------------- */

int es_cluster_job_state(const es_cluster_job_t *job)
{
    /* acquire: what was written before the state is seen */
    return (int)__atomic_load_n(&job->state, __ATOMIC_ACQUIRE);
}

static void set_state(es_cluster_job_t *job, int state)
{
    __atomic_store_n(&job->state, (apr_uint32_t)state, __ATOMIC_RELEASE);
}

/* ---- jobs ---------------------------------------------------------------- */

es_cluster_job_t *es_cluster_job_create(int argc, apr_size_t bytes, char **text)
{
    apr_size_t words = sizeof(es_slice_t) * (apr_size_t)argc;
    es_cluster_job_t *job = malloc(sizeof(*job) + words + bytes);

    if (job == NULL) {
        return NULL;
    }
    memset(job, 0, sizeof(*job));
    es_list_init(&job->link);
    job->state = ES_CLUSTER_JOB_QUEUED;
    job->refs = 2;
    job->argc = argc;
    job->argv = (es_slice_t *)(void *)(job + 1);
    job->bytes = sizeof(*job) + words + bytes;
    *text = (char *)(job->argv + argc);
    return job;
}

void es_cluster_job_free(es_cluster_job_t *job)
{
    free(job);
}

int es_cluster_job_wait(es_cluster_job_t *job, apr_time_t by)
{
    int state = es_cluster_job_state(job);

    while (state != ES_CLUSTER_JOB_DONE) {
        apr_interval_time_t left = by - es_clock_now();

        if (left <= 0) {
            break;
        }
        es_cluster_futex_wait(&job->state, (apr_uint32_t)state, left);
        state = es_cluster_job_state(job);
    }
    return state;
}

/* ---- queue --------------------------------------------------------------- */

void es_cluster_queue_init(es_cluster_queue_t *queue, int wake_fd)
{
    memset(queue, 0, sizeof(*queue));
    pthread_mutex_init(&queue->lock, NULL);
    es_list_init(&queue->again);
    es_list_init(&queue->jobs);
    queue->wake_fd = wake_fd;
}

void es_cluster_queue_clear(es_cluster_queue_t *queue)
{
    pthread_mutex_destroy(&queue->lock);
}

/* The last one frees the job. */
static void let_go_locked(es_cluster_job_t *job, es_cluster_job_t **freed)
{
    *freed = --job->refs == 0 ? job : NULL;
}

/* The job does not count any more. */
static void uncount_locked(es_cluster_queue_t *queue,
                           const es_cluster_job_t *job)
{
    queue->count--;
    queue->bytes -= job->bytes;
    __atomic_add_fetch(&queue->room, 1, __ATOMIC_RELEASE);
}

static void free_lane_locked(es_cluster_job_t *job, apr_status_t rv)
{
    if (job->lane != NULL) {
        if (es_cluster_job_state(job) != ES_CLUSTER_JOB_QUEUED) {
            job->lane->is_busy = 0;
        }
        if (job->lane->rv == APR_SUCCESS) {
            job->lane->rv = rv;
        }
        job->lane = NULL;
    }
}

static int has_room_locked(const es_cluster_queue_t *queue,
                           const es_cluster_job_t *job)
{
    return queue->count == 0 ||
           (queue->count < ES_CLUSTER_QUEUE_JOBS &&
            queue->bytes + job->bytes <= ES_CLUSTER_QUEUE_BYTES);
}

/* @param room  to wait for, on APR_EAGAIN */
static apr_status_t try_put(es_cluster_queue_t *queue, es_cluster_job_t *job,
                            apr_uint32_t *room)
{
    apr_status_t rv = APR_SUCCESS;
    es_sigblock_t sigblock;

    es_sigblock_begin(&sigblock);
    pthread_mutex_lock(&queue->lock);
    *room = __atomic_load_n(&queue->room, __ATOMIC_RELAXED);
    if (queue->is_closed) {
        rv = APR_EOF;
    }
    else if (!has_room_locked(queue, job)) {
        rv = APR_EAGAIN;
    }
    else {
        queue->count++;
        queue->bytes += job->bytes;
        es_list_append(&queue->jobs, &job->link);
    }
    pthread_mutex_unlock(&queue->lock);
    es_sigblock_end(&sigblock);
    return rv;
}

apr_status_t es_cluster_queue_put(es_cluster_queue_t *queue,
                                  es_cluster_job_t *job)
{
    apr_uint32_t room;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    while ((rv = try_put(queue, job, &room)) == APR_EAGAIN) {
        apr_interval_time_t left = job->by - es_clock_now();

        if (left <= 0) {
            rv = APR_TIMEUP;
            break;
        }
        es_cluster_futex_wait(&queue->room, room, left);
    }
    if (rv != APR_SUCCESS) {
        free(job);
        return rv;
    }
    es_wakeup_signal(queue->wake_fd);
    return APR_SUCCESS;
}

/* What is known of a job that is not done. */
static void leave_locked(es_cluster_queue_t *queue, es_cluster_job_t *job,
                         es_cluster_result_t *result)
{
    int state = es_cluster_job_state(job);

    free_lane_locked(job, APR_TIMEUP);
    result->maybe_sent = state != ES_CLUSTER_JOB_QUEUED;
    result->is_stored = state == ES_CLUSTER_JOB_STORED;
    if (state == ES_CLUSTER_JOB_QUEUED) {
        es_list_remove(&job->link);
        uncount_locked(queue, job);
        job->refs--; /* of the publisher's thread, which has not got it */
    }
}

apr_status_t es_cluster_queue_leave(es_cluster_queue_t *queue,
                                    es_cluster_job_t *job,
                                    es_cluster_result_t *result)
{
    apr_status_t rv = APR_TIMEUP;
    es_cluster_job_t *freed;
    es_sigblock_t sigblock;

    ES_CONTEXT(ES_WORKER);
    es_sigblock_begin(&sigblock);
    pthread_mutex_lock(&queue->lock);
    *result = job->result;
    if (es_cluster_job_state(job) == ES_CLUSTER_JOB_DONE) {
        rv = job->rv;
    }
    else {
        leave_locked(queue, job, result);
        apr_cpystrn(result->why,
                    result->is_stored ? "no replica has confirmed it"
                                      : "the broker has not answered in time",
                    sizeof(result->why));
    }
    let_go_locked(job, &freed);
    pthread_mutex_unlock(&queue->lock);
    es_sigblock_end(&sigblock);
    free(freed);
    es_cluster_futex_wake(&queue->room);
    return rv;
}

/* ---- the publisher's thread ---------------------------------------------- */

/* Answer a job of which the lock is held. */
static void answer_locked(es_cluster_queue_t *queue, es_cluster_job_t *job,
                          apr_status_t rv, const es_cluster_result_t *result,
                          es_cluster_job_t **freed)
{
    es_list_remove(&job->link);
    free_lane_locked(job, rv);
    uncount_locked(queue, job);
    job->rv = rv;
    if (result != NULL) {
        job->result = *result;
    }
    set_state(job, ES_CLUSTER_JOB_DONE);
    es_cluster_futex_wake(
        &job->state); /* with the lock: it cannot be freed meanwhile */
    let_go_locked(job, freed);
}

void es_cluster_queue_answer(es_cluster_queue_t *queue, es_cluster_job_t *job,
                             apr_status_t rv, const es_cluster_result_t *result)
{
    es_cluster_job_t *freed;

    pthread_mutex_lock(&queue->lock);
    answer_locked(queue, job, rv, result, &freed);
    pthread_mutex_unlock(&queue->lock);
    free(freed);
    es_cluster_futex_wake(&queue->room);
}

/* A job whose lane has failed fails too. @return 1 if it was answered */
static int fail_with_lane_locked(es_cluster_queue_t *queue,
                                 es_cluster_job_t *job)
{
    es_cluster_result_t result;
    es_cluster_job_t *freed;

    if (job->lane == NULL || job->lane->rv == APR_SUCCESS) {
        return 0;
    }
    memset(&result, 0, sizeof(result));
    apr_cpystrn(result.why, "what was published before it has failed",
                sizeof(result.why));
    answer_locked(queue, job, job->lane->rv, &result, &freed);
    free(freed);
    return 1;
}

/** What one take may take. */
typedef struct take_t {
    es_list_t *taken;
    int jobs;         /* that may still be taken */
    apr_size_t bytes; /* the same */
    int is_full;
} take_t;

static void take_one_locked(es_cluster_job_t *job, take_t *take)
{
    take->is_full = take->jobs == 0 || (job->bytes > take->bytes &&
                                        !es_list_is_empty(take->taken));
    if (take->is_full) {
        return;
    }
    take->jobs--;
    take->bytes -= job->bytes < take->bytes ? job->bytes : take->bytes;
    es_list_remove(&job->link);
    es_list_append(take->taken, &job->link);
    set_state(job, ES_CLUSTER_JOB_SENT);
    if (job->lane != NULL) {
        job->lane->is_busy = 1;
    }
}

static void take_list_locked(es_cluster_queue_t *queue, es_list_t *list,
                             take_t *take)
{
    es_list_t *link, *next;

    for (link = list->next; link != list && !take->is_full; link = next) {
        es_cluster_job_t *job = ES_LIST_OWNER(link, es_cluster_job_t, link);

        next = link->next;
        if (!fail_with_lane_locked(queue, job) &&
            (job->lane == NULL || !job->lane->is_busy)) {
            take_one_locked(job, take);
        }
    }
}

void es_cluster_queue_take(es_cluster_queue_t *queue, es_list_t *taken,
                           int max_jobs, apr_size_t max_bytes)
{
    take_t take = {taken, max_jobs, max_bytes, 0};

    pthread_mutex_lock(&queue->lock);
    take_list_locked(queue, &queue->again, &take);
    take_list_locked(queue, &queue->jobs, &take);
    pthread_mutex_unlock(&queue->lock);
    es_cluster_futex_wake(&queue->room);
}

void es_cluster_queue_again(es_cluster_queue_t *queue, es_cluster_job_t *job)
{
    es_cluster_job_t *freed = NULL;

    pthread_mutex_lock(&queue->lock);
    es_list_remove(&job->link);
    if (job->refs == 1) {
        uncount_locked(queue, job); /* its worker has left */
        let_go_locked(job, &freed);
    }
    else {
        set_state(job, ES_CLUSTER_JOB_QUEUED);
        es_list_append(&queue->again, &job->link);
        if (job->lane != NULL) {
            job->lane->is_busy = 0;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    free(freed);
}

void es_cluster_queue_store(es_cluster_queue_t *queue, es_cluster_job_t *job)
{
    pthread_mutex_lock(&queue->lock);
    set_state(job, ES_CLUSTER_JOB_STORED);
    pthread_mutex_unlock(&queue->lock);
}

void es_cluster_queue_refuse(es_cluster_queue_t *queue, apr_status_t rv,
                             const char *why)
{
    es_list_t *lists[2] = {&queue->again, &queue->jobs};
    es_cluster_result_t result;
    es_cluster_job_t *freed;
    int i;

    memset(&result, 0, sizeof(result));
    apr_cpystrn(result.why, why, sizeof(result.why));
    pthread_mutex_lock(&queue->lock);
    for (i = 0; i < 2; i++) {
        while (!es_list_is_empty(lists[i])) {
            es_cluster_job_t *job =
                ES_LIST_OWNER(lists[i]->next, es_cluster_job_t, link);

            answer_locked(queue, job, rv, &result, &freed);
            free(freed);
        }
    }
    pthread_mutex_unlock(&queue->lock);
    es_cluster_futex_wake(&queue->room);
}

void es_cluster_queue_close(es_cluster_queue_t *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_closed = 1;
    __atomic_add_fetch(&queue->room, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&queue->lock);
    es_cluster_futex_wake(&queue->room);
}

int es_cluster_queue_is_empty(es_cluster_queue_t *queue)
{
    int is_empty;

    pthread_mutex_lock(&queue->lock);
    is_empty =
        es_list_is_empty(&queue->again) && es_list_is_empty(&queue->jobs);
    pthread_mutex_unlock(&queue->lock);
    return is_empty;
}
