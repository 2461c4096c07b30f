/* SPDX-License-Identifier: Apache-2.0 */
/* How long a publisher waits for a delivery that is behind. */
#include "t/unit/store_kit.h"

#include "journal/flow_control.h"

#define RING 65536
#define SECOND APR_USEC_PER_SEC
#define NOW (100 * SECOND)
#define MOST (20 * SECOND) /* for which the publisher waits in all */

typedef struct fixture_t {
    kit_t *kit;
    es_flow_control_t *flow;
    es_pos_t start; /* the head at first */
    apr_uint64_t late[2];
} fixture_t;

static int open_fixture(void **state)
{
    fixture_t *w = calloc(1, sizeof(*w));

    w->kit = kit_open(RING, 16, 0);
    w->flow = es_flow_control_create(w->kit->store, MOST, w->kit->pool);
    w->start = es_store_head(w->kit->store);
    *state = w;
    return 0;
}

static int close_fixture(void **state)
{
    fixture_t *w = *state;

    kit_close(w->kit, 0);
    free(w);
    return 0;
}

/* Append until the head is bytes or more after the start. */
static void append_up_to(fixture_t *w, apr_uint64_t bytes)
{
    es_appended_t done;

    while (es_store_head(w->kit->store) - w->start < bytes) {
        assert_int_equal(kit_append(w->kit, "a", "data: x\n\n", &done), 0);
    }
}

static int is_held(fixture_t *w, apr_time_t now)
{
    memset(w->late, 0xff, sizeof(w->late));
    return es_flow_control_must_wait(w->flow, now, w->late);
}

static void a_child_without_report_is_not_waited_for(void **state)
{
    fixture_t *w = *state;

    append_up_to(w, 3 * RING);
    assert_false(is_held(w, NOW));
    assert_int_equal(w->late[0], 0);
    assert_int_equal(w->late[1], 0);
}

static void a_publisher_waits_for_a_child_behind_by_half_the_ring(void **state)
{
    fixture_t *w = *state;

    append_up_to(w, RING / 2);
    es_flow_control_report(w->kit->store, 3,
                           es_store_head(w->kit->store) - RING / 2);
    assert_false(is_held(w, NOW));
    es_flow_control_report(w->kit->store, 3,
                           es_store_head(w->kit->store) - RING / 2 - 1);
    assert_true(is_held(w, NOW));
    assert_int_equal(w->late[0], 4);
    assert_int_equal(w->late[1], 0);
    es_flow_control_report(w->kit->store, 3, es_store_head(w->kit->store));
    assert_false(is_held(w, NOW));
    assert_int_equal(w->late[0], 0);
}

static void each_child_has_its_own_report(void **state)
{
    fixture_t *w = *state;

    append_up_to(w, RING);
    es_flow_control_report(w->kit->store, 1, es_store_head(w->kit->store));
    es_flow_control_report(w->kit->store, KIT_CHILDREN, w->start);
    assert_true(is_held(w, NOW));
    assert_int_equal(w->late[0], 0);
    assert_int_equal(w->late[1], 1 << (KIT_CHILDREN - 1 - 64));
    assert_int_equal(es_flow_control_reported(w->kit->store, KIT_CHILDREN),
                     w->start);
}

static void a_child_without_progress_is_waited_for_a_second(void **state)
{
    fixture_t *w = *state;

    es_flow_control_report(w->kit->store, 1, w->start);
    assert_false(is_held(w, NOW - 50 * SECOND));
    append_up_to(w, RING);
    assert_true(is_held(w, NOW));
    assert_true(is_held(w, NOW + SECOND - 1));
    assert_false(is_held(w, NOW + SECOND));
    /* a second in all while it is behind, not for each batch */
    append_up_to(w, 3 * RING);
    assert_false(is_held(w, NOW + SECOND + 1));
    assert_int_equal(w->late[0], 1);
    /* it makes progress */
    es_flow_control_report(w->kit->store, 1, w->start + 64);
    assert_true(is_held(w, NOW + 9 * SECOND));
    assert_false(is_held(w, NOW + 10 * SECOND));
}

static void a_child_that_has_caught_up_is_waited_for_again(void **state)
{
    fixture_t *w = *state;

    es_flow_control_report(w->kit->store, 1, w->start);
    append_up_to(w, RING);
    assert_true(is_held(w, NOW));
    es_flow_control_report(w->kit->store, 1, es_store_head(w->kit->store));
    assert_false(is_held(w, NOW));
    es_flow_control_report(w->kit->store, 1, w->start);
    assert_true(is_held(w, NOW + 5 * SECOND));
}

