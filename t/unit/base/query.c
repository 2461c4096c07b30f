/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/query.c. */
#include "t/unit/unit.h"

#include "base/query.h"

/* The first value, copied; "absent" if there is none. */
static es_slice_t value_of(es_slice_t query, const char *name)
{
    es_slice_t bytes = exact(query);
    es_slice_t value = S("absent");

    if (es_query_value(&value, bytes, name, pool) && value.len != 0) {
        value.data = apr_pmemdup(pool, value.data, value.len);
    }
    exact_free(bytes);
    return value;
}

static int count(es_slice_t query, const char *name)
{
    return es_query_values(query, name, pool)->nelts;
}

FACTS(a_value_is_found_by_its_name)
{
    assert_slice(value_of(S("a=1&b=2"), "a"), "1");
    assert_slice(value_of(S("a=1&b=2"), "b"), "2");
    assert_slice(value_of(S("a=1&b=2"), "c"), "absent");
    assert_slice(value_of(S("a=1"), "A"), "absent");
    assert_slice(value_of(S("ab=1"), "a"), "absent");
    assert_slice(value_of(S("a=1"), "ab"), "absent");
}

FACTS(an_empty_query_has_no_values)
{
    assert_slice(value_of(S(""), "a"), "absent");
    assert_slice(value_of(es_slice(NULL, 0), "a"), "absent");
    assert_slice(value_of(S("&&&"), "a"), "absent");
    assert_slice(value_of(S("&&&"), ""), "absent");
    assert_int_equal(count(S(""), "a"), 0);
}

FACTS(all_values_come_in_order)
{
    const apr_array_header_t *values;

    values = es_query_values(S("a=1&b=x&a=&&a&a=2"), "a", pool);
    assert_int_equal(values->nelts, 4);
    assert_slice(APR_ARRAY_IDX(values, 0, es_slice_t), "1");
    assert_slice(APR_ARRAY_IDX(values, 1, es_slice_t), "");
    assert_slice(APR_ARRAY_IDX(values, 2, es_slice_t), "");
    assert_slice(APR_ARRAY_IDX(values, 3, es_slice_t), "2");
}

FACTS(a_name_ends_at_the_first_equals_sign)
{
    assert_slice(value_of(S("a=b=c"), "a"), "b=c");
    assert_slice(value_of(S("a=="), "a"), "=");
    assert_slice(value_of(S("=x"), ""), "x");
}

FACTS(a_name_alone_has_an_empty_value)
{
    assert_slice(value_of(S("a"), "a"), "");
    assert_slice(value_of(S("b&a"), "a"), "");
    assert_slice(value_of(S("a="), "a"), "");
}

FACTS(a_plus_is_a_blank)
{
    assert_slice(value_of(S("a=+b+c+"), "a"), " b c ");
    assert_slice(value_of(S("a+b=1"), "a b"), "1");
}

FACTS(hex_is_decoded_in_both_cases)
{
    assert_slice(value_of(S("a=%41%2f%2F%c3%BC"), "a"), "A//\xc3\xbc");
    assert_slice(value_of(S("a=%00%ff%0d%0A"), "a"), "\0\xff\r\n");
}

FACTS(hex_is_decoded_once)
{
    assert_slice(value_of(S("a=%2541"), "a"), "%41");
    assert_slice(value_of(S("a=%2B"), "a"), "+");
    assert_slice(value_of(S("a=%26b%3D"), "a"), "&b=");
}

FACTS(a_percent_without_hex_stands_for_itself)
{
    assert_slice(value_of(S("a=100%"), "a"), "100%");
    assert_slice(value_of(S("a=%4"), "a"), "%4");
    assert_slice(value_of(S("a=%4g%g4%%41"), "a"), "%4g%g4%A");
    assert_slice(value_of(S("a=%4&1=2"), "a"), "%4");
    assert_slice(value_of(S("a=%u0041"), "a"), "%u0041");
}

FACTS(names_are_decoded_too)
{
    assert_slice(value_of(S("l%61st%45ventId=7"), "lastEventId"), "7");
    assert_slice(value_of(S("topic%5B%5D=7"), "topic[]"), "7");
    assert_slice(value_of(S("a%=7"), "a%"), "7");
    assert_slice(value_of(S("a%00=7"), "a"), "absent");
    assert_slice(value_of(S("a%00b=7"), "a"), "absent");
    assert_slice(value_of(S("a%3D1=2"), "a=1"), "2");
}

