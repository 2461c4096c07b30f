/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of http/body_json.c, which knows no httpd but is not in the library
 * that unit tests are linked with: jansson stays out of it.
 */
#include "t/unit/unit.h"

#include "http/body_json.c"
#include "http/body_json_parse.c"

static es_event_t preset;
static es_batch_t batch;
static es_problem_t why;

static int fresh(void **state __attribute__((unused)))
{
    memset(&preset, 0, sizeof(preset));
    memset(&batch, 0, sizeof(batch));
    memset(&why, 0, sizeof(why));
    preset.retry_ms = -1;
    return 0;
}

static int reads(es_slice_t body)
{
    return es_body_json(&batch, body, &preset, pool, &why);
}

/* 1 when it is refused with 400 and a sentence with these words. */
static int refused(es_slice_t body, const char *words)
{
    int ok = reads(body);

    if (ok || why.status != 400 || !strstr(why.sentence, words)) {
        print_error("%s\n", ok ? "taken" : why.sentence);
        return 0;
    }
    return 1;
}

/* The data that a body's "data" gives. */
static es_slice_t data_of(const char *json)
{
    const char *body = apr_psprintf(pool, "{\"data\": %s }", json);

    assert_true(reads(es_slice_of(body)));
    return batch.events[0].data;
}

/* ---- One event --------------------------------------------------------- */

FACTS(all_fields_are_taken)
{
    assert_true(reads(S("{\"channel\":\"c\",\"event\":\"order\","
                        "\"data\":{\"table\": 4},\"id\":\"o-1\","
                        "\"retry\":3000}")));
    assert_int_equal(batch.count, 1);
    assert_int_equal(batch.is_list, 0);
    assert_int_equal(batch.unnamed, -1);
    assert_int_equal(batch.events[0].nchannels, 1);
    assert_slice(batch.events[0].channels[0], "c");
    assert_slice(batch.events[0].type, "order");
    assert_slice(batch.events[0].id, "o-1");
    assert_slice(batch.events[0].data, "{\"table\":4}");
    assert_int_equal(batch.events[0].retry_ms, 3000);
}

FACTS(several_channels_are_merged)
{
    assert_true(reads(S("{\"channel\":[\"c\",\"d\",\"c\"],\"data\":1}")));
    assert_int_equal(batch.events[0].nchannels, 2);
    assert_slice(batch.events[0].channels[1], "d");
}

FACTS(data_keeps_how_it_was_written)
{
    assert_slice(data_of("\"a  b\""), "\"a  b\"");
    assert_slice(data_of("0.10"), "0.10");
    assert_slice(data_of("9223372036854775807"), "9223372036854775807");
    assert_slice(data_of("null"), "null");
    assert_slice(data_of("false"), "false");
    assert_slice(data_of("[ 1 , { \"a\" : \"\\u0000 \\u00e9\" } ]"),
                 "[1,{\"a\":\"\\u0000 \\u00e9\"}]");
    assert_slice(data_of("\"\xe2\x82\xac\""), "\"\xe2\x82\xac\"");
}

FACTS(data_is_found_after_any_fields)
{
    assert_true(reads(S("{\"a\":[{\"data\":1}],\"\\u0064ata\":2,"
                        "\"b\":\"\\\"data\\\":3\"}")));
    assert_slice(batch.events[0].data, "2");
}

FACTS(text_is_sent_as_it_is)
{
    assert_true(reads(S("{\"text\":\"a\\n\\u0000\\u00e9\"}")));
    assert_slice(batch.events[0].data, "a\n\0\xc3\xa9");
}

FACTS(empty_data_may_be_written)
{
    assert_true(reads(S("{\"channel\":\"c\",\"text\":\"\"}")));
    assert_int_equal(batch.events[0].data.len, 0);
    assert_true(reads(S("{\"channel\":\"c\",\"data\":\"\",\"x\":1}")));
    assert_slice(batch.events[0].data, "\"\"");
    assert_true(reads(S("{\"channel\":\"c\",\"data\":null}")));
}

FACTS(an_event_that_says_something_else_needs_no_data)
{
    assert_true(reads(S("{\"channel\":\"c\",\"event\":\"refresh\"}")));
    assert_int_equal(batch.events[0].data.len, 0);
    assert_true(reads(S("{\"channel\":\"c\",\"id\":\"i\"}")));
    assert_true(reads(S("{\"channel\":\"c\",\"retry\":0}")));
    preset.type = S("refresh");
    assert_true(reads(S("{\"channel\":\"c\"}")));
    assert_true(reads(S("{}")));
}

