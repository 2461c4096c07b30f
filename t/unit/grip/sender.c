/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/sender.c: the thread wakes, answers, and stops in time. */
#include "t/unit/grip_kit.h"

#include "t/unit/fake_client.h"

#include "grip/sender.h"

#define HOUR (3600 * APR_USEC_PER_SEC)

static es_sender_hub_t hubs[1];
static es_sender_t *sender;
static apr_pool_t *sender_pool; /* its cleanup frees the sender */

static void start(apr_uint32_t child)
{
    es_sender_params_t params = {0};

    apr_pool_create(&sender_pool, NULL);
    params.outbox_shm = hub.outboxes;
    params.child = child;
    params.hubs = hubs;
    params.nhubs = 1;
    assert_int_equal(es_sender_start(&sender, &params, sender_pool),
                     APR_SUCCESS);
}

/* The thread sleeps, and all that it has to do is done. */
static void await_sleep(void)
{
    fake_await_waits(fake_waits() + 1);
}

static void stop(void)
{
    es_sender_stop(sender);
    assert_int_equal(es_sender_join(sender, FAKE_DEADLINE), APR_SUCCESS);
}

/* ---- a publisher that waits -------------------------------------------- */

typedef struct publisher_t {
    es_thread_t thread;
    range_t range;
    int again;
    int outcomes[HUB_PROXIES];
    int is_answered;
} publisher_t;

static void on_publisher(void *arg)
{
    publisher_t *publisher = arg;

    publisher->is_answered = es_sender_wait(
        sender, 0, publisher->range.from, publisher->range.to, publisher->again,
        es_clock_now() + HOUR, publisher->outcomes);
}

static void on_destroy(void *arg)
{
    (void)arg;
}

/* Lives in the test's pool, whose cleanup needs its thread. */
static publisher_t *start_publisher(range_t range, int again)
{
    publisher_t *publisher = apr_pcalloc(pool, sizeof(*publisher));

    publisher->range = range;
    publisher->again = again;
    publisher->outcomes[0] = publisher->outcomes[1] = ES_OUTCOME_OPEN;
    assert_int_equal(es_thread_start(&publisher->thread, on_publisher,
                                     on_destroy, publisher, pool),
                     APR_SUCCESS);
    return publisher;
}

static void finish(publisher_t *publisher)
{
    assert_int_equal(es_thread_join(&publisher->thread, FAKE_DEADLINE),
                     APR_SUCCESS);
    assert_true(publisher->is_answered);
}

/* ---- facts ------------------------------------------------------------- */

FACTS(a_wake_up_sends_to_all_proxies)
{
    start(1);
    publish("x", "1");
    es_sender_wake(sender);
    fake_await(0, 1);
    fake_await(1, 1);
    assert_string_equal(events_of(fake_body(0)), "x:1");
    assert_string_equal(events_of(fake_body(1)), "x:1");
}

FACTS(a_publisher_gets_the_outcome_at_each_proxy)
{
    publisher_t *publisher;

    start(1);
    publisher = start_publisher(publish("x", "1"), 0);
    fake_await(0, 1);
    fake_await(1, 1);
    fake_answer(0, 0);
    fake_answer(1, 502);
    finish(publisher);
    assert_int_equal(publisher->outcomes[0], ES_OUTCOME_TAKEN);
    assert_int_equal(publisher->outcomes[1], 502);
}

FACTS(a_proxy_that_hangs_does_not_delay_another)
{
    publisher_t *publisher;
    range_t second;

    start(1);
    publisher = start_publisher(publish("x", "1"), 0);
    fake_await(0, 1);
    fake_await(1, 1);
    fake_answer(1, 0);
    second = publish("x", "2");
    es_sender_wake(sender);
    fake_await(1, 2); /* proxy 0 has not answered */
    fake_answer(1, 0);
    assert_int_equal(fake_requests(0), 1);
    fake_answer(0, ES_OUTCOME_TIMEOUT);
    finish(publisher);
    assert_int_equal(publisher->outcomes[0], ES_OUTCOME_TIMEOUT);
    assert_int_equal(publisher->outcomes[1], ES_OUTCOME_TAKEN);
    fake_await(0, 2); /* published after the first request began */
    fake_answer(0, 0);
    publisher = start_publisher(second, 0);
    finish(publisher);
    assert_int_equal(publisher->outcomes[0], ES_OUTCOME_TAKEN);
}

