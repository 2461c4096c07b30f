/* SPDX-License-Identifier: Apache-2.0 */
/* The channel table: one slot for a name, reclaimed only when idle. */
#include "t/unit/store_kit.h"

#define RING (64 * 1024)

static es_slot_t make(kit_t *kit, const char *channel, apr_status_t expected)
{
    const es_channels_t *channels = &kit->store->channels;
    es_slice_t name = es_slice_of(channel);
    es_slot_t slot = 0;

    assert_int_equal(es_channels_make(channels, name,
                                      es_channels_hash(channels, name), &slot),
                     expected);
    return slot;
}

static es_slot_t find(kit_t *kit, const char *channel)
{
    const es_channels_t *channels = &kit->store->channels;
    es_slice_t name = es_slice_of(channel);
    es_slot_t slot = 77;

    assert_int_equal(es_channels_find(channels, name,
                                      es_channels_hash(channels, name), &slot),
                     0);
    return slot;
}

static void each_name_has_one_slot(void **state)
{
    kit_t *kit = kit_open(RING, 1000, 1);
    char longest[256];
    char name[24];
    es_slot_t slots[1000];
    int i;

    (void)state;
    for (i = 0; i < 999; i++) {
        snprintf(name, sizeof(name), "room-%d", i);
        assert_int_equal(find(kit, name), 0);
        slots[i] = make(kit, name, APR_SUCCESS);
        assert_int_not_equal(slots[i], 0);
    }
    for (i = 0; i < 999; i++) {
        snprintf(name, sizeof(name), "room-%d", i);
        assert_int_equal(find(kit, name), slots[i]);
        assert_int_equal(make(kit, name, APR_SUCCESS), slots[i]);
        assert_true(es_slice_is(es_store_name(kit->store, slots[i]), name));
    }
    memset(longest, 'x', 255);
    longest[255] = '\0';
    assert_int_equal(make(kit, longest, APR_SUCCESS), 1000);
    assert_true(es_slice_is(es_store_name(kit->store, 1000), longest));
    assert_int_equal(es_store_name(kit->store, 0).len, 0);
    assert_int_equal(es_store_name(kit->store, 1001).len, 0);
    kit_check(kit);
    kit_close(kit, 1);
}

static void an_idle_slot_of_a_full_table_is_reclaimed(void **state)
{
    kit_t *kit = kit_open(RING, 4, 1);
    es_slot_t slots[4];
    es_slot_t other;
    es_appended_t done;
    int i;
    const char *names[] = {"a", "b", "c", "d"};

    (void)state;
    for (i = 0; i < 4; i++) {
        assert_int_equal(kit_subscribe(kit, 1 + i * 20, names[i], &slots[i]),
                         0);
    }
    assert_int_equal(kit_subscribe(kit, 2, "e", &other), APR_ENOMEM);
    assert_int_equal(kit_append(kit, "e", "data: \n\n", &done), APR_ENOMEM);
    kit_check(kit);
    es_store_unsubscribe(kit->store, 41, &slots[2], 1);
    assert_int_equal(kit_subscribe(kit, 2, "e", &other), 0);
    assert_int_equal(other, slots[2]);
    assert_int_equal(find(kit, "c"), 0);
    assert_int_equal(find(kit, "a"), slots[0]);
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_slot_with_retained_events_is_not_reclaimed(void **state)
{
    kit_t *kit = kit_open(RING, 1, 1);
    es_appended_t done;

    (void)state;
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    /* slot_maker.c evicts them first */
    (void)make(kit, "b", APR_ENOMEM);
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_slot_of_the_batch_is_not_reclaimed(void **state)
{
    kit_t *kit = kit_open(RING, 2, 1);
    es_slice_t names[] = {es_slice_of("a"), es_slice_of("b"), es_slice_of("c")};
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {names, 3, &frame};
    es_appended_t done;

    (void)state;
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        APR_ENOMEM);
    assert_int_equal(es_store_head(kit->store), es_store_tail(kit->store));
    kit_check(kit);
    entry.nchannels = 2;
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(find(kit, "c"), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

/* The evicted id of a reclaimed slot counts for all channels that are new. */
static void a_new_channel_has_lost_what_a_reclaimed_one_had(void **state)
{
    kit_t *kit = kit_open(4096, 2, 1);
    const es_table_t *table = kit->store->channels.table;
    es_appended_t first;
    es_appended_t done;
    es_slot_t slot;
    int i;

    (void)state;
    assert_true(table->forgotten_ms == KIT_NOW);
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &first), 0);
    for (i = 0; i < 100; i++) {
        assert_int_equal(kit_append(kit, "b", "data: 1\n\n", &done), 0);
    }
    assert_int_equal(kit_subscribe(kit, 1, "c", &slot), 0);
    assert_int_equal(find(kit, "a"), 0);
    assert_true(table->forgotten_ms == first.last_id.ms);
    assert_true(table->forgotten_n == first.last_id.n);
    assert_true(es_channels_at(&kit->store->channels, slot)->evicted_n ==
                first.last_id.n);
    kit_check(kit);
    kit_close(kit, 1);
}

/* It is the highest evicted id of all reclaimed slots, in any order. */
static void forgotten_only_rises(void **state)
{
    kit_t *kit = kit_open(4096, 3, 1);
    es_appended_t low, high, done;
    es_slot_t slots[2], slot;
    int i;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 1, "high", &slots[0]), 0);
    assert_int_equal(kit_subscribe(kit, 1, "low", &slots[1]), 0);
    assert_int_equal(kit_append(kit, "low", "data: 1\n\n", &low), 0);
    assert_int_equal(kit_append(kit, "high", "data: 1\n\n", &high), 0);
    for (i = 0; i < 100; i++) {
        assert_int_equal(kit_append(kit, "busy", "data: 1\n\n", &done), 0);
    }
    es_store_unsubscribe(kit->store, 1, slots, 2);
    assert_int_equal(kit_subscribe(kit, 1, "one", &slot), 0);
    assert_int_equal(slot, slots[0]); /* it is reclaimed first */
    assert_int_equal(kit_subscribe(kit, 1, "two", &slot), 0);
    assert_true(es_channels_at(&kit->store->channels, slot)->evicted_n ==
                high.last_id.n);
    kit_check(kit);
    kit_close(kit, 1);
}

