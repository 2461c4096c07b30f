/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/es_id.c. */
#include "unit.h"

#include "base/es_id.h"

#define MAX UINT64_MAX

static es_id_t id_of(apr_uint64_t ms, apr_uint64_t n)
{
    es_id_t id = {ms, n};

    return id;
}

static int order(es_id_t a, es_id_t b)
{
    assert_int_equal(es_id_compare(&a, &b) > 0, es_id_compare(&b, &a) < 0);
    return es_id_compare(&a, &b);
}

static int is_next(es_id_t last, apr_uint64_t now, es_id_t should)
{
    es_id_t next = es_id_next(&last, now);

    return order(next, should) == 0;
}

static const char *text_of(es_id_t id)
{
    static char text[ES_ID_TEXT_SIZE];
    apr_size_t len;

    memset(text, 'x', sizeof(text));
    len = es_id_format(text, &id);
    assert_int_equal(len, strlen(text));
    return text;
}

static int parses(es_slice_t text, es_id_t should)
{
    es_slice_t bytes = exact(text);
    es_id_t id = {1, 2};
    int parsed = es_id_parse(&id, bytes);

    exact_free(bytes);
    return parsed && order(id, should) == 0;
}

static int is_refused(es_slice_t text)
{
    es_slice_t bytes = exact(text);
    es_id_t id = {77, 88};
    int parsed = es_id_parse(&id, bytes);

    exact_free(bytes);
    return !parsed && id.ms == 77 && id.n == 88;
}

FACTS(compare_looks_at_ms_first)
{
    assert_true(order(id_of(1, 9), id_of(2, 0)) < 0);
    assert_true(order(id_of(2, 0), id_of(2, 1)) < 0);
    assert_true(order(id_of(2, 1), id_of(2, 1)) == 0);
}

FACTS(compare_is_right_beyond_the_signed_range)
{
    assert_true(order(id_of(0, 0), id_of(MAX, 0)) < 0);
    assert_true(order(id_of(5, 0), id_of(5, MAX)) < 0);
    assert_true(order(id_of((apr_uint64_t)1 << 63, 0), id_of(1, 0)) > 0);
    assert_true(order(id_of((apr_uint64_t)1 << 32, 0), id_of(1, 0)) > 0);
}

FACTS(a_later_millisecond_counts_from_0)
{
    assert_true(is_next(id_of(1000, 7), 1001, id_of(1001, 0)));
    assert_true(is_next(id_of(0, 0), 1, id_of(1, 0)));
}

FACTS(within_a_millisecond_n_counts)
{
    assert_true(is_next(id_of(1000, 7), 1000, id_of(1000, 8)));
    assert_true(is_next(id_of(0, 0), 0, id_of(0, 1)));
    assert_true(is_next(id_of(5, UINT32_MAX), 5,
                        id_of(5, (apr_uint64_t)UINT32_MAX + 1)));
}

FACTS(a_clock_that_steps_back_is_not_followed)
{
    assert_true(is_next(id_of(1000, 7), 999, id_of(1000, 8)));
    assert_true(is_next(id_of(1000, 7), 0, id_of(1000, 8)));
}

FACTS(n_overflows_into_ms)
{
    assert_true(is_next(id_of(1000, MAX), 1000, id_of(1001, 0)));
    assert_true(is_next(id_of(1000, MAX), 3, id_of(1001, 0)));
    assert_true(is_next(id_of(1000, MAX), 2000, id_of(2000, 0)));
}

FACTS(the_last_id_of_all_stays)
{
    assert_true(is_next(id_of(MAX, MAX), MAX, id_of(MAX, MAX)));
    assert_true(is_next(id_of(MAX, MAX - 1), MAX, id_of(MAX, MAX)));
}

FACTS(ids_rise_whatever_the_clock_does)
{
    static const apr_uint64_t clock[] = {5, 5, 9, 3, 0, 9, 10, MAX, 1, MAX};
    es_id_t last = {0, 0};
    es_id_t next;
    apr_size_t i;

    for (i = 0; i < sizeof(clock) / sizeof(clock[0]); i++) {
        next = es_id_next(&last, clock[i]);
        assert_true(es_id_compare(&next, &last) > 0);
        last = next;
    }
}

FACTS(format_writes_both_numbers)
{
    assert_string_equal(text_of(id_of(0, 0)), "0-0");
    assert_string_equal(text_of(id_of(1700000000000, 12)), "1700000000000-12");
    assert_string_equal(
        text_of(id_of((apr_uint64_t)1 << 32, (apr_uint64_t)1 << 63)),
        "4294967296-9223372036854775808");
}

