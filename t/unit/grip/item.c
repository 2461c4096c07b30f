/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/item.c. */
#include "t/unit/unit.h"

#include "grip/item.h"

FACTS(a_plain_name_is_not_changed)
{
    assert_slice(es_grip_channel("events-", S("room_1.~!*'()-Z"), pool),
                 "events-room_1.~!*'()-Z");
}

FACTS(what_is_syntax_in_grip_channel_is_encoded)
{
    assert_slice(es_grip_channel("", S("a,b;c\"d e/f%"), pool),
                 "a%2Cb%3Bc%22d%20e%2Ff%25");
    assert_slice(es_grip_channel("p:", S("\xc3\xa9"), pool), "p:%C3%A9");
    assert_slice(es_grip_channel("", S("\0"), pool), "%00");
}

FACTS(a_nul_follows_the_name)
{
    es_slice_t channel = es_grip_channel("x", S("yz"), pool);

    assert_string_equal(channel.data, "xyz");
}

/* ---- names and content of other publishers ------------------------------ */

FACTS(a_name_is_decoded_once_without_its_prefix)
{
    assert_slice(es_grip_channel_name("events-", S("events-user%3A42"), pool),
                 "user:42");
    assert_slice(es_grip_channel_name("", S("a%2Cb%3bc%20d/e%C3%A9"), pool),
                 "a,b;c d/e\xc3\xa9");
    assert_slice(es_grip_channel_name("", S("%2541"), pool), "%41");
    assert_slice(es_grip_channel_name("", S("a%zz+%4"), pool), "a%zz+%4");
    assert_slice(es_grip_channel_name("", S("%00%0a%ff"), pool), "\0\n\xff");
    assert_slice(es_grip_channel_name("a%3A", S("a%3Ab"), pool), "b");
    assert_slice(es_grip_channel_name("a:", S("a%3Ab"), pool), "a:b");
    assert_slice(es_grip_channel_name("events-", S("events-"), pool),
                 "events-");
}

FACTS(a_name_is_what_es_grip_channel_was_given)
{
    es_slice_t name = S("events-%41, \"\xc3\xa9\";/+");

    assert_true(es_slice_equal(
        es_grip_channel_name("events-", es_grip_channel("events-", name, pool),
                             pool),
        name));
}

/* The text without ids, or why it is refused. */
static es_slice_t built(es_slice_t text)
{
    const char *err = es_grip_build_id(&text, pool);

    return err ? es_slice_of(err) : text;
}

FACTS(build_id_ends_the_escapes_of_a_text)
{
    assert_slice(built(es_slice(NULL, 0)), "");
    assert_slice(built(S("plain")), "plain");
    assert_slice(built(S("100%% of %%I")), "100% of %I");
    assert_slice(built(S("%%%%%(a\\)%\\\\b)I.")), "%%a)%\\b.");
    assert_slice(built(S("%()I")), "");
}

FACTS(build_id_refuses_what_needs_an_id)
{
    static const char *const wrong[] = {"%",    "100% ",   "%(a",
                                        "%(a)", "%(a\\)I", "%(a)s"};
    size_t i;

    assert_slice(built(S("a%I")), "'%I' may only be a whole id");
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_slice(built(es_slice_of(wrong[i])),
                     "a '%' must begin '%%', '%I' or '%(text)I'");
    }
}

/* ---- bodies ------------------------------------------------------------ */

static es_buf_t body;

static es_grip_item_t item_of(es_slice_t frame)
{
    es_grip_item_t item = {{0}, {0}, {0}, {0}};

    item.channel = S("events-a");
    item.format = es_grip_item_send(frame, pool);
    return item;
}

static void begin(apr_size_t max)
{
    es_buf_init(&body, pool, max);
}

