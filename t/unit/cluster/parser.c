/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cluster/parser.c and cluster/reply.c. */
#include "t/unit/unit.h"

#include <stdio.h>

#include "cluster/parser.h"
#include "t/unit/skip.h"

#define SMALL_MAX 4096 /* bytes of a reply of most tests */

static es_cluster_parser_t *parser;
static const char *why;

static int start(void **state)
{
    (void)state;
    parser = es_cluster_parser_create(SMALL_MAX);
    why = NULL;
    return 0;
}

static int stop(void **state)
{
    es_cluster_parser_destroy(parser);
    return unit_after_each(state);
}

#define NEEDS_HIREDIS                            \
    do {                                         \
        if (!es_cluster_parser_is_built()) {     \
            SKIP_SINCE("built without hiredis"); \
        }                                        \
    } while (0)

/* The reply that these bytes are, given in pieces of this size. */
static es_cluster_reply_t *parse_in(es_slice_t text, apr_size_t piece)
{
    es_cluster_reply_t *reply = NULL;
    apr_size_t at, size;

    for (at = 0; at < text.len; at += size) {
        size = text.len - at < piece ? text.len - at : piece;
        assert_int_equal(es_cluster_parser_next(parser, &reply, &why),
                         APR_EAGAIN);
        assert_null(reply);
        assert_true(es_cluster_parser_add(parser, text.data + at, size));
    }
    assert_int_equal(es_cluster_parser_next(parser, &reply, &why), APR_SUCCESS);
    assert_non_null(reply);
    assert_int_equal(es_cluster_parser_pending(parser), 0);
    return reply;
}

static es_cluster_reply_t *parse(es_slice_t text)
{
    return parse_in(text, text.len);
}

FACTS(kinds_are_told_apart)
{
    es_cluster_reply_t *reply;

    NEEDS_HIREDIS;
    reply = parse(S("+OK\r\n"));
    assert_slice(es_cluster_reply_text(reply), "OK");
    assert_false(es_cluster_reply_is_error(reply));
    es_cluster_reply_free(reply);
    reply = parse(S("$5\r\na\0\r\nb\r\n"));
    assert_slice(es_cluster_reply_text(reply), "a\0\r\nb");
    assert_int_equal(es_cluster_reply_text(reply).data[5], 0);
    es_cluster_reply_free(reply);
    reply = parse(S(":-42\r\n"));
    assert_int_equal(es_cluster_reply_number(reply), -42);
    assert_slice(es_cluster_reply_text(reply), "");
    es_cluster_reply_free(reply);
    reply = parse(S("$-1\r\n"));
    assert_true(es_cluster_reply_is_nil(reply));
    es_cluster_reply_free(reply);
    reply = parse(S("*-1\r\n"));
    assert_true(es_cluster_reply_is_nil(reply));
    es_cluster_reply_free(reply);
    reply = parse(S("$0\r\n\r\n"));
    assert_false(es_cluster_reply_is_nil(reply));
    assert_slice(es_cluster_reply_text(reply), "");
    es_cluster_reply_free(reply);
}

FACTS(an_error_has_a_code)
{
    es_cluster_reply_t *reply;

    NEEDS_HIREDIS;
    reply = parse(S("-LOADING Redis is loading\r\n"));
    assert_true(es_cluster_reply_is_error(reply));
    assert_true(es_cluster_reply_is_code(reply, "LOADING"));
    assert_false(es_cluster_reply_is_code(reply, "LOAD"));
    assert_false(es_cluster_reply_is_code(reply, "LOADING R"));
    assert_slice(es_cluster_reply_text(reply), "LOADING Redis is loading");
    es_cluster_reply_free(reply);
    reply = parse(S("-ESRUN\r\n"));
    assert_true(es_cluster_reply_is_code(reply, "ESRUN"));
    es_cluster_reply_free(reply);
    reply = parse(S("+LOADING\r\n"));
    assert_false(es_cluster_reply_is_code(reply, "LOADING"));
    es_cluster_reply_free(reply);
}