FACTS(semicolons_do_not_end_a_pair)
{
    assert_slice(value_of(S("a=1;b=2"), "a"), "1;b=2");
}

/* The last value of the name "lastid", copied; "absent" if there is none. */
static es_slice_t last_of(const char *text)
{
    es_slice_t bytes = exact(es_slice_of(text));
    es_slice_t value = S("absent");

    if (es_query_last_value(&value, bytes, "lastid", pool)) {
        value.data = apr_pmemdup(pool, value.data, value.len);
    }
    exact_free(bytes);
    return value;
}

FACTS(a_last_value_is_found_in_any_spelling)
{
    assert_slice(last_of("lastid=1"), "1");
    assert_slice(last_of("lastId=1"), "1");
    assert_slice(last_of("Last-ID=1"), "1");
    assert_slice(last_of("LAST_ID=1"), "1");
    assert_slice(last_of("last%2did=%31"), "1");
    assert_slice(last_of("last=1"), "absent");
    assert_slice(last_of("lastids=1"), "absent");
    assert_slice(last_of("last+id=1"), "absent");
    assert_slice(last_of("last.id=1"), "absent");
    assert_slice(last_of("=1&-=1&_"), "absent");
    assert_slice(last_of(""), "absent");
}

FACTS(a_last_value_is_the_last_that_is_not_empty)
{
    assert_slice(last_of("lastId=1&last-id=2&x=3"), "2");
    assert_slice(last_of("last-id=1&lastId=2"), "2");
    assert_slice(last_of("lastId=1&lastId=&last_id"), "1");
    assert_slice(last_of("lastId="), "absent");
    assert_slice(last_of("lastId"), "absent");
}

FACTS(pairs_are_taken_in_order)
{
    es_slice_t query = S("a=1&&b&=2&c%3D=3&");
    es_slice_t name;

    assert_true(es_query_next(&name, &query, pool));
    assert_slice(name, "a");
    assert_true(es_query_next(&name, &query, pool));
    assert_slice(name, "b");
    assert_true(es_query_next(&name, &query, pool));
    assert_slice(name, "");
    assert_true(es_query_next(&name, &query, pool));
    assert_slice(name, "c=");
    assert_false(es_query_next(&name, &query, pool));
    assert_false(es_query_next(&name, &query, pool));
}

FACTS(hostile_queries_cost_linear_time)
{
    es_slice_t value;

    assert_int_equal(count(repeat('&', 1000000), "a"), 0);
    assert_int_equal(count(repeat('%', 1000000), "a"), 0);
    assert_int_equal(count(repeat('=', 1000000), ""), 1);
    assert_int_equal(
        es_query_last_value(&value, repeat('-', 1000000), "a", pool), 0);
}

FACTS(a_number_is_digits_within_its_limit)
{
    assert_int_equal(es_query_number(es_slice_of("0"), 60), 0);
    assert_int_equal(es_query_number(es_slice_of("60"), 60), 60);
    assert_int_equal(es_query_number(es_slice_of("61"), 60), -1);
    assert_int_equal(es_query_number(es_slice_of(""), 60), -1);
    assert_int_equal(es_query_number(es_slice_of("-1"), 60), -1);
    assert_int_equal(es_query_number(es_slice_of("1s"), 60), -1);
    assert_true(es_query_number(es_slice_of("9223372036854775807"),
                                APR_INT64_MAX) == APR_INT64_MAX);
    assert_int_equal(
        es_query_number(es_slice_of("9223372036854775808"), APR_INT64_MAX), -1);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_number_is_digits_within_its_limit),
    UNIT(a_value_is_found_by_its_name),
    UNIT(an_empty_query_has_no_values),
    UNIT(all_values_come_in_order),
    UNIT(a_name_ends_at_the_first_equals_sign),
    UNIT(a_name_alone_has_an_empty_value),
    UNIT(a_plus_is_a_blank),
    UNIT(hex_is_decoded_in_both_cases),
    UNIT(hex_is_decoded_once),
    UNIT(a_percent_without_hex_stands_for_itself),
    UNIT(names_are_decoded_too),
    UNIT(semicolons_do_not_end_a_pair),
    UNIT(a_last_value_is_found_in_any_spelling),
    UNIT(a_last_value_is_the_last_that_is_not_empty),
    UNIT(pairs_are_taken_in_order),
    UNIT(hostile_queries_cost_linear_time),
};

UNIT_MAIN(tests)
