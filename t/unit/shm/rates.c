/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/rates.c: what a key may take, over time, threads and processes
 * that are killed. */
#include "t/unit/unit.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/context.h"
#include "shm/rates.h"

#define NOW (1000 * APR_USEC_PER_SEC)
#define SECOND APR_USEC_PER_SEC
#define KEYS 16384
#define KEY APR_UINT64_C(0x0123456789abcdef)

/* 100/s burst 200 */
static const es_rate_t rate = {ES_RATES_TICKS_PER_SEC / 100, 200};

static es_rates_t *make(void)
{
    return es_rates_attach(apr_pcalloc(pool, es_rates_size()));
}

static apr_interval_time_t take(es_rates_t *rates, apr_uint32_t units,
                                apr_time_t now)
{
    return es_rates_take(rates, KEY, &rate, units, now);
}

/* How many units can be taken one by one. */
static int count(es_rates_t *rates, const es_rate_t *of, apr_time_t now)
{
    int taken = 0;

    while (es_rates_take(rates, KEY, of, 1, now) == 0) {
        taken++;
    }
    return taken;
}

FACTS(a_new_key_has_its_burst)
{
    es_rates_t *rates = make();

    assert_int_equal(count(rates, &rate, NOW), 200);
    assert_int_equal(take(rates, 1, NOW), 10000);
    assert_int_equal(take(rates, 200, NOW), 2 * SECOND);
}

FACTS(it_gets_a_unit_back_in_each_interval)
{
    es_rates_t *rates = make();

    assert_int_equal(take(rates, 200, NOW), 0);
    assert_int_equal(take(rates, 1, NOW + 9999), 1);
    assert_int_equal(take(rates, 1, NOW + 10000), 0);
    assert_int_equal(take(rates, 1, NOW + 10000), 10000);
    assert_int_equal(count(rates, &rate, NOW + SECOND), 99);
    assert_int_equal(count(rates, &rate, NOW + 3 * SECOND), 200);
    assert_int_equal(count(rates, &rate, NOW + 1000 * SECOND), 200);
}

FACTS(what_is_refused_takes_nothing)
{
    es_rates_t *rates = make();

    assert_int_equal(take(rates, 150, NOW), 0);
    assert_int_equal(take(rates, 51, NOW), 10000);
    assert_int_equal(take(rates, 51, NOW), 10000);
    assert_int_equal(take(rates, 50, NOW), 0);
}

FACTS(keys_have_rates_of_their_own)
{
    es_rates_t *rates = make();
    const apr_uint64_t keys[] = {KEY, KEY + 1, KEY ^ APR_UINT64_C(1) << 42,
                                 KEY ^ APR_UINT64_C(1) << 63};
    int i;

    for (i = 0; i < 4; i++) {
        assert_int_equal(es_rates_take(rates, keys[i], &rate, 200, NOW), 0);
    }
    for (i = 0; i < 4; i++) {
        assert_int_equal(es_rates_take(rates, keys[i], &rate, 1, NOW) > 0, 1);
    }
}

FACTS(a_burst_of_one_is_a_strict_interval)
{
    const es_rate_t strict = {60 * ES_RATES_TICKS_PER_SEC, 1};
    es_rates_t *rates = make();

    assert_int_equal(es_rates_take(rates, KEY, &strict, 1, NOW), 0);
    assert_int_equal(es_rates_take(rates, KEY, &strict, 1, NOW), 60 * SECOND);
    assert_int_equal(es_rates_take(rates, KEY, &strict, 1, NOW + 60 * SECOND),
                     0);
}

FACTS(a_day_is_the_longest_time)
{
    const es_rate_t slow = {ES_RATES_FULL_MAX / 2, 2};
    es_rates_t *rates = make();

    assert_int_equal(count(rates, &slow, NOW), 2);
    assert_int_equal(es_rates_take(rates, KEY, &slow, 1, NOW),
                     12 * 3600 * SECOND);
    assert_int_equal(count(rates, &slow, NOW + 12 * 3600 * SECOND), 1);
}

FACTS(a_key_that_was_away_for_days_is_full)
{
    int hours;

    for (hours = 1; hours < 24 * 40; hours++) {
        es_rates_t *rates = make();

        assert_int_equal(take(rates, 200, NOW), 0);
        assert_int_equal(
            count(rates, &rate, NOW + (apr_time_t)hours * 3600 * SECOND), 200);
        apr_pool_clear(pool);
    }
}

/* CLOCK_MONOTONIC does not, but a virtual machine that is moved may. */
FACTS(a_clock_that_steps_back_does_no_harm)
{
    es_rates_t *rates = make();

    assert_int_equal(take(rates, 200, NOW), 0);
    assert_int_equal(take(rates, 1, NOW - SECOND / 2), SECOND / 2 + 10000);
    assert_int_equal(count(rates, &rate, NOW - 3600 * SECOND), 200);
    assert_int_equal(count(rates, &rate, NOW), 200);
}