FACTS(the_longest_id_fits_its_room)
{
    const char *text = text_of(id_of(MAX, MAX));

    assert_string_equal(text, "18446744073709551615-18446744073709551615");
    assert_true(strlen(text) + 1 <= ES_ID_TEXT_SIZE);
}

FACTS(parse_reads_what_format_writes)
{
    assert_true(parses(S("0-0"), id_of(0, 0)));
    assert_true(parses(S("1700000000000-12"), id_of(1700000000000, 12)));
    assert_true(parses(S("4294967295-4294967296"),
                       id_of(UINT32_MAX, (apr_uint64_t)UINT32_MAX + 1)));
    assert_true(parses(S("9223372036854775807-9223372036854775808"),
                       id_of(INT64_MAX, (apr_uint64_t)1 << 63)));
    assert_true(parses(S("18446744073709551615-18446744073709551615"),
                       id_of(MAX, MAX)));
}

FACTS(parse_refuses_numbers_that_do_not_fit)
{
    assert_true(is_refused(S("18446744073709551616-0")));
    assert_true(is_refused(S("0-18446744073709551616")));
    assert_true(is_refused(S("18446744073709551620-0")));
    assert_true(is_refused(S("99999999999999999999-0")));
    assert_true(is_refused(S("184467440737095516150-0")));
}

FACTS(parse_refuses_leading_zeros)
{
    assert_true(is_refused(S("00-0")));
    assert_true(is_refused(S("01-0")));
    assert_true(is_refused(S("1-00")));
    assert_true(is_refused(S("1-01")));
}

FACTS(parse_refuses_what_is_no_id)
{
    assert_true(is_refused(S("")));
    assert_true(is_refused(S("-")));
    assert_true(is_refused(S("1")));
    assert_true(is_refused(S("1-")));
    assert_true(is_refused(S("-1")));
    assert_true(is_refused(S("1-2-3")));
    assert_true(is_refused(S("1--2")));
    assert_true(is_refused(S("+1-2")));
    assert_true(is_refused(S("1-+2")));
    assert_true(is_refused(S(" 1-2")));
    assert_true(is_refused(S("1-2 ")));
    assert_true(is_refused(S("1 -2")));
    assert_true(is_refused(S("1-2\n")));
    assert_true(is_refused(S("1-2\0")));
    assert_true(is_refused(S("1-0x2")));
    assert_true(is_refused(S("error")));
}

FACTS(digits_dash_digits_looks_like_ours)
{
    assert_true(es_id_is_ours(S("0-0")));
    assert_true(es_id_is_ours(S("1700000000000-12")));
    assert_true(es_id_is_ours(S("007-007")));
    assert_true(es_id_is_ours(S("184467440737095516150000-0")));
}

FACTS(anything_else_does_not)
{
    assert_false(es_id_is_ours(S("")));
    assert_false(es_id_is_ours(es_slice(NULL, 0)));
    assert_false(es_id_is_ours(S("-")));
    assert_false(es_id_is_ours(S("12")));
    assert_false(es_id_is_ours(S("12-")));
    assert_false(es_id_is_ours(S("-12")));
    assert_false(es_id_is_ours(S("12-3a")));
    assert_false(es_id_is_ours(S("12-3-4")));
    assert_false(es_id_is_ours(S("2024-01-01")));
    assert_false(es_id_is_ours(S("order-7")));
}

static const struct CMUnitTest tests[] = {
    UNIT(compare_looks_at_ms_first),
    UNIT(compare_is_right_beyond_the_signed_range),
    UNIT(a_later_millisecond_counts_from_0),
    UNIT(within_a_millisecond_n_counts),
    UNIT(a_clock_that_steps_back_is_not_followed),
    UNIT(n_overflows_into_ms),
    UNIT(the_last_id_of_all_stays),
    UNIT(ids_rise_whatever_the_clock_does),
    UNIT(format_writes_both_numbers),
    UNIT(the_longest_id_fits_its_room),
    UNIT(parse_reads_what_format_writes),
    UNIT(parse_refuses_numbers_that_do_not_fit),
    UNIT(parse_refuses_leading_zeros),
    UNIT(parse_refuses_what_is_no_id),
    UNIT(digits_dash_digits_looks_like_ours),
    UNIT(anything_else_does_not),
};

UNIT_MAIN(tests)
