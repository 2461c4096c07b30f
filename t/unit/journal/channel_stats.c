/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of the channels of a store. */
#include "t/unit/store_kit.h"

#include "journal/channel_stats.h"

#define CHANNELS 200

static int name_is(const es_channel_stats_t *stats, const char *name)
{
    return es_slice_is(es_slice(stats->name, stats->name_len), name);
}

static void a_channel_is_known_by_subscriptions_or_events(void **state)
{
    kit_t *kit = kit_open(16 * 1024, 8, 1);
    es_slice_t both[] = {es_slice_of("b"), es_slice_of("a")};
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {both, 2, &frame};
    es_appended_t first, last;
    es_channel_stats_t stats;
    es_slot_t slot;
    es_id_t id;

    (void)state;
    assert_false(es_channel_stats_find(kit->store, both[1], KIT_NOW, &stats));
    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &first), 0);
    assert_int_equal(kit_append(kit, "c", "data: 1\n\n", &last), 0);
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &last),
        0);
    assert_int_equal(kit_subscribe(kit, 1, "a", &slot), 0);
    assert_int_equal(kit_subscribe(kit, 60, "a", &slot), 0);

    assert_true(es_channel_stats_find(kit->store, both[1], KIT_NOW, &stats));
    assert_true(name_is(&stats, "a"));
    assert_int_equal(stats.clients, 2);
    assert_int_equal(stats.events, 2);
    assert_int_equal(stats.closed_until, 0);
    assert_true(es_channel_stats_first(kit->store, &stats, &id));
    assert_int_equal(es_id_compare(&id, &first.last_id), 0);
    assert_true(es_channel_stats_last(kit->store, &stats, &id));
    assert_int_equal(es_id_compare(&id, &last.last_id), 0);

    /* a channel with a subscription alone is known, and has no ids */
    assert_int_equal(kit_subscribe(kit, 1, "d", &slot), 0);
    assert_true(
        es_channel_stats_find(kit->store, es_slice_of("d"), KIT_NOW, &stats));
    assert_int_equal(stats.events, 0);
    assert_false(es_channel_stats_first(kit->store, &stats, &id));
    assert_false(es_channel_stats_last(kit->store, &stats, &id));
    es_store_unsubscribe(kit->store, 1, &slot, 1);
    assert_false(
        es_channel_stats_find(kit->store, es_slice_of("d"), KIT_NOW, &stats));
    kit_close(kit, 1);
}

/** The first event that is retained, after others were evicted. */
static void the_first_event_is_the_oldest_retained(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    es_appended_t first, done;
    es_channel_stats_t stats;
    es_record_t record;
    es_id_t id;
    int i;

    (void)state;
    for (i = 0; i < 100; i++) {
        assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    }
    assert_true(
        es_channel_stats_find(kit->store, es_slice_of("a"), KIT_NOW, &stats));
    assert_true(es_channel_stats_first(kit->store, &stats, &id));
    assert_int_equal(
        es_store_look(kit->store, es_store_tail(kit->store), &record), 0);
    assert_int_equal(es_id_compare(&id, &record.id), 0);
    assert_true(stats.events < 100);

    /* a channel that is busy from its first event, after other channels */
    while (es_store_tail(kit->store) < stats.newest) {
        assert_int_equal(kit_append(kit, "other", "data: 1\n\n", &done), 0);
    }
    assert_int_equal(kit_append(kit, "b", "data: 1\n\n", &first), 0);
    for (i = 0; i < 5; i++) {
        assert_int_equal(kit_append(kit, "b", "data: 1\n\n", &done), 0);
    }
    assert_true(
        es_channel_stats_find(kit->store, es_slice_of("b"), KIT_NOW, &stats));
    assert_true(es_channel_stats_first(kit->store, &stats, &id));
    assert_int_equal(es_id_compare(&id, &first.last_id), 0);
    kit_close(kit, 1);
}

