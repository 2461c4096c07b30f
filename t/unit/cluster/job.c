/* SPDX-License-Identifier: Apache-2.0 */
/* The queue of jobs: order, lanes, limits, workers that leave. */
#include "t/unit/unit.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cluster/job.h"

static es_cluster_queue_t queue;
static es_list_t taken;
static int wake_fd;

static int setup(void **state)
{
    (void)state;
    wake_fd = eventfd(0, EFD_NONBLOCK);
    es_cluster_queue_init(&queue, wake_fd);
    es_list_init(&taken);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(queue.count, 0);
    assert_int_equal(queue.bytes, 0);
    es_cluster_queue_clear(&queue);
    close(wake_fd);
    return 0;
}

static es_cluster_job_t *make(apr_size_t bytes, es_cluster_lane_t *lane,
                              apr_interval_time_t wait)
{
    char *text;
    es_cluster_job_t *job = es_cluster_job_create(2, bytes, &text);

    assert_non_null(job);
    memset(text, 'x', bytes);
    job->lane = lane;
    job->by = es_clock_now() + wait;
    return job;
}

static es_cluster_job_t *put(es_cluster_lane_t *lane)
{
    es_cluster_job_t *job = make(10, lane, 10 * APR_USEC_PER_SEC);

    assert_int_equal(es_cluster_queue_put(&queue, job), 0);
    return job;
}

static es_cluster_job_t *take(void)
{
    es_cluster_job_t *job;

    es_cluster_queue_take(&queue, &taken, 1, 1000);
    if (es_list_is_empty(&taken)) {
        return NULL;
    }
    job = ES_LIST_OWNER(taken.next, es_cluster_job_t, link);
    es_list_remove(&job->link);
    return job;
}

static apr_status_t leave(es_cluster_job_t *job, es_cluster_result_t *result)
{
    return es_cluster_queue_leave(&queue, job, result);
}

static void jobs_are_taken_in_order(void **state)
{
    es_cluster_result_t result = {.known = 7};
    es_cluster_job_t *a = put(NULL), *b = put(NULL);
    struct pollfd fd = {wake_fd, POLLIN, 0};

    (void)state;
    assert_int_equal(poll(&fd, 1, 0), 1);
    assert_ptr_equal(take(), a);
    assert_ptr_equal(take(), b);
    assert_null(take());
    es_cluster_queue_answer(&queue, b, 0, &result);
    es_cluster_queue_answer(&queue, a, APR_EEXIST, NULL);
    assert_int_equal(es_cluster_job_wait(a, 0), ES_CLUSTER_JOB_DONE);
    assert_int_equal(leave(b, &result), 0);
    assert_int_equal(result.known, 7);
    assert_int_equal(leave(a, &result), APR_EEXIST);
}

static void jobs_to_be_sent_again_come_first(void **state)
{
    es_cluster_job_t *a = put(NULL), *b = put(NULL), *c;
    es_cluster_result_t result;

    (void)state;
    take();
    take();
    c = put(NULL);
    es_cluster_queue_again(&queue, a);
    es_cluster_queue_again(&queue, b);
    assert_ptr_equal(take(), a);
    assert_ptr_equal(take(), b);
    assert_ptr_equal(take(), c);
    es_cluster_queue_answer(&queue, a, 0, NULL);
    es_cluster_queue_answer(&queue, b, 0, NULL);
    es_cluster_queue_answer(&queue, c, 0, NULL);
    leave(a, &result);
    leave(b, &result);
    leave(c, &result);
}

static void jobs_of_a_lane_go_one_by_one(void **state)
{
    es_cluster_lane_t lane = ES_CLUSTER_LANE_INIT;
    es_cluster_job_t *a = put(&lane), *b = put(&lane), *other = put(NULL);
    es_cluster_result_t result;

    (void)state;
    assert_ptr_equal(take(), a);
    assert_ptr_equal(take(), other);
    assert_null(take());
    es_cluster_queue_again(&queue, a);
    assert_ptr_equal(take(), a);
    assert_null(take());
    es_cluster_queue_answer(&queue, a, 0, NULL);
    assert_ptr_equal(take(), b);
    es_cluster_queue_answer(&queue, b, 0, NULL);
    es_cluster_queue_answer(&queue, other, 0, NULL);
    assert_int_equal(leave(a, &result), 0);
    assert_int_equal(leave(b, &result), 0);
    leave(other, &result);
}

static void a_lane_ends_with_the_first_failure(void **state)
{
    es_cluster_lane_t lane = ES_CLUSTER_LANE_INIT;
    es_cluster_job_t *a = put(&lane), *b = put(&lane), *c;
    es_cluster_result_t result;

    (void)state;
    take();
    es_cluster_queue_answer(&queue, a, APR_EGENERAL, NULL);
    assert_null(take());
    assert_int_equal(es_cluster_job_state(b), ES_CLUSTER_JOB_DONE);
    assert_int_equal(leave(a, &result), APR_EGENERAL);
    assert_int_equal(leave(b, &result), APR_EGENERAL);
    assert_false(result.maybe_sent);
    c = put(&lane);
    assert_null(take());
    assert_int_equal(leave(c, &result), APR_EGENERAL);
}

