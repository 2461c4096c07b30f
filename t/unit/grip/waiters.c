/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/waiters.c: a worker waits for outcomes, and is answered. */
#include "t/unit/unit.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "grip/outcome.h"
#include "grip/waiters.h"

#define HOUR (3600 * APR_USEC_PER_SEC)
#define PROXIES 3

static es_waiters_t waiters;

/* ---- a worker ---------------------------------------------------------- */

typedef struct worker_t {
    es_thread_t thread;
    es_waiter_t waiter;
    int outcomes[PROXIES];
    apr_time_t by;
    int is_answered; /* what es_waiters_wait returned */
    int listed[2];   /* pipe; readable = the waiter is in the list */
} worker_t;

static void on_listed(void *arg)
{
    worker_t *worker = arg;
    char byte = 0;

    assert_int_equal(write(worker->listed[1], &byte, 1), 1);
}

/* Lives in the test's pool, whose cleanup needs its thread. */
static worker_t *create(apr_time_t by)
{
    worker_t *worker = apr_pcalloc(pool, sizeof(*worker));
    int i;

    assert_int_equal(pipe(worker->listed), 0);
    worker->by = by;
    worker->waiter.from = 100;
    worker->waiter.to = 200;
    worker->waiter.outcomes = worker->outcomes;
    worker->waiter.count = PROXIES;
    for (i = 0; i < PROXIES; i++) {
        worker->outcomes[i] = ES_OUTCOME_OPEN;
    }
    return worker;
}

static void wait_here(worker_t *worker)
{
    worker->is_answered = es_waiters_wait(&waiters, &worker->waiter, worker->by,
                                          on_listed, worker);
}

static void on_thread(void *arg)
{
    wait_here(arg);
}

static void on_destroy(void *arg)
{
    (void)arg;
}

/* Returns when the waiter is in the list. */
static worker_t *start(apr_time_t by)
{
    worker_t *worker = create(by);
    char byte;

    assert_int_equal(
        es_thread_start(&worker->thread, on_thread, on_destroy, worker, pool),
        APR_SUCCESS);
    assert_int_equal(read(worker->listed[0], &byte, 1), 1);
    return worker;
}

static void clear(worker_t *worker)
{
    close(worker->listed[0]);
    close(worker->listed[1]);
}

static void finish(worker_t *worker)
{
    assert_int_equal(es_thread_join(&worker->thread, HOUR), APR_SUCCESS);
    clear(worker);
}

/* ---- the sender -------------------------------------------------------- */

/* What is known of each proxy. */
typedef struct known_t {
    int outcomes[PROXIES];
    int looks; /* how often it was asked for */
} known_t;

static int look(void *arg, const es_waiter_t *waiter, int proxy)
{
    known_t *known = arg;

    assert_int_equal(waiter->from, 100);
    assert_int_equal(waiter->to, 200);
    known->looks++;
    return known->outcomes[proxy];
}

static int answer(known_t *known)
{
    return es_waiters_answer(&waiters, look, known);
}

/* ---- facts ------------------------------------------------------------- */

FACTS(a_waiter_is_answered_when_no_outcome_is_open)
{
    known_t known = {{ES_OUTCOME_TAKEN, ES_OUTCOME_OPEN, 503}, 0};
    worker_t *worker;

    worker = start(es_clock_now() + HOUR);
    assert_int_equal(answer(&known), 1);
    known.outcomes[1] = ES_OUTCOME_TAKEN;
    assert_int_equal(answer(&known), 0);
    finish(worker);
    assert_true(worker->is_answered);
    assert_int_equal(worker->outcomes[0], ES_OUTCOME_TAKEN);
    assert_int_equal(worker->outcomes[1], ES_OUTCOME_TAKEN);
    assert_int_equal(worker->outcomes[2], 503);
}

FACTS(an_outcome_is_final_once_it_is_known)
{
    known_t known = {{503, ES_OUTCOME_OPEN, ES_OUTCOME_OPEN}, 0};
    worker_t *worker;

    worker = start(es_clock_now() + HOUR);
    answer(&known);
    assert_int_equal(known.looks, 3);
    known = (known_t){{0, 0, 0}, 0};
    answer(&known);
    assert_int_equal(known.looks, 2); /* the first proxy is done */
    finish(worker);
    assert_int_equal(worker->outcomes[0], 503);
}

