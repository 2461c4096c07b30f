/* SPDX-License-Identifier: Apache-2.0 */
/* Closing a channel: what is dropped, for how long, and what a repair finds. */
#include "t/unit/store_kit.h"

#include "base/log.h"
#include "journal/channel_stats.h"
#include "journal/close.h"
#include "journal/resume.h"

#define RING (16 * 1024)
#define MINUTE 60000

static es_closed_t shut(kit_t *kit, const char *channel)
{
    es_closed_t closed;

    memset(kit->touched, 0, sizeof(kit->touched));
    assert_int_equal(es_close_channel(kit->store, es_slice_of(channel), KIT_NOW,
                                      KIT_NOW + MINUTE, kit->touched, &closed),
                     0);
    return closed;
}

static es_appended_t say(kit_t *kit, const char *channel)
{
    es_appended_t done;

    assert_int_equal(kit_append(kit, channel, "data: 1\n\n", &done), 0);
    return done;
}

static apr_uint32_t events(kit_t *kit, const char *channel)
{
    es_channel_stats_t stats;

    es_channel_stats_find(kit->store, es_slice_of(channel), KIT_NOW, &stats);
    return stats.events;
}

static apr_status_t resume(kit_t *kit, es_slot_t slot, const es_id_t *id)
{
    char text[ES_ID_TEXT_SIZE];
    apr_size_t len = es_id_format(text, id);
    es_resume_reach_t all = {0, 0, 0};
    es_start_t start;

    assert_int_equal(es_store_present(kit->store, &start), 0);
    return es_store_resume(kit->store, &slot, 1, es_slice(text, len), &all,
                           &start);
}

static void test_close(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t before = say(kit, "a").last_id;
    es_pos_t pos = say(kit, "a").head;
    es_closed_t closed;
    es_record_t record;
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    assert_int_equal(kit_subscribe(kit, 3, "a", &slot), 0);
    assert_false(es_close_is_closed(kit->store, slot, KIT_NOW));
    closed = shut(kit, "a");
    assert_int_equal(closed.clients, 2);
    assert_int_equal(kit->touched[0], 6);
    assert_true(es_id_compare(&closed.id, &before) > 0);

    /* it stands in the journal, in order */
    assert_int_equal(es_store_look(kit->store, pos, &record), 0);
    assert_true(record.closes);
    assert_int_equal(record.nslots, 1);
    assert_int_equal(record.slots[0], slot);
    assert_int_equal(record.frame_len, 0);
    assert_true(es_close_was_since(kit->store, &slot, 1, pos));
    assert_false(es_close_was_since(kit->store, &slot, 1, pos + 64));

    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW));
    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW + MINUTE - 1));
    assert_false(es_close_is_closed(kit->store, slot, KIT_NOW + MINUTE));
    assert_int_equal(events(kit, "a"), 0);
    assert_int_equal(resume(kit, slot, &before), APR_NOTFOUND);
    assert_int_equal(resume(kit, slot, &closed.id), APR_SUCCESS);
    kit_check(kit);
    kit_close(kit, 1);
}

static void test_reopen(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t old = say(kit, "a").last_id;
    es_id_t after;
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    shut(kit, "a");
    after = say(kit, "a").last_id;
    assert_false(es_close_is_closed(kit->store, slot, KIT_NOW));
    assert_int_equal(events(kit, "a"), 1);
    /* what was dropped stays dropped */
    assert_int_equal(resume(kit, slot, &old), APR_NOTFOUND);
    assert_int_equal(resume(kit, slot, &after), APR_SUCCESS);
    kit_check(kit);
    kit_close(kit, 1);
}

/** The id of a dropped event is free again. */
static void test_own_id(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t name = es_slice_of("a");
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {&name, 1, &frame};
    es_appended_t done;

    (void)state;
    frame.publisher_id = es_slice_of("mine");
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    shut(kit, "a");
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(done.known, 0);
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(done.known, 1);
    kit_check(kit);
    kit_close(kit, 1);
}

/** The ring goes over dropped records, the close, and on. */
/** One that is there already opens none of its channels. */
static void test_known_does_not_reopen(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t names[] = {es_slice_of("a"), es_slice_of("b")};
    es_frame_t frame = kit_frame("data: 1\n\n");
    es_entry_t entry = {names, 2, &frame};
    es_appended_t done;
    es_slot_t slot;

    (void)state;
    frame.publisher_id = es_slice_of("mine");
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    shut(kit, "a");
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(done.known, 1); /* b has it */
    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW));
    kit_close(kit, 1);
}

