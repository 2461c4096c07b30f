/* SPDX-License-Identifier: Apache-2.0 */
/* A closed channel: what is dropped, for how long, and what a repair finds. */
#include "t/unit/store_kit.h"

#include "base/log.h"
#include "journal/channel_stats.h"
#include "journal/close.h"
#include "journal/resume.h"

#define RING (16 * 1024)
#define MINUTE_MS 60000

static es_closed_t close_channel(kit_t *kit, const char *channel)
{
    es_closed_t closed;

    memset(kit->touched, 0, sizeof(kit->touched));
    assert_int_equal(es_close_channel(kit->store, es_slice_of(channel), KIT_NOW,
                                      KIT_NOW + MINUTE_MS, kit->touched,
                                      &closed),
                     0);
    return closed;
}

static es_appended_t publish(kit_t *kit, const char *channel)
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
    es_resume_reach_t all = {0, 0, 0, 0};
    es_start_t start;

    assert_int_equal(es_store_current(kit->store, &start), 0);
    return es_store_resume(kit->store, &slot, 1, es_slice(text, len), &all,
                           &start);
}

static void a_close_drops_what_was_before(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t before = publish(kit, "a").last_id;
    es_pos_t pos = publish(kit, "a").head;
    es_closed_t closed;
    es_record_t record;
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    assert_int_equal(kit_subscribe(kit, 3, "a", &slot), 0);
    assert_false(es_close_is_closed(kit->store, slot, KIT_NOW));
    closed = close_channel(kit, "a");
    assert_int_equal(closed.clients, 2);
    assert_int_equal(kit->touched[0], 6);
    assert_true(es_id_compare(&closed.id, &before) > 0);

    /* the close is in the journal, in order */
    assert_int_equal(es_store_look(kit->store, pos, &record), 0);
    assert_true(record.closes);
    assert_int_equal(record.nslots, 1);
    assert_int_equal(record.slots[0], slot);
    assert_int_equal(record.frame_len, 0);
    assert_true(es_close_exists_after(kit->store, &slot, 1, pos));
    assert_false(es_close_exists_after(kit->store, &slot, 1, pos + 64));

    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW));
    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW + MINUTE_MS - 1));
    assert_false(es_close_is_closed(kit->store, slot, KIT_NOW + MINUTE_MS));
    assert_int_equal(events(kit, "a"), 0);
    assert_int_equal(resume(kit, slot, &before), APR_NOTFOUND);
    assert_int_equal(resume(kit, slot, &closed.id), APR_SUCCESS);
    kit_check(kit);
    kit_close(kit, 1);
}

static void an_event_opens_the_channel(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t old = publish(kit, "a").last_id;
    es_id_t after;
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    close_channel(kit, "a");
    after = publish(kit, "a").last_id;
    assert_false(es_close_is_closed(kit->store, slot, KIT_NOW));
    assert_int_equal(events(kit, "a"), 1);
    /* what was dropped stays dropped */
    assert_int_equal(resume(kit, slot, &old), APR_NOTFOUND);
    assert_int_equal(resume(kit, slot, &after), APR_SUCCESS);
    kit_check(kit);
    kit_close(kit, 1);
}

/** The publisher's id of a dropped event may be used again. */
static void a_dropped_publisher_id_is_free(void **state)
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
    close_channel(kit, "a");
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

/** A known event does not open its channels. */
static void a_known_event_does_not_open(void **state)
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
    close_channel(kit, "a");
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(done.known, 1); /* channel b retains it */
    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW));
    kit_close(kit, 1);
}

/** The ring evicts dropped records, then the close. */
static void a_close_lasts_when_it_is_evicted(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    es_slot_t slot;
    es_id_t id;
    int i;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    id = publish(kit, "a").last_id;
    publish(kit, "a");
    id = close_channel(kit, "a").id;
    for (i = 0; i < 100; i++) {
        publish(kit, i % 2 ? "b" : "c");
        kit_check(kit);
        assert_int_equal(events(kit, "a"), 0);
    }
    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW));
    assert_int_equal(resume(kit, slot, &id), APR_SUCCESS);
    publish(kit, "a");
    assert_int_equal(events(kit, "a"), 1);
    kit_check(kit);
    kit_close(kit, 1);
}

