/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/channel.c. */
#include "t/unit/unit.h"

#include "base/channel.h"

static es_problem_t why;

static int refused(es_slice_t name, const char *words)
{
    memset(&why, 0, sizeof(why));
    return !es_channel_check(name, pool, &why) && why.status == 400 &&
           strstr(why.sentence, words) != NULL;
}

static int passes(es_slice_t name)
{
    return es_channel_check(name, pool, &why);
}

/* Name and pattern in exact memory, so that a sanitizer sees an overrun. */
static int match(es_slice_t name, es_slice_t pattern)
{
    es_slice_t n = exact(name);
    es_slice_t p = exact(pattern);
    int matches = es_channel_match(n, p);

    exact_free(n);
    exact_free(p);
    return matches;
}

FACTS(trim_takes_blanks_and_tabs_off_both_ends)
{
    assert_slice(es_channel_trim(S(" \ta b\t ")), "a b");
    assert_slice(es_channel_trim(S("a")), "a");
    assert_slice(es_channel_trim(S(" \t ")), "");
    assert_slice(es_channel_trim(S("")), "");
    assert_slice(es_channel_trim(es_slice(NULL, 0)), "");
    assert_slice(es_channel_trim(S("\na\r")), "\na\r");
}

FACTS(usual_names_pass)
{
    assert_true(passes(S("room-kitchen")));
    assert_true(passes(S("a b/c?d#e*f\"g\\h")));
    assert_true(passes(S("k\303\274che \xf0\x9f\x8d\xb3")));
}

FACTS(an_empty_name_is_refused)
{
    assert_true(refused(S(""), "empty"));
    assert_true(refused(es_slice(NULL, 0), "empty"));
}

FACTS(a_blank_at_an_end_is_refused)
{
    assert_true(refused(S(" a"), "' a' begins or ends with a blank"));
    assert_true(refused(S("a "), "'a ' begins or ends with a blank"));
    assert_true(refused(S(" "), "' ' begins or ends with a blank"));
    assert_true(refused(S("a\t"), "control character at byte 2"));
    assert_true(passes(S("a\302\240"))); /* a character as any other */
}

FACTS(a_blank_at_an_end_is_found)
{
    assert_true(es_channel_has_blank_end(S(" a")));
    assert_true(es_channel_has_blank_end(S("a\t")));
    assert_true(es_channel_has_blank_end(S(" ")));
    assert_false(es_channel_has_blank_end(S("a b")));
    assert_false(es_channel_has_blank_end(S("")));
    assert_false(es_channel_has_blank_end(es_slice(NULL, 0)));
}

FACTS(a_name_has_a_maximum_length)
{
    assert_true(passes(repeat('a', ES_CHANNEL_NAME_MAX)));
    assert_true(refused(repeat('a', ES_CHANNEL_NAME_MAX + 1),
                        "aaa...' has more than 255 bytes"));
    assert_true(refused(repeat('a', 8192), "more than 255 bytes"));
    assert_true(strlen(why.sentence) < 150);
}

FACTS(control_characters_are_refused_with_their_position)
{
    assert_true(refused(S("ab\n"), "'ab?' has a control character at byte 3"));
    assert_true(refused(S("\0"), "at byte 1"));
    assert_true(refused(S("a\x1f"), "at byte 2"));
    assert_true(refused(S("a\x7f"), "at byte 2"));
    assert_true(refused(S("a\tb"), "at byte 2"));
    assert_true(passes(S("a b")));
}

FACTS(invalid_utf8_is_refused_with_its_position)
{
    assert_true(refused(S("ab\xff"), "'ab?' is not valid UTF-8 at byte 3"));
    assert_true(refused(S("\xc0\x80"), "at byte 1"));
    assert_true(refused(S("a\xe2\x82"), "at byte 2"));
}

FACTS(printable_keeps_printable_characters)
{
    assert_string_equal(es_channel_printable(S("k\303\274che"), pool),
                        "k\303\274che");
    assert_string_equal(es_channel_printable(S(""), pool), "");
}

FACTS(printable_replaces_other_bytes)
{
    assert_string_equal(es_channel_printable(S("a\0\n\x7f\xff\xc3"), pool),
                        "a?????");
    assert_string_equal(es_channel_printable(S("\302\2332J"), pool), "??2J");
    assert_string_equal(es_channel_printable(S("\xc2\xa0"), pool), "\xc2\xa0");
}

FACTS(printable_shortens_between_characters)
{
    const char *text;

    text = es_channel_printable(repeat('a', 64), pool);
    assert_int_equal(strlen(text), 64);
    text = es_channel_printable(repeat('a', 65), pool);
    assert_int_equal(strlen(text), 67);
    assert_string_equal(text + 64, "...");
    text =
        es_channel_printable(es_slice_of(apr_pstrcat(pool, repeat('a', 62).data,
                                                     "\xe2\x82\xac", NULL)),
                             pool);
    assert_string_equal(text + 62, "...");
    text = es_channel_printable(repeat('\x80', 500), pool);
    assert_string_equal(text + strlen(text) - 4, "?...");
}

