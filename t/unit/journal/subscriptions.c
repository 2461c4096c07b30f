/* SPDX-License-Identifier: Apache-2.0 */
/* The counts of subscriptions: by slot, by child, and after a death. */
#include "t/unit/store_kit.h"

#define RING 4096
#define SLOTS 3
#define CHILD 2
#define LAST KIT_CHILDREN

static kit_t *kit;
static const es_subscriptions_t *subscriptions;

static int setup(void **state)
{
    (void)state;
    kit = kit_open(RING, SLOTS, 1);
    subscriptions = &kit->store->subscriptions;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_close(kit, 1);
    return 0;
}

static void lower(apr_uint32_t child, es_slot_t slot)
{
    if (es_subscriptions_lower(subscriptions, child, slot)) {
        es_subscriptions_lower_total(subscriptions, child);
    }
}

static void assert_no_child_has_any(void)
{
    apr_uint32_t child;
    es_slot_t slot;

    for (child = 1; child <= LAST; child++) {
        assert_int_equal(es_subscriptions_of_child(subscriptions, child), 0);
    }
    for (slot = 1; slot <= SLOTS; slot++) {
        assert_true(es_subscriptions_is_idle(subscriptions, slot));
    }
}

static void subscriptions_are_summed_by_slot_and_by_child(void **state)
{
    apr_uint64_t touched[2] = {0, 0};

    (void)state;
    assert_true(es_subscriptions_raise(subscriptions, CHILD, 1));
    assert_true(es_subscriptions_raise(subscriptions, CHILD, 1));
    assert_true(es_subscriptions_raise(subscriptions, CHILD, SLOTS));
    assert_true(es_subscriptions_raise(subscriptions, LAST, 1));
    assert_int_equal(es_subscriptions_of_slot(subscriptions, 1, touched), 3);
    assert_int_equal(touched[0], 1 << (CHILD - 1));
    assert_int_equal(touched[1], 1 << (LAST - 1 - 64));
    assert_int_equal(es_subscriptions_of_slot(subscriptions, 2, NULL), 0);
    assert_int_equal(es_subscriptions_of_child(subscriptions, CHILD), 3);
    assert_int_equal(es_subscriptions_of_child(subscriptions, LAST), 1);
    assert_false(es_subscriptions_is_idle(subscriptions, SLOTS));
    assert_true(es_subscriptions_is_idle(subscriptions, 2));
}

static void bits_of_other_children_stay(void **state)
{
    apr_uint64_t touched[2] = {1, 0};

    (void)state;
    es_subscriptions_raise(subscriptions, CHILD, 1);
    es_subscriptions_of_slot(subscriptions, 1, touched);
    assert_int_equal(touched[0], 3);
}

static void a_count_is_never_below_0(void **state)
{
    (void)state;
    es_subscriptions_raise(subscriptions, CHILD, 1);
    es_subscriptions_raise(subscriptions, CHILD, 2);
    lower(CHILD, 1);
    lower(CHILD, 1);
    assert_int_equal(es_subscriptions_of_slot(subscriptions, 1, NULL), 0);
    assert_int_equal(es_subscriptions_of_child(subscriptions, CHILD), 1);
}

static void out_of_range_nothing_is_counted(void **state)
{
    (void)state;
    assert_false(es_subscriptions_raise(subscriptions, 0, 1));
    assert_false(es_subscriptions_raise(subscriptions, LAST + 1, 1));
    assert_false(es_subscriptions_raise(subscriptions, CHILD, 0));
    assert_false(es_subscriptions_raise(subscriptions, CHILD, SLOTS + 1));
    lower(0, 1);
    lower(LAST + 1, 1);
    lower(CHILD, SLOTS + 1);
    es_subscriptions_clear(subscriptions, 0, SLOTS);
    es_subscriptions_clear(subscriptions, LAST + 1, SLOTS);
    assert_int_equal(es_subscriptions_of_child(subscriptions, LAST + 1), 0);
    assert_no_child_has_any();
}

static void a_row_is_cleared_alone(void **state)
{
    es_slot_t slot;

    (void)state;
    for (slot = 1; slot <= SLOTS; slot++) {
        es_subscriptions_raise(subscriptions, CHILD, slot);
    }
    es_subscriptions_raise(subscriptions, CHILD - 1, SLOTS);
    es_subscriptions_raise(subscriptions, CHILD + 1, 1);
    es_subscriptions_clear(subscriptions, CHILD, SLOTS);
    assert_int_equal(es_subscriptions_of_child(subscriptions, CHILD), 0);
    assert_int_equal(es_subscriptions_of_slot(subscriptions, SLOTS, NULL), 1);
    assert_int_equal(es_subscriptions_of_slot(subscriptions, 1, NULL), 1);
    assert_int_equal(es_subscriptions_of_slot(subscriptions, 2, NULL), 0);
}

/* The child died after it raised the total, or before it lowered it. */
static void a_total_too_high_is_found_and_cleared(void **state)
{
    apr_uint32_t child = 0;

    (void)state;
    es_subscriptions_raise(subscriptions, CHILD, 1);
    assert_true(es_subscriptions_check(subscriptions, &child));
    subscriptions->totals[CHILD - 1]++;
    assert_false(es_subscriptions_check(subscriptions, &child));
    assert_int_equal(child, CHILD);
    es_subscriptions_clear(subscriptions, CHILD, SLOTS);
    assert_true(es_subscriptions_check(subscriptions, &child));
    assert_no_child_has_any();
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACT(subscriptions_are_summed_by_slot_and_by_child),
        FACT(bits_of_other_children_stay),
        FACT(a_count_is_never_below_0),
        FACT(out_of_range_nothing_is_counted),
        FACT(a_row_is_cleared_alone),
        FACT(a_total_too_high_is_found_and_cleared),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
