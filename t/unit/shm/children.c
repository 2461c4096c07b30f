/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/children.c: numbers are claimed once and freed, sleeping
 * deliveries are woken. */
#include "t/unit/store_kit.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>

#include "shm/children.h"

#define CHILDREN 3

static apr_pool_t *pool;
static void *mem;
static int wake[CHILDREN];

static es_children_t *make_children(void)
{
    apr_size_t size = es_children_size(CHILDREN);
    es_children_t *children;
    int i;

    apr_pool_create(&pool, NULL);
    assert_int_equal(es_segment_create(&mem, size, pool), 0);
    es_children_format(mem, CHILDREN);
    for (i = 0; i < CHILDREN; i++) {
        wake[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        assert_true(wake[i] >= 0);
    }
    assert_int_equal(
        es_children_attach(&children, mem, size, CHILDREN, wake, pool), 0);
    return children;
}

static void drop_children(void)
{
    int i;

    for (i = 0; i < CHILDREN; i++) {
        close(wake[i]);
    }
    apr_pool_destroy(pool);
}

static int is_readable(int fd, int timeout_ms)
{
    struct pollfd set = {fd, POLLIN, 0};

    return poll(&set, 1, timeout_ms) == 1;
}

static void test_sizes(void **state)
{
    es_children_t *children = make_children();

    (void)state;
    assert_int_equal(es_children_size(0), 0);
    assert_int_equal(es_children_size(65537), 0);
    assert_true(es_children_size(65536) > 65536);
    assert_int_equal(es_children_max(children), CHILDREN);
    assert_int_equal(es_children_attach(&children, mem,
                                        es_children_size(CHILDREN),
                                        CHILDREN - 1, wake, pool),
                     APR_EMISMATCH);
    assert_int_equal(
        es_children_attach(&children, mem, 64, CHILDREN, wake, pool),
        APR_EMISMATCH);
    drop_children();
}

static void test_claim_and_free(void **state)
{
    es_children_t *children = make_children();
    apr_uint32_t i;

    (void)state;
    for (i = 1; i <= CHILDREN; i++) {
        assert_false(es_children_is_present(children, i));
        assert_int_equal(es_children_claim(children, 1, 100 + i), i);
        assert_true(es_children_is_present(children, i));
    }
    assert_int_equal(es_children_claim(children, 1, 200), 0);
    assert_int_equal(es_children_find(children, 102), 2);
    assert_int_equal(es_children_find(children, 200), 0);
    assert_int_equal(es_children_find(children, 0), 0);
    es_children_free(children, 2);
    assert_int_equal(es_children_find(children, 102), 0);
    assert_false(es_children_is_present(children, 2));
    assert_int_equal(es_children_generation(children, 2), 0);
    assert_int_equal(es_children_claim(children, 2, 200), 2);
    assert_int_equal(es_children_generation(children, 1), 1);
    assert_int_equal(es_children_generation(children, 2), 2);
    drop_children();
}

static void test_successor(void **state)
{
    es_children_t *children = make_children();

    (void)state;
    assert_int_equal(es_children_claim(children, 1, 100), 1);
    assert_int_equal(es_children_claim(children, 1, 100), 2);
    assert_false(es_children_has_successor(children, 1, 0));
    assert_false(es_children_has_successor(children, 2, 0));
    assert_int_equal(es_children_claim(children, 1, 200), 3);
    assert_true(es_children_has_successor(children, 1, 0));
    assert_true(es_children_has_successor(children, 3, 0));
    assert_false(es_children_has_successor(children, 1, 2));
    es_children_set_stopping(children, 3);
    assert_false(es_children_has_successor(children, 1, 0));
    es_children_set_stopping(children, 2);
    assert_true(es_children_has_successor(children, 3, 0));
    drop_children();
}

static void test_out_of_range(void **state)
{
    es_children_t *children = make_children();

    (void)state;
    es_children_free(children, 0);
    es_children_free(children, CHILDREN + 1);
    es_children_wake(children, CHILDREN + 1);
    es_children_set_sleeping(children, 0);
    es_children_set_awake(children, 0);
    assert_false(es_children_is_present(children, 0));
    assert_false(es_children_is_present(children, CHILDREN + 1));
    assert_int_equal(es_children_generation(children, CHILDREN + 1), 0);
    assert_int_equal(es_children_wake_fd(children, 0), -1);
    assert_int_equal(es_children_wake_fd(children, 2), wake[1]);
    drop_children();
}

static void test_children_claim(void **state)
{
    es_children_t *children = make_children();
    pid_t pids[CHILDREN];
    int i;

    (void)state;
    for (i = 0; i < CHILDREN; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            _exit(es_children_claim(children, 1, getpid()) == 0);
        }
    }
    for (i = 0; i < CHILDREN; i++) {
        kit_wait(pids[i]);
    }
    for (i = 0; i < CHILDREN; i++) {
        apr_uint32_t child = es_children_find(children, pids[i]);

        assert_int_not_equal(child, 0);
        es_children_free(children, child);
        assert_int_equal(es_children_find(children, pids[i]), 0);
    }
    drop_children();
}