FACTS(a_set_keeps_the_order_of_adding)
{
    es_channel_set_t *set = es_channel_set_create(pool, 3);

    assert_int_equal(es_channel_set_count(set), 0);
    assert_int_equal(es_channel_set_add(set, S("b")), APR_SUCCESS);
    assert_int_equal(es_channel_set_add(set, S("a")), APR_SUCCESS);
    assert_int_equal(es_channel_set_count(set), 2);
    assert_slice(es_channel_set_names(set)[0], "b");
    assert_slice(es_channel_set_names(set)[1], "a");
    assert_true(es_channel_set_contains(set, S("a")));
    assert_false(es_channel_set_contains(set, S("A")));
    assert_false(es_channel_set_contains(set, S("")));
}

FACTS(a_set_holds_each_name_once)
{
    es_channel_set_t *set = es_channel_set_create(pool, 3);

    es_channel_set_add(set, S("a"));
    assert_int_equal(es_channel_set_add(set, S("a")), APR_SUCCESS);
    assert_int_equal(es_channel_set_add(set, S("A")), APR_SUCCESS);
    assert_int_equal(es_channel_set_count(set), 2);
}

FACTS(a_set_keeps_names_as_they_are)
{
    es_channel_set_t *set = es_channel_set_create(pool, 3);

    es_channel_set_add(set, S("a"));
    assert_int_equal(es_channel_set_add(set, S(" a\t")), APR_SUCCESS);
    assert_int_equal(es_channel_set_count(set), 2);
    assert_slice(es_channel_set_names(set)[1], " a\t");
}

FACTS(a_set_ignores_empty_names)
{
    es_channel_set_t *set = es_channel_set_create(pool, 0);

    assert_int_equal(es_channel_set_add(set, S("")), APR_SUCCESS);
    assert_int_equal(es_channel_set_add(set, es_slice(NULL, 0)), APR_SUCCESS);
    assert_int_equal(es_channel_set_count(set), 0);
}

FACTS(a_full_set_refuses_a_new_name)
{
    es_channel_set_t *set = es_channel_set_create(pool, 2);

    es_channel_set_add(set, S("a"));
    assert_int_equal(es_channel_set_add(set, S("b")), APR_SUCCESS);
    assert_int_equal(es_channel_set_add(set, S("c")), APR_ENOSPC);
    assert_int_equal(es_channel_set_add(set, S("a")), APR_SUCCESS);
    assert_int_equal(es_channel_set_count(set), 2);
}

FACTS(a_set_of_at_most_0_names_takes_none)
{
    assert_int_equal(es_channel_set_add(es_channel_set_create(pool, 0), S("a")),
                     APR_ENOSPC);
}

FACTS(names_may_differ_in_nul_bytes_and_length_only)
{
    es_channel_set_t *set = es_channel_set_create(pool, 100);
    int i;

    for (i = 1; i <= 20; i++) {
        es_channel_set_add(set, repeat('\0', (apr_size_t)i));
    }
    assert_int_equal(es_channel_set_count(set), 20);
}

FACTS(a_large_set_is_as_correct_as_a_small_one)
{
    const int count = 50000;
    es_channel_set_t *set = es_channel_set_create(pool, count);
    int round;
    int i;

    for (round = 0; round < 2; round++) {
        for (i = 0; i < count; i++) {
            assert_int_equal(
                es_channel_set_add(set, es_slice_of(apr_itoa(pool, i))),
                APR_SUCCESS);
        }
        assert_int_equal(es_channel_set_count(set), count);
    }
    for (i = 0; i < count; i++) {
        assert_true(
            es_slice_is(es_channel_set_names(set)[i], apr_itoa(pool, i)));
    }
    assert_int_equal(es_channel_set_add(set, S("new")), APR_ENOSPC);
}

FACTS(without_stars_a_pattern_is_the_name)
{
    assert_true(match(S("room"), S("room")));
    assert_false(match(S("room"), S("roo")));
    assert_false(match(S("roo"), S("room")));
    assert_false(match(S("room"), S("Room")));
    assert_false(match(S("room"), S("")));
    assert_true(match(S(""), S("")));
    assert_true(es_channel_match(es_slice(NULL, 0), es_slice(NULL, 0)));
}

FACTS(a_star_matches_any_number_of_bytes)
{
    assert_true(match(S("room-a"), S("room-*")));
    assert_true(match(S("room-"), S("room-*")));
    assert_false(match(S("room"), S("room-*")));
    assert_true(match(S(""), S("*")));
    assert_true(es_channel_match(es_slice(NULL, 0), S("*")));
    assert_true(match(S("a/b\xc3\xbc"), S("*")));
    assert_true(match(S("a-room"), S("*-room")));
    assert_false(match(S("a-rooms"), S("*-room")));
    assert_true(match(S("anything"), S("***")));
}

FACTS(stars_in_the_middle_match)
{
    assert_true(match(S("a-x-b"), S("a-*-b")));
    assert_true(match(S("a--b"), S("a-*-b")));
    assert_false(match(S("a-b"), S("a-*-b")));
    assert_true(match(S("a1b2c"), S("a*b*c")));
    assert_false(match(S("a1c2b"), S("a*b*c")));
    assert_true(match(S("xxabxabc"), S("*ab*abc")));
    assert_true(match(S("aababc"), S("*abab*c")));
    assert_true(match(S("aaaab"), S("*aaab*")));
    assert_true(match(S("abcabcabd"), S("*abcabd*")));
}