static void test_evicted(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    es_slot_t slot;
    es_id_t id;
    int i;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    id = say(kit, "a").last_id;
    say(kit, "a");
    id = shut(kit, "a").id;
    for (i = 0; i < 100; i++) {
        say(kit, i % 2 ? "b" : "c");
        kit_check(kit);
        assert_int_equal(events(kit, "a"), 0);
    }
    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW));
    assert_int_equal(resume(kit, slot, &id), APR_SUCCESS);
    say(kit, "a");
    assert_int_equal(events(kit, "a"), 1);
    kit_check(kit);
    kit_close(kit, 1);
}

/** What is evicted afterwards was dropped by the close. */
static void test_mark_stays(void **state)
{
    kit_t *kit = kit_open(4096, 3, 1);
    es_pos_t pos = es_store_head(kit->store);
    es_closed_t closed;
    es_id_t mark;
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    say(kit, "a");
    say(kit, "a");
    closed = shut(kit, "a");
    while (es_store_tail(kit->store) == pos) {
        say(kit, "b");
    }
    mark = es_channels_evicted(&kit->store->channels, slot);
    assert_int_equal(es_id_compare(&mark, &closed.id), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

/** Broken chains are mended on the way. */
static void test_broken_chain(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    memset(kit->store->channels.buckets, 0xff,
           kit->store->channels.nbuckets * 4);
    assert_int_equal(shut(kit, "a").clients, 1);
    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW));
    kit_check(kit);
    kit_close(kit, 1);
}

/** Unknown before; and kept while it is closed, though the table is full. */
static void test_table(void **state)
{
    kit_t *kit = kit_open(4096, 3, 1);
    es_slot_t slots[3];
    es_closed_t closed;
    int i;

    (void)state;
    assert_int_equal(shut(kit, "a").clients, 0);
    for (i = 0; i < 100; i++) {
        say(kit, "b"); /* its record is evicted */
    }
    assert_int_equal(kit_subscribe(kit, 2, "c", &slots[0]), 0);
    assert_int_equal(kit_subscribe(kit, 2, "d", &slots[1]), APR_ENOMEM);
    assert_int_equal(kit_subscribe(kit, 2, "a", &slots[1]), 0);
    assert_true(es_close_is_closed(kit->store, slots[1], KIT_NOW));
    es_store_unsubscribe(kit->store, 2, &slots[1], 1);
    assert_int_equal(es_close_channel(kit->store, es_slice_of("d"), KIT_NOW,
                                      KIT_NOW, kit->touched, &closed),
                     APR_ENOMEM);
    /* the time of day alone ends nothing */
    assert_int_equal(es_close_channel(kit->store, es_slice_of("d"),
                                      KIT_NOW + MINUTE, KIT_NOW, kit->touched,
                                      &closed),
                     APR_ENOMEM);
    /* its time is over */
    es_store_clock(kit->store, KIT_NOW + MINUTE);
    assert_int_equal(es_close_channel(kit->store, es_slice_of("d"), KIT_NOW,
                                      KIT_NOW + MINUTE, kit->touched, &closed),
                     0);
    kit_check(kit);
    kit_close(kit, 1);
}

/** A repair finds closes and what opened again, from the records alone. */
static void test_repair(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_store_t *store = kit->store;
    es_slot_t a, b;
    es_id_t old;
    es_repair_report_t report;
    int i;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &a), 0);
    assert_int_equal(kit_subscribe(kit, 2, "b", &b), 0);
    old = say(kit, "a").last_id;
    say(kit, "b");
    shut(kit, "a");
    shut(kit, "b");
    say(kit, "b");
    for (i = 0; i < 2; i++) {
        assert_int_equal(es_store_lock(store, &report), 0);
        if (i == 1) { /* death before the table learned of them */
            es_chan_t *chan = es_channels_at(&store->channels, a);

            chan->closed_until_ms = chan->closed_pos = 0;
            chan->evicted_ms = chan->evicted_n = 0;
            es_channels_at(&store->channels, b)->closed_until_ms =
                KIT_NOW + MINUTE;
        }
        assert_int_equal(es_store_repair(store, &report), 0);
        es_lock_give(&store->segment->guard.lock);
        assert_true(es_close_is_closed(store, a, KIT_NOW));
        assert_false(es_close_is_closed(store, b, KIT_NOW));
        assert_int_equal(events(kit, "a"), 0);
        assert_int_equal(events(kit, "b"), 1);
        assert_int_equal(resume(kit, a, &old), APR_NOTFOUND);
        kit_check(kit);
    }
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_close),
        cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_own_id),
        cmocka_unit_test(test_known_does_not_reopen),
        cmocka_unit_test(test_evicted),
        cmocka_unit_test(test_mark_stays),
        cmocka_unit_test(test_broken_chain),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_repair),
    };

    apr_initialize();
    es_log_to(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
