/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "base/lines_split.h"

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

FACTS(all_three_ends_end_a_line)
{
    assert_string_equal(lines_of(S("a\nb\rc\r\nd")), "[a][b][c][d]");
    assert_string_equal(lines_of(S("a\n\rb")), "[a][][b]");
    assert_string_equal(lines_of(S("\r\r\n\n")), "[][][][]");
}

FACTS(behind_the_last_end_is_an_empty_line)
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
    UNIT(all_three_ends_end_a_line),
    UNIT(behind_the_last_end_is_an_empty_line),
    UNIT(many_lines_cost_linear_time),
};

UNIT_MAIN(tests)
