/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/lines.c. */
#include "t/unit/unit.h"

#include "base/lines.h"

#define MAX_LINE 8
#define MAX_PIECE 64

/* Append all lines that can be taken to list, each in brackets. */
static es_line_t take_all(es_lines_t *lines, char *list)
{
    es_line_t what;
    es_slice_t line;

    for (;;) {
        what = es_lines_take(lines, &line);
        if (what != ES_LINE_TAKEN) {
            return what;
        }
        strcat(list, apr_psprintf(pool, "[%.*s]", (int)line.len, line.data));
    }
}

/* The lines of the stream, which comes in two pieces, split at at. */
static const char *cut_at(es_slice_t stream, apr_size_t at)
{
    char *list = apr_pcalloc(pool, 4 * stream.len + 16);
    es_slice_t first = exact(es_slice(stream.data, at));
    es_slice_t second = exact(es_slice(stream.data + at, stream.len - at));
    es_slice_t line;
    es_lines_t lines;

    es_lines_init(&lines, pool, MAX_LINE, MAX_PIECE);
    assert_int_equal(es_lines_add(&lines, first), APR_SUCCESS);
    if (take_all(&lines, list) == ES_LINE_TOO_LONG) {
        strcat(list, "!");
    }
    else {
        assert_int_equal(es_lines_add(&lines, second), APR_SUCCESS);
        if (take_all(&lines, list) == ES_LINE_TOO_LONG) {
            strcat(list, "!");
        }
        else if (es_lines_last(&lines, &line) == ES_LINE_TAKEN) {
            strcat(list,
                   apr_psprintf(pool, "(%.*s)", (int)line.len, line.data));
        }
    }
    exact_free(first);
    exact_free(second);
    return apr_psprintf(pool, "%s %d", list, (int)lines.number);
}

static void cut_everywhere(es_slice_t stream, const char *should)
{
    apr_size_t at;

    for (at = 0; at <= stream.len; at++) {
        assert_string_equal(cut_at(stream, at), should);
    }
}

FACTS(cuts_at_lf_and_cr_lf)
{
    cut_everywhere(S("a\nbc\r\n\nd\n"), "[a][bc][][d] 4");
}

FACTS(has_no_last_line_after_an_lf)
{
    cut_everywhere(S(""), " 0");
    cut_everywhere(S("\n"), "[] 1");
}

FACTS(has_a_last_line_without_lf)
{
    cut_everywhere(S("a\nb"), "[a](b) 2");
    cut_everywhere(S("a\nb\r"), "[a](b) 2");
    cut_everywhere(S("\r"), "() 1");
}

FACTS(keeps_a_cr_that_ends_no_line)
{
    cut_everywhere(S("a\rb\n\r\r\n"), "[a\rb][\r] 2");
}

FACTS(keeps_nul)
{
    es_lines_t lines;
    es_slice_t line;

    es_lines_init(&lines, pool, MAX_LINE, MAX_PIECE);
    es_lines_add(&lines, S("a\0b\n"));
    assert_int_equal(es_lines_take(&lines, &line), ES_LINE_TAKEN);
    assert_slice(line, "a\0b");
}

FACTS(takes_a_line_of_maximum_length)
{
    cut_everywhere(S("12345678\n12345678\r\n12345678"),
                   "[12345678][12345678](12345678) 3");
}

FACTS(refuses_a_line_of_one_byte_more)
{
    cut_everywhere(S("1\n123456789\n2\n"), "[1]! 2");
    cut_everywhere(S("1\n123456789"), "[1]! 2");
    cut_everywhere(S("1\n123456789\r\n"), "[1]! 2");
    cut_everywhere(S("1\n12345678\rx"), "[1]! 2");
}

FACTS(takes_bytes_one_by_one)
{
    es_slice_t stream = S("{}\n12345678\r\n\nend\n");
    char list[64] = "";
    es_lines_t lines;
    apr_size_t i;

    es_lines_init(&lines, pool, MAX_LINE, 1);
    for (i = 0; i < stream.len; i++) {
        assert_int_equal(es_lines_add(&lines, es_slice(stream.data + i, 1)),
                         APR_SUCCESS);
        assert_int_equal(take_all(&lines, list), ES_LINE_NONE);
    }
    assert_string_equal(list, "[{}][12345678][][end]");
}

