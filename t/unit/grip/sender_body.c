/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/sender_body.c: which records become which body. */
#include "t/unit/grip_kit.h"

#include "grip/sender_body.h"

/* as in grip/sender_body.c */
#define BODY_MAX 900000
#define ALL APR_INT32_MAX

static es_sender_body_t body;

/* Make the body that starts at a position, up to the head. */
static apr_status_t make_at(es_sent_pos_t from, int most)
{
    memset(&body, 0, sizeof(body));
    body.from = from;
    return es_sender_body_make(&body, hub.store, &hub.grip,
                               es_store_head(hub.store), most, pool);
}

static apr_status_t make(es_pos_t from, int most)
{
    return make_at((es_sent_pos_t){from, 0}, most);
}

static const char *text_of_body(void)
{
    return apr_pstrmemdup(pool, body.text.data, body.text.len);
}

static const char *events(void)
{
    return events_of(text_of_body());
}

FACTS(items_are_in_the_order_of_the_journal)
{
    range_t first = publish("x", "1");
    range_t last;

    publish("y", "2");
    last = publish("x", "3");
    assert_int_equal(make(first.from, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:1 y:2 x:3");
    assert_int_equal(body.records, 3);
    assert_int_equal(body.end, last.to);
    assert_int_equal(body.to.pos, last.to);
    assert_int_equal(body.to.link, 0);
}

FACTS(at_the_head_there_is_no_body)
{
    range_t last = publish("x", "1");

    assert_int_equal(make(last.to, ALL), APR_EOF);
}

FACTS(a_body_ends_after_the_most_records)
{
    range_t first = publish("x", "1");

    publish("x", "2");
    publish("x", "3");
    assert_int_equal(make(first.from, 1), APR_SUCCESS);
    assert_string_equal(events(), "x:1");
    assert_int_equal(body.to.pos, first.to);
    assert_int_equal(make_at(body.to, 2), APR_SUCCESS);
    assert_string_equal(events(), "x:2 x:3");
}

FACTS(a_body_ends_at_the_head_that_is_given)
{
    range_t first = publish("x", "1");

    publish("x", "2");
    body.from = (es_sent_pos_t){first.from, 0};
    assert_int_equal(
        es_sender_body_make(&body, hub.store, &hub.grip, first.to, ALL, pool),
        APR_SUCCESS);
    assert_string_equal(events(), "x:1");
}

FACTS(each_channel_of_a_record_is_an_item)
{
    range_t range = publish("x,y,z", "1");

    assert_int_equal(make(range.from, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:1 y:1 z:1");
    assert_int_equal(body.records, 1);
}

FACTS(a_closed_channel_is_an_action)
{
    range_t first = publish("x", "1");

    close_channel("x");
    assert_int_equal(make(first.from, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:1 x:close");
}

FACTS(reliable_items_name_the_item_before)
{
    range_t first = publish("x", "1");

    publish("y", "2");
    publish("x", "3");
    hub.grip.is_reliable = 1;
    assert_int_equal(make(first.from, ALL), APR_SUCCESS);
    assert_string_equal(member_of(text_of_body(), 2, "prev-id"),
                        member_of(text_of_body(), 0, "id"));
    hub.grip.is_reliable = 0;
    assert_int_equal(make(first.from, ALL), APR_SUCCESS);
    assert_null(member_of(text_of_body(), 0, "id"));
    assert_null(member_of(text_of_body(), 0, "prev-id"));
}

/* ---- limits ------------------------------------------------------------ */

FACTS(a_full_body_ends_between_records)
{
    range_t first = publish_bytes("x", 'a', 400000);
    range_t second = publish_bytes("x", 'b', 400000);

    publish_bytes("x", 'c', 400000);
    assert_int_equal(make(first.from, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:a x:b");
    assert_true(body.text.len <= BODY_MAX);
    assert_int_equal(body.to.pos, second.to);
    assert_int_equal(make_at(body.to, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:c");
}

FACTS(a_record_larger_than_a_body_is_sent_in_parts)
{
    range_t record = publish_bytes("a,b,c,d,e", 'r', 400000);
    range_t next = publish("x", "1");

    assert_int_equal(make(record.from, ALL), APR_SUCCESS);
    assert_string_equal(events(), "a:r b:r");
    assert_int_equal(body.records, 1);
    assert_int_equal(body.end, record.to);
    assert_int_equal(body.to.pos, record.from);
    assert_int_equal(body.to.link, 2);
    assert_int_equal(make_at(body.to, ALL), APR_SUCCESS);
    assert_string_equal(events(), "c:r d:r");
    assert_int_equal(make_at(body.to, ALL), APR_SUCCESS);
    assert_string_equal(events(), "e:r x:1");
    assert_int_equal(body.records, 2);
    assert_int_equal(body.to.pos, next.to);
    assert_int_equal(body.to.link, 0);
}

FACTS(an_item_larger_than_a_body_goes_alone)
{
    range_t first = publish("x", "1");
    range_t large = publish_bytes("x", 'L', 1000000);

    publish("x", "2");
    assert_int_equal(make(first.from, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:1");
    assert_int_equal(make_at(body.to, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:L");
    assert_true(body.text.len > BODY_MAX);
    assert_int_equal(body.to.pos, large.to);
    assert_int_equal(make_at(body.to, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:2");
}

FACTS(the_limit_counts_the_bytes_of_json)
{
    range_t first = publish_bytes("x", 1, 100000); /* "\u0001": six times */

    publish_bytes("x", 2, 100000);
    assert_int_equal(make(first.from, ALL), APR_SUCCESS);
    assert_int_equal(body.records, 1);
    assert_true(body.text.len > 600000);
}

/* ---- what cannot be read ----------------------------------------------- */

FACTS(an_evicted_record_is_overtaken)
{
    range_t record = publish_bytes("a,b,c", 'r', 400000);

    assert_int_equal(make(record.from, ALL), APR_SUCCESS);
    overwrite_all();
    assert_int_equal(make_at(body.to, ALL), APR_ENOENT);
    assert_int_equal(make(record.from, ALL), APR_ENOENT);
    assert_int_equal(body.records, 0);
}

FACTS(a_damaged_record_is_not_overtaken)
{
    range_t record = publish("x", "1");

    damage(record.from);
    assert_int_equal(make(record.from, ALL), APR_EGENERAL);
    assert_true(es_store_tail(hub.store) <= record.from);
}

FACTS(records_before_a_damaged_one_are_sent)
{
    range_t first = publish("x", "1");
    range_t second = publish("x", "2");

    damage(second.from);
    assert_int_equal(make(first.from, ALL), APR_SUCCESS);
    assert_string_equal(events(), "x:1");
    assert_int_equal(body.to.pos, second.from);
    assert_int_equal(make_at(body.to, ALL), APR_EGENERAL);
}

/* ---- Main -------------------------------------------------------------- */

static int before_each(void **state)
{
    (void)state;
    hub_open(8 * 1024 * 1024);
    return 0;
}

static int after_each(void **state)
{
    hub_close();
    return unit_after_each(state);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, before_each, after_each)

static const struct CMUnitTest tests[] = {
    TEST(items_are_in_the_order_of_the_journal),
    TEST(at_the_head_there_is_no_body),
    TEST(a_body_ends_after_the_most_records),
    TEST(a_body_ends_at_the_head_that_is_given),
    TEST(each_channel_of_a_record_is_an_item),
    TEST(a_closed_channel_is_an_action),
    TEST(reliable_items_name_the_item_before),
    TEST(a_full_body_ends_between_records),
    TEST(a_record_larger_than_a_body_is_sent_in_parts),
    TEST(an_item_larger_than_a_body_goes_alone),
    TEST(the_limit_counts_the_bytes_of_json),
    TEST(an_evicted_record_is_overtaken),
    TEST(a_damaged_record_is_not_overtaken),
    TEST(records_before_a_damaged_one_are_sent),
};

UNIT_MAIN(tests)