FACTS(an_event_that_says_nothing_is_refused)
{
    assert_true(refused(S("{\"channel\":\"c\"}"),
                        "No data: the event has the fields 'channel', and not "
                        "'data' or 'text'."));
    assert_true(refused(S("{}"), "No data: the event has no fields."));
    assert_true(refused(S("{\"channel\":\"c\",\"event\":\"\"}"), "'event'"));
    assert_true(refused(S("[{\"text\":\"\"},{\"message\":\"hi\"}]"),
                        "[1]: No data: the event has the fields 'message'"));
}

FACTS(a_misspelled_field_does_not_lose_the_data)
{
    assert_true(refused(S("{\"event\":\"e\",\"message\":\"hi\"}"),
                        "'event', 'message'"));
    preset.type = S("preset");
    preset.id = S("pre");
    assert_true(refused(S("{\"Data\":\"hi\"}"), "'Data'"));
}

FACTS(nul_is_accepted_here)
{
    assert_true(reads(S("{\"event\":\"a\\u0000b\",\"id\":\"\\u0000\"}")));
    assert_slice(batch.events[0].type, "a\0b");
    assert_slice(batch.events[0].id, "\0");
}

FACTS(fields_win_over_presets)
{
    es_slice_t channels[1] = {S("q")};

    preset.channels = channels;
    preset.nchannels = 1;
    preset.type = S("preset");
    preset.id = S("pre");
    assert_true(reads(S("[{\"channel\":\"c\",\"event\":\"e\",\"id\":\"i\"},"
                        "{\"event\":\"\"}]")));
    assert_slice(batch.events[0].channels[0], "c");
    assert_slice(batch.events[0].type, "e");
    assert_slice(batch.events[0].id, "i");
    assert_slice(batch.events[1].channels[0], "q");
    assert_slice(batch.events[1].type, "");
    assert_slice(batch.events[1].id, "pre");
    assert_int_equal(batch.unnamed, -1);
}

FACTS(an_event_without_channel_lists_its_fields)
{
    assert_true(reads(S("[{\"channel\":\"c\",\"data\":1},"
                        "{\"chanel\":1,\"x\\n\":2,\"text\":\"\"}]")));
    assert_int_equal(batch.unnamed, 1);
    assert_string_equal(
        batch.unnamed_has,
        "the event has the fields 'chanel', 'x?', 'text', and not 'channel'");
    preset.type = S("refresh");
    assert_true(reads(S("{}")));
    assert_int_equal(batch.unnamed, 0);
    assert_string_equal(batch.unnamed_has, "the event has no fields");
    assert_true(reads(S("{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,"
                        "\"7\":1,\"8\":1,\"data\":1}")));
    assert_non_null(strstr(batch.unnamed_has, "'8', ..."));
}

/* ---- Lists ------------------------------------------------------------- */

FACTS(a_list_keeps_its_order)
{
    assert_true(reads(S(" [ {\"data\":1} , {\"text\":\"2\"}, "
                        "{\"text\":\"\"},"
                        "{\"data\":[ ]} ] ")));
    assert_int_equal(batch.count, 4);
    assert_slice(batch.events[0].data, "1");
    assert_slice(batch.events[1].data, "2");
    assert_slice(batch.events[2].data, "");
    assert_slice(batch.events[3].data, "[]");
}

FACTS(an_empty_list_is_refused)
{
    assert_true(refused(S("[]"), "no events"));
    assert_true(
        refused(S("[{\"data\":2},1]"), "[1]: An event must be an object"));
    assert_true(refused(S("[[]]"), "[0]: An event must be an object"));
    assert_true(refused(S("1"), "An event must be an object"));
    assert_true(refused(S("null"), "An event must be an object"));
}

/* ---- Refusals ---------------------------------------------------------- */

FACTS(a_wrong_type_names_the_field)
{
    assert_true(refused(S("{\"channel\":1}"), "'channel' must be a string"));
    assert_true(refused(S("{\"channel\":[]}"), "'channel'"));
    assert_true(refused(S("{\"channel\":[\"c\",{}]}"), "'channel'"));
    assert_true(refused(S("{\"channel\":null}"), "'channel'"));
    assert_true(refused(S("{\"event\":7}"), "'event' must be a string"));
    assert_true(refused(S("{\"id\":7}"), "'id' must be a string"));
    assert_true(refused(S("{\"text\":{}}"), "'text' must be a string"));
    assert_true(refused(S("{\"retry\":\"1\"}"), "'retry'"));
    assert_true(refused(S("{\"retry\":1.5}"), "'retry'"));
    assert_true(refused(S("{\"retry\":-1}"), "'retry'"));
    assert_true(
        refused(S("[{\"data\":2},{\"event\":[]}]"), "[1]: The field 'event'"));
}

