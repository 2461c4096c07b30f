/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/log_limit.c. */
#include "t/unit/unit.h"

#include "base/log.h"
#include "base/log_limit.h"

FACTS(the_first_is_loud)
{
    apr_time_t last = 0;

    /* also just after the host has started */
    assert_int_equal(es_log_limit_level(&last, ES_LOG_ERR, 1), ES_LOG_ERR);
}

FACTS(those_that_follow_are_not)
{
    apr_time_t last = 0;

    es_log_limit_level(&last, ES_LOG_ERR, 5);
    assert_int_equal(es_log_limit_level(&last, ES_LOG_ERR, 5), ES_LOG_DEBUG);
    assert_int_equal(
        es_log_limit_level(&last, ES_LOG_ERR, 4 + ES_LOG_LIMIT_PAUSE),
        ES_LOG_DEBUG);
}

FACTS(after_the_pause_one_is_loud_again)
{
    apr_time_t last = 0;

    es_log_limit_level(&last, ES_LOG_WARNING, 5);
    assert_int_equal(
        es_log_limit_level(&last, ES_LOG_WARNING, 5 + ES_LOG_LIMIT_PAUSE),
        ES_LOG_WARNING);
    assert_int_equal(
        es_log_limit_level(&last, ES_LOG_WARNING, 6 + ES_LOG_LIMIT_PAUSE),
        ES_LOG_DEBUG);
}

FACTS(each_kind_has_its_own_pace)
{
    apr_time_t one = 0, other = 0;

    es_log_limit_level(&one, ES_LOG_ERR, 5);
    assert_int_equal(es_log_limit_level(&other, ES_LOG_ERR, 5), ES_LOG_ERR);
}

static const struct CMUnitTest tests[] = {
    UNIT(the_first_is_loud),
    UNIT(those_that_follow_are_not),
    UNIT(after_the_pause_one_is_loud_again),
    UNIT(each_kind_has_its_own_pace),
};

UNIT_MAIN(tests)
