/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/json_out.c. */
#include "t/unit/unit.h"

#include <math.h>

#include "base/json_out.h"

static es_json_out_t out;

static void begin(apr_size_t max)
{
    es_json_out_init(&out, pool, max);
}

FACTS(commas_stand_between_values)
{
    begin(1024);
    es_json_out_open(&out, NULL, '{');
    es_json_out_count(&out, "a", 1);
    es_json_out_open(&out, "list", '[');
    es_json_out_number(&out, NULL, -2);
    es_json_out_open(&out, NULL, '{');
    es_json_out_close(&out, '}');
    es_json_out_null(&out, NULL);
    es_json_out_close(&out, ']');
    es_json_out_bool(&out, "b", 1);
    es_json_out_bool(&out, "c", 0);
    es_json_out_close(&out, '}');
    assert_slice(es_json_out_slice(&out),
                 "{\"a\":1,\"list\":[-2,{},null],\"b\":true,\"c\":false}");
    assert_false(out.is_full);
}

FACTS(the_ends_of_the_range_of_numbers)
{
    begin(1024);
    es_json_out_open(&out, NULL, '[');
    es_json_out_count(&out, NULL, APR_UINT64_MAX);
    es_json_out_number(&out, NULL, APR_INT64_MIN);
    es_json_out_decimal(&out, NULL, 1.5);
    es_json_out_decimal(&out, NULL, NAN);
    es_json_out_decimal(&out, NULL, INFINITY);
    es_json_out_close(&out, ']');
    assert_slice(es_json_out_slice(&out),
                 "[18446744073709551615,-9223372036854775808,1.500,null,null]");
}

FACTS(texts_are_escaped_and_become_valid)
{
    begin(1024);
    es_json_out_open(&out, NULL, '[');
    es_json_out_text(&out, NULL, S("\"\\\n\0</script>"));
    es_json_out_text(&out, NULL, S("\xe9"));
    es_json_out_text(&out, NULL, S("\xc3\xa9"));
    es_json_out_text(&out, NULL, S(""));
    es_json_out_string(&out, NULL, NULL);
    es_json_out_close(&out, ']');
    assert_slice(es_json_out_slice(&out),
                 "[\"\\\"\\\\\\n\\u0000</script>\",\"\xc3\xa9\",\"\xc3\xa9\","
                 "\"\",null]");
}

FACTS(what_does_not_fit_marks_it_as_full)
{
    begin(16);
    es_json_out_open(&out, NULL, '[');
    es_json_out_text(&out, NULL, S("0123456789"));
    assert_true(out.is_full);
    assert_true(out.buf.len <= 16);
    begin(4);
    es_json_out_count(&out, NULL, 1234);
    assert_false(out.is_full);
    es_json_out_count(&out, NULL, 5);
    assert_true(out.is_full);
    assert_true(out.buf.len <= 4);
}

static const struct CMUnitTest tests[] = {
    UNIT(commas_stand_between_values),
    UNIT(the_ends_of_the_range_of_numbers),
    UNIT(texts_are_escaped_and_become_valid),
    UNIT(what_does_not_fit_marks_it_as_full),
};

UNIT_MAIN(tests)
