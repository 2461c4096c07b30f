/* SPDX-License-Identifier: Apache-2.0 */
/* What GRIP reads of a store: missed events, last ids, the seal, links. */
#include "t/unit/store_kit.h"

#include "base/buf.h"
#include "journal/close.h"
#include "journal/missed.h"

#define RING (16 * 1024)

static kit_t *kit;
static es_part_t parts[2];
static es_id_t seen[2];
static es_missed_t missed;
static es_buf_t body;

/* Channels a and b, from the beginning of a journal that is still empty. */
static void begin_with(apr_uint64_t ring_bytes)
{
    kit = kit_open(ring_bytes, 8, 0);
    memset(parts, 0, sizeof(parts));
    memset(seen, 0, sizeof(seen));
    kit_subscribe(kit, 1, "a", &parts[0].slot);
    kit_subscribe(kit, 1, "b", &parts[1].slot);
    memset(&missed, 0, sizeof(missed));
    missed.store = kit->store;
    missed.parts = parts;
    missed.seen = seen;
    missed.count = 2;
    missed.pos = es_store_head(kit->store);
    es_buf_init(&body, kit->pool, 8192);
}

static int begin(void **state)
{
    (void)state;
    begin_with(RING);
    return 0;
}

static int end(void **state)
{
    (void)state;
    kit_close(kit, 0);
    return 0;
}

static void append(const char *channel, const char *data)
{
    es_appended_t done;

    assert_int_equal(
        kit_append(kit, channel,
                   apr_pstrcat(kit->pool, "data: ", data, "\n\n", NULL), &done),
        0);
}

static void fill_ring(const char *channel)
{
    int i;

    for (i = 0; i < 1000; i++) {
        append(channel, "x");
    }
}

/* A test acts between the looks at two channels: the linker puts this in the
 * place of es_channels_at (--wrap, see Makefile.am). */
static void (*on_look)(void);
static es_slot_t on_look_at;

es_chan_t *__real_es_channels_at(const es_channels_t *channels, es_slot_t slot);
es_chan_t *__wrap_es_channels_at(const es_channels_t *channels, es_slot_t slot);

es_chan_t *__wrap_es_channels_at(const es_channels_t *channels, es_slot_t slot)
{
    void (*call)(void) = on_look;

    if (call != NULL && slot == on_look_at) {
        on_look = NULL;
        call();
    }
    return __real_es_channels_at(channels, slot);
}

/* and this in the place of es_store_look */
static int looks;

apr_status_t __real_es_store_look(const es_store_t *store, es_pos_t pos,
                                  es_record_t *record);
apr_status_t __wrap_es_store_look(const es_store_t *store, es_pos_t pos,
                                  es_record_t *record);

apr_status_t __wrap_es_store_look(const es_store_t *store, es_pos_t pos,
                                  es_record_t *record)
{
    looks++;
    return __real_es_store_look(store, pos, record);
}

static void publish_others(void)
{
    fill_ring("other");
}

static apr_status_t collect(void)
{
    missed.stop = es_store_head(kit->store);
    return es_missed_collect(&missed, &body);
}

/* The data that was collected, with commas between. */
static const char *data_of(void)
{
    const char *text =
        apr_pstrmemdup(kit->pool, body.data ? body.data : "", body.len);
    const char *all = "", *at;

    for (at = strstr(text, "data: "); at; at = strstr(at, "data: ")) {
        at += 6;
        all = apr_psprintf(kit->pool, "%s%s%.*s", all, *all ? "," : "",
                           (int)strcspn(at, "\n"), at);
    }
    return all;
}

static void events_of_its_channels(void **state)
{
    (void)state;
    append("a", "1");
    append("other", "x");
    append("b", "2");
    append("a", "3");
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "1,2,3");
    assert_int_equal(kit_number(missed.last), 4);
    assert_true(missed.pos == missed.stop);
    assert_memory_equal(body.data + body.len - 2, "\n\n", 2);
}

/* @return how many records are looked at */
static int looks_with(int others)
{
    int i;

    begin_with(1024 * 1024);
    append("a", "1");
    for (i = 0; i < others; i++) {
        append("other", "x");
    }
    append("b", "2");
    looks = 0;
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "1,2");
    kit_close(kit, 0);
    return looks;
}

static void events_of_other_channels_cost_nothing(void **state)
{
    int few = looks_with(200);

    (void)state;
    assert_true(few < 100);
    assert_int_equal(looks_with(7000), few);
}

static void without_events_the_body_is_empty(void **state)
{
    (void)state;
    assert_int_equal(collect(), APR_SUCCESS);
    assert_int_equal(body.len, 0);
}