FACTS(bad_channels_are_refused)
{
    assert_true(refused(S("{\"channel\":\"\"}"), "empty"));
    assert_true(refused(S("{\"channel\":\" \"}"), "' ' begins or ends with"));
    assert_true(
        refused(S("{\"channel\":[\"a\",\"b \"]}"), "'b ' begins or ends with"));
    assert_true(refused(S("{\"channel\":[\"c\",\"\"]}"), "empty"));
    assert_true(refused(S("{\"channel\":\"a\\u0000b\"}"), "channel"));
    assert_true(refused(S("{\"channel\":\"a\\nb\"}"), "channel"));
}

/* With a channel of the query or of the Location the event would go there. */
FACTS(a_field_that_looks_like_a_channel_is_refused)
{
    assert_true(refused(S("{\"channels\":[\"c\"],\"data\":1}"), "'channels'"));
    assert_true(refused(S("{\"data\":1,\"Topic\":\"c\"}"), "'Topic'"));
    assert_true(refused(S("[{\"channel\":\"c\",\"data\":2},{\"topic\":\"c\"}]"),
                        "[1]: The field 'topic'"));
    assert_true(reads(S("{\"topic\":\"d\",\"channel\":\"c\",\"data\":1}")));
}

FACTS(data_and_text_together_are_refused)
{
    assert_true(refused(S("{\"data\":null,\"text\":\"\"}"), "not both"));
}

FACTS(malformed_text_has_line_and_column)
{
    assert_true(refused(S(""), "empty"));
    assert_true(refused(S(" "), "too early"));
    assert_true(refused(S("{\"a\":1,\n  oops}"), "line 2, column 6: "));
    assert_true(refused(S("{\"a\":"), "line 1, column 5: the text ends"));
    assert_true(refused(S("{} {}"), "more text after the end"));
    assert_true(refused(S("{\"a\":1,\"a\":2}"), "occurs twice"));
    assert_true(refused(S("{\"data\":\"\xff\"}"), "UTF-8"));
    assert_true(refused(S("{\"data\":\"a\0b\"}"), "line 1"));
    assert_true(refused(S("{\"data\":1\0}"), "line 1, column 10: not valid "
                                             "JSON: a NUL byte"));
    assert_true(refused(S("{\"data\":true\0}"), "a NUL byte"));
    assert_true(refused(S("{\"\\u0000\":1}"), "a name contains NUL"));
    assert_true(refused(S("{\"x\":9223372036854775808}"), "too large"));
    assert_true(refused(S("{\"x\":1e999}"), "too large"));
    assert_true(refused(S("{\"text\":\"\\ud800\"}"), "surrogate pair"));
}

/* ---- Data that jansson refuses ------------------------------------------ */

FACTS(data_may_be_any_json)
{
    assert_slice(data_of("9223372036854775808"), "9223372036854775808");
    assert_slice(data_of("-9223372036854775809"), "-9223372036854775809");
    assert_slice(data_of("1e20"), "1e20");
    assert_slice(data_of("-1E+400"), "-1E+400");
    assert_slice(data_of("1e-999"), "1e-999");
    assert_slice(data_of("\"\\ud800 \\udc00\""), "\"\\ud800 \\udc00\"");
    assert_slice(data_of("\"\\uDFFF\\ud83d\\ude00\""),
                 "\"\\uDFFF\\ud83d\\ude00\"");
    assert_slice(data_of("{ \"\\u0000\": 1 }"), "{\"\\u0000\":1}");
    assert_slice(data_of("{\"a\": 1, \"a\": { \"a\": 2 }}"),
                 "{\"a\":1,\"a\":{\"a\":2}}");
}

FACTS(a_number_may_be_long)
{
    es_slice_t digits = repeat('7', 65536);

    assert_slices(data_of(digits.data), digits, "65536 digits", __FILE__,
                  __LINE__);
}

FACTS(other_events_of_the_list_are_read_as_always)
{
    assert_true(reads(S("[{\"data\":\"\xe2\x82\xac\",\"id\":\"i\"},\n"
                        " {\"x\":[{\"data\":5}],\"data\": [ 1e999 ,\n"
                        "\"\xe2\x82\xac\" ],\"retry\":7},"
                        "{\"text\":\"\\u0041\"} ] ")));
    assert_int_equal(batch.count, 3);
    assert_slice(batch.events[0].data, "\"\xe2\x82\xac\"");
    assert_slice(batch.events[0].id, "i");
    assert_slice(batch.events[1].data, "[1e999,\"\xe2\x82\xac\"]");
    assert_int_equal(batch.events[1].retry_ms, 7);
    assert_slice(batch.events[2].data, "A");
}

