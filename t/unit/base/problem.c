/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/problem.c. */
#include "t/unit/unit.h"

#include "base/problem.h"

FACTS(setting_a_problem_returns_0)
{
    es_problem_t why;

    assert_int_equal(es_problem_set(&why, pool, 400, "No."), 0);
}

FACTS(status_and_sentence_are_set)
{
    es_problem_t why;

    es_problem_set(&why, pool, 403, "Channel '%s' has %d.", "a", 7);
    assert_int_equal(why.status, 403);
    assert_string_equal(why.sentence, "Channel 'a' has 7.");
}

FACTS(an_earlier_problem_is_overwritten)
{
    es_problem_t why = {500, 30, "old", "old", ES_REMEDY_CHANNEL};

    es_problem_set(&why, pool, 400, "new");
    assert_int_equal(why.retry_after, 0);
    assert_null(why.remedy);
    assert_int_equal(why.about, ES_REMEDY_OTHER);
    assert_int_equal(es_problem_remedy(&why, ES_REMEDY_ORIGIN, "do"), 0);
    assert_string_equal(why.remedy, "do");
    assert_int_equal(why.about, ES_REMEDY_ORIGIN);
}

FACTS(the_sentence_is_one_line)
{
    es_problem_t why;

    es_problem_set(&why, pool, 400, "%s", "a\r\nX-Evil: 1\t\x01\x1f\x7f ");
    assert_string_equal(why.sentence, "a??X-Evil: 1???? ");
}

FACTS(bytes_above_ascii_are_kept)
{
    es_problem_t why;

    es_problem_set(&why, pool, 400, "k\303\274che \xff");
    assert_string_equal(why.sentence, "k\303\274che \xff");
}

FACTS(a_sentence_may_be_long)
{
    es_problem_t why;
    es_slice_t text = repeat('a', 100000);

    es_problem_set(&why, pool, 400, "%s", text.data);
    assert_int_equal(strlen(why.sentence), 100000);
}

static const struct CMUnitTest tests[] = {
    UNIT(setting_a_problem_returns_0),       UNIT(status_and_sentence_are_set),
    UNIT(an_earlier_problem_is_overwritten), UNIT(the_sentence_is_one_line),
    UNIT(bytes_above_ascii_are_kept),        UNIT(a_sentence_may_be_long),
};

UNIT_MAIN(tests)