static void each_channel_starts_after_its_id(void **state)
{
    (void)state;
    append("a", "1");
    append("b", "2");
    append("a", "3");
    append("b", "4");
    seen[0] = kit_id(3);
    seen[1] = kit_id(1);
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "2,4");
}

static void each_channel_starts_at_its_position(void **state)
{
    (void)state;
    append("a", "1");
    append("b", "2");
    parts[0].from = es_store_head(kit->store);
    append("a", "3");
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "2,3");
}

static void an_event_of_both_channels_comes_once(void **state)
{
    es_slice_t names[] = {es_slice_of("a"), es_slice_of("b")};
    es_frame_t frame = kit_frame("data: both\n\n");
    es_entry_t entry = {names, 2, &frame};
    es_appended_t done;

    (void)state;
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    /* it was received in one channel, in the other it was not */
    seen[0] = done.last_id;
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "both");
}

static void collecting_continues_after_a_full_body(void **state)
{
    int i, rounds = 0;

    (void)state;
    for (i = 0; i < 100; i++) {
        append("a", apr_psprintf(kit->pool, "%d", i));
    }
    es_buf_init(&body, kit->pool, 1000);
    while (collect() == APR_ENOSPC) {
        assert_true(body.len > 900);
        seen[0] = seen[1] = missed.last;
        es_buf_init(&body, kit->pool, 1000);
        rounds++;
    }
    assert_true(rounds > 1);
    assert_int_equal(kit_number(missed.last), 100);
}

static void a_close_is_the_end(void **state)
{
    es_closed_t closed;

    (void)state;
    append("a", "1");
    assert_int_equal(es_close_channel(kit->store, es_slice_of("other"), KIT_NOW,
                                      KIT_NOW, kit->touched, &closed),
                     0);
    assert_int_equal(es_close_channel(kit->store, es_slice_of("b"), KIT_NOW,
                                      KIT_NOW, kit->touched, &closed),
                     0);
    append("a", "2");
    assert_int_equal(collect(), APR_EOF);
    assert_string_equal(data_of(), "1");
}

static void an_evicted_event_is_lost(void **state)
{
    int i;

    (void)state;
    append("a", "1");
    for (i = 0; i < 1000; i++) {
        append("other", "x");
    }
    assert_int_equal(collect(), APR_ENOENT);
    assert_int_equal(body.len, 0);
}

static void evicted_events_of_other_channels_are_no_loss(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        append("other", "x");
    }
    append("b", "1");
    assert_true(es_store_tail(kit->store) > missed.pos);
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "1");
}

/* While the channels are looked at, others publish. */
static void an_event_that_is_evicted_between_two_looks_is_lost(void **state)
{
    (void)state;
    fill_ring("other");
    append("a", "1");
    on_look_at = parts[1].slot; /* a has been looked at before */
    on_look = publish_others;
    assert_int_equal(collect(), APR_ENOENT);
    assert_null(on_look);
    assert_string_equal(data_of(), "");
}

static void evicted_events_before_a_part_are_no_loss(void **state)
{
    (void)state;
    append("a", "1");
    append("b", "2");
    parts[0].from = parts[1].from = es_store_head(kit->store);
    fill_ring("other");
    append("a", "3");
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "3");
}

/* ---- last ids and the seal ---------------------------------------------- */

static void assert_last(kit_t *kit, es_slot_t slot, es_id_t should)
{
    es_start_t present;
    es_id_t last;

    assert_int_equal(es_store_last_ids(kit->store, &slot, 1, &last, &present),
                     0);
    assert_int_equal(es_id_compare(&last, &should), 0);
    assert_true(present.pos == es_store_head(kit->store));
}

static void a_channel_without_events_has_the_epoch(void **state)
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

static void a_seal_depends_on_store_and_text(void **state)
{
    kit_t *one = kit_open(RING, 8, 0), *two = kit_open(RING, 8, 0);
    es_slice_t text = es_slice_of("text");
    apr_uint64_t seal = es_store_seal(one->store, text);

    (void)state;
    assert_true(seal == es_store_seal(one->store, es_slice_of("text")));
    assert_true(seal != es_store_seal(one->store, es_slice_of("Text")));
    assert_true(seal != es_store_seal(two->store, text));
    /* and it is not the channel table's hash */
    assert_true(seal != es_channels_hash(&one->store->channels, text));
    kit_close(two, 0);
    kit_close(one, 0);
}

/* ---- links -------------------------------------------------------------- */

static void look(kit_t *kit, es_pos_t pos, es_record_t *record)
{
    assert_int_equal(es_store_look(kit->store, pos, record), APR_SUCCESS);
}

static void append_to(kit_t *kit, const char *channel, es_appended_t *done)
{
    assert_int_equal(kit_append(kit, channel, "data: x\n\n", done),
                     APR_SUCCESS);
}

