/* SPDX-License-Identifier: Apache-2.0 */
/* How long a publisher waits for a delivery that is behind. */
#include "t/unit/store_kit.h"

#include "journal/flow_control.h"

#define RING 65536
#define SECOND APR_USEC_PER_SEC
#define NOW (100 * SECOND)

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
    w->flow = es_flow_control_create(w->kit->store, w->kit->pool);
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
        UNIT(an_implausible_report_is_ignored),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
