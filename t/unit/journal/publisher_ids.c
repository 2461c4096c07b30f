/* SPDX-License-Identifier: Apache-2.0 */
/* The index of publishers' ids: an id is found in its channel while its event
 * is retained, and after a repair. */
#include "t/unit/store_kit.h"

#include "base/log.h"

#define RING (16 * 1024)

static void append(kit_t *kit, const char *channel, const char *id,
                   const char *tail, es_pos_t *pos)
{
    es_slice_t name = es_slice_of(channel);
    es_frame_t frame = kit_frame(tail);
    es_entry_t entry = {&name, 1, &frame};
    es_appended_t done;
    es_record_t record;

    frame.publisher_id = es_slice_of(id);
    *pos = es_store_head(kit->store);
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(done.known, 0);
    assert_int_equal(es_store_look(kit->store, *pos, &record), 0);
    *pos = record.pos;
}

/** The position of the channel's event with this id, 0 = none. */
static es_pos_t find(kit_t *kit, const char *channel, const char *id)
{
    es_store_t *store = kit->store;
    es_slice_t name = es_slice_of(channel);
    es_slice_t text = es_slice_of(id);
    es_record_t found;
    es_slot_t slot;

    assert_int_equal(es_channels_find(&store->channels, name,
                                      es_channels_hash(&store->channels, name),
                                      &slot),
                     0);
    assert_int_equal(es_publisher_ids_find(
                         &store->publisher_ids,
                         es_publisher_ids_hash(&store->publisher_ids, text),
                         slot, text, &found),
                     0);
    return found.pos;
}

static void an_id_is_found_in_its_channel(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_pos_t one, two, other;

    (void)state;
    append(kit, "a", "one", "data: 1\n\n", &one);
    append(kit, "a", "two", "data: 2\n\n", &two);
    append(kit, "b", "one", "data: 3\n\n", &other);
    assert_int_equal(find(kit, "a", "one"), one);
    assert_int_equal(find(kit, "a", "two"), two);
    assert_int_equal(find(kit, "b", "one"), other);
    assert_int_equal(find(kit, "b", "two"), 0);
    assert_int_equal(find(kit, "a", "on"), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

static void an_evicted_id_is_not_found(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    es_pos_t first, pos;
    char id[16];
    int i;

    (void)state;
    append(kit, "a", "0", "data: 0\n\n", &first);
    for (i = 1; es_store_tail(kit->store) <= first; i++) {
        assert_int_equal(find(kit, "a", "0"), first);
        sprintf(id, "%d", i);
        append(kit, "a", id, "data: 0\n\n", &pos);
        kit_check(kit);
    }
    assert_int_equal(find(kit, "a", "0"), 0);
    assert_int_equal(find(kit, "a", id), pos);
    /* the id may be used again */
    append(kit, "a", "0", "data: other\n\n", &pos);
    assert_int_equal(find(kit, "a", "0"), pos);
    kit_check(kit);
    kit_close(kit, 1);
}

/** Many ids in few buckets, many times round the ring. */
static void ids_are_found_in_long_chains(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    int i;

    (void)state;
    assert_true(kit->store->publisher_ids.nbuckets <= 16);
    for (i = 0; i < 2000; i++) {
        char id[16];
        es_pos_t pos;

        sprintf(id, "%d", i);
        append(kit, i % 3 ? "a" : "b", id, "data: 1\n\n", &pos);
        assert_int_equal(find(kit, i % 3 ? "a" : "b", id), pos);
    }
    kit_check(kit);
    kit_close(kit, 1);
}

/** All links of one record, and one id in each channel. */
static void an_id_is_found_in_each_channel_of_an_event(void **state)
{
    kit_t *kit = kit_open(64 * 1024, 100, 1);
    es_slice_t names[ES_EVENT_CHANNELS_MAX];
    char texts[ES_EVENT_CHANNELS_MAX][8];
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {names, ES_EVENT_CHANNELS_MAX, &frame};
    es_appended_t done;
    es_pos_t pos;
    int i;

    (void)state;
    for (i = 0; i < ES_EVENT_CHANNELS_MAX; i++) {
        sprintf(texts[i], "c%d", i);
        names[i] = es_slice_of(texts[i]);
        append(kit, texts[i], "5", "data: 5\n\n", &pos);
        assert_int_equal(find(kit, texts[i], "5"), pos);
    }
    frame.publisher_id = es_slice_of("all");
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    for (i = 0; i < ES_EVENT_CHANNELS_MAX; i++) {
        assert_true(find(kit, texts[i], "all") > pos);
        assert_true(find(kit, texts[i], "5") <= pos);
    }
    kit_check(kit);
    kit_close(kit, 1);
}

/** A stray write over the buckets: the check finds it, the next append repairs
 * it. */
static void a_damaged_index_is_repaired(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_store_t *store = kit->store;
    es_appended_t done;
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_pos_t pos;
    const char *why;

    (void)state;
    append(kit, "a", "one", "data: 1\n\n", &pos);
    memset(store->publisher_ids.buckets, 0, store->publisher_ids.nbuckets * 8);
    assert_false(es_store_check(store, &why, kit->pool));
    assert_non_null(strstr(why, "0 in the index, 1 in records"));
    memset(store->publisher_ids.buckets, 0x41,
           store->publisher_ids.nbuckets * 8);
    assert_false(es_store_check(store, &why, kit->pool));
    assert_non_null(strstr(why, "publishers' ids: bucket 0"));

    frame.publisher_id = es_slice_of("one");
    assert_int_equal(
        es_store_append(store, &entry, 1, KIT_NOW, kit->touched, &done), 0);
    assert_int_equal(done.known, 1);
    kit_check(kit);
    assert_int_equal(find(kit, "a", "one"), pos);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_found_in_its_channel),
        cmocka_unit_test(an_evicted_id_is_not_found),
        cmocka_unit_test(ids_are_found_in_long_chains),
        cmocka_unit_test(a_damaged_index_is_repaired),
        cmocka_unit_test(an_id_is_found_in_each_channel_of_an_event),
    };

    apr_initialize();
    es_log_set_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
