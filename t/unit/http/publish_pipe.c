/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of http/publish_pipe.c: the order of batches, how many are on their
 * way, and what is counted when one fails. The publisher thread is a stub.
 */
#include "t/unit/unit.h"

#include "http/publish_pipe.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

#define JOBS 40

struct es_cluster_job_t {
    int number; /* from 1, in the order of begin */
    int is_finished;
};

static struct {
    es_cluster_job_t jobs[JOBS];
    int begun, finished;
    int fails_at;         /* the number of a job; 0 = none */
    apr_status_t refuses; /* of the next begin */
    es_cluster_lane_t *lane;
} stub;

static es_runtime_hub_t hub;
static es_publish_pipe_t *pipe_;
static es_publish_piped_t piped;
static es_problem_t why;
static int has_publishers;

apr_status_t es_cluster_publish_begin(es_cluster_publisher_t *publisher,
                                      es_cluster_lane_t *lane,
                                      const es_batch_t *batch, apr_time_t by,
                                      es_cluster_job_t **job)
{
    (void)publisher;
    assert_int_equal(by, STUB_WAIT_BY);
    assert_true(batch->count > 0);
    assert_true(!stub.lane || stub.lane == lane);
    stub.lane = lane;
    if (stub.refuses != APR_SUCCESS) {
        *job = NULL;
        return stub.refuses;
    }
    *job = &stub.jobs[stub.begun++];
    (*job)->number = stub.begun;
    return APR_SUCCESS;
}

apr_status_t es_cluster_publish_finish(es_cluster_job_t *job,
                                       es_cluster_result_t *result)
{
    assert_int_equal(job->number, ++stub.finished); /* in order */
    assert_false(job->is_finished);
    job->is_finished = 1;
    result->last_id.ms = (apr_uint64_t)job->number;
    return stub.fails_at != 0 && job->number >= stub.fails_at ? APR_EGENERAL
                                                              : APR_SUCCESS;
}

int es_publish_cluster_refuse(const es_runtime_hub_t *given,
                              const es_batch_t *batch, apr_status_t rv,
                              const es_cluster_result_t *result, apr_pool_t *p,
                              es_problem_t *problem)
{
    (void)batch;
    (void)result;
    assert_ptr_equal(given, &hub);
    return es_problem_set(problem, p, rv == APR_ENOSPC ? 413 : 503, "Not.");
}

void es_publish_cluster_done(const es_runtime_hub_t *given, int events,
                             es_pos_t before, const es_cluster_result_t *result,
                             es_appended_t *done)
{
    assert_ptr_equal(given, &hub);
    assert_int_equal(before, 0); /* nobody asks for the records */
    runtime_stub.published += events;
    done->last_id = result->last_id;
}

int es_publishers_exist(void)
{
    return has_publishers;
}

static int open_pipe(void **state)
{
    static const es_cluster_conf_t cluster = {.hub = "news"};

    (void)state;
    memset(&stub, 0, sizeof(stub));
    memset(&hub, 0, sizeof(hub));
    hub.cluster = &cluster;
    memset(&piped, 0, sizeof(piped));
    memset(&runtime_stub, 0, sizeof(runtime_stub));
    runtime_stub.publisher = (es_cluster_publisher_t *)&stub;
    has_publishers = 0;
    pipe_ = es_publish_pipe_create(&hub, pool);
    assert_non_null(pipe_);
    return 0;
}

static int close_pipe(void **state)
{
    assert_int_equal(stub.finished, stub.begun); /* each job is given back */
    assert_int_equal(runtime_stub.broker_waits, 0);
    return unit_after_each(state);
}

static int sends(int events)
{
    es_batch_t batch = {.count = events};

    return es_publish_pipe_send(pipe_, &batch, &piped, pool, &why);
}

static int finishes(void)
{
    return es_publish_pipe_finish(pipe_, &piped, pool, &why);
}

FACTS(a_hub_without_broker_has_no_pipe)
{
    assert_null(es_publish_pipe_create(NULL, pool));
    hub.cluster = NULL;
    assert_null(es_publish_pipe_create(&hub, pool));
}

FACTS(eight_batches_are_on_their_way)
{
    int i;

    for (i = 0; i < 8; i++) {
        assert_true(sends(10));
    }
    assert_int_equal(stub.finished, 0);
    assert_int_equal(piped.published, 0);
    assert_true(sends(10)); /* waits for the oldest */
    assert_int_equal(stub.finished, 1);
    assert_int_equal(piped.published, 10);
    assert_true(finishes());
    assert_int_equal(piped.published, 90);
    assert_int_equal(piped.done.last_id.ms, 9);
    assert_int_equal(runtime_stub.published, 90);
    assert_true(finishes()); /* nothing is left */
}

FACTS(many_batches_go_round)
{
    int i;

    for (i = 0; i < JOBS; i++) {
        assert_true(sends(1));
    }
    assert_true(finishes());
    assert_int_equal(piped.published, JOBS);
    assert_int_equal(piped.done.last_id.ms, JOBS);
}

FACTS(batches_up_to_the_one_that_failed_are_counted)
{
    stub.fails_at = 3;
    assert_true(sends(1) && sends(1) && sends(1) && sends(1) && sends(1));
    assert_false(finishes());
    assert_int_equal(why.status, 503);
    assert_int_equal(piped.published, 2);
    assert_int_equal(piped.done.last_id.ms, 2);
    assert_int_equal(stub.finished, 5);
}

FACTS(a_failure_is_seen_when_the_next_batch_is_sent)
{
    int i;

    stub.fails_at = 1;
    for (i = 0; i < 8; i++) {
        assert_true(sends(1));
    }
    assert_false(sends(1));
    assert_int_equal(why.status, 503);
    assert_int_equal(piped.published, 0);
    assert_true(finishes()); /* all were given back */
}

FACTS(a_batch_that_is_refused_at_once_lets_those_before_it_pass)
{
    assert_true(sends(1) && sends(1));
    stub.refuses = APR_ENOSPC;
    assert_false(sends(1));
    assert_int_equal(why.status, 413);
    assert_int_equal(piped.published, 2);
}

FACTS(batches_that_may_clash_or_have_other_publishers_are_not_taken)
{
    es_event_t events[2] = {{.retry_ms = -1}, {.retry_ms = -1}};
    es_batch_t batch = {.events = events, .count = 2};

    assert_true(es_publish_pipe_takes(&batch));
    events[1].id = S("mine");
    assert_false(es_publish_pipe_takes(&batch));
    events[1].id = S("");
    has_publishers = 1;
    assert_false(es_publish_pipe_takes(&batch));
}

#define PIPE(name) cmocka_unit_test_setup_teardown(name, open_pipe, close_pipe)

static const struct CMUnitTest tests[] = {
    PIPE(a_hub_without_broker_has_no_pipe),
    PIPE(eight_batches_are_on_their_way),
    PIPE(many_batches_go_round),
    PIPE(batches_up_to_the_one_that_failed_are_counted),
    PIPE(a_failure_is_seen_when_the_next_batch_is_sent),
    PIPE(a_batch_that_is_refused_at_once_lets_those_before_it_pass),
    PIPE(batches_that_may_clash_or_have_other_publishers_are_not_taken),
};

UNIT_MAIN(tests)
