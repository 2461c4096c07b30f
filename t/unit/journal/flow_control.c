/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/flow_control.c. */
#include "t/unit/store_kit.h"

#include "journal/flow_control.h"

#define RING 65536
#define SECOND APR_USEC_PER_SEC
#define NOW (100 * SECOND)

typedef struct world_t {
    kit_t *kit;
    es_flow_control_t *flow;
    es_pos_t start; /* the head at first */
    apr_uint64_t late[2];
} world_t;

static int open_world(void **state)
{
    world_t *w = calloc(1, sizeof(*w));

    w->kit = kit_open(RING, 16, 0);
    w->flow = es_flow_control_create(w->kit->store, w->kit->pool);
    w->start = es_store_head(w->kit->store);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world_t *w = *state;

    kit_close(w->kit, 0);
    free(w);
    return 0;
}

/* Write until the head is bytes or more beyond the start. */
static void write_up_to(world_t *w, apr_uint64_t bytes)
{
    es_appended_t done;

    while (es_store_head(w->kit->store) - w->start < bytes) {
        assert_int_equal(kit_append(w->kit, "a", "data: x\n\n", &done), 0);
    }
}

static int is_held(world_t *w, apr_time_t now)
{
    memset(w->late, 0xff, sizeof(w->late));
    return es_flow_control_is_held(w->flow, now, w->late);
}

static void nobody_is_waited_for_who_tells_nothing(void **state)
{
    world_t *w = *state;

    write_up_to(w, 3 * RING);
    assert_false(is_held(w, NOW));
    assert_int_equal(w->late[0], 0);
    assert_int_equal(w->late[1], 0);
}

static void more_than_half_of_the_ring_is_too_much(void **state)
{
    world_t *w = *state;

    write_up_to(w, RING / 2);
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

static void places_are_told_apart(void **state)
{
    world_t *w = *state;

    write_up_to(w, RING);
    es_flow_control_report(w->kit->store, 1, es_store_head(w->kit->store));
    es_flow_control_report(w->kit->store, KIT_CHILDREN, w->start);
    assert_true(is_held(w, NOW));
    assert_int_equal(w->late[0], 0);
    assert_int_equal(w->late[1], 1 << (KIT_CHILDREN - 1 - 64));
    assert_int_equal(es_flow_control_reported(w->kit->store, KIT_CHILDREN),
                     w->start);
}

static void one_that_does_not_move_is_waited_for_a_second(void **state)
{
    world_t *w = *state;

    es_flow_control_report(w->kit->store, 1, w->start);
    assert_false(is_held(w, NOW - 50 * SECOND));
    write_up_to(w, RING);
    assert_true(is_held(w, NOW));
    assert_true(is_held(w, NOW + SECOND - 1));
    assert_false(is_held(w, NOW + SECOND));
    /* once for all that it is behind, not again for each batch */
    write_up_to(w, 3 * RING);
    assert_false(is_held(w, NOW + SECOND + 1));
    assert_int_equal(w->late[0], 1);
    /* it moves */
    es_flow_control_report(w->kit->store, 1, w->start + 64);
    assert_true(is_held(w, NOW + 9 * SECOND));
    assert_false(is_held(w, NOW + 10 * SECOND));
}

static void one_that_has_caught_up_gets_a_second_anew(void **state)
{
    world_t *w = *state;

    es_flow_control_report(w->kit->store, 1, w->start);
    write_up_to(w, RING);
    assert_true(is_held(w, NOW));
    es_flow_control_report(w->kit->store, 1, es_store_head(w->kit->store));
    assert_false(is_held(w, NOW));
    es_flow_control_report(w->kit->store, 1, w->start);
    assert_true(is_held(w, NOW + 5 * SECOND));
}

static void the_dead_are_not_waited_for(void **state)
{
    world_t *w = *state;

    es_flow_control_report(w->kit->store, 2, w->start);
    write_up_to(w, RING);
    assert_true(is_held(w, NOW));
    es_store_reap(w->kit->store, 2);
    assert_false(is_held(w, NOW));
    assert_int_equal(es_flow_control_reported(w->kit->store, 2), 0);
}

static void rubbish_is_passed_over(void **state)
{
    world_t *w = *state;

    write_up_to(w, RING);
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
    cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        UNIT(nobody_is_waited_for_who_tells_nothing),
        UNIT(more_than_half_of_the_ring_is_too_much),
        UNIT(places_are_told_apart),
        UNIT(one_that_does_not_move_is_waited_for_a_second),
        UNIT(one_that_has_caught_up_gets_a_second_anew),
        UNIT(the_dead_are_not_waited_for),
        UNIT(rubbish_is_passed_over),
    };
    int failed;

    apr_initialize();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return failed;
}