FACTS(the_clock_may_begin_at_0)
{
    es_rates_t *rates = make();

    assert_int_equal(count(rates, &rate, 0), 200);
    assert_int_equal(count(rates, &rate, SECOND), 100);
}

FACTS(many_keys_are_known_and_more_of_them_refuse_nobody)
{
    es_rates_t *rates = make();
    apr_uint64_t i;

    for (i = 0; i < KEYS; i++) {
        /* eight keys in each bucket, with tags that differ */
        assert_int_equal(
            es_rates_take(rates, i | (i + 1) << 42, &rate, 199, NOW), 0);
    }
    for (i = 0; i < KEYS; i++) {
        assert_int_equal(
            es_rates_take(rates, i | (i + 1) << 42, &rate, 2, NOW) > 0, 1);
    }
    for (i = KEYS; i < 4 * KEYS; i++) {
        assert_int_equal(
            es_rates_take(rates, i | (i + 1) << 42, &rate, 200, NOW), 0);
    }
}

FACTS(the_key_nearest_to_being_full_is_forgotten_first)
{
    es_rates_t *rates = make();
    apr_uint64_t i;

    for (i = 0; i < 8; i++) {
        assert_int_equal(
            es_rates_take(rates, (i + 1) << 42, &rate, i == 5 ? 1 : 200, NOW),
            0);
    }
    assert_int_equal(
        es_rates_take(rates, APR_UINT64_C(9) << 42, &rate, 200, NOW), 0);
    for (i = 0; i < 9; i++) {
        if (i != 5) {
            assert_int_equal(
                es_rates_take(rates, (i + 1) << 42, &rate, 1, NOW) > 0, 1);
        }
    }
}

FACTS(keys_of_bytes_need_the_secret)
{
    es_rates_t *one = make(), *other = make();

    es_context_enter(ES_PARENT);
    assert_int_equal(es_rates_open(one), APR_SUCCESS);
    assert_int_equal(es_rates_open(other), APR_SUCCESS);
    assert_true(es_rates_key(one, "a", 1) == es_rates_key(one, "a", 1));
    assert_true(es_rates_key(one, "a", 1) != es_rates_key(one, "b", 1));
    assert_true(es_rates_key(one, "a", 1) != es_rates_key(other, "a", 1));
    {
        apr_uint64_t before = es_rates_key(one, "a", 1);

        assert_int_equal(es_rates_open(one), APR_SUCCESS);
        assert_true(es_rates_key(one, "a", 1) == before);
    }
    es_context_enter(0);
}

/* ---- Processes ----------------------------------------------------------- */

#define CHILDREN 6
#define KILLED 3
#define BURST 200000

typedef struct shared_t {
    int taken[CHILDREN]; /* raised after each take */
} shared_t;

static void *map(size_t size)
{
    void *mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(mem != MAP_FAILED);
    return mem;
}

static pid_t start(es_rates_t *rates, const es_rate_t *of, int *taken)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        while (es_rates_take(rates, KEY, of, 1, NOW) == 0) {
            __atomic_fetch_add(taken, 1, __ATOMIC_SEQ_CST);
        }
        _exit(0);
    }
    return pid;
}

FACTS(killed_processes_leave_nothing_and_all_together_keep_the_rate)
{
    const es_rate_t of = {ES_RATES_TICKS_PER_SEC / 1000, BURST};
    es_rates_t *rates = es_rates_attach(map(es_rates_size()));
    shared_t *shared = map(sizeof(*shared));
    pid_t pids[CHILDREN];
    int i, sum = 0;

    for (i = 0; i < CHILDREN; i++) {
        pids[i] = start(rates, &of, &shared->taken[i]);
    }
    for (i = 0; i < KILLED; i++) {
        kill(pids[i], SIGKILL);
    }
    for (i = 0; i < CHILDREN; i++) {
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
        sum += shared->taken[i];
    }
    /* of a killed process one unit may be taken and not noted */
    assert_in_range(sum, BURST - KILLED, BURST);
    assert_int_equal(es_rates_take(rates, KEY, &of, 1, NOW), 1000);
    assert_int_equal(count(rates, &of, NOW + 5 * SECOND), 5000);
    assert_int_equal(count(rates, &of, NOW + 500 * SECOND), BURST);
    munmap(rates, es_rates_size());
    munmap(shared, sizeof(*shared));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_new_key_has_its_burst),
    UNIT(it_gets_a_unit_back_in_each_interval),
    UNIT(what_is_refused_takes_nothing),
    UNIT(keys_have_rates_of_their_own),
    UNIT(a_burst_of_one_is_a_strict_interval),
    UNIT(a_day_is_the_longest_time),
    UNIT(a_key_that_was_away_for_days_is_full),
    UNIT(a_clock_that_steps_back_does_no_harm),
    UNIT(the_clock_may_begin_at_0),
    UNIT(many_keys_are_known_and_more_of_them_refuse_nobody),
    UNIT(the_key_nearest_to_being_full_is_forgotten_first),
    UNIT(keys_of_bytes_need_the_secret),
    UNIT(killed_processes_leave_nothing_and_all_together_keep_the_rate),
};

UNIT_MAIN(tests)