static void test_wake(void **state)
{
    es_children_t *children = make_children();
    apr_uint64_t times;

    (void)state;
    es_children_wake(children, 1);
    assert_false(is_readable(wake[0], 0));
    es_children_set_sleeping(children, 1);
    es_children_wake(children, 1);
    es_children_wake(children, 1);
    assert_true(is_readable(wake[0], 0));
    assert_int_equal(read(wake[0], &times, sizeof(times)), sizeof(times));
    assert_int_equal(times, 1);
    es_children_set_sleeping(children, 1);
    es_children_set_awake(children, 1);
    es_children_wake(children, 1);
    assert_false(is_readable(wake[0], 0));
    drop_children();
}

static void test_full_counter_does_not_block(void **state)
{
    es_children_t *children = make_children();
    apr_uint64_t most = APR_UINT64_MAX - 1;

    (void)state;
    assert_int_equal(write(wake[0], &most, sizeof(most)), sizeof(most));
    es_children_set_sleeping(children, 1);
    es_children_wake(children, 1);
    assert_true(is_readable(wake[0], 0));
    drop_children();
}

/* One process counts up and wakes; the other sleeps until there is more. */
static void test_no_wake_is_lost(void **state)
{
    enum { ROUNDS = 20000 };
    es_children_t *children = make_children();
    apr_uint64_t *heads;
    apr_uint64_t seen = 0;
    apr_uint64_t drain;
    pid_t pid;
    void *shared;

    (void)state;
    assert_int_equal(es_segment_create(&shared, 4096, pool), 0);
    heads = shared; /* [0] the writer's, [8] the reader's */
    pid = fork();
    if (pid == 0) {
        apr_uint64_t i;

        alarm(120);
        for (i = 1; i <= ROUNDS; i++) {
            __atomic_store_n(&heads[0], i, __ATOMIC_RELEASE);
            es_children_wake(children, 1);
            while (__atomic_load_n(&heads[8], __ATOMIC_ACQUIRE) + 1 < i) {
                sched_yield();
            }
        }
        _exit(0);
    }
    while (seen < ROUNDS) {
        es_children_set_sleeping(children, 1);
        if (__atomic_load_n(&heads[0], __ATOMIC_ACQUIRE) == seen) {
            assert_true(is_readable(wake[0], 20000));
        }
        es_children_set_awake(children, 1);
        if (read(wake[0], &drain, sizeof(drain)) < 0) {
            drain = 0; /* was not asleep yet */
        }
        seen = __atomic_load_n(&heads[0], __ATOMIC_ACQUIRE);
        __atomic_store_n(&heads[8], seen, __ATOMIC_RELEASE);
    }
    kit_wait(pid);
    drop_children();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_claim_and_free),
        cmocka_unit_test(test_successor),
        cmocka_unit_test(test_out_of_range),
        cmocka_unit_test(test_children_claim),
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_full_counter_does_not_block),
        cmocka_unit_test(test_no_wake_is_lost),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
