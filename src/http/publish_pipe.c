/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The batches that are on their way are in a circle of jobs, the oldest first:
 *
 *     first ─► [job][job][job][   ][   ]     count = 3
 *
 * They are jobs of one lane: stored in this order, and once one has failed,
 * those behind it fail, too.
 */
#include "http/publish.h"

#include "base/clock.h"
#include "server/cluster_runtime.h"
#include "server/stats.h"

/* Most batches on their way. */
#define OPEN_MAX 8

typedef struct job_t {
    es_cluster_job_t *job;
    apr_time_t began; /* of es_clock_now */
    int events;
    es_pos_t before; /* the head when it was sent; with GRIP proxies only */
} job_t;

struct es_publish_pipe_t {
    const es_runtime_hub_t *hub;
    es_cluster_publisher_t *publisher;
    es_cluster_lane_t lane;
    job_t jobs[OPEN_MAX];
    int first;
    int count;
};

es_publish_pipe_t *es_publish_pipe_create(const es_runtime_hub_t *hub,
                                          apr_pool_t *pool)
{
    es_publish_pipe_t *pipe;

    if (!hub || !hub->cluster || !es_cluster_runtime_publisher(hub)) {
        return NULL;
    }
    pipe = apr_pcalloc(pool, sizeof(*pipe));
    pipe->hub = hub;
    pipe->publisher = es_cluster_runtime_publisher(hub);
    return pipe;
}

int es_publish_pipe_takes(const es_batch_t *batch)
{
    int i;

    for (i = 0; i < batch->count; i++) {
        if (batch->events[i].id.len != 0) {
            return 0;
        }
    }
    return !es_publishers_exist();
}

/* @param done  a copy of it */
static apr_status_t finish_oldest(es_publish_pipe_t *pipe, job_t *done,
                                  es_cluster_result_t *result)
{
    const job_t *oldest = &pipe->jobs[pipe->first];

    memset(result, 0, sizeof(*result));
    pipe->first = (pipe->first + 1) % OPEN_MAX;
    pipe->count--;
    *done = *oldest;
    return es_cluster_publish_finish(oldest->job, result);
}

/* Gives back the jobs behind one that has failed. */
static void drop_jobs(es_publish_pipe_t *pipe)
{
    es_cluster_result_t result;
    job_t done;

    while (pipe->count > 0) {
        (void)finish_oldest(pipe, &done, &result);
    }
}

static int finish_one(es_publish_pipe_t *pipe, es_publish_piped_t *piped,
                      apr_pool_t *p, es_problem_t *why)
{
    es_cluster_result_t result;
    job_t done;
    apr_status_t rv = finish_oldest(pipe, &done, &result);

    if (rv != APR_SUCCESS) {
        drop_jobs(pipe);
        return es_publish_cluster_refuse(pipe->hub, NULL, rv, &result, p, why);
    }
    es_publish_cluster_done(pipe->hub, done.events, done.before, &result,
                            &piped->done);
    es_stats_note_publish(pipe->hub, es_clock_now() - done.began);
    piped->published += (apr_uint64_t)done.events;
    return 1;
}

int es_publish_pipe_finish(es_publish_pipe_t *pipe, es_publish_piped_t *piped,
                           apr_pool_t *p, es_problem_t *why)
{
    while (pipe->count > 0) {
        if (!finish_one(pipe, piped, p, why)) {
            return 0;
        }
    }
    return 1;
}

int es_publish_pipe_send(es_publish_pipe_t *pipe, const es_batch_t *batch,
                         es_publish_piped_t *piped, apr_pool_t *p,
                         es_problem_t *why)
{
    es_cluster_result_t nothing = {.why = "too much is on its way"};
    apr_status_t rv;
    job_t *job;

    if (pipe->count == OPEN_MAX && !finish_one(pipe, piped, p, why)) {
        return 0;
    }
    job = &pipe->jobs[(pipe->first + pipe->count) % OPEN_MAX];
    job->events = batch->count;
    job->before = pipe->hub->grip ? es_store_head(pipe->hub->store) : 0;
    job->began = es_clock_now();
    rv = es_cluster_publish_begin(pipe->publisher, &pipe->lane, batch,
                                  es_cluster_runtime_wait_by(pipe->hub),
                                  &job->job);
    es_cluster_runtime_waited();
    if (rv != APR_SUCCESS) {
        return es_publish_pipe_finish(pipe, piped, p, why) &&
               es_publish_cluster_refuse(pipe->hub, batch, rv, &nothing, p,
                                         why);
    }
    pipe->count++;
    return 1;
}