FACTS(arrays_may_be_nested)
{
    es_cluster_reply_t *reply;
    const es_cluster_reply_t *entry;

    NEEDS_HIREDIS;
    reply = parse(S("*3\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nk\r\n$1\r\nv\r\n"
                    "*0\r\n:7\r\n"));
    assert_true(es_cluster_reply_is_array(reply));
    assert_int_equal(es_cluster_reply_count(reply), 3);
    entry = es_cluster_reply_at(reply, 0);
    assert_slice(es_cluster_reply_text(es_cluster_reply_at(entry, 0)), "1-1");
    entry = es_cluster_reply_at(entry, 1);
    assert_slice(es_cluster_reply_text(es_cluster_reply_at(entry, 1)), "v");
    entry = es_cluster_reply_at(reply, 1);
    assert_true(es_cluster_reply_is_array(entry));
    assert_int_equal(es_cluster_reply_count(entry), 0);
    assert_null(es_cluster_reply_at(entry, 0));
    assert_int_equal(es_cluster_reply_number(es_cluster_reply_at(reply, 2)), 7);
    assert_null(es_cluster_reply_at(reply, 3));
    assert_null(es_cluster_reply_at(reply, -1));
    es_cluster_reply_free(reply);
}

FACTS(pieces_of_any_size_give_the_same)
{
    const es_slice_t text =
        S("*3\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nk\r\n$4\r\nv\r\nv\r\n"
          "+x\r\n:12\r\n");
    apr_size_t piece;

    NEEDS_HIREDIS;
    for (piece = 1; piece <= text.len; piece++) {
        es_cluster_reply_t *reply = parse_in(text, piece);

        assert_int_equal(es_cluster_reply_count(reply), 3);
        assert_slice(
            es_cluster_reply_text(es_cluster_reply_at(
                es_cluster_reply_at(es_cluster_reply_at(reply, 0), 1), 1)),
            "v\r\nv");
        es_cluster_reply_free(reply);
    }
}

FACTS(many_replies_come_in_order)
{
    es_cluster_reply_t *reply;
    char text[32];
    int i;

    NEEDS_HIREDIS;
    for (i = 0; i < 5000; i++) {
        assert_true(es_cluster_parser_add(
            parser, text, (apr_size_t)sprintf(text, ":%d\r\n", i)));
    }
    for (i = 0; i < 5000; i++) {
        assert_int_equal(es_cluster_parser_next(parser, &reply, &why),
                         APR_SUCCESS);
        assert_int_equal(es_cluster_reply_number(reply), i);
        es_cluster_reply_free(reply);
    }
    assert_int_equal(es_cluster_parser_next(parser, &reply, &why), APR_EAGAIN);
    assert_int_equal(es_cluster_parser_pending(parser), 0);
}

FACTS(a_reply_outlives_its_parser)
{
    es_cluster_reply_t *reply;

    NEEDS_HIREDIS;
    reply = parse(S("*1\r\n$1\r\na\r\n"));
    es_cluster_parser_destroy(parser);
    parser = NULL;
    assert_slice(es_cluster_reply_text(es_cluster_reply_at(reply, 0)), "a");
    es_cluster_reply_free(reply);
}

FACTS(numbers_may_be_texts)
{
    const struct {
        es_slice_t text;
        apr_int64_t number;
    } rows[] = {
        {S("$3\r\n123\r\n"), 123},
        {S("$2\r\n-5\r\n"), -5},
        {S("$0\r\n\r\n"), 0},
        {S("$1\r\n-\r\n"), 0},
        {S("$3\r\n12x\r\n"), 0},
        {S("$18\r\n999999999999999999\r\n"), APR_INT64_C(999999999999999999)},
        {S("$19\r\n9999999999999999999\r\n"), 0},
        {S(":9223372036854775807\r\n"), APR_INT64_C(9223372036854775807)},
        {S("-ERR 5\r\n"), 0},
        {S("*0\r\n"), 0},
    };
    apr_size_t i;

    NEEDS_HIREDIS;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        es_cluster_reply_t *reply = parse(rows[i].text);

        assert_true(es_cluster_reply_number(reply) == rows[i].number);
        es_cluster_reply_free(reply);
    }
}

