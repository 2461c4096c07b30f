/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/id.c. */
#include "t/unit/unit.h"

#include "base/id.h"

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

FACTS(compare_is_correct_beyond_the_signed_range)
{
    assert_true(order(id_of(0, 0), id_of(MAX, 0)) < 0);
    assert_true(order(id_of(5, 0), id_of(5, MAX)) < 0);
    assert_true(order(id_of((apr_uint64_t)1 << 63, 0), id_of(1, 0)) > 0);
    assert_true(order(id_of((apr_uint64_t)1 << 32, 0), id_of(1, 0)) > 0);
}

/* counts of epoch 1 and of the highest one */
#define E1 ((apr_uint64_t)1 << ES_ID_COUNT_BITS)
#define TOP ((((apr_uint64_t)1 << ES_ID_EPOCH_BITS) - 1) << ES_ID_COUNT_BITS)
#define FULL (E1 - 1)

FACTS(an_epoch_is_never_0)
{
    es_id_t epoch = es_id_epoch(0, 1000);

    assert_true(order(epoch, id_of(1000, E1)) == 0);
    epoch = es_id_epoch(5, 0);
    assert_true(order(epoch, id_of(0, 6 * E1)) == 0);
    epoch = es_id_epoch((1u << ES_ID_EPOCH_BITS) - 2, 1);
    assert_true(order(epoch, id_of(1, TOP)) == 0);
    epoch = es_id_epoch((1u << ES_ID_EPOCH_BITS) - 1, 1); /* wraps around */
    assert_true(order(epoch, id_of(1, E1)) == 0);
    epoch = es_id_epoch(UINT32_MAX, 1);
    assert_true(epoch.n >= E1 && epoch.n <= TOP);
}

FACTS(n_is_exact_in_javascript)
{
    assert_true(TOP + FULL < (apr_uint64_t)1 << 53);
    assert_string_equal(text_of(id_of(1700000000000, TOP + FULL)),
                        "1700000000000-68719476735");
}

FACTS(ids_of_one_epoch_are_recognized_at_any_time)
{
    es_id_t a = id_of(5, 3 * E1 + 7);
    es_id_t b = id_of(MAX, 3 * E1 + FULL);

    assert_true(es_id_is_same_epoch(&a, &b));
    b.n++; /* into the next epoch */
    assert_false(es_id_is_same_epoch(&a, &b));
    b = id_of(5, 7);
    assert_false(es_id_is_same_epoch(&a, &b));
    b = id_of(5, a.n | (apr_uint64_t)1 << 36);
    assert_false(es_id_is_same_epoch(&a, &b));
}

FACTS(a_later_millisecond_counts_from_0)
{
    assert_true(is_next(id_of(1000, 7), 1001, id_of(1001, 0)));
    assert_true(is_next(id_of(0, 0), 1, id_of(1, 0)));
    assert_true(is_next(id_of(1000, E1 + 7), 1001, id_of(1001, E1)));
    assert_true(is_next(id_of(1000, TOP + FULL), 9000, id_of(9000, TOP)));
}

FACTS(within_a_millisecond_n_counts)
{
    assert_true(is_next(id_of(1000, 7), 1000, id_of(1000, 8)));
    assert_true(is_next(id_of(0, 0), 0, id_of(0, 1)));
    assert_true(is_next(id_of(5, TOP), 5, id_of(5, TOP + 1)));
    assert_true(is_next(id_of(5, TOP + FULL - 1), 5, id_of(5, TOP + FULL)));
}

FACTS(ids_do_not_follow_a_clock_that_steps_back)
{
    assert_true(is_next(id_of(1000, 7), 999, id_of(1000, 8)));
    assert_true(is_next(id_of(1000, 7), 0, id_of(1000, 8)));
}