FACTS(all_else_is_as_strict)
{
    static const char *const rests[][2] = {
        {"\"data\":1", "occurs twice"},
        {"\"x\":{\"a\":1,\"a\":2}", "occurs twice"},
        {"\"retry\":9223372036854775808", "too large"},
        {"\"x\":1e999", "too large"},
        {"\"channel\":\"\\udc00\"", "surrogate"},
        {"\"\\u0000\":1", "NUL"},
        {"\"text\":\"\"", "not both"},
        {"\"id\":7", "'id'"},
        {"\"x\":\"\xff\"", "UTF-8"},
        {"\"x\" 1", "not valid JSON"},
        {"", "not valid JSON"},
    };
    size_t i;

    for (i = 0; i < sizeof(rests) / sizeof(rests[0]); i++) {
        const char *body =
            apr_psprintf(pool, "{\"data\":1e999,%s}", rests[i][0]);

        assert_true(refused(es_slice_of(body), rests[i][1]));
    }
    assert_true(refused(S("{\"data\":1e999} {}"), "more text"));
    assert_true(refused(S("{\"data\":1e999"), "ends too early"));
    assert_true(refused(S("{\"data\":1e9991.5}"), "not valid JSON"));
    assert_true(refused(S("{\"data\"1e999}"), "column 8: not valid JSON"));
    assert_true(refused(S("{\"data\":01}"), "not valid JSON"));
    assert_true(refused(S("{\"data\",1e999}"), "not valid JSON"));
    assert_true(refused(S("[1,{\"data\":1e999}]"), "[0]: An event must be"));
    assert_true(refused(S("{\"a\":{\"data\":1e999}}"), "too large"));
    assert_true(refused(S("[[{\"data\":1e999}]]"), "too large"));
}

FACTS(faults_after_replaced_data_keep_their_place)
{
    assert_true(refused(S("[{\"data\":[1e999,\n\"\xe2\x82\xac\"]},oops]"),
                        "line 2, column 10: not valid JSON"));
    assert_true(refused(S("[{\"data\":1e999},\n{\"x\":1e999}]"),
                        "line 2, column 10: a number is too large"));
}

FACTS(faults_in_data_have_a_place)
{
    assert_true(refused(S("{\"data\":[1e999,\n\"\xe2\x82\xac\",oops]}"),
                        "line 2, column 5: not valid JSON"));
    assert_true(refused(S("{\"data\":[1e999,\"\xff\"]}"),
                        "line 1, column 17: not valid UTF-8"));
    assert_true(refused(S("{\"data\":[1e999,\"\x01\"]}"),
                        "column 17: a string contains a control character"));
    assert_true(refused(S("{\"data\":[1e999"), "column 14: the text ends"));
    assert_true(refused(S("{\"data\":[1e999,{\"data\":.5}]}"),
                        "column 24: not valid JSON"));
    assert_true(refused(S("{\"x\":1e999,\"data\":oops}"), "too large"));
}

/* The depth that jansson allows is the same for data that it refuses. */
FACTS(replaced_data_has_the_same_maximum_depth)
{
    static const char *const events[][2] = {
        {"{\"data\":", "}"},
        {"[{\"data\":", "}]"},
    };
    size_t i, lists;

    for (i = 0; i < 2; i++) {
        for (lists = 2040; lists < 2050; lists++) {
            const char *open = repeat('[', lists).data;
            const char *shut = repeat(']', lists).data;
            const char *plain = apr_pstrcat(pool, events[i][0], open, "1", shut,
                                            events[i][1], NULL);
            const char *replaced = apr_pstrcat(
                pool, events[i][0], open, "1e999", shut, events[i][1], NULL);
            int ok = reads(es_slice_of(plain));

            assert_int_equal(reads(es_slice_of(replaced)), ok);
            assert_true(ok || strstr(why.sentence, "nested too deep"));
        }
        assert_false(reads(es_slice_of(apr_pstrcat(
            pool, events[i][0], "[", repeat('[', 2050).data, NULL))));
    }
}

FACTS(nesting_has_a_maximum_depth)
{
    es_slice_t open = repeat('[', 2000);
    es_slice_t shut = repeat(']', 2000);
    const char *deep = apr_psprintf(pool, "%s%s", open.data, shut.data);

    assert_slices(data_of(deep), es_slice_of(deep), "2000 lists", __FILE__,
                  __LINE__);
    assert_true(refused(repeat('[', 100000), "nested too deep"));
}