FACTS(each_waiter_has_its_own_answer)
{
    known_t known = {{0, 0, ES_OUTCOME_OPEN}, 0};
    worker_t *first, *second;

    first = start(es_clock_now() + HOUR);
    second = start(es_clock_now() + HOUR);
    assert_int_equal(answer(&known), 2);
    known.outcomes[2] = 500;
    assert_int_equal(answer(&known), 0);
    finish(first);
    finish(second);
    assert_int_equal(first->outcomes[2], 500);
    assert_int_equal(second->outcomes[2], 500);
}

FACTS(a_wait_ends_at_its_deadline)
{
    known_t known = {{0, 0, 0}, 0};
    worker_t *worker;

    worker = create(es_clock_now() - 1);
    wait_here(worker);
    assert_false(worker->is_answered);
    assert_int_equal(worker->outcomes[0], ES_OUTCOME_OPEN);
    assert_int_equal(answer(&known), 0); /* it is in no list */
    assert_int_equal(known.looks, 0);
    clear(worker);
}

FACTS(a_short_wait_is_not_answered_but_ends)
{
    worker_t *worker;

    worker = create(es_clock_now() + 20 * 1000);
    wait_here(worker);
    assert_false(worker->is_answered);
    assert_true(es_clock_now() >= worker->by);
    clear(worker);
}

/* The answer comes when the time is over, before the waiter is removed. */
static void answer_late(void *arg)
{
    known_t known = {{0, 503, 0}, 0};

    (void)arg;
    assert_int_equal(answer(&known), 0);
}

FACTS(a_late_answer_counts)
{
    worker_t *worker;

    worker = create(es_clock_now() - 1);
    assert_true(es_waiters_wait(&waiters, &worker->waiter, worker->by,
                                answer_late, NULL));
    assert_int_equal(worker->outcomes[1], 503);
    clear(worker);
}

FACTS(outcomes_that_were_known_before_the_deadline_stay)
{
    known_t known = {{0, ES_OUTCOME_OPEN, ES_OUTCOME_OPEN}, 0};
    worker_t *worker;

    worker = start(es_clock_now() + HOUR);
    answer(&known);
    es_waiters_close(&waiters);
    finish(worker);
    assert_int_equal(worker->outcomes[0], ES_OUTCOME_TAKEN);
    assert_int_equal(worker->outcomes[1], ES_OUTCOME_STOPPING);
}

FACTS(a_close_answers_all_waiters)
{
    worker_t *first, *second;

    first = start(es_clock_now() + HOUR);
    second = start(es_clock_now() + HOUR);
    es_waiters_close(&waiters);
    finish(first);
    finish(second);
    assert_true(first->is_answered);
    assert_true(second->is_answered);
    assert_int_equal(second->outcomes[2], ES_OUTCOME_STOPPING);
}

FACTS(after_a_close_a_waiter_is_answered_at_once)
{
    worker_t *worker;

    es_waiters_close(&waiters);
    worker = create(es_clock_now() + HOUR);
    wait_here(worker);
    assert_true(worker->is_answered);
    assert_int_equal(worker->outcomes[0], ES_OUTCOME_STOPPING);
    clear(worker);
}

FACTS(waits_and_answers_of_many_threads)
{
    enum { WORKERS = 8, ROUNDS = 20 };
    worker_t *workers[WORKERS];
    known_t known = {{0, 0, 0}, 0};
    int round, i;

    for (round = 0; round < ROUNDS; round++) {
        for (i = 0; i < WORKERS; i++) {
            workers[i] = start(es_clock_now() + HOUR);
            answer(&known); /* while others begin and end */
        }
        for (i = 0; i < WORKERS; i++) {
            finish(workers[i]);
            assert_true(workers[i]->is_answered);
        }
        apr_pool_clear(pool);
    }
    assert_int_equal(answer(&known), 0);
}

/* ---- Main -------------------------------------------------------------- */

static int before_each(void **state)
{
    (void)state;
    es_waiters_init(&waiters);
    return 0;
}

static int after_each(void **state)
{
    es_waiters_destroy(&waiters);
    return unit_after_each(state);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, before_each, after_each)

static const struct CMUnitTest tests[] = {
    TEST(a_waiter_is_answered_when_no_outcome_is_open),
    TEST(an_outcome_is_final_once_it_is_known),
    TEST(each_waiter_has_its_own_answer),
    TEST(a_wait_ends_at_its_deadline),
    TEST(a_short_wait_is_not_answered_but_ends),
    TEST(a_late_answer_counts),
    TEST(outcomes_that_were_known_before_the_deadline_stay),
    TEST(a_close_answers_all_waiters),
    TEST(after_a_close_a_waiter_is_answered_at_once),
    TEST(waits_and_answers_of_many_threads),
};

UNIT_MAIN(tests)
