/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/outcome.c. */
#include "t/unit/unit.h"

#include "grip/outcome.h"

FACTS(an_answer_has_a_status)
{
    assert_true(es_outcome_is_answer(100));
    assert_true(es_outcome_is_answer(999));
    assert_false(es_outcome_is_answer(0));
    assert_false(es_outcome_is_answer(ES_OUTCOME_NAME));
    assert_string_equal(es_outcome_text(503, pool), "status 503");
}

FACTS(some_statuses_blame_the_body)
{
    assert_true(es_outcome_blames_body(400));
    assert_true(es_outcome_blames_body(413));
    assert_false(es_outcome_blames_body(401));
    assert_false(es_outcome_blames_body(500));
}

FACTS(what_another_server_does_is_no_failure)
{
    assert_false(es_outcome_is_failure(0));
    assert_false(es_outcome_is_failure(ES_OUTCOME_ELSEWHERE));
    assert_false(es_outcome_is_failure(ES_OUTCOME_EARLIER));
    assert_true(es_outcome_is_failure(ES_OUTCOME_LOST));
    assert_true(es_outcome_is_failure(404));
    assert_true(es_outcome_is_failure(-2));
}

FACTS(each_outcome_has_words_of_its_own)
{
    int i, k;

    for (i = ES_OUTCOME_NAME; i <= ES_OUTCOME_EARLIER; i++) {
        assert_string_not_equal(es_outcome_text(i, pool), "not known");
        for (k = ES_OUTCOME_NAME; k < i; k++) {
            assert_string_not_equal(es_outcome_text(i, pool),
                                    es_outcome_text(k, pool));
        }
    }
    assert_string_equal(es_outcome_text(-2, pool), "not known");
}

static const struct CMUnitTest tests[] = {
    UNIT(an_answer_has_a_status),
    UNIT(some_statuses_blame_the_body),
    UNIT(what_another_server_does_is_no_failure),
    UNIT(each_outcome_has_words_of_its_own),
};

UNIT_MAIN(tests)
