/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/accept.c. */
#include "t/unit/unit.h"

#include "base/accept.h"

static int admits(const char *accept)
{
    return es_accept_admits(accept, "text/event-stream");
}

FACTS(no_header_admits_all)
{
    assert_true(admits(NULL));
    assert_true(admits(""));
    assert_true(admits(" \t "));
    assert_true(admits(" , ,"));
}

FACTS(the_exact_type_admits)
{
    assert_true(admits("text/event-stream"));
    assert_true(admits("TEXT/Event-Stream"));
    assert_true(admits(" text/event-stream "));
    assert_true(admits("text/html, text/event-stream"));
    assert_true(admits("text/html,,text/event-stream,"));
}

FACTS(wildcards_admit)
{
    assert_true(admits("*/*"));
    assert_true(admits("text/*"));
    assert_true(admits("text/html,application/xml;q=0.9,*/*;q=0.8"));
}

FACTS(other_types_do_not_admit)
{
    assert_false(admits("text/html"));
    assert_false(admits("application/*"));
    assert_false(admits("text/event-streams"));
    assert_false(admits("text/event-strea"));
    assert_false(admits("tex/event-stream"));
    assert_false(admits("application/json, text/html;q=0.5"));
}

FACTS(q_0_excludes)
{
    assert_false(admits("text/event-stream;q=0"));
    assert_false(admits("text/event-stream;q=0."));
    assert_false(admits("text/event-stream;q=0.000"));
    assert_false(admits("text/event-stream; Q=0.0"));
    assert_false(admits("*/*;q=0"));
}

FACTS(q_above_0_admits)
{
    assert_true(admits("text/event-stream;q=1"));
    assert_true(admits("text/event-stream;q=1.000"));
    assert_true(admits("text/event-stream;q=0.001"));
    assert_true(admits("text/event-stream ; q=0.5 , a/b"));
    assert_true(admits("*; q=.2, */*; q=.2"));
    assert_true(admits("*/*;q=0.33333"));
}

FACTS(the_most_specific_range_decides)
{
    assert_false(admits("text/event-stream;q=0, */*"));
    assert_false(admits("*/*, text/event-stream;q=0"));
    assert_false(admits("text/*;q=0, */*;q=1"));
    assert_true(admits("text/event-stream, text/*;q=0, */*;q=0"));
    assert_true(admits("text/*, */*;q=0"));
    assert_true(admits("*/*;q=0, text/event-stream;q=0.1"));
}

FACTS(of_equal_ranges_one_is_enough)
{
    assert_true(admits("text/event-stream;v=1;q=0, text/event-stream"));
    assert_true(admits("text/event-stream, text/event-stream;q=0"));
}

FACTS(other_parameters_are_ignored)
{
    assert_true(admits("text/event-stream;charset=utf-8"));
    assert_false(admits("text/event-stream;charset=utf-8;q=0"));
    assert_true(admits("text/event-stream;charset=\"a,b;q=0\""));
    assert_true(admits("text/event-stream;a=\"\\\";q=0\""));
    assert_true(admits("text/event-stream;;"));
    assert_true(admits("text/event-stream;qq=0"));
    assert_true(admits("text/event-stream;q=1;q=0"));
    assert_true(admits("text/event-stream;q=0.5;ext"));
}

FACTS(malformed_ranges_are_ignored)
{
    assert_false(admits("text"));
    assert_false(admits("text/"));
    assert_false(admits("/event-stream"));
    assert_false(admits("*"));
    assert_false(admits("*/event-stream"));
    assert_false(admits("text /event-stream"));
    assert_false(admits("text/event-stream html"));
    assert_false(admits("text/event-stream/x"));
    assert_false(admits("\"text/event-stream\""));
    assert_true(admits("text, */*"));
    assert_true(admits("text/event-stream/x;q=0, */*"));
}

FACTS(a_range_with_a_malformed_weight_is_ignored)
{
    assert_false(admits("text/event-stream;q"));
    assert_false(admits("text/event-stream;q="));
    assert_false(admits("text/event-stream;q=."));
    assert_false(admits("text/event-stream;q=2"));
    assert_false(admits("text/event-stream;q=1.5"));
    assert_false(admits("text/event-stream;q=-1"));
    assert_false(admits("text/event-stream;q=0.5x"));
    assert_false(admits("text/event-stream;q = 1"));
    assert_true(admits("text/event-stream;q=x, */*"));
}

FACTS(open_quotes_end_with_the_header)
{
    assert_true(admits("text/event-stream;a=\"x, text/html"));
    assert_false(admits("text/html;a=\"x, text/event-stream"));
    assert_true(admits("text/event-stream;a=\"\\"));
}

FACTS(a_type_is_named_only_by_itself)
{
    const char *const type = "text/event-stream";

    assert_true(es_accept_names("text/event-stream", type));
    assert_true(es_accept_names("text/html, Text/Event-Stream;q=0.1", type));
    assert_false(es_accept_names(NULL, type));
    assert_false(es_accept_names("", type));
    assert_false(es_accept_names("*/*", type));
    assert_false(es_accept_names("text/*", type));
    assert_false(es_accept_names("text/html", type));
    assert_false(es_accept_names("text/event-stream;q=0, */*", type));
}

FACTS(long_headers_cost_linear_time)
{
    assert_true(admits(repeat(',', 1000000).data));
    assert_false(admits(repeat('a', 1000000).data));
    assert_false(admits(repeat('"', 1000001).data));
    assert_true(admits(apr_pstrcat(pool, "text/event-stream",
                                   repeat(';', 1000000).data, NULL)));
}

static const struct CMUnitTest tests[] = {
    UNIT(no_header_admits_all),
    UNIT(the_exact_type_admits),
    UNIT(wildcards_admit),
    UNIT(other_types_do_not_admit),
    UNIT(q_0_excludes),
    UNIT(q_above_0_admits),
    UNIT(the_most_specific_range_decides),
    UNIT(of_equal_ranges_one_is_enough),
    UNIT(other_parameters_are_ignored),
    UNIT(malformed_ranges_are_ignored),
    UNIT(a_range_with_a_malformed_weight_is_ignored),
    UNIT(open_quotes_end_with_the_header),
    UNIT(a_type_is_named_only_by_itself),
    UNIT(long_headers_cost_linear_time),
};

UNIT_MAIN(tests)
