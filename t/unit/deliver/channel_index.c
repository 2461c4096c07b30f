/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/deliver_fixture.h"

#include "deliver/channel_index.h"

#define LINKS 3000
#define SLOTS 700

static int has(es_channel_index_t *index, es_slot_t slot,
               const es_channel_link_t *link)
{
    es_channel_list_t list = es_channel_index_list(index, slot);
    apr_uint32_t i;

    for (i = 0; i < list.count; i++) {
        if (list.links[i] == link) {
            return 1;
        }
    }
    return 0;
}

static void test_empty(void **state)
{
    es_channel_index_t *index = es_channel_index_create();
    es_channel_link_t link = {0};

    (void)state;
    assert_int_equal(es_channel_index_list(index, 1).count, 0);
    assert_int_equal(es_channel_index_list(index, 0).count, 0);
    assert_int_equal(es_channel_index_list(index, 0xffffffffu).count, 0);
    es_channel_index_remove(index, &link); /* in no index: nothing happens */
    es_channel_index_destroy(index);
    es_channel_index_destroy(NULL);
}

static void test_one_and_more(void **state)
{
    es_channel_index_t *index = es_channel_index_create();
    es_channel_link_t a = {0}, b = {0}, c = {0};

    (void)state;
    assert_int_equal(es_channel_index_add(index, 5, &a), APR_SUCCESS);
    assert_int_equal(es_channel_index_list(index, 5).count, 1);
    assert_ptr_equal(es_channel_index_list(index, 5).links[0], &a);
    es_channel_index_add(index, 5, &b);
    es_channel_index_add(index, 0xffffffffu, &c);
    assert_int_equal(es_channel_index_list(index, 5).count, 2);
    assert_int_equal(es_channel_index_list(index, 0xffffffffu).count, 1);
    es_channel_index_remove(index, &a);
    es_channel_index_remove(index, &a);
    assert_int_equal(es_channel_index_list(index, 5).count, 1);
    assert_ptr_equal(es_channel_index_list(index, 5).links[0], &b);
    es_channel_index_remove(index, &b);
    assert_int_equal(es_channel_index_list(index, 5).count, 0);
    es_channel_index_add(index, 5, &a);
    assert_int_equal(es_channel_index_list(index, 5).count, 1);
    es_channel_index_destroy(index);
}

static void test_several_at_once(void **state)
{
    static const es_slot_t slots[3] = {7, 5, 9};
    es_channel_index_t *index = es_channel_index_create();
    es_channel_link_t links[3] = {{0}}, other = {0};

    (void)state;
    es_channel_index_add(index, 5, &other);
    assert_int_equal(es_channel_index_add_all(index, slots, 3, links),
                     APR_SUCCESS);
    assert_true(has(index, 7, &links[0]));
    assert_true(has(index, 5, &links[1]));
    assert_true(has(index, 9, &links[2]));
    es_channel_index_remove(index, &links[0]);
    es_channel_index_remove_all(index, links, 3);
    assert_int_equal(es_channel_index_list(index, 7).count, 0);
    assert_int_equal(es_channel_index_list(index, 5).count, 1);
    assert_int_equal(es_channel_index_list(index, 9).count, 0);
    es_channel_index_destroy(index);
}

static void test_against_a_simple_model(void **state)
{
    es_channel_link_t *links = calloc(LINKS, sizeof(*links));
    es_slot_t *slots = calloc(LINKS, sizeof(*slots)); /* 0 = not in */
    apr_uint32_t *counts = calloc(SLOTS + 1, sizeof(*counts));
    es_channel_index_t *index = es_channel_index_create();
    int step, i;

    (void)state;
    srand(3);
    for (step = 0; step < 40000; step++) {
        i = rand() % LINKS;
        if (slots[i] != 0) {
            counts[slots[i]]--;
            es_channel_index_remove(index, &links[i]);
            assert_false(has(index, slots[i], &links[i]));
            slots[i] = 0;
        }
        else {
            slots[i] = (es_slot_t)(rand() % SLOTS) + 1;
            if (rand() % 2) {
                slots[i] = slots[i] % 10 + 1; /* ten slots have many links */
            }
            counts[slots[i]]++;
            assert_int_equal(es_channel_index_add(index, slots[i], &links[i]),
                             APR_SUCCESS);
        }
    }
    for (i = 0; i < LINKS; i++) {
        assert_true(slots[i] == 0 || has(index, slots[i], &links[i]));
    }
    for (i = 1; i <= SLOTS; i++) {
        assert_int_equal(es_channel_index_list(index, (es_slot_t)i).count,
                         counts[i]);
    }
    for (i = 0; i < LINKS; i++) {
        es_channel_index_remove(index, &links[i]);
    }
    for (i = 1; i <= SLOTS; i++) {
        assert_int_equal(es_channel_index_list(index, (es_slot_t)i).count, 0);
    }
    es_channel_index_destroy(index);
    free(links);
    free(slots);
    free(counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_one_and_more),
        cmocka_unit_test(test_several_at_once),
        cmocka_unit_test(test_against_a_simple_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
