/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of server/threads.c: how many delivery threads a child has; and of
 * server/advice.c, which remembers what it says. */
#include "t/unit/unit.h"

#include "server/advice.c"
#include "server/threads.c"
#include "t/unit/httpd_stub.h"

static es_settings_t global;

es_settings_t *es_settings_of(const server_rec *s)
{
    (void)s;
    return &global;
}

/* A threaded MPM with 25 workers a child, on no particular machine. */
static void begin(int max_children, int max_spare_threads)
{
    memset(&global, 0, sizeof(global));
    (void)stub_request(pool);
    httpd_stub.is_threaded = AP_MPMQ_STATIC;
    httpd_stub.threads = 25;
    httpd_stub.max_daemons = max_children;
    httpd_stub.min_spare_threads = 25;
    httpd_stub.max_spare_threads = max_spare_threads;
}

FACTS(auto_is_one_unless_cores_exceed_children)
{
    assert_int_equal(es_threads_auto(1, 1), 1);
    assert_int_equal(es_threads_auto(2, 2), 1);
    assert_int_equal(es_threads_auto(2, 16), 1);
    assert_int_equal(es_threads_auto(16, 16), 1);
}

FACTS(auto_gives_each_core_a_thread)
{
    assert_int_equal(es_threads_auto(2, 1), 2);
    assert_int_equal(es_threads_auto(4, 3), 2);
    assert_int_equal(es_threads_auto(17, 16), 2);
    assert_int_equal(es_threads_auto(8, 1), 8);
}

FACTS(auto_is_eight_at_most)
{
    assert_int_equal(es_threads_auto(9, 1), 8);
    assert_int_equal(es_threads_auto(256, 3), 8);
}

FACTS(unknown_numbers_mean_one)
{
    assert_int_equal(es_threads_auto(0, 4), 1);
    assert_int_equal(es_threads_auto(4, 0), 1);
    assert_int_equal(es_threads_auto(-1, -1), 1);
}

FACTS(httpd_keeps_the_children_whose_idle_workers_it_allows)
{
    begin(16, 75); /* Debian's */
    assert_int_equal(kept_children(), 3);
    begin(2, 75);
    assert_int_equal(kept_children(), 2);
    begin(16, 400);
    assert_int_equal(kept_children(), 16);
    begin(16, 1); /* the MPM raises it */
    assert_int_equal(kept_children(), 2);
}

FACTS(a_number_is_taken_as_it_is)
{
    begin(16, 75);
    global.threads = 5;
    assert_int_equal(es_threads_wanted(&global), 5);
}

FACTS(with_prefork_it_is_one)
{
    begin(16, 0);
    httpd_stub.is_threaded = AP_MPMQ_NOT_SUPPORTED;
    httpd_stub.max_spare_daemons = 10;
    global.threads = 5;
    assert_int_equal(es_threads_wanted(&global), 1);
    assert_int_equal(kept_children(), 10);
}

FACTS(no_more_threads_than_there_are_numbers_for)
{
    begin(1, 75);
    global.threads = 5;
    assert_int_equal(es_threads_decide(NULL, 3), 3);
    assert_int_equal(httpd_stub.logs, 2);
    assert_int_equal(es_threads_decide(NULL, 5), 5);
    assert_int_equal(httpd_stub.logs, 3);
}

FACTS(a_notice_says_what_to_set_where_cores_are_left)
{
    int cores = count_cores();

    begin(1, 75);
    global.threads = cores > 1 ? cores - 1 : 1;
    (void)es_threads_decide(NULL, ES_DELIVERIES_MAX);
    if (cores > 1) {
        assert_int_equal(httpd_stub.log_level, APLOG_NOTICE);
        assert_non_null(
            strstr(httpd_stub.logged,
                   apr_psprintf(pool, "set EventStreamThreads %d,", cores)));
    }
    global.threads = cores;
    (void)es_threads_decide(NULL, ES_DELIVERIES_MAX);
    assert_int_equal(httpd_stub.log_level, APLOG_INFO);
}

FACTS(advice_is_remembered_as_long_as_the_configuration)
{
    const es_advice_t *all;
    apr_pool_t *pconf;
    int i;

    assert_int_equal(apr_pool_create(&pconf, pool), APR_SUCCESS);
    begin(1, 75);
    global.threads = 5;
    (void)es_threads_decide(NULL, 3);
    assert_int_equal(es_advice_all(&all), 0); /* nobody has asked for it */
    es_advice_begin(pconf);
    (void)es_threads_decide(NULL, 3);
    assert_true(es_advice_all(&all) >= 1);
    assert_string_equal(all[0].tag, "ES0020");
    assert_non_null(strstr(all[0].text, "3 delivery thread(s) and not 5"));
    for (i = 0; i < 2 * ES_ADVICE_MAX; i++) {
        es_advice_add("ES0000", "%d", i);
    }
    assert_int_equal(es_advice_all(&all), ES_ADVICE_MAX);
    apr_pool_destroy(pconf);
    assert_int_equal(es_advice_all(&all), 0);
}

static const struct CMUnitTest tests[] = {
    UNIT(auto_is_one_unless_cores_exceed_children),
    UNIT(auto_gives_each_core_a_thread),
    UNIT(auto_is_eight_at_most),
    UNIT(unknown_numbers_mean_one),
    UNIT(httpd_keeps_the_children_whose_idle_workers_it_allows),
    UNIT(a_number_is_taken_as_it_is),
    UNIT(with_prefork_it_is_one),
    UNIT(no_more_threads_than_there_are_numbers_for),
    UNIT(a_notice_says_what_to_set_where_cores_are_left),
    UNIT(advice_is_remembered_as_long_as_the_configuration),
};

UNIT_MAIN(tests)
