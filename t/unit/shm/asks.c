/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/asks.c: which browsers are asked, and how long that is known. */
#include "t/unit/unit.h"

#include <apr_thread_proc.h>

#include "base/context.h"
#include "shm/asks.h"

#define NOW (1000 * APR_USEC_PER_SEC)
#define SECOND APR_USEC_PER_SEC
#define IN_A_BUCKET 8
#define THREADS 8

static es_asks_t *make(void)
{
    return es_asks_attach(apr_pcalloc(pool, es_asks_size()));
}

/* Browsers of one bucket. */
static apr_uint64_t browser(int n)
{
    return (apr_uint64_t)(n + 1) << 32 | 5;
}

FACTS(a_browser_is_asked_once_in_a_minute)
{
    es_asks_t *asks = make();

    assert_int_equal(es_asks_take(asks, browser(0), NOW), 1);
    assert_int_equal(es_asks_take(asks, browser(0), NOW), 0);
    assert_int_equal(es_asks_take(asks, browser(0), NOW + 59 * SECOND), 0);
    assert_int_equal(es_asks_take(asks, browser(0), NOW + 60 * SECOND), 1);
    assert_int_equal(es_asks_take(asks, browser(0), NOW + 61 * SECOND), 0);
}

FACTS(a_refused_ask_does_not_extend_the_pause)
{
    es_asks_t *asks = make();
    int i;

    assert_int_equal(es_asks_take(asks, browser(0), NOW), 1);
    for (i = 1; i < 60; i++) {
        assert_int_equal(es_asks_take(asks, browser(0), NOW + i * SECOND), 0);
    }
    assert_int_equal(es_asks_take(asks, browser(0), NOW + 60 * SECOND), 1);
}

FACTS(a_browser_that_has_complied_may_be_asked_again)
{
    es_asks_t *asks = make();

    assert_int_equal(es_asks_take(asks, browser(0), NOW), 1);
    assert_int_equal(es_asks_note_seen(asks, browser(0), NOW), 1);
    assert_int_equal(es_asks_take(asks, browser(0), NOW), 1);
    assert_int_equal(es_asks_take(asks, browser(0), NOW), 0);
    assert_int_equal(es_asks_take(asks, browser(0), NOW + SECOND), 0);
}

FACTS(browsers_are_asked_independently)
{
    es_asks_t *asks = make();

    assert_int_equal(es_asks_take(asks, browser(0), NOW), 1);
    assert_int_equal(es_asks_take(asks, browser(1), NOW), 1);
    assert_int_equal(es_asks_take(asks, browser(0) + 1, NOW), 1);
}

FACTS(a_browser_that_was_asked_is_known_for_a_day_after_it_was_seen)
{
    es_asks_t *asks = make();

    assert_int_equal(es_asks_note_seen(asks, browser(0), NOW), 0);
    assert_int_equal(es_asks_take(asks, browser(0), NOW), 1);
    assert_int_equal(es_asks_note_seen(asks, browser(0), NOW), 1);
    assert_int_equal(es_asks_note_seen(asks, browser(1), NOW), 0);
    assert_int_equal(es_asks_note_seen(asks, browser(0), NOW + 86399 * SECOND),
                     1);
    assert_int_equal(es_asks_note_seen(asks, browser(0), NOW + 172798 * SECOND),
                     1);
    assert_int_equal(es_asks_note_seen(asks, browser(0), NOW + 259198 * SECOND),
                     0);
    assert_int_equal(es_asks_take(asks, browser(0), NOW + 259198 * SECOND), 1);
}

FACTS(no_browser_is_forgotten_while_it_may_not_be_asked_again)
{
    es_asks_t *asks = make();
    int i;

    for (i = 0; i < IN_A_BUCKET; i++) {
        assert_int_equal(es_asks_take(asks, browser(i), NOW), 1);
    }
    assert_int_equal(es_asks_take(asks, browser(8), NOW + 59 * SECOND), 0);
    for (i = 0; i < IN_A_BUCKET; i++) {
        assert_int_equal(es_asks_take(asks, browser(i), NOW + 59 * SECOND), 0);
    }
    assert_int_equal(es_asks_take(asks, browser(8), NOW + 60 * SECOND), 1);
}

FACTS(a_full_table_forgets_the_browser_that_was_not_seen_for_the_longest)
{
    es_asks_t *asks = make();
    int i;

    for (i = 0; i < IN_A_BUCKET; i++) {
        assert_int_equal(es_asks_take(asks, browser(i), NOW), 1);
    }
    for (i = 0; i < IN_A_BUCKET; i++) {
        if (i != 3) {
            assert_int_equal(
                es_asks_note_seen(asks, browser(i), NOW + 90 * SECOND), 1);
        }
    }
    assert_int_equal(es_asks_take(asks, browser(8), NOW + 91 * SECOND), 1);
    for (i = 0; i <= IN_A_BUCKET; i++) {
        assert_int_equal(es_asks_note_seen(asks, browser(i), NOW + 92 * SECOND),
                         i != 3);
    }
}

FACTS(the_clock_may_begin_at_0)
{
    es_asks_t *asks = make();

    assert_int_equal(es_asks_take(asks, browser(0), 0), 1);
    assert_int_equal(es_asks_take(asks, browser(0), 0), 0);
    assert_int_equal(es_asks_note_seen(asks, browser(0), 0), 1);
}

static es_asks_t *shared;

static void *APR_THREAD_FUNC take_one(apr_thread_t *thread, void *taken)
{
    es_context_enter(ES_WORKER);
    *(int *)taken = es_asks_take(shared, browser(0), NOW);
    apr_thread_exit(thread, APR_SUCCESS);
    return NULL;
}

FACTS(of_several_at_the_same_time_one_is_asked)
{
    apr_thread_t *threads[THREADS];
    int taken[THREADS];
    int sum = 0, i;
    apr_status_t rv;

    shared = make();
    for (i = 0; i < THREADS; i++) {
        assert_int_equal(
            apr_thread_create(&threads[i], NULL, take_one, &taken[i], pool),
            APR_SUCCESS);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
        sum += taken[i];
    }
    assert_int_equal(sum, 1);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_browser_is_asked_once_in_a_minute),
    UNIT(a_refused_ask_does_not_extend_the_pause),
    UNIT(a_browser_that_has_complied_may_be_asked_again),
    UNIT(browsers_are_asked_independently),
    UNIT(a_browser_that_was_asked_is_known_for_a_day_after_it_was_seen),
    UNIT(no_browser_is_forgotten_while_it_may_not_be_asked_again),
    UNIT(a_full_table_forgets_the_browser_that_was_not_seen_for_the_longest),
    UNIT(the_clock_may_begin_at_0),
    UNIT(of_several_at_the_same_time_one_is_asked),
};

UNIT_MAIN(tests)
