/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/lock.c: the death of an owner is reported, and only a repair
 * makes the lock usable again. */
#include "t/unit/store_kit.h"

#include "shm/lock.h"

static es_lock_t *make_lock(apr_pool_t **pool)
{
    void *mem;

    apr_pool_create(pool, NULL);
    assert_int_equal(es_segment_create(&mem, sizeof(es_lock_t), *pool), 0);
    assert_int_equal((apr_uintptr_t)mem % 4096, 0);
    assert_int_equal(es_lock_init(mem), 0);
    return mem;
}

/** A child takes the lock and dies while it holds it. */
static void die_with(es_lock_t *lock, apr_status_t expected)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(es_lock_acquire(lock) != expected);
    }
    kit_wait(pid);
}

static void test_take_and_give(void **state)
{
    apr_pool_t *pool;
    es_lock_t *lock = make_lock(&pool);

    (void)state;
    assert_int_equal(es_lock_acquire(lock), APR_SUCCESS);
    es_lock_release(lock);
    assert_int_equal(es_lock_acquire(lock), APR_SUCCESS);
    es_lock_release(lock);
    apr_pool_destroy(pool);
}

static void test_dead_owner(void **state)
{
    apr_pool_t *pool;
    es_lock_t *lock = make_lock(&pool);

    (void)state;
    die_with(lock, APR_SUCCESS);
    assert_int_equal(es_lock_acquire(lock), APR_INCOMPLETE);
    es_lock_repaired(lock);
    es_lock_release(lock);
    assert_int_equal(es_lock_acquire(lock), APR_SUCCESS);
    es_lock_release(lock);
    apr_pool_destroy(pool);
}

static void test_repairer_dies(void **state)
{
    apr_pool_t *pool;
    es_lock_t *lock = make_lock(&pool);

    (void)state;
    die_with(lock, APR_SUCCESS);
    die_with(lock, APR_INCOMPLETE);
    assert_int_equal(es_lock_acquire(lock), APR_INCOMPLETE);
    es_lock_repaired(lock);
    es_lock_release(lock);
    apr_pool_destroy(pool);
}

static void test_not_repaired(void **state)
{
    apr_pool_t *pool;
    es_lock_t *lock = make_lock(&pool);

    (void)state;
    die_with(lock, APR_SUCCESS);
    assert_int_equal(es_lock_acquire(lock), APR_INCOMPLETE);
    es_lock_release(lock);
    assert_int_equal(es_lock_acquire(lock), APR_EGENERAL);
    apr_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_and_give),
        cmocka_unit_test(test_dead_owner),
        cmocka_unit_test(test_repairer_dies),
        cmocka_unit_test(test_not_repaired),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