/* Line 7 of a stream. @return 1, or 0 with why */
static int read_line(es_slice_t line)
{
    return es_body_json_line(&batch, line, 7, &preset, pool, &why);
}

FACTS(a_line_is_one_event)
{
    assert_true(read_line(S("{\"channel\":\"a\",\"data\": 1 }")));
    assert_int_equal(batch.count, 1);
    assert_slice(batch.events[0].data, "1");
    assert_int_equal(batch.unnamed, -1);
    assert_true(read_line(S("{\"data\":1}")));
    assert_int_equal(batch.unnamed, 0);
}

/* What is left of the line; "blank" for a blank line. */
static es_slice_t trimmed(es_slice_t line)
{
    return es_body_json_line_trim(&line) ? line : S("blank");
}

FACTS(a_line_may_begin_with_a_byte_order_mark)
{
    assert_slice(trimmed(S("\xef\xbb\xbf{}")), "{}");
    assert_slice(trimmed(S("\xef\xbb\xbf\x1e{}")), "{}");
    assert_slice(trimmed(S("\xef\xbb\xbf")), "blank");
    assert_slice(trimmed(S("\xef\xbb{}")), "\xef\xbb{}");
    assert_slice(trimmed(S(" \xef\xbb\xbf{}")), " \xef\xbb\xbf{}");
}

FACTS(a_line_may_begin_with_a_record_separator)
{
    assert_slice(trimmed(S("{}")), "{}");
    assert_slice(trimmed(S(" {}")), " {}");
    assert_slice(trimmed(S("\x1e{}")), "{}");
    assert_slice(trimmed(S("\x1e\x1e {}\x1e")), " {}\x1e");
    assert_slice(trimmed(S("")), "blank");
    assert_slice(trimmed(S(" \t\r")), "blank");
    assert_slice(trimmed(S("\x1e")), "blank");
    assert_slice(trimmed(S("\x1e ")), "blank");
}

FACTS(a_bad_line_has_its_number)
{
    assert_false(read_line(S("{\"data\" 1}")));
    assert_int_equal(why.status, 400);
    assert_non_null(strstr(why.sentence, "line 7, column 9: not valid"));
    assert_false(read_line(S("[{}]")));
    assert_string_equal(why.sentence, "Line 7: A line is one event, not a "
                                      "list.");
    assert_false(read_line(S("{\"id\":1}")));
    assert_string_equal(why.sentence,
                        "Line 7: The field 'id' must be a string.");
}

#define JSON_UNIT(name) \
    cmocka_unit_test_setup_teardown(name, fresh, unit_after_each)

static const struct CMUnitTest tests[] = {
    JSON_UNIT(all_fields_are_taken),
    JSON_UNIT(several_channels_are_merged),
    JSON_UNIT(data_keeps_how_it_was_written),
    JSON_UNIT(data_is_found_after_any_fields),
    JSON_UNIT(text_is_sent_as_it_is),
    JSON_UNIT(empty_data_may_be_written),
    JSON_UNIT(an_event_that_says_something_else_needs_no_data),
    JSON_UNIT(an_event_that_says_nothing_is_refused),
    JSON_UNIT(a_misspelled_field_does_not_lose_the_data),
    JSON_UNIT(nul_is_accepted_here),
    JSON_UNIT(fields_win_over_presets),
    JSON_UNIT(an_event_without_channel_lists_its_fields),
    JSON_UNIT(a_list_keeps_its_order),
    JSON_UNIT(an_empty_list_is_refused),
    JSON_UNIT(a_wrong_type_names_the_field),
    JSON_UNIT(bad_channels_are_refused),
    JSON_UNIT(a_field_that_looks_like_a_channel_is_refused),
    JSON_UNIT(data_and_text_together_are_refused),
    JSON_UNIT(malformed_text_has_line_and_column),
    JSON_UNIT(data_may_be_any_json),
    JSON_UNIT(a_number_may_be_long),
    JSON_UNIT(other_events_of_the_list_are_read_as_always),
    JSON_UNIT(all_else_is_as_strict),
    JSON_UNIT(faults_after_replaced_data_keep_their_place),
    JSON_UNIT(faults_in_data_have_a_place),
    JSON_UNIT(replaced_data_has_the_same_maximum_depth),
    JSON_UNIT(nesting_has_a_maximum_depth),
    JSON_UNIT(a_line_is_one_event),
    JSON_UNIT(a_line_may_begin_with_a_byte_order_mark),
    JSON_UNIT(a_line_may_begin_with_a_record_separator),
    JSON_UNIT(a_bad_line_has_its_number),
};

UNIT_MAIN(tests)