static void the_list_has_each_channel_of_the_prefix_once(void **state)
{
    kit_t *kit = kit_open(256 * 1024, CHANNELS, 1);
    char seen[CHANNELS] = {0};
    es_channel_stats_t found[7];
    es_appended_t done;
    es_slot_t at = 0;
    char name[32];
    int i, count, total = 0;

    (void)state;
    for (i = 0; i < CHANNELS; i++) {
        sprintf(name, "%s-%d", i % 2 ? "odd" : "even", i);
        assert_int_equal(kit_append(kit, name, "data: 1\n\n", &done), 0);
    }
    do {
        count = es_channel_stats_next(kit->store, &at, es_slice_of("odd-"),
                                      KIT_NOW, found, 7);
        assert_true(count <= 7);
        for (i = 0; i < count; i++, total++) {
            int number;

            memcpy(name, found[i].name, found[i].name_len);
            name[found[i].name_len] = '\0';
            number = atoi(name + 4);
            assert_memory_equal(found[i].name, "odd-", 4);
            assert_int_equal(seen[number]++, 0);
            assert_int_equal(found[i].events, 1);
        }
    } while (at != 0);
    assert_int_equal(total, CHANNELS / 2);
    /* out of range */
    at = CHANNELS + 5;
    assert_int_equal(es_channel_stats_next(kit->store, &at, es_slice_of(""),
                                           KIT_NOW, found, 7),
                     0);
    assert_int_equal(at, 0);
    kit_close(kit, 1);
}

static void totals_are_the_sums_of_all_channels(void **state)
{
    kit_t *kit = kit_open(256 * 1024, CHANNELS, 1);
    es_channel_totals_t totals = {0, 0};
    es_appended_t done;
    char name[16];
    int i;

    (void)state;
    es_channel_stats_add(kit->store, KIT_NOW, &totals);
    assert_int_equal(totals.channels, 0);
    for (i = 0; i < CHANNELS; i++) {
        sprintf(name, "c-%d", i);
        assert_int_equal(kit_append(kit, name, "data: 1\n\n", &done), 0);
        assert_int_equal(kit_append(kit, name, "data: 2\n\n", &done), 0);
    }
    es_channel_stats_add(kit->store, KIT_NOW, &totals);
    assert_int_equal(totals.channels, CHANNELS);
    assert_int_equal(totals.events, 2 * CHANNELS);
    kit_close(kit, 1);
}

/** Walks over a large table do not hold up those who need the lock. */
static void walks_go_on_while_the_lock_is_taken(void **state)
{
    kit_t *kit = kit_open(256 * 1024, CHANNELS, 1);
    es_channel_totals_t totals = {0, 0};
    es_repair_report_t report;
    es_channel_stats_t known, found;
    es_appended_t done;
    es_slot_t at = 0, slot;
    char name[16];
    int i;

    (void)state;
    for (i = 0; i < CHANNELS / 2; i++) {
        sprintf(name, "idle-%d", i);
        assert_int_equal(kit_subscribe(kit, 1, name, &slot), 0);
        es_store_unsubscribe(kit->store, 1, &slot, 1);
    }
    assert_int_equal(kit_append(kit, "known", "data: 1\n\n", &done), 0);
    assert_true(es_channel_stats_find(kit->store, es_slice_of("known"), KIT_NOW,
                                      &known));
    es_store_set_lock_wait(kit->store, 0);
    assert_int_equal(es_store_lock(kit->store, &report), 0);

    es_channel_stats_add(kit->store, KIT_NOW, &totals);
    assert_int_equal(totals.channels, 1);
    assert_int_equal(totals.events, 1);
    do {
        i = es_channel_stats_next(kit->store, &at, es_slice_of(""), KIT_NOW,
                                  &found, 1);
    } while (i == 0 && at != 0);
    assert_int_equal(i, -1); /* it has come to the known channel */
    assert_int_equal(at, known.slot - 1);

    es_store_unlock(kit->store, &report);
    assert_int_equal(es_channel_stats_next(kit->store, &at, es_slice_of(""),
                                           KIT_NOW, &found, 1),
                     1);
    assert_true(name_is(&found, "known"));
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_is_known_by_subscriptions_or_events),
        cmocka_unit_test(the_first_event_is_the_oldest_retained),
        cmocka_unit_test(the_list_has_each_channel_of_the_prefix_once),
        cmocka_unit_test(totals_are_the_sums_of_all_channels),
        cmocka_unit_test(walks_go_on_while_the_lock_is_taken),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