FACTS(no_byte_matches_two_runs)
{
    assert_false(match(S("aba"), S("ab*ba")));
    assert_true(match(S("abba"), S("ab*ba")));
    assert_false(match(S("aba"), S("*ab*ba*")));
    assert_true(match(S("abba"), S("*ab*ba*")));
}

FACTS(a_backslash_makes_the_next_byte_literal)
{
    assert_true(match(S("a*b"), S("a\\*b")));
    assert_false(match(S("axb"), S("a\\*b")));
    assert_true(match(S("a\\b"), S("a\\\\b")));
    assert_true(match(S("ab"), S("a\\b")));
    assert_true(match(S("x*y"), S("*\\**")));
    assert_false(match(S("xy"), S("*\\**")));
}

FACTS(a_backslash_at_the_end_stands_for_itself)
{
    assert_true(match(S("a\\"), S("a\\")));
    assert_false(match(S("a"), S("a\\")));
    assert_true(match(S("x\\"), S("*\\")));
}

FACTS(long_names_and_patterns_match)
{
    es_slice_t most = repeat('a', ES_CHANNEL_NAME_MAX);
    es_slice_t more = repeat('a', ES_CHANNEL_NAME_MAX + 1);

    assert_true(match(most, most));
    assert_true(match(most, S("*a*a*")));
    assert_false(match(most, more));
    assert_false(match(more, more));
    assert_false(match(more, S("*")));
    assert_false(match(S("a"), repeat('a', 10000)));
    assert_true(match(S("a"), repeat('*', 10000)));
}

FACTS(hostile_names_cost_linear_time)
{
    es_slice_t name = repeat('a', ES_CHANNEL_NAME_MAX);
    const char *pattern = "";
    int i;

    for (i = 0; i < 60; i++) {
        pattern = apr_pstrcat(pool, pattern, "*aaa", NULL);
    }
    pattern = apr_pstrcat(pool, pattern, "*b", NULL);
    for (i = 0; i < 10000; i++) {
        assert_false(es_channel_match(name, es_slice_of(pattern)));
    }
}

/* The simplest matcher, to compare with. */
static int simple_match(const char *name, const char *pattern)
{
    if (*pattern == '\0') {
        return *name == '\0';
    }
    if (*pattern == '*') {
        return simple_match(name, pattern + 1) ||
               (*name != '\0' && simple_match(name + 1, pattern));
    }
    return *name == *pattern && simple_match(name + 1, pattern + 1);
}

FACTS(all_short_patterns_match_as_with_a_simple_matcher)
{
    static const char letters[] = "ab*";
    char name[7];
    char pattern[7];
    int p;
    int n;
    int i;
    int rest;

    for (p = 0; p < 729; p++) {
        for (rest = p, i = 0; i < 6; i++, rest /= 3) {
            pattern[i] = letters[rest % 3];
        }
        pattern[6] = '\0';
        for (n = 0; n < 64; n++) {
            for (i = 0; i < 6; i++) {
                name[i] = letters[(n >> i) & 1];
            }
            name[6] = '\0';
            if (es_channel_match(es_slice_of(name), es_slice_of(pattern)) !=
                simple_match(name, pattern)) {
                fail_msg("%s with %s", name, pattern);
            }
        }
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(trim_takes_blanks_and_tabs_off_both_ends),
    UNIT(usual_names_pass),
    UNIT(an_empty_name_is_refused),
    UNIT(a_blank_at_an_end_is_refused),
    UNIT(a_blank_at_an_end_is_found),
    UNIT(a_name_has_a_maximum_length),
    UNIT(control_characters_are_refused_with_their_position),
    UNIT(invalid_utf8_is_refused_with_its_position),
    UNIT(printable_keeps_printable_characters),
    UNIT(printable_replaces_other_bytes),
    UNIT(printable_shortens_between_characters),
    UNIT(a_set_keeps_the_order_of_adding),
    UNIT(a_set_holds_each_name_once),
    UNIT(a_set_keeps_names_as_they_are),
    UNIT(a_set_ignores_empty_names),
    UNIT(a_full_set_refuses_a_new_name),
    UNIT(a_set_of_at_most_0_names_takes_none),
    UNIT(names_may_differ_in_nul_bytes_and_length_only),
    UNIT(a_large_set_is_as_correct_as_a_small_one),
    UNIT(without_stars_a_pattern_is_the_name),
    UNIT(a_star_matches_any_number_of_bytes),
    UNIT(stars_in_the_middle_match),
    UNIT(no_byte_matches_two_runs),
    UNIT(a_backslash_makes_the_next_byte_literal),
    UNIT(a_backslash_at_the_end_stands_for_itself),
    UNIT(long_names_and_patterns_match),
    UNIT(hostile_names_cost_linear_time),
    UNIT(all_short_patterns_match_as_with_a_simple_matcher),
};

UNIT_MAIN(tests)