static es_id_t last_id_of(kit_t *kit, const char *channel)
{
    es_id_t id = {0, 0};
    es_start_t present;
    es_slot_t slot;

    assert_int_equal(kit_subscribe(kit, 1, channel, &slot), APR_SUCCESS);
    assert_int_equal(es_store_last_ids(kit->store, &slot, 1, &id, &present),
                     APR_SUCCESS);
    es_store_unsubscribe(kit->store, 1, &slot, 1);
    return id;
}

static void a_link_has_name_and_id_before(void **state)
{
    kit_t *kit = kit_open(8192, 8, 0);
    es_appended_t one, other, two;
    es_record_t record;
    es_linked_t linked;

    (void)state;
    append_to(kit, "a", &one);
    append_to(kit, "b", &other);
    append_to(kit, "a", &two);
    look(kit, two.from, &record);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
    assert_int_equal(linked.name_len, 1);
    assert_int_equal(linked.name[0], 'a');
    assert_int_equal(es_id_compare(&linked.before, &one.last_id), 0);
    kit_close(kit, 0);
}

/* The id of a channel's last event is the one that the next record follows. */
static void the_next_record_follows_the_last_id(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    es_appended_t done;
    es_record_t record;
    es_linked_t linked;
    es_id_t last;
    int i;

    (void)state;
    for (i = 0; i < 400; i++) {
        const char *channel = kit_random(12) == 0 ? "rare" : "often";

        last = last_id_of(kit, channel);
        append_to(kit, channel, &done);
        look(kit, done.from, &record);
        assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
        assert_int_equal(es_id_compare(&linked.before, &last), 0);
        last = last_id_of(kit, channel);
        assert_int_equal(es_id_compare(&last, &done.last_id), 0);
    }
    kit_close(kit, 0);
}

static void the_event_before_may_be_evicted(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    es_appended_t one, two, done;
    es_record_t record;
    es_linked_t linked;

    (void)state;
    append_to(kit, "a", &one);
    append_to(kit, "b", &done);
    append_to(kit, "a", &two);
    do {
        append_to(kit, "b", &done);
    } while (es_store_tail(kit->store) <= one.from);
    look(kit, two.from, &record);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
    assert_int_equal(es_id_compare(&linked.before, &one.last_id), 0);
    kit_close(kit, 0);
}

static void a_link_of_an_evicted_record_is_refused(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    es_appended_t one, done;
    es_record_t record;
    es_linked_t linked;

    (void)state;
    append_to(kit, "a", &one);
    look(kit, one.from, &record);
    do {
        append_to(kit, "b", &done);
    } while (es_store_tail(kit->store) <= one.from);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked),
                     APR_ENOENT);
    kit_close(kit, 0);
}

static void the_first_event_follows_the_epoch(void **state)
{
    kit_t *kit = kit_open(4096, 8, 0);
    es_id_t epoch = es_store_epoch(kit->store), last;
    es_appended_t done;
    es_record_t record;
    es_linked_t linked;

    (void)state;
    last = last_id_of(kit, "a");
    assert_int_equal(es_id_compare(&last, &epoch), 0);
    append_to(kit, "a", &done);
    look(kit, done.from, &record);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
    assert_int_equal(es_id_compare(&linked.before, &epoch), 0);
    kit_close(kit, 0);
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, begin, end)

static const struct CMUnitTest tests[] = {
    FACT(events_of_its_channels),
    cmocka_unit_test(events_of_other_channels_cost_nothing),
    FACT(without_events_the_body_is_empty),
    FACT(each_channel_starts_after_its_id),
    FACT(each_channel_starts_at_its_position),
    FACT(an_event_of_both_channels_comes_once),
    FACT(collecting_continues_after_a_full_body),
    FACT(a_close_is_the_end),
    FACT(an_evicted_event_is_lost),
    FACT(evicted_events_of_other_channels_are_no_loss),
    FACT(an_event_that_is_evicted_between_two_looks_is_lost),
    FACT(evicted_events_before_a_part_are_no_loss),
    cmocka_unit_test(a_channel_without_events_has_the_epoch),
    cmocka_unit_test(the_last_event_of_each_channel),
    cmocka_unit_test(an_evicted_event_is_still_the_last),
    cmocka_unit_test(a_seal_depends_on_store_and_text),
    cmocka_unit_test(a_link_has_name_and_id_before),
    cmocka_unit_test(the_next_record_follows_the_last_id),
    cmocka_unit_test(the_event_before_may_be_evicted),
    cmocka_unit_test(a_link_of_an_evicted_record_is_refused),
    cmocka_unit_test(the_first_event_follows_the_epoch),
};

int main(void)
{
    int rc;

    apr_initialize();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return rc;
}