/** A later eviction of dropped records does not lower the evicted id. */
static void eviction_does_not_lower_the_evicted_id(void **state)
{
    kit_t *kit = kit_open(4096, 3, 1);
    es_pos_t pos = es_store_head(kit->store);
    es_closed_t closed;
    es_id_t mark;
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    publish(kit, "a");
    publish(kit, "a");
    closed = close_channel(kit, "a");
    while (es_store_tail(kit->store) == pos) {
        publish(kit, "b");
    }
    mark = es_channels_evicted(&kit->store->channels, slot);
    assert_int_equal(es_id_compare(&mark, &closed.id), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

/** A close repairs damaged chains first. */
static void a_close_repairs_damaged_chains(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slot_t slot;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    memset(kit->store->channels.buckets, 0xff,
           kit->store->channels.nbuckets * 4);
    assert_int_equal(close_channel(kit, "a").clients, 1);
    assert_true(es_close_is_closed(kit->store, slot, KIT_NOW));
    kit_check(kit);
    kit_close(kit, 1);
}

/** A channel without slot can be closed, and a closed one keeps its slot in a
 * full table. */
static void a_closed_channel_keeps_its_slot(void **state)
{
    kit_t *kit = kit_open(4096, 3, 1);
    es_slot_t slots[3];
    es_closed_t closed;
    int i;

    (void)state;
    assert_int_equal(close_channel(kit, "a").clients, 0);
    for (i = 0; i < 100; i++) {
        publish(kit, "b"); /* evicts the record of the close */
    }
    assert_int_equal(kit_subscribe(kit, 3, "b", &slots[0]), 0);
    assert_int_equal(kit_subscribe(kit, 2, "c", &slots[0]), 0);
    assert_int_equal(kit_subscribe(kit, 2, "d", &slots[1]), APR_ENOMEM);
    assert_int_equal(kit_subscribe(kit, 2, "a", &slots[1]), 0);
    assert_true(es_close_is_closed(kit->store, slots[1], KIT_NOW));
    es_store_unsubscribe(kit->store, 2, &slots[1], 1);
    assert_int_equal(es_close_channel(kit->store, es_slice_of("d"), KIT_NOW,
                                      KIT_NOW, kit->touched, &closed),
                     APR_ENOMEM);
    /* the time of day does not end the close */
    assert_int_equal(es_close_channel(kit->store, es_slice_of("d"),
                                      KIT_NOW + MINUTE_MS, KIT_NOW,
                                      kit->touched, &closed),
                     APR_ENOMEM);
    /* the time of the close is over */
    es_store_set_clock(kit->store, KIT_NOW + MINUTE_MS);
    assert_int_equal(es_close_channel(kit->store, es_slice_of("d"), KIT_NOW,
                                      KIT_NOW + MINUTE_MS, kit->touched,
                                      &closed),
                     0);
    kit_check(kit);
    kit_close(kit, 1);
}

/** A repair finds closed and reopened channels from the records alone. */
static void a_repair_finds_closes(void **state)
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
    old = publish(kit, "a").last_id;
    publish(kit, "b");
    close_channel(kit, "a");
    close_channel(kit, "b");
    publish(kit, "b");
    for (i = 0; i < 2; i++) {
        assert_int_equal(es_store_lock(store, &report), 0);
        if (i == 1) { /* as after a death before the table was changed */
            es_chan_t *chan = es_channels_at(&store->channels, a);

            chan->closed_until_ms = chan->closed_pos = 0;
            chan->evicted_ms = chan->evicted_n = 0;
            es_channels_at(&store->channels, b)->closed_until_ms =
                KIT_NOW + MINUTE_MS;
        }
        assert_int_equal(es_store_repair(store, &report), 0);
        es_lock_release(&store->segment->guard.lock);
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
        cmocka_unit_test(a_close_drops_what_was_before),
        cmocka_unit_test(an_event_opens_the_channel),
        cmocka_unit_test(a_dropped_publisher_id_is_free),
        cmocka_unit_test(a_known_event_does_not_open),
        cmocka_unit_test(a_close_lasts_when_it_is_evicted),
        cmocka_unit_test(eviction_does_not_lower_the_evicted_id),
        cmocka_unit_test(a_close_repairs_damaged_chains),
        cmocka_unit_test(a_closed_channel_keeps_its_slot),
        cmocka_unit_test(a_repair_finds_closes),
    };

    apr_initialize();
    es_log_set_handler(NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