FACTS(knows_that_it_is_within_a_line)
{
    es_lines_t lines;
    es_slice_t line;

    es_lines_init(&lines, pool, MAX_LINE, MAX_PIECE);
    assert_false(es_lines_is_within(&lines));
    es_lines_add(&lines, S("a\nb"));
    assert_int_equal(es_lines_take(&lines, &line), ES_LINE_TAKEN);
    assert_int_equal(es_lines_take(&lines, &line), ES_LINE_NONE);
    assert_true(es_lines_is_within(&lines));
    es_lines_add(&lines, S("\n"));
    assert_int_equal(es_lines_take(&lines, &line), ES_LINE_TAKEN);
    assert_false(es_lines_is_within(&lines));
}

FACTS(does_not_grow_with_the_stream)
{
    es_slice_t piece = repeat('x', MAX_PIECE);
    es_lines_t lines;
    es_slice_t line;
    char *data;
    int i;

    es_lines_init(&lines, pool, MAX_PIECE, MAX_PIECE);
    es_lines_add(&lines, piece);
    data = lines.buf.data;
    for (i = 0; i < 1000; i++) {
        assert_int_equal(es_lines_take(&lines, &line), ES_LINE_NONE);
        assert_int_equal(es_lines_add(&lines, S("\n")), APR_SUCCESS);
        assert_int_equal(es_lines_take(&lines, &line), ES_LINE_TAKEN);
        assert_int_equal(line.len, MAX_PIECE);
        assert_int_equal(es_lines_take(&lines, &line), ES_LINE_NONE);
        assert_int_equal(es_lines_add(&lines, piece), APR_SUCCESS);
    }
    assert_ptr_equal(lines.buf.data, data);
    assert_int_equal(lines.number, 1000);
}

FACTS(refuses_a_piece_that_is_too_large)
{
    es_lines_t lines;

    es_lines_init(&lines, pool, MAX_LINE, MAX_PIECE);
    assert_int_equal(es_lines_add(&lines, repeat('x', MAX_PIECE + MAX_LINE)),
                     APR_SUCCESS);
    assert_int_equal(es_lines_add(&lines, S("123")), APR_ENOSPC);
}

/* ---- a whole text ---------------------------------------------------- */

/* All lines, each in brackets. */
static const char *lines_of(es_slice_t text)
{
    es_slice_t bytes = exact(text);
    char *list = apr_pcalloc(pool, 4 * text.len + 16);
    es_lines_split_t split;
    es_slice_t line;

    es_lines_split_init(&split, bytes);
    assert_false(es_lines_split_is_done(&split));
    while (es_lines_split_next(&split, &line)) {
        strcat(list, apr_psprintf(pool, "[%.*s]", (int)line.len, line.data));
    }
    assert_true(es_lines_split_is_done(&split));
    exact_free(bytes);
    return list;
}

FACTS(cr_lf_and_cr_lf_pairs_end_a_line)
{
    assert_string_equal(lines_of(S("a\nb\rc\r\nd")), "[a][b][c][d]");
    assert_string_equal(lines_of(S("a\n\rb")), "[a][][b]");
    assert_string_equal(lines_of(S("\r\r\n\n")), "[][][][]");
}

FACTS(after_the_last_line_end_is_an_empty_line)
{
    assert_string_equal(lines_of(S("")), "[]");
    assert_string_equal(lines_of(S("a\n")), "[a][]");
    assert_string_equal(lines_of(S("a\r\n")), "[a][]");
    assert_string_equal(lines_of(S("a\r")), "[a][]");
}

FACTS(many_lines_cost_linear_time)
{
    es_slice_t text = repeat('\r', 1000000);
    es_lines_split_t split;
    es_slice_t line;
    int count = 0;

    es_lines_split_init(&split, text);
    while (es_lines_split_next(&split, &line)) {
        count++;
    }
    assert_int_equal(count, 1000001);
}

static const struct CMUnitTest tests[] = {
    UNIT(cuts_at_lf_and_cr_lf),
    UNIT(has_no_last_line_after_an_lf),
    UNIT(has_a_last_line_without_lf),
    UNIT(keeps_a_cr_that_ends_no_line),
    UNIT(keeps_nul),
    UNIT(takes_a_line_of_maximum_length),
    UNIT(refuses_a_line_of_one_byte_more),
    UNIT(takes_bytes_one_by_one),
    UNIT(knows_that_it_is_within_a_line),
    UNIT(does_not_grow_with_the_stream),
    UNIT(refuses_a_piece_that_is_too_large),
    UNIT(cr_lf_and_cr_lf_pairs_end_a_line),
    UNIT(after_the_last_line_end_is_an_empty_line),
    UNIT(many_lines_cost_linear_time),
};

UNIT_MAIN(tests)