FACTS(nothing_has_harmless_values)
{
    assert_false(es_cluster_reply_is_error(NULL));
    assert_false(es_cluster_reply_is_nil(NULL));
    assert_false(es_cluster_reply_is_array(NULL));
    assert_false(es_cluster_reply_is_code(NULL, ""));
    assert_slice(es_cluster_reply_text(NULL), "");
    assert_int_equal(es_cluster_reply_number(NULL), 0);
    assert_int_equal(es_cluster_reply_count(NULL), 0);
    assert_null(es_cluster_reply_at(NULL, 0));
    es_cluster_reply_free(NULL);
    es_cluster_parser_destroy(NULL);
}

/* ---- what is refused ----------------------------------------------------- */

static void refused(es_slice_t text, apr_status_t rv)
{
    es_cluster_reply_t *reply;
    apr_size_t at;

    parser = es_cluster_parser_create(SMALL_MAX);
    for (at = 0; at < text.len; at++) {
        apr_status_t got;

        (void)es_cluster_parser_add(parser, text.data + at, 1);
        got = es_cluster_parser_next(parser, &reply, &why);
        assert_null(reply);
        if (got != APR_EAGAIN) {
            assert_int_equal(got, rv);
            assert_non_null(why);
            es_cluster_parser_destroy(parser);
            parser = NULL;
            return;
        }
    }
    print_error("not refused: %.*s\n", (int)text.len, text.data);
    fail();
}

FACTS(what_is_no_reply_is_refused)
{
    NEEDS_HIREDIS;
    es_cluster_parser_destroy(parser);
    refused(S("HTTP/1.1 400 Bad Request\r\n"), APR_EGENERAL);
    refused(S("\r\n"), APR_EGENERAL);
    refused(S("*x\r\n"), APR_EGENERAL);
    refused(S("*1\r\n!"), APR_EGENERAL);
    refused(S("*-2\r\n"), APR_EGENERAL);
    refused(S("$-2\r\n"), APR_EGENERAL);
}

/* Its memory is not taken before it comes. */
FACTS(an_array_that_is_too_long_is_refused_when_it_is_announced)
{
    NEEDS_HIREDIS;
    es_cluster_parser_destroy(parser);
    refused(S("*1048577\r\n"), APR_ENOSPC);
    refused(S("*2147483647\r\n"), APR_ENOSPC);
    refused(S("*1\r\n*9000000\r\n"), APR_ENOSPC);
    /* many arrays within each other, of which none is too long */
    refused(S("*100000\r\n*100000\r\n*100000\r\n*100000\r\n*100000\r\n"),
            APR_ENOSPC);
}

FACTS(arrays_within_arrays_have_an_end)
{
    es_slice_t text = es_slice("", 0);
    int i;

    NEEDS_HIREDIS;
    es_cluster_parser_destroy(parser);
    for (i = 0; i < 5000; i++) {
        text = es_slice_of(apr_pstrcat(pool, "*1\r\n", text.data, NULL));
    }
    parser = es_cluster_parser_create(SMALL_MAX);
    (void)es_cluster_parser_add(parser, text.data, text.len);
    {
        es_cluster_reply_t *reply;

        assert_int_not_equal(es_cluster_parser_next(parser, &reply, &why),
                             APR_SUCCESS);
        assert_int_not_equal(es_cluster_parser_next(parser, &reply, &why),
                             APR_SUCCESS);
        assert_null(reply);
    }
}