FACTS(the_same_event_again_goes_only_to_the_proxy_that_failed)
{
    publisher_t *publisher;
    range_t range = publish("x", "1");

    start(1);
    publisher = start_publisher(range, 0);
    fake_await(0, 1);
    fake_await(1, 1);
    fake_answer(0, 0);
    fake_answer(1, 502);
    finish(publisher);
    publisher = start_publisher(range, 1);
    fake_await(1, 2);
    assert_string_equal(events_of(fake_body(1)), "x:1");
    fake_answer(1, 0);
    finish(publisher);
    assert_int_equal(publisher->outcomes[0], ES_OUTCOME_TAKEN);
    assert_int_equal(publisher->outcomes[1], ES_OUTCOME_TAKEN);
    assert_int_equal(fake_requests(0), 1);
    publisher = start_publisher(range, 1); /* a third time: all have it */
    finish(publisher);
    assert_int_equal(fake_requests(0), 1);
    assert_int_equal(fake_requests(1), 2);
}

FACTS(a_wait_that_is_over_leaves_the_outcome_open)
{
    range_t range = publish("x", "1");
    int outcomes[HUB_PROXIES] = {ES_OUTCOME_OPEN, ES_OUTCOME_OPEN};

    start(1);
    fake_await(0, 1);
    assert_false(es_sender_wait(sender, 0, range.from, range.to, 0,
                                es_clock_now() - 1, outcomes));
    assert_int_equal(outcomes[0], ES_OUTCOME_OPEN);
}

/* ---- another child ----------------------------------------------------- */

FACTS(a_sender_waits_for_the_outbox_of_another_child)
{
    es_outbox_t *outbox = es_outbox_shm_at(hub.outboxes, 0);
    publisher_t *publisher;

    /* as another child: a robust mutex belongs to a thread */
    assert_int_equal(es_outbox_acquire(outbox), APR_SUCCESS);
    start(1);
    publisher = start_publisher(publish("x", "1"), 0);
    fake_await(1, 1);
    fake_answer(1, 0);
    await_sleep();
    assert_int_equal(fake_requests(0), 0);
    es_outbox_report(outbox, publisher->range.from, publisher->range.to, 503);
    es_outbox_release(outbox);
    es_outbox_shm_wake_all(hub.outboxes);
    finish(publisher);
    assert_int_equal(publisher->outcomes[0], 503);
    assert_int_equal(fake_requests(0), 0);
}

FACTS(a_sender_takes_over_from_a_child_that_died)
{
    publisher_t *publisher;
    range_t range = publish("x", "1");
    pid_t pid = fork();

    if (pid == 0) {
        _exit(es_outbox_acquire(es_outbox_shm_at(hub.outboxes, 0)));
    }
    kit_wait(pid);
    start(1);
    publisher = start_publisher(range, 0);
    fake_await(0, 1);
    fake_await(1, 1);
    fake_answer(0, 0);
    fake_answer(1, 0);
    finish(publisher);
    assert_int_equal(publisher->outcomes[0], ES_OUTCOME_TAKEN);
}

/* ---- stop -------------------------------------------------------------- */

FACTS(an_idle_sender_stops_at_once)
{
    start(1);
    stop();
}

FACTS(a_stop_may_be_repeated)
{
    start(1);
    es_sender_stop(sender);
    es_sender_stop(sender);
    assert_int_equal(es_sender_join(sender, FAKE_DEADLINE), APR_SUCCESS);
    assert_int_equal(es_sender_join(sender, 0), APR_SUCCESS);
}