FACTS(a_count_overflows_into_ms_and_not_into_the_epoch)
{
    assert_true(is_next(id_of(1000, E1 + FULL), 1000, id_of(1001, E1)));
    assert_true(is_next(id_of(1000, E1 + FULL), 3, id_of(1001, E1)));
    assert_true(is_next(id_of(1000, E1 + FULL), 2000, id_of(2000, E1)));
    assert_true(is_next(id_of(UINT32_MAX, E1 + FULL), 0,
                        id_of((apr_uint64_t)1 << 32, E1)));
    assert_true(is_next(id_of(INT64_MAX, TOP + FULL), 0,
                        id_of((apr_uint64_t)1 << 63, TOP)));
}

FACTS(the_greatest_id_has_no_successor)
{
    assert_true(is_next(id_of(MAX, TOP + FULL), MAX, id_of(MAX, TOP + FULL)));
    assert_true(is_next(id_of(MAX, TOP + FULL), 0, id_of(MAX, TOP + FULL)));
    assert_true(
        is_next(id_of(MAX, TOP + FULL - 1), MAX, id_of(MAX, TOP + FULL)));
}

FACTS(before_undoes_next_within_an_epoch)
{
    static const apr_uint64_t times[] = {
        1, UINT32_MAX, (apr_uint64_t)UINT32_MAX + 1, INT64_MAX, MAX - 1};
    es_id_t id, next, before;
    apr_size_t i;

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        id = id_of(times[i], E1 + 7);
        next = es_id_next(&id, 0);
        before = es_id_before(&next);
        assert_true(order(before, id) == 0);
        id = id_of(times[i], E1 + FULL);
        next = es_id_next(&id, 0);
        before = es_id_before(&next);
        assert_true(order(before, id) == 0);
        assert_true(es_id_is_same_epoch(&before, &next));
    }
    id = id_of(0, E1); /* nothing is below it */
    before = es_id_before(&id);
    assert_true(order(before, id) == 0);
}

FACTS(ids_rise_whatever_the_clock_does)
{
    static const apr_uint64_t clock[] = {5, 5, 9, 3, 0, 9, 10, MAX, 1, MAX};
    es_id_t epoch = es_id_epoch(1234567, 0);
    es_id_t last = epoch;
    es_id_t next;
    apr_size_t i;

    for (i = 0; i < sizeof(clock) / sizeof(clock[0]); i++) {
        next = es_id_next(&last, clock[i]);
        assert_true(es_id_compare(&next, &last) > 0);
        assert_true(es_id_is_same_epoch(&next, &epoch));
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

FACTS(parse_refuses_text_that_is_not_an_id)
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

FACTS(digits_dash_digits_is_the_form_of_our_ids)
{
    assert_true(es_id_is_ours(S("0-0")));
    assert_true(es_id_is_ours(S("1700000000000-12")));
    assert_true(es_id_is_ours(S("007-007")));
    assert_true(es_id_is_ours(S("184467440737095516150000-0")));
}

FACTS(any_other_text_is_not_the_form_of_our_ids)
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
    UNIT(compare_is_correct_beyond_the_signed_range),
    UNIT(an_epoch_is_never_0),
    UNIT(n_is_exact_in_javascript),
    UNIT(ids_of_one_epoch_are_recognized_at_any_time),
    UNIT(a_later_millisecond_counts_from_0),
    UNIT(within_a_millisecond_n_counts),
    UNIT(ids_do_not_follow_a_clock_that_steps_back),
    UNIT(a_count_overflows_into_ms_and_not_into_the_epoch),
    UNIT(the_greatest_id_has_no_successor),
    UNIT(before_undoes_next_within_an_epoch),
    UNIT(ids_rise_whatever_the_clock_does),
    UNIT(format_writes_both_numbers),
    UNIT(the_longest_id_fits_its_room),
    UNIT(parse_reads_what_format_writes),
    UNIT(parse_refuses_numbers_that_do_not_fit),
    UNIT(parse_refuses_leading_zeros),
    UNIT(parse_refuses_text_that_is_not_an_id),
    UNIT(digits_dash_digits_is_the_form_of_our_ids),
    UNIT(any_other_text_is_not_the_form_of_our_ids),
};

UNIT_MAIN(tests)