FACTS(an_event_is_as_the_libraries_send_it)
{
    es_grip_item_t item =
        item_of(S("event: message\ndata: \"hello\\nworld\"\n\n"));

    begin(1000);
    assert_true(es_grip_item_add(&body, &item));
    es_grip_item_finish(&body);
    assert_slice(es_buf_slice(&body),
                 "{\"items\":[{\"formats\":{\"http-stream\":{\"content\":"
                 "\"event: message\\ndata: \\\"hello\\\\nworld\\\"\\n\\n\"}},"
                 "\"channel\":\"events-a\"}]}");
}

FACTS(ids_come_first)
{
    es_grip_item_t item = item_of(S("x"));

    item.id = S("2-0");
    item.prev_id = S("1-0");
    begin(1000);
    assert_true(es_grip_item_add(&body, &item));
    es_grip_item_finish(&body);
    assert_slice(es_buf_slice(&body),
                 "{\"items\":[{\"id\":\"2-0\",\"prev-id\":\"1-0\","
                 "\"formats\":{\"http-stream\":{\"content\":\"x\"}},"
                 "\"channel\":\"events-a\"}]}");
}

FACTS(only_control_characters_are_escaped)
{
    assert_slice(es_grip_item_send(S("\t\r\n\0\x1f\x7f\xc3\xa9/"), pool),
                 "{\"http-stream\":{\"content\":"
                 "\"\\t\\r\\n\\u0000\\u001f\x7f\xc3\xa9/\"}}");
}

FACTS(bytes_that_are_not_utf8_become_base64)
{
    assert_slice(es_grip_item_send(S("\xff\xfe"), pool),
                 "{\"http-stream\":{\"content-bin\":\"//4=\"}}");
}

FACTS(a_close_is_an_action)
{
    es_grip_item_t item = item_of(S(""));

    item.format = es_grip_item_close();
    begin(1000);
    assert_true(es_grip_item_add(&body, &item));
    es_grip_item_finish(&body);
    assert_slice(es_buf_slice(&body),
                 "{\"items\":[{\"formats\":{\"http-stream\":{\"action\":"
                 "\"close\",\"content\":\"\"}},\"channel\":\"events-a\"}]}");
}

FACTS(a_body_has_a_maximum)
{
    es_grip_item_t item = item_of(S("x"));
    apr_size_t first, second;

    begin(1000);
    assert_true(es_grip_item_add(&body, &item));
    first = body.len;
    assert_true(es_grip_item_add(&body, &item));
    second = body.len;

    begin(second + 1); /* the end has two bytes */
    assert_true(es_grip_item_add(&body, &item));
    assert_false(es_grip_item_add(&body, &item));
    assert_int_equal(body.len, first);
    es_grip_item_finish(&body);
    assert_int_equal(body.len, first + 2);

    begin(second + 2);
    assert_true(es_grip_item_add(&body, &item));
    assert_true(es_grip_item_add(&body, &item));
    es_grip_item_finish(&body);
    assert_int_equal(body.len, body.max);
}

FACTS(a_prefix_may_need_escaping)
{
    es_grip_item_t item = item_of(S("x"));

    item.channel = S("a\"b");
    begin(1000);
    assert_true(es_grip_item_add(&body, &item));
    assert_non_null(strstr(apr_pstrmemdup(pool, body.data, body.len),
                           "\"channel\":\"a\\\"b\""));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_plain_name_is_not_changed),
    UNIT(what_is_syntax_in_grip_channel_is_encoded),
    UNIT(a_nul_follows_the_name),
    UNIT(a_name_is_decoded_once_without_its_prefix),
    UNIT(a_name_is_what_es_grip_channel_was_given),
    UNIT(build_id_ends_the_escapes_of_a_text),
    UNIT(build_id_refuses_what_needs_an_id),
    UNIT(an_event_is_as_the_libraries_send_it),
    UNIT(ids_come_first),
    UNIT(only_control_characters_are_escaped),
    UNIT(bytes_that_are_not_utf8_become_base64),
    UNIT(a_close_is_an_action),
    UNIT(a_body_has_a_maximum),
    UNIT(a_prefix_may_need_escaping),
};

UNIT_MAIN(tests)