static void a_worker_that_leaves_knows_what_may_have_been(void **state)
{
    es_cluster_lane_t lane = ES_CLUSTER_LANE_INIT;
    es_cluster_job_t *waits = put(NULL), *sent, *stored;
    es_cluster_result_t result;

    (void)state;
    assert_int_equal(es_cluster_job_wait(waits, es_clock_now() + 1000),
                     ES_CLUSTER_JOB_QUEUED);
    assert_int_equal(leave(waits, &result), APR_TIMEUP);
    assert_false(result.maybe_sent);
    assert_null(take());

    sent = put(&lane);
    assert_ptr_equal(take(), sent);
    assert_int_equal(leave(sent, &result), APR_TIMEUP);
    assert_true(result.maybe_sent);
    assert_false(result.is_stored);
    assert_int_equal(lane.rv, APR_TIMEUP);
    memset(&lane, 0x55, sizeof(lane)); /* it has gone: nobody touches it */
    es_cluster_queue_answer(&queue, sent, 0, NULL);
    assert_int_equal(lane.is_busy, 0x55555555);

    stored = put(NULL);
    assert_ptr_equal(take(), stored);
    es_cluster_queue_store(&queue, stored);
    assert_int_equal(leave(stored, &result), APR_TIMEUP);
    assert_true(result.is_stored);
    es_cluster_queue_answer(&queue, stored, 0, NULL);
}

static void a_job_without_a_worker_is_not_sent_again(void **state)
{
    es_cluster_job_t *job = put(NULL);
    es_cluster_result_t result;

    (void)state;
    take();
    leave(job, &result);
    es_cluster_queue_again(&queue, job);
    assert_null(take());
}

static void the_queue_is_limited(void **state)
{
    es_cluster_job_t *large =
        make(ES_CLUSTER_QUEUE_BYTES + 1, NULL, APR_USEC_PER_SEC);
    es_cluster_result_t result;
    apr_time_t began;

    (void)state;
    assert_int_equal(es_cluster_queue_put(&queue, large), 0); /* alone */
    began = es_clock_now();
    assert_int_equal(es_cluster_queue_put(&queue, make(1, NULL, 30000)),
                     APR_TIMEUP);
    assert_true(es_clock_now() - began >= 30000);
    assert_int_equal(leave(large, &result), APR_TIMEUP);
    large = put(NULL);
    leave(large, &result);
}

static void a_take_is_limited(void **state)
{
    es_cluster_job_t *jobs[3];
    es_cluster_result_t result;
    es_list_t rest;
    int i;

    (void)state;
    es_list_init(&rest);
    for (i = 0; i < 3; i++) {
        jobs[i] = make(1000, NULL, APR_USEC_PER_SEC);
        assert_int_equal(es_cluster_queue_put(&queue, jobs[i]), 0);
    }
    es_cluster_queue_take(&queue, &taken, 9, jobs[0]->bytes * 2);
    assert_int_equal(es_cluster_job_state(jobs[1]), ES_CLUSTER_JOB_SENT);
    assert_int_equal(es_cluster_job_state(jobs[2]), ES_CLUSTER_JOB_QUEUED);
    es_cluster_queue_take(&queue, &rest, 9, 1); /* one in any case */
    assert_int_equal(es_cluster_job_state(jobs[2]), ES_CLUSTER_JOB_SENT);
    for (i = 0; i < 3; i++) {
        es_cluster_queue_answer(&queue, jobs[i], 0, NULL);
        leave(jobs[i], &result);
    }
}

static void a_closed_queue_takes_no_job(void **state)
{
    es_cluster_job_t *job = put(NULL);
    es_cluster_result_t result;

    (void)state;
    es_cluster_queue_close(&queue);
    assert_int_equal(es_cluster_queue_put(&queue, make(1, NULL, 100)), APR_EOF);
    es_cluster_queue_refuse(&queue, APR_EOF, "it stops");
    assert_int_equal(leave(job, &result), APR_EOF);
    assert_string_equal(result.why, "it stops");
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        FACT(jobs_are_taken_in_order),
        FACT(jobs_to_be_sent_again_come_first),
        FACT(jobs_of_a_lane_go_one_by_one),
        FACT(a_lane_ends_with_the_first_failure),
        FACT(a_worker_that_leaves_knows_what_may_have_been),
        FACT(a_job_without_a_worker_is_not_sent_again),
        FACT(the_queue_is_limited),
        FACT(a_take_is_limited),
        FACT(a_closed_queue_takes_no_job),
    };

    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
