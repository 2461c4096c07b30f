/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/json.c. */
#include "t/unit/unit.h"

#include "base/json.h"

/* ---- strings ----------------------------------------------------------- */

FACTS(what_json_forbids_in_strings_is_escaped)
{
    assert_string_equal(es_json_string(es_slice(NULL, 0), pool), "\"\"");
    assert_string_equal(es_json_string(S("a\"b\\c"), pool), "\"a\\\"b\\\\c\"");
    assert_string_equal(es_json_string(S("\0\x1f\x7f"), pool),
                        "\"\\u0000\\u001f\x7f\"");
    assert_string_equal(es_json_string(S("\r\n\t"), pool), "\"\\r\\n\\t\"");
    assert_string_equal(es_json_string(S("\xc3\xa4"), pool), "\"\xc3\xa4\"");
}

FACTS(the_longest_string_fills_its_room)
{
    es_slice_t longest = repeat(1, 32);
    char dst[200];

    assert_int_equal(es_json_string_put(dst, longest) - dst,
                     es_json_string_room(longest.len));
}

/* ---- walks ------------------------------------------------------------- */

static es_slice_t compacted(es_slice_t value)
{
    return es_json_text_compact(value, pool);
}

FACTS(an_object_is_walked_name_by_name)
{
    es_json_text_t text = es_json_text_of(
        S(" { \"a\" : 1.50 , \"b\":[1, {\"x\":\"]\"}],\"c\":\"q\\\"}\" } "));

    es_json_text_enter(&text);
    es_json_text_name(&text);
    assert_slice(es_json_text_value(&text), "1.50");
    es_json_text_name(&text);
    assert_slice(es_json_text_value(&text), "[1, {\"x\":\"]\"}]");
    es_json_text_name(&text);
    assert_slice(es_json_text_value(&text), "\"q\\\"}\"");
}

FACTS(a_list_of_objects_is_walked)
{
    es_json_text_t text =
        es_json_text_of(S("[ {} ,\n{ \"a\":[ ] }, {\"b\":null}]"));

    es_json_text_enter(&text);
    es_json_text_enter(&text);
    es_json_text_leave(&text);
    es_json_text_enter(&text);
    es_json_text_name(&text);
    assert_slice(es_json_text_value(&text), "[ ]");
    es_json_text_leave(&text);
    es_json_text_enter(&text);
    es_json_text_name(&text);
    assert_slice(es_json_text_value(&text), "null");
}

FACTS(blanks_between_parts_are_removed)
{
    assert_slice(compacted(S("{ \"a\" :\t[ 1 ,\r\n2 ] }")), "{\"a\":[1,2]}");
    assert_slice(compacted(S("[ ]")), "[]");
}

FACTS(blanks_in_strings_stay)
{
    assert_slice(compacted(S("\" a \\\" b \"")), "\" a \\\" b \"");
    assert_slice(compacted(S("[ \" a \\\" , b \\\\\" , 1 ]")),
                 "[\" a \\\" , b \\\\\",1]");
}

FACTS(numbers_and_escapes_stay_as_written)
{
    assert_slice(compacted(S("0.10")), "0.10");
    assert_slice(compacted(S("[1E5, \"\\u00e9\\/\"]")), "[1E5,\"\\u00e9\\/\"]");
}

/* ---- checks ------------------------------------------------------------ */

/* The text of a value at the start, or why it is refused. */
static es_slice_t checked(es_slice_t text, int depth)
{
    es_json_text_t at = es_json_text_of(text);
    es_slice_t value;
    const char *err = es_json_text_checked(&value, &at, depth);

    return err ? es_slice_of(apr_psprintf(pool, "%d: %s",
                                          (int)(at.at - text.data), err))
               : value;
}

FACTS(a_valid_value_ends_where_it_ends)
{
    assert_slice(checked(S(" : 1.50 , 2"), 0), "1.50");
    assert_slice(checked(S("[1, {\"x\" : \"]\\\"\" } ]}"), 0),
                 "[1, {\"x\" : \"]\\\"\" } ]");
    assert_slice(checked(S("{ }}"), 0), "{ }");
    assert_slice(checked(S("true1"), 0), "true");
    assert_slice(checked(S("01"), 0), "0");
    assert_slice(checked(S("1e999"), 0), "1e999");
    assert_slice(checked(S("\"\\ud800\""), 0), "\"\\ud800\"");
}

FACTS(a_fault_has_its_place)
{
    assert_slice(checked(S(""), 0), "0: the text ends too early");
    assert_slice(checked(S("[1, "), 0), "4: the text ends too early");
    assert_slice(checked(S("-"), 0), "1: the text ends too early");
    assert_slice(checked(S("[1,]"), 0), "3: not valid JSON");
    assert_slice(checked(S("[1 2]"), 0), "3: not valid JSON");
    assert_slice(checked(S("[1}"), 0), "2: not valid JSON");
    assert_slice(checked(S("{\"a\" 1}"), 0), "5: not valid JSON");
    assert_slice(checked(S("{1:1}"), 0), "1: not valid JSON");
    assert_slice(checked(S("[nulL]"), 0), "4: not valid JSON");
    assert_slice(checked(S("\"\\u12g4\""), 0), "5: not valid JSON");
    assert_slice(checked(S("\"a\nb\""), 0),
                 "2: a string contains a control character");
    assert_slice(checked(S("\"a\xed\xa0\x80\x01\""), 0), "2: not valid UTF-8");
}

FACTS(depth_has_a_maximum)
{
    es_slice_t deep = repeat('[', ES_JSON_DEPTH_MAX);

    assert_slice(checked(deep, 0), "2048: nested too deep");
    assert_slice(checked(deep, ES_JSON_DEPTH_MAX - 1), "1: nested too deep");
    assert_slice(checked(S("1"), ES_JSON_DEPTH_MAX - 1), "1");
    assert_slice(checked(S("1"), ES_JSON_DEPTH_MAX), "0: nested too deep");
}

/* Each piece of a document, in exact memory: the walk does not check the text,
 * but never reads beyond it. */
FACTS(no_text_is_read_beyond)
{
    es_slice_t whole = S("[{\"a\\\"\":[1,\"x\\\\\"],\"b\":{}},]}\"\\");
    apr_size_t from, len;

    for (from = 0; from < whole.len; from++) {
        for (len = 0; from + len <= whole.len; len++) {
            es_slice_t piece = exact(es_slice(whole.data + from, len));
            es_json_text_t text = es_json_text_of(piece);

            es_json_text_enter(&text);
            es_json_text_name(&text);
            (void)compacted(es_json_text_value(&text));
            es_json_text_leave(&text);
            assert_true(text.at <= text.end);
            (void)checked(piece, 0);
            assert_true(compacted(piece).len <= piece.len);
            exact_free(piece);
        }
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(what_json_forbids_in_strings_is_escaped),
    UNIT(the_longest_string_fills_its_room),
    UNIT(an_object_is_walked_name_by_name),
    UNIT(a_list_of_objects_is_walked),
    UNIT(blanks_between_parts_are_removed),
    UNIT(blanks_in_strings_stay),
    UNIT(numbers_and_escapes_stay_as_written),
    UNIT(a_valid_value_ends_where_it_ends),
    UNIT(a_fault_has_its_place),
    UNIT(depth_has_a_maximum),
    UNIT(no_text_is_read_beyond),
};

UNIT_MAIN(tests)
