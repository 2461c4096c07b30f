/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of journal/missed.c. */
#include "t/unit/store_kit.h"

#include "base/buf.h"
#include "journal/close.h"
#include "journal/missed.h"

#define RING (16 * 1024)

static kit_t *kit;
static es_missed_part_t parts[2];
static es_missed_t excerpt;
static es_buf_t body;

/* Channels a and b from the beginning, of a journal that is still empty. */
static int begin(void **state)
{
    (void)state;
    kit = kit_open(RING, 8, 0);
    memset(parts, 0, sizeof(parts));
    kit_subscribe(kit, 1, "a", &parts[0].slot);
    kit_subscribe(kit, 1, "b", &parts[1].slot);
    memset(&excerpt, 0, sizeof(excerpt));
    excerpt.store = kit->store;
    excerpt.parts = parts;
    excerpt.count = 2;
    excerpt.pos = es_store_head(kit->store);
    es_buf_init(&body, kit->pool, 8192);
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

static apr_status_t collect(void)
{
    excerpt.stop = es_store_head(kit->store);
    return es_missed_collect(&excerpt, &body);
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
    assert_int_equal(kit_number(excerpt.last), 4);
    assert_true(excerpt.pos == excerpt.stop);
    assert_memory_equal(body.data + body.len - 2, "\n\n", 2);
}

static void nothing_of_nothing(void **state)
{
    (void)state;
    assert_int_equal(collect(), APR_SUCCESS);
    assert_int_equal(body.len, 0);
}

static void each_channel_from_what_was_seen(void **state)
{
    (void)state;
    append("a", "1");
    append("b", "2");
    append("a", "3");
    append("b", "4");
    parts[0].seen = kit_id(3);
    parts[1].seen = kit_id(1);
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "2,4");
}

static void each_channel_from_its_position(void **state)
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
    parts[0].seen = done.last_id; /* of one it was seen, of the other not */
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "both");
}

static void a_full_body_can_be_gone_on_with(void **state)
{
    int i, rounds = 0;

    (void)state;
    for (i = 0; i < 100; i++) {
        append("a", apr_psprintf(kit->pool, "%d", i));
    }
    es_buf_init(&body, kit->pool, 1000);
    while (collect() == APR_ENOSPC) {
        assert_true(body.len > 900);
        parts[0].seen = parts[1].seen = excerpt.last;
        es_buf_init(&body, kit->pool, 1000);
        rounds++;
    }
    assert_true(rounds > 1);
    assert_int_equal(kit_number(excerpt.last), 100);
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

static void what_was_overtaken_is_lost(void **state)
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

static void others_that_were_overtaken_are_no_loss(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        append("other", "x");
    }
    append("b", "1");
    assert_true(es_store_tail(kit->store) > excerpt.pos);
    assert_int_equal(collect(), APR_SUCCESS);
    assert_string_equal(data_of(), "1");
}

#define FACT(name) cmocka_unit_test_setup_teardown(name, begin, end)

static const struct CMUnitTest tests[] = {
    FACT(events_of_its_channels),
    FACT(nothing_of_nothing),
    FACT(each_channel_from_what_was_seen),
    FACT(each_channel_from_its_position),
    FACT(an_event_of_both_channels_comes_once),
    FACT(a_full_body_can_be_gone_on_with),
    FACT(a_close_is_the_end),
    FACT(what_was_overtaken_is_lost),
    FACT(others_that_were_overtaken_are_no_loss),
};

int main(void)
{
    int rc;

    apr_initialize();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    apr_terminate();
    return rc;
}
