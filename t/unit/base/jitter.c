/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/jitter.c. */
#include "t/unit/unit.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/jitter.h"

#define DRAWS 10000
#define LARGE ((apr_int64_t)1 << 47)

FACTS(numbers_stay_below_the_limit_and_reach_both_ends)
{
    int drawn[10] = {0};
    int i;

    es_jitter_seed();
    for (i = 0; i < DRAWS; i++) {
        apr_int64_t number = es_jitter_below(10);

        assert_in_range(number, 0, 9);
        drawn[number]++;
    }
    /* 1000 are expected, with a standard deviation of 30 */
    for (i = 0; i < 10; i++) {
        assert_in_range(drawn[i], 700, 1300);
    }
}

FACTS(without_a_choice_the_number_is_0)
{
    assert_int_equal(es_jitter_below(1), 0);
    assert_int_equal(es_jitter_below(0), 0);
    assert_int_equal(es_jitter_below(-5), 0);
}

FACTS(numbers_stay_within_percent_and_reach_both_ends)
{
    int low = 0, high = 0;
    int i;

    es_jitter_seed();
    for (i = 0; i < DRAWS; i++) {
        apr_int64_t number = es_jitter_around(50, 20);

        assert_in_range(number, 40, 60);
        low += number == 40;
        high += number == 60;
    }
    assert_true(low > 0 && high > 0);
}

FACTS(what_is_too_small_to_vary_stays)
{
    assert_int_equal(es_jitter_around(0, 20), 0);
    assert_int_equal(es_jitter_around(4, 20), 4);
    assert_int_equal(es_jitter_around(1000, 0), 1000);
}

/* EventStreamLifetime in microseconds */
FACTS(thirty_days_are_varied_too)
{
    apr_int64_t days = APR_INT64_C(30) * 24 * 3600 * 1000000;
    int i, others = 0;

    for (i = 0; i < 100; i++) {
        apr_int64_t number = es_jitter_around(days, 20);

        assert_true(number >= days - days / 5 && number <= days + days / 5);
        others += number != days;
    }
    assert_true(others > 90);
}

/* The parent has drawn numbers before it forks. */
FACTS(each_process_that_seeds_draws_its_own_numbers)
{
    apr_int64_t numbers[2] = {0};
    int ends[2];
    int i;

    es_jitter_seed();
    (void)es_jitter_below(LARGE);
    assert_int_equal(pipe(ends), 0);
    for (i = 0; i < 2; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            apr_int64_t number;

            es_jitter_seed();
            number = es_jitter_below(LARGE);
            _exit(write(ends[1], &number, sizeof(number)) != sizeof(number));
        }
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(read(ends[0], &numbers[i], sizeof(numbers[i])),
                         sizeof(numbers[i]));
    }
    assert_true(numbers[0] != numbers[1]);
    close(ends[0]);
    close(ends[1]);
}

static void *on_thread(void *arg)
{
    apr_int64_t *numbers = arg;
    int i;

    for (i = 0; i < DRAWS; i++) {
        numbers[i] = es_jitter_below(LARGE);
    }
    return NULL;
}

static int compare(const void *a, const void *b)
{
    apr_int64_t x = *(const apr_int64_t *)a;
    apr_int64_t y = *(const apr_int64_t *)b;

    return x < y ? -1 : x > y;
}

FACTS(threads_do_not_draw_the_same_numbers)
{
    apr_int64_t *numbers = apr_palloc(pool, 2 * DRAWS * sizeof(*numbers));
    pthread_t threads[2];
    int i, same = 0;

    es_jitter_seed();
    for (i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, on_thread,
                                        &numbers[(apr_size_t)i * DRAWS]),
                         0);
    }
    for (i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    qsort(numbers, 2 * DRAWS, sizeof(*numbers), compare);
    for (i = 1; i < 2 * DRAWS; i++) {
        same += numbers[i] == numbers[i - 1];
    }
    assert_int_equal(same, 0); /* by chance one in 700,000 runs has one */
}

static const struct CMUnitTest tests[] = {
    UNIT(numbers_stay_below_the_limit_and_reach_both_ends),
    UNIT(without_a_choice_the_number_is_0),
    UNIT(numbers_stay_within_percent_and_reach_both_ends),
    UNIT(what_is_too_small_to_vary_stays),
    UNIT(thirty_days_are_varied_too),
    UNIT(each_process_that_seeds_draws_its_own_numbers),
    UNIT(threads_do_not_draw_the_same_numbers),
};

UNIT_MAIN(tests)
