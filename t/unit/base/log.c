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

static int start_anew(void **state __attribute__((unused)))
{
    memset(&logged, 0, sizeof(logged));
    es_log_to(NULL);
    return 0;
}

FACTS(without_a_function_nothing_is_written)
{
    es_log(ES_LOG_ERR, APR_ENOMEM, "ES0000", "%s", "text");
    assert_int_equal(logged.calls, 0);
}

FACTS(a_message_arrives_formatted)
{
    es_log_to(remember);
    es_log(ES_LOG_WARNING, APR_ENOENT, "ES0203", "%d of %s", 3, "four");
    assert_int_equal(logged.calls, 1);
    assert_int_equal(logged.level, ES_LOG_WARNING);
    assert_int_equal(logged.rv, APR_ENOENT);
    assert_string_equal(logged.tag, "ES0203");
    assert_string_equal(logged.text, "3 of four");
}

FACTS(a_long_message_is_cut)
{
    es_log_to(remember);
    es_log(ES_LOG_ERR, 0, "ES0000", "%s", repeat('a', 100000).data);
    assert_int_equal(strlen(logged.text), 1023);
}

FACTS(setting_null_stops_it)
{
    es_log_to(remember);
    es_log_to(NULL);
    es_log(ES_LOG_ERR, 0, "ES0000", "x");
    assert_int_equal(logged.calls, 0);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup(without_a_function_nothing_is_written, start_anew),
    cmocka_unit_test_setup(a_message_arrives_formatted, start_anew),
    cmocka_unit_test_setup(a_long_message_is_cut, start_anew),
    cmocka_unit_test_setup(setting_null_stops_it, start_anew),
};

UNIT_MAIN(tests)
