/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/missed_last_ids.c. */
#include "t/unit/store_kit.h"

#include "journal/missed_last_ids.h"

#define RING (16 * 1024)

static void assert_last(kit_t *kit, es_slot_t slot, es_id_t should)
{
    es_start_t present;
    es_id_t last;

    assert_int_equal(es_store_last_ids(kit->store, &slot, 1, &last, &present),
                     0);
    assert_int_equal(es_id_compare(&last, &should), 0);
    assert_true(present.pos == es_store_head(kit->store));
}

static void a_channel_without_events_starts_at_birth(void **state)
{
    kit_t *kit = kit_open(RING, 8, 0);
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 1, "a", &slot), 0);
    assert_last(kit, slot, es_store_epoch(kit->store));
    kit_close(kit, 0);
}

static void the_last_event_of_each_channel(void **state)
{
    kit_t *kit = kit_open(RING, 8, 0);
    es_appended_t done;
    es_slot_t slots[2];
    es_start_t present;
    es_id_t last_ids[2];

    (void)state;
    kit_subscribe(kit, 1, "a", &slots[0]);
    kit_subscribe(kit, 1, "b", &slots[1]);
    kit_append(kit, "a", "data: 1\n\n", &done);
    kit_append(kit, "b", "data: 2\n\n", &done);
    kit_append(kit, "a", "data: 3\n\n", &done);
    kit_append(kit, "c", "data: 4\n\n", &done);
    assert_int_equal(
        es_store_last_ids(kit->store, slots, 2, last_ids, &present), 0);
    assert_int_equal(kit_number(last_ids[0]), 3);
    assert_int_equal(kit_number(last_ids[1]), 2);
    assert_int_equal(kit_number(present.id), 4);
    kit_close(kit, 0);
}

static void an_evicted_event_is_still_the_last(void **state)
{
    kit_t *kit = kit_open(RING, 8, 0);
    es_appended_t done;
    es_slot_t slot;
    int i;

    (void)state;
    kit_subscribe(kit, 1, "a", &slot);
    kit_append(kit, "a", "data: 1\n\n", &done);
    for (i = 0; i < 1000; i++) {
        kit_append(kit, "b", "data: x\n\n", &done);
        assert_last(kit, slot, kit_id(1));
    }
    assert_true(es_store_tail(kit->store) > 0);
    kit_close(kit, 0);
}

static void a_seal_is_one_of_a_store_and_a_text(void **state)
{
    kit_t *one = kit_open(RING, 8, 0), *two = kit_open(RING, 8, 0);
    es_slice_t text = es_slice_of("text");
    apr_uint64_t seal = es_store_seal(one->store, text);

    (void)state;
    assert_true(seal == es_store_seal(one->store, es_slice_of("text")));
    assert_true(seal != es_store_seal(one->store, es_slice_of("Text")));
    assert_true(seal != es_store_seal(two->store, text));
    /* and not what the table of channels makes of it */
    assert_true(seal != es_channels_hash(&one->store->tab, text));
    kit_close(two, 0);
    kit_close(one, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_channel_without_events_starts_at_birth),
    cmocka_unit_test(the_last_event_of_each_channel),
    cmocka_unit_test(an_evicted_event_is_still_the_last),
    cmocka_unit_test(a_seal_is_one_of_a_store_and_a_text),
};

int main(void)
{
    int rc;

    apr_initialize();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return rc;
}