FACTS(a_reply_that_is_too_large_is_refused)
{
    char text[64];
    es_cluster_reply_t *reply;
    es_slice_t part = repeat('x', SMALL_MAX - 20);

    NEEDS_HIREDIS;
    sprintf(text, "$%d\r\n", SMALL_MAX * 2);
    assert_true(es_cluster_parser_add(parser, text, strlen(text)));
    assert_true(es_cluster_parser_add(parser, part.data, part.len));
    assert_int_equal(es_cluster_parser_next(parser, &reply, &why), APR_EAGAIN);
    assert_true(es_cluster_parser_add(parser, part.data, 100));
    assert_int_equal(es_cluster_parser_next(parser, &reply, &why), APR_ENOSPC);
    assert_string_equal(why, "a reply is too large");
}

FACTS(a_reply_may_be_as_large_as_the_limit)
{
    es_cluster_reply_t *reply;
    es_slice_t text;

    NEEDS_HIREDIS;
    text = es_slice_of(apr_psprintf(pool, "*2\r\n$%d\r\n%s\r\n$1\r\na\r\n",
                                    SMALL_MAX - 40,
                                    repeat('x', SMALL_MAX - 40).data));
    reply = parse_in(text, 1000);
    assert_int_equal(es_cluster_reply_text(es_cluster_reply_at(reply, 0)).len,
                     SMALL_MAX - 40);
    es_cluster_reply_free(reply);
}

/* hiredis would look at it from its start, each time. */
FACTS(a_line_without_an_end_is_refused)
{
    es_cluster_reply_t *reply;
    apr_status_t rv;
    int i;

    NEEDS_HIREDIS;
    es_cluster_parser_destroy(parser);
    parser = es_cluster_parser_create(ES_CLUSTER_REPLY_MAX);
    assert_true(es_cluster_parser_add(parser, "+", 1));
    for (i = 0, rv = APR_EAGAIN; i < 100 && rv == APR_EAGAIN; i++) {
        assert_true(
            es_cluster_parser_add(parser, repeat('x', 1000).data, 1000));
        rv = es_cluster_parser_next(parser, &reply, &why);
    }
    assert_int_equal(rv, APR_EGENERAL);
    assert_string_equal(why, "a line of a reply is too long");
    assert_in_range(i, 65, 67);
}

/* In a string the line of its length has an end, whatever follows. */
FACTS(a_long_string_without_line_ends_is_taken)
{
    es_cluster_reply_t *reply;

    NEEDS_HIREDIS;
    es_cluster_parser_destroy(parser);
    parser = es_cluster_parser_create(ES_CLUSTER_REPLY_MAX);
    reply = parse_in(es_slice_of(apr_psprintf(pool, "$300000\r\n%s\r\n",
                                              repeat('x', 300000).data)),
                     32768);
    assert_int_equal(es_cluster_reply_text(reply).len, 300000);
    es_cluster_reply_free(reply);
}

#define PARSED(name) cmocka_unit_test_setup_teardown(name, start, stop)

static const struct CMUnitTest tests[] = {
    PARSED(kinds_are_told_apart),
    PARSED(an_error_has_a_code),
    PARSED(arrays_may_be_nested),
    PARSED(pieces_of_any_size_give_the_same),
    PARSED(many_replies_come_in_order),
    PARSED(a_reply_outlives_its_parser),
    PARSED(numbers_may_be_texts),
    PARSED(nothing_has_harmless_values),
    PARSED(what_is_no_reply_is_refused),
    PARSED(an_array_that_is_too_long_is_refused_when_it_is_announced),
    PARSED(arrays_within_arrays_have_an_end),
    PARSED(a_reply_that_is_too_large_is_refused),
    PARSED(a_reply_may_be_as_large_as_the_limit),
    PARSED(a_line_without_an_end_is_refused),
    PARSED(a_long_string_without_line_ends_is_taken),
};

UNIT_MAIN(tests)