static void a_child_that_has_ended_is_not_waited_for(void **state)
{
    fixture_t *w = *state;

    es_flow_control_report(w->kit->store, 2, w->start);
    append_up_to(w, RING);
    assert_true(is_held(w, NOW));
    es_store_reap(w->kit->store, 2);
    assert_false(is_held(w, NOW));
    assert_int_equal(es_flow_control_reported(w->kit->store, 2), 0);
}

/* A child whose clients read for as long as they like, half a second from one
 * report to the next. @return for how long the publisher waited */
static apr_interval_time_t wait_for_slow(fixture_t *w, apr_time_t from,
                                         apr_time_t to)
{
    apr_interval_time_t waited = 0;
    apr_time_t now;

    for (now = from; now < to; now += SECOND / 100) {
        if ((now - from) % (SECOND / 2) == 0) {
            es_flow_control_report(w->kit->store, 1,
                                   w->start + (apr_uint64_t)(now % 999) + 1);
        }
        waited += is_held(w, now) ? SECOND / 100 : 0;
    }
    return waited;
}

static void a_publisher_waits_for_a_bounded_time_in_all(void **state)
{
    fixture_t *w = *state;
    apr_interval_time_t waited;

    append_up_to(w, RING);
    assert_int_equal(wait_for_slow(w, NOW, NOW + MOST), MOST);
    waited = wait_for_slow(w, NOW + MOST, NOW + 12 * MOST);
    assert_in_range(waited, MOST - SECOND, MOST + SECOND);
    /* a pause of the writer gives some of it back */
    es_flow_control_report(w->kit->store, 1, es_store_head(w->kit->store));
    assert_false(is_held(w, NOW + 12 * MOST));
    waited = wait_for_slow(w, NOW + 17 * MOST, NOW + 18 * MOST);
    assert_in_range(waited, MOST / 2, MOST / 2 + 3 * SECOND);
    assert_in_range(es_flow_control_waited(w->flow), 5 * MOST / 2 - SECOND,
                    3 * MOST);
}

static void with_no_time_a_publisher_never_waits(void **state)
{
    fixture_t *w = *state;

    w->flow = es_flow_control_create(w->kit->store, 0, w->kit->pool);
    append_up_to(w, RING);
    assert_int_equal(wait_for_slow(w, NOW, NOW + MOST), 0);
}

static void a_budget_is_used_and_given_back(void **state)
{
    es_flow_control_budget_t budget = {0};

    (void)state;
    assert_false(es_flow_control_use(&budget, 0, 0, NOW));
    assert_true(es_flow_control_use(&budget, 1, 0, NOW));
    assert_true(es_flow_control_use(&budget, MOST, MOST - 1, NOW + MOST - 1));
    assert_false(es_flow_control_use(&budget, MOST, 1, NOW + MOST));
    assert_false(es_flow_control_use(&budget, MOST, 0, NOW + MOST));
    /* a second for ten */
    assert_true(
        es_flow_control_use(&budget, MOST, 0, NOW + MOST + 10 * SECOND));
    assert_false(
        es_flow_control_use(&budget, MOST, SECOND, NOW + MOST + 11 * SECOND));
    /* never more than all of it */
    assert_true(es_flow_control_use(&budget, MOST, 0, NOW + 1000 * MOST));
    assert_false(es_flow_control_use(&budget, MOST, MOST, NOW + 1001 * MOST));
}

static void an_implausible_report_is_ignored(void **state)
{
    fixture_t *w = *state;

    append_up_to(w, RING);
    es_flow_control_report(w->kit->store, 1, ~(es_pos_t)0);
    es_flow_control_report(w->kit->store, 0, w->start);
    es_flow_control_report(w->kit->store, KIT_CHILDREN + 1, w->start);
    assert_false(is_held(w, NOW));
    assert_int_equal(es_flow_control_reported(w->kit->store, 0), 0);
    assert_int_equal(es_flow_control_reported(w->kit->store, KIT_CHILDREN + 1),
                     0);
    kit_check(w->kit);
}

#define UNIT(name) \
    cmocka_unit_test_setup_teardown(name, open_fixture, close_fixture)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(a_child_without_report_is_not_waited_for),
        UNIT(a_publisher_waits_for_a_child_behind_by_half_the_ring),
        UNIT(each_child_has_its_own_report),
        UNIT(a_child_without_progress_is_waited_for_a_second),
        UNIT(a_child_that_has_caught_up_is_waited_for_again),
        UNIT(a_child_that_has_ended_is_not_waited_for),
        UNIT(a_publisher_waits_for_a_bounded_time_in_all),
        UNIT(with_no_time_a_publisher_never_waits),
        UNIT(a_budget_is_used_and_given_back),
        UNIT(an_implausible_report_is_ignored),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
