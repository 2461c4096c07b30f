/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/deliver_fixture.h"

#include "deliver/timer_wheel.h"

#define TIMERS 500

typedef struct timed_t {
    es_timer_t timer; /* first */
    int fired;
} timed_t;

static es_timer_wheel_t wheel;

static void test_never_early_and_little_late(void **state)
{
    es_timer_t timer;
    apr_time_t start = 12345678901;
    apr_time_t due = start + 20 * APR_USEC_PER_SEC + 1;
    apr_time_t now;

    (void)state;
    es_timer_wheel_init(&wheel, start);
    es_timer_wheel_timer_init(&timer);
    assert_int_equal(es_timer_wheel_wait(&wheel, start), -1);
    es_timer_wheel_set(&wheel, &timer, due);
    assert_true(es_timer_wheel_is_set(&timer));
    for (now = start; now < due; now += 10000) {
        assert_null(es_timer_wheel_pop(&wheel, now));
        assert_true(es_timer_wheel_wait(&wheel, now) >= 0);
        assert_true(es_timer_wheel_wait(&wheel, now) <= ES_TIMER_WHEEL_TICK);
    }
    assert_null(es_timer_wheel_pop(&wheel, due - 1));
    assert_ptr_equal(es_timer_wheel_pop(&wheel, due + ES_TIMER_WHEEL_TICK),
                     &timer);
    assert_false(es_timer_wheel_is_set(&timer));
    assert_null(es_timer_wheel_pop(&wheel, due + ES_TIMER_WHEEL_TICK));
    assert_int_equal(es_timer_wheel_wait(&wheel, due), -1);
}

static void test_beyond_one_turn(void **state)
{
    es_timer_t timer;
    apr_time_t hour = 3600 * APR_USEC_PER_SEC;
    apr_time_t now;

    (void)state;
    es_timer_wheel_init(&wheel, 0);
    es_timer_wheel_timer_init(&timer);
    es_timer_wheel_set(&wheel, &timer, hour);
    for (now = 0; now < hour; now += 7 * APR_USEC_PER_SEC) {
        assert_null(es_timer_wheel_pop(&wheel, now));
    }
    assert_ptr_equal(es_timer_wheel_pop(&wheel, hour), &timer);
    es_timer_wheel_set(&wheel, &timer, 2 * hour);
    /* not popped for a day */
    assert_ptr_equal(es_timer_wheel_pop(&wheel, 24 * hour), &timer);
}

static void test_moved_and_removed(void **state)
{
    es_timer_t a, b;

    (void)state;
    es_timer_wheel_init(&wheel, 0);
    es_timer_wheel_timer_init(&a);
    es_timer_wheel_timer_init(&b);
    es_timer_wheel_set(&wheel, &a, 10 * APR_USEC_PER_SEC);
    es_timer_wheel_set(&wheel, &b, 10 * APR_USEC_PER_SEC);
    es_timer_wheel_set(&wheel, &a, 5 * APR_USEC_PER_SEC);
    assert_ptr_equal(es_timer_wheel_pop(&wheel, 6 * APR_USEC_PER_SEC), &a);
    es_timer_wheel_unset(&wheel, &b);
    es_timer_wheel_unset(&wheel, &b);
    assert_null(es_timer_wheel_pop(&wheel, 60 * APR_USEC_PER_SEC));
}

static void test_set_again_while_popping(void **state)
{
    es_timer_t a, b;
    apr_time_t now = 10 * APR_USEC_PER_SEC;

    (void)state;
    es_timer_wheel_init(&wheel, 0);
    es_timer_wheel_timer_init(&a);
    es_timer_wheel_timer_init(&b);
    es_timer_wheel_set(&wheel, &a, now);
    es_timer_wheel_set(&wheel, &b, now);
    assert_ptr_equal(es_timer_wheel_pop(&wheel, now), &a);
    es_timer_wheel_set(&wheel, &a, now); /* not found again at once */
    assert_ptr_equal(es_timer_wheel_pop(&wheel, now), &b);
    assert_null(es_timer_wheel_pop(&wheel, now));
    assert_ptr_equal(es_timer_wheel_pop(&wheel, now + ES_TIMER_WHEEL_TICK), &a);
    /* a timer of a slot that was just passed can be unset */
    es_timer_wheel_set(&wheel, &a, 2 * now);
    es_timer_wheel_set(&wheel, &b, 2 * now);
    assert_ptr_equal(es_timer_wheel_pop(&wheel, 2 * now), &a);
    assert_int_equal(es_timer_wheel_wait(&wheel, 2 * now), 0);
    es_timer_wheel_unset(&wheel, &b);
    assert_null(es_timer_wheel_pop(&wheel, 3 * now));
}

static void test_many(void **state)
{
    timed_t *timers = calloc(TIMERS, sizeof(*timers));
    es_timer_t *timer;
    apr_time_t now;
    int fired = 0;
    int i;

    (void)state;
    srand(7);
    es_timer_wheel_init(&wheel, 0);
    for (i = 0; i < TIMERS; i++) {
        es_timer_wheel_timer_init(&timers[i].timer);
        es_timer_wheel_set(&wheel, &timers[i].timer,
                           (apr_time_t)(rand() % 200000) * 1000);
    }
    for (now = 0; now <= 201 * APR_USEC_PER_SEC; now += rand() % 2000000) {
        timer = es_timer_wheel_pop(&wheel, now);
        while (timer != NULL) {
            assert_true(timer->due <= now);
            ((timed_t *)timer)->fired++;
            fired++;
            timer = es_timer_wheel_pop(&wheel, now);
        }
        for (i = 0; i < TIMERS; i++) {
            assert_true(timers[i].fired ||
                        timers[i].timer.due > now - 2 * ES_TIMER_WHEEL_TICK);
        }
    }
    assert_int_equal(fired, TIMERS);
    free(timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_never_early_and_little_late),
        cmocka_unit_test(test_beyond_one_turn),
        cmocka_unit_test(test_moved_and_removed),
        cmocka_unit_test(test_set_again_while_popping),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