/* It is found at once, wherever it is, and whatever was searched for before. */
static void one_idle_slot_of_a_large_table_is_found(void **state)
{
    enum { CHANNELS = 5000 };
    kit_t *kit = kit_open(RING, CHANNELS, 1);
    const es_channels_t *channels = &kit->store->channels;
    char name[24];
    es_slot_t slot = 0, idle;
    int i;

    (void)state;
    for (i = 0; i < CHANNELS; i++) {
        snprintf(name, sizeof(name), "%d", i);
        slot = make(kit, name, APR_SUCCESS);
        assert_true(es_channels_subscribe(channels, 3, slot));
    }
    es_channels_begin_batch(channels);
    (void)make(kit, "new", APR_ENOMEM);
    for (idle = 1; idle <= CHANNELS; idle += 700) {
        es_store_unsubscribe(kit->store, 3, &idle, 1);
        snprintf(name, sizeof(name), "new-%u", idle);
        assert_int_equal(make(kit, name, APR_SUCCESS), idle);
        assert_true(es_channels_subscribe(channels, 3, idle));
        (void)make(kit, "new", APR_ENOMEM);
    }
    kit_check(kit);
    kit_close(kit, 1);
}

/* Two children have a subscription, and the journal an event: the last of the
 * three to go makes the slot idle. */
static void a_slot_is_idle_once_all_have_left(void **state)
{
    kit_t *kit = kit_open(4096, 3, 1);
    es_slot_t first, second;
    es_appended_t done;
    int i;

    (void)state;
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    assert_int_equal(kit_subscribe(kit, 1, "a", &first), 0);
    assert_int_equal(kit_subscribe(kit, 9, "a", &second), 0);
    assert_false(es_idle_slots_has(&kit->store->channels.idle, first));
    es_store_unsubscribe(kit->store, 1, &first, 1);
    for (i = 0; i < 100; i++) {
        assert_int_equal(kit_append(kit, "b", "data: 1\n\n", &done), 0);
    }
    assert_false(es_idle_slots_has(&kit->store->channels.idle, first));
    es_store_unsubscribe(kit->store, 9, &second, 1);
    assert_true(es_idle_slots_has(&kit->store->channels.idle, first));
    kit_check(kit);
    kit_close(kit, 1);
}

/* The parent finds what a killed child leaves: also if it died between the two
 * steps of an unsubscribe, and has not added its slot to the set. */
static void the_slots_of_a_dead_child_become_idle(void **state)
{
    kit_t *kit = kit_open(RING, 3, 1);
    es_slot_t slots[2];

    (void)state;
    assert_int_equal(kit_subscribe(kit, 7, "a", &slots[0]), 0);
    assert_int_equal(kit_subscribe(kit, 7, "b", &slots[1]), 0);
    es_store_reap(kit->store, 7);
    kit_check(kit);
    assert_int_equal(kit_subscribe(kit, 7, "a", &slots[0]), 0);
    assert_true(
        es_subscriptions_lower(&kit->store->subscriptions, 7, slots[0]));
    es_store_reap(kit->store, 7);
    kit_check(kit);
    kit_close(kit, 1);
}

/* Many names are added and removed; the chains become long. */
static void names_are_added_and_removed(void **state)
{
    kit_t *kit = kit_open(RING, 50, 1);
    es_slot_t slots[40] = {0};
    char name[24];
    int i;

    (void)state;
    for (i = 0; i < 20000; i++) {
        unsigned k = kit_random(40);

        if (slots[k] != 0) {
            es_store_unsubscribe(kit->store, 5, &slots[k], 1);
        }
        snprintf(name, sizeof(name), "%u", kit_random(100000));
        assert_int_equal(kit_subscribe(kit, 5, name, &slots[k]), 0);
        assert_true(es_slice_is(es_store_name(kit->store, slots[k]), name));
        if (i % 1000 == 0) {
            kit_check(kit);
        }
    }
    assert_int_equal(es_store_child_subscriptions(kit->store, 5), 40);
    kit_check(kit);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_name_has_one_slot),
        cmocka_unit_test(an_idle_slot_of_a_full_table_is_reclaimed),
        cmocka_unit_test(a_slot_with_retained_events_is_not_reclaimed),
        cmocka_unit_test(a_slot_of_the_batch_is_not_reclaimed),
        cmocka_unit_test(a_new_channel_has_lost_what_a_reclaimed_one_had),
        cmocka_unit_test(forgotten_only_rises),
        cmocka_unit_test(one_idle_slot_of_a_large_table_is_found),
        cmocka_unit_test(a_slot_is_idle_once_all_have_left),
        cmocka_unit_test(the_slots_of_a_dead_child_become_idle),
        cmocka_unit_test(names_are_added_and_removed),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
