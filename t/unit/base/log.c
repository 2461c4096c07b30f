/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/log.c. */
#include "t/unit/unit.h"

#include "base/log.h"

static struct {
    int calls;
    int level;
    apr_status_t rv;
    char tag[16];
    char text[4096];
} logged;

static void remember(int level, apr_status_t rv, const char *tag,
                     const char *text)
{
    logged.calls++;
    logged.level = level;
    logged.rv = rv;
    apr_cpystrn(logged.tag, tag, sizeof(logged.tag));
    apr_cpystrn(logged.text, text, sizeof(logged.text));
}

static int forget_logged(void **state __attribute__((unused)))
{
    memset(&logged, 0, sizeof(logged));
    es_log_set_handler(NULL);
    return 0;
}

FACTS(without_a_function_nothing_is_written)
{
    es_log(ES_LOG_ERR, APR_ENOMEM, "ES0000", "%s", "text");
    assert_int_equal(logged.calls, 0);
}

FACTS(a_message_arrives_formatted)
{
    es_log_set_handler(remember);
    es_log(ES_LOG_WARNING, APR_ENOENT, "ES0203", "%d of %s", 3, "four");
    assert_int_equal(logged.calls, 1);
    assert_int_equal(logged.level, ES_LOG_WARNING);
    assert_int_equal(logged.rv, APR_ENOENT);
    assert_string_equal(logged.tag, "ES0203");
    assert_string_equal(logged.text, "3 of four");
}

FACTS(a_long_message_is_cut)
{
    es_log_set_handler(remember);
    es_log(ES_LOG_ERR, 0, "ES0000", "%s", repeat('a', 100000).data);
    assert_int_equal(strlen(logged.text), 1023);
}

FACTS(setting_null_stops_it)
{
    es_log_set_handler(remember);
    es_log_set_handler(NULL);
    es_log(ES_LOG_ERR, 0, "ES0000", "x");
    assert_int_equal(logged.calls, 0);
}

/* ---- the limit ------------------------------------------------------- */

FACTS(the_first_is_logged_at_its_level)
{
    apr_time_t last = 0;

    /* 1: the clock of a host that has just started */
    assert_int_equal(es_log_limit_level(&last, ES_LOG_ERR, 1), ES_LOG_ERR);
}

FACTS(those_that_follow_are_debug)
{
    apr_time_t last = 0;

    es_log_limit_level(&last, ES_LOG_ERR, 5);
    assert_int_equal(es_log_limit_level(&last, ES_LOG_ERR, 5), ES_LOG_DEBUG);
    assert_int_equal(
        es_log_limit_level(&last, ES_LOG_ERR, 4 + ES_LOG_LIMIT_PAUSE),
        ES_LOG_DEBUG);
}

FACTS(after_the_pause_one_has_its_level_again)
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

FACTS(each_kind_has_its_own_limit)
{
    apr_time_t one = 0, other = 0;

    es_log_limit_level(&one, ES_LOG_ERR, 5);
    assert_int_equal(es_log_limit_level(&other, ES_LOG_ERR, 5), ES_LOG_ERR);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(without_a_function_nothing_is_written,
                           forget_logged),
    cmocka_unit_test_setup(a_message_arrives_formatted, forget_logged),
    cmocka_unit_test_setup(a_long_message_is_cut, forget_logged),
    cmocka_unit_test_setup(setting_null_stops_it, forget_logged),
    UNIT(the_first_is_logged_at_its_level),
    UNIT(those_that_follow_are_debug),
    UNIT(after_the_pause_one_has_its_level_again),
    UNIT(each_kind_has_its_own_limit),
};

UNIT_MAIN(tests)