FACTS(a_stop_lets_a_request_in_flight_end)
{
    publisher_t *publisher;

    start(1);
    publisher = start_publisher(publish("x", "1"), 0);
    fake_await(0, 1);
    fake_await(1, 1);
    fake_await_wait_below(APR_USEC_PER_SEC); /* the publisher waits */
    fake_answer_at_next_wait();
    es_sender_stop(sender);
    finish(publisher);
    assert_int_equal(publisher->outcomes[0], ES_OUTCOME_TAKEN);
    assert_int_equal(publisher->outcomes[1], ES_OUTCOME_TAKEN);
    stop();
}

FACTS(a_stop_does_not_wait_for_a_proxy_that_hangs)
{
    es_outbox_t *outbox = es_outbox_shm_at(hub.outboxes, 0);
    publisher_t *publisher;
    apr_time_t begin = es_clock_now();

    start(1);
    publisher = start_publisher(publish("x", "1"), 0);
    fake_await(0, 1);
    fake_await(1, 1);
    stop(); /* no request ever ends */
    assert_true(es_clock_now() - begin >= 2 * APR_USEC_PER_SEC);
    finish(publisher);
    assert_int_equal(publisher->outcomes[0], ES_OUTCOME_STOPPING);
    assert_int_equal(publisher->outcomes[1], ES_OUTCOME_STOPPING);
    assert_true(fake.lines[0]->is_closed);
    assert_false(fake.lines[0]->is_busy);
    /* another child may send it */
    assert_int_equal(
        es_outbox_outcome(outbox, publisher->range.from, publisher->range.to),
        ES_OUTCOME_OPEN);
    assert_int_equal(es_outbox_acquire(outbox), APR_SUCCESS);
    es_outbox_release(outbox);
}

FACTS(a_join_has_a_deadline)
{
    start(1);
    assert_int_equal(es_sender_join(sender, 0), APR_TIMEUP);
    stop();
}

FACTS(a_hub_without_proxies_has_nothing_to_send)
{
    hubs[0].grip = NULL;
    start(1);
    publish("x", "1");
    es_sender_wake(sender);
    await_sleep();
    assert_int_equal(fake.count, 0);
}

/* ---- Main -------------------------------------------------------------- */

static int before_each(void **state)
{
    (void)state;
    hub_open(65536);
    fake_open();
    hubs[0].name = "default";
    hubs[0].store = hub.store;
    hubs[0].grip = &hub.grip;
    hubs[0].outboxes[0] = 0;
    hubs[0].outboxes[1] = 1;
    return 0;
}

static int after_each(void **state)
{
    fake_answer_at_next_wait();
    stop();
    apr_pool_destroy(sender_pool); /* no publisher waits any more */
    fake_close();
    hub_close();
    return unit_after_each(state);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, before_each, after_each)

static const struct CMUnitTest tests[] = {
    TEST(a_wake_up_sends_to_all_proxies),
    TEST(a_publisher_gets_the_outcome_at_each_proxy),
    TEST(a_proxy_that_hangs_does_not_delay_another),
    TEST(the_same_event_again_goes_only_to_the_proxy_that_failed),
    TEST(a_wait_that_is_over_leaves_the_outcome_open),
    TEST(a_sender_waits_for_the_outbox_of_another_child),
    TEST(a_sender_takes_over_from_a_child_that_died),
    TEST(an_idle_sender_stops_at_once),
    TEST(a_stop_may_be_repeated),
    TEST(a_stop_lets_a_request_in_flight_end),
    TEST(a_stop_does_not_wait_for_a_proxy_that_hangs),
    TEST(a_join_has_a_deadline),
    TEST(a_hub_without_proxies_has_nothing_to_send),
};

UNIT_MAIN(tests)
