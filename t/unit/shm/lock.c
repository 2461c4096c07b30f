/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/lock.c: the death of an owner is reported, and only a repair
 * makes the lock usable again. No call waits for ever for an owner that lives
 * and does not move. */
#include "t/unit/store_kit.h"

#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "shm/lock.h"

#define LONG (60 * APR_USEC_PER_SEC)
#define SHORT (APR_USEC_PER_SEC / 20)

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
        _exit(es_lock_acquire(lock, LONG) != expected);
    }
    kit_wait(pid);
}

static void test_take_and_give(void **state)
{
    apr_pool_t *pool;
    es_lock_t *lock = make_lock(&pool);

    (void)state;
    assert_int_equal(es_lock_acquire(lock, LONG), APR_SUCCESS);
    es_lock_release(lock);
    assert_int_equal(es_lock_acquire(lock, LONG), APR_SUCCESS);
    es_lock_release(lock);
    apr_pool_destroy(pool);
}

static void test_dead_owner(void **state)
{
    apr_pool_t *pool;
    es_lock_t *lock = make_lock(&pool);

    (void)state;
    die_with(lock, APR_SUCCESS);
    assert_int_equal(es_lock_acquire(lock, LONG), APR_INCOMPLETE);
    es_lock_repaired(lock);
    es_lock_release(lock);
    assert_int_equal(es_lock_acquire(lock, LONG), APR_SUCCESS);
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
    assert_int_equal(es_lock_acquire(lock, LONG), APR_INCOMPLETE);
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
    assert_int_equal(es_lock_acquire(lock, LONG), APR_INCOMPLETE);
    es_lock_release(lock);
    assert_int_equal(es_lock_acquire(lock, LONG), APR_EGENERAL);
    apr_pool_destroy(pool);
}

/* ---- an owner that is stopped ------------------------------------------- */

static apr_pool_t *pool;
static es_lock_t *held;
static pid_t owner;

/* A child takes the lock and stops. */
static int begin_stopped(void **state)
{
    int status;

    (void)state;
    held = make_lock(&pool);
    owner = fork();
    if (owner == 0) {
        es_lock_set_pid((apr_uint32_t)getpid());
        if (es_lock_acquire(held, LONG) != APR_SUCCESS) {
            _exit(1);
        }
        raise(SIGSTOP);
        es_lock_move_on(held);
        raise(SIGSTOP);
        es_lock_release(held);
        _exit(0);
    }
    return waitpid(owner, &status, WUNTRACED) == owner && WIFSTOPPED(status)
               ? 0
               : -1;
}

static int end_stopped(void **state)
{
    (void)state;
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    apr_pool_destroy(pool);
    return 0;
}

/* Let it run until it stops again or ends. */
static void resume_owner(void)
{
    int status;

    kill(owner, SIGCONT);
    assert_int_equal(waitpid(owner, &status, WUNTRACED), owner);
}

static void a_wait_ends(void **state)
{
    apr_time_t start = es_clock_now();

    (void)state;
    assert_int_equal(es_lock_acquire(held, SHORT), APR_TIMEUP);
    assert_true(es_clock_now() - start >= SHORT);
}

static void a_try_does_not_wait(void **state)
{
    (void)state;
    assert_int_equal(es_lock_acquire(held, 0), APR_TIMEUP);
    assert_int_equal(es_lock_try(held), APR_EBUSY);
    assert_false(es_lock_is_stalled(held)); /* nothing was waited for */
}

static void *limited(void *unused)
{
    (void)unused;
    es_lock_limit_wait(0);
    return (void *)(apr_uintptr_t)es_lock_acquire(held, LONG);
}

static void a_thread_may_wait_for_less(void **state)
{
    pthread_t thread;
    void *result;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, limited, NULL), 0);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_int_equal((apr_uintptr_t)result, APR_TIMEUP);
}

static void the_owner_is_named_after_a_wait(void **state)
{
    (void)state;
    assert_int_equal(es_lock_stalled_by(held), 0);
    assert_int_equal(es_lock_acquire(held, SHORT), APR_TIMEUP);
    assert_true(es_lock_is_stalled(held));
    assert_int_equal(es_lock_stalled_by(held), owner);
}

static void an_owner_that_moves_is_not_named(void **state)
{
    (void)state;
    assert_int_equal(es_lock_acquire(held, SHORT), APR_TIMEUP);
    resume_owner();
    assert_false(es_lock_is_stalled(held));
    assert_int_equal(es_lock_stalled_by(held), 0);
}

static void a_lock_that_was_released_has_no_owner(void **state)
{
    (void)state;
    resume_owner();
    assert_int_equal(es_lock_acquire(held, SHORT), APR_TIMEUP);
    assert_int_equal(es_lock_stalled_by(held), owner);
    resume_owner();
    assert_int_equal(es_lock_stalled_by(held), 0);
    assert_int_equal(es_lock_acquire(held, 0), APR_SUCCESS);
    assert_int_equal(es_lock_stalled_by(held), 0);
    es_lock_release(held);
}

static void a_killed_owner_is_reported_to_who_tries(void **state)
{
    (void)state;
    assert_int_equal(es_lock_acquire(held, SHORT), APR_TIMEUP);
    kill(owner, SIGKILL);
    waitpid(owner, NULL, 0);
    assert_int_equal(es_lock_acquire(held, 0), APR_INCOMPLETE);
    assert_false(es_lock_is_stalled(held));
    es_lock_repaired(held);
    es_lock_release(held);
}

static void *kill_soon(void *unused)
{
    (void)unused;
    usleep(20000);
    kill(owner, SIGKILL);
    return NULL;
}

static void a_wait_learns_of_the_death(void **state)
{
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, kill_soon, NULL), 0);
    assert_int_equal(es_lock_acquire(held, LONG), APR_INCOMPLETE);
    pthread_join(thread, NULL);
    es_lock_repaired(held);
    es_lock_release(held);
}

#define STOPPED(name) \
    cmocka_unit_test_setup_teardown(name, begin_stopped, end_stopped)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_and_give),
        cmocka_unit_test(test_dead_owner),
        cmocka_unit_test(test_repairer_dies),
        cmocka_unit_test(test_not_repaired),
        STOPPED(a_wait_ends),
        STOPPED(a_try_does_not_wait),
        STOPPED(a_thread_may_wait_for_less),
        STOPPED(the_owner_is_named_after_a_wait),
        STOPPED(an_owner_that_moves_is_not_named),
        STOPPED(a_lock_that_was_released_has_no_owner),
        STOPPED(a_killed_owner_is_reported_to_who_tries),
        STOPPED(a_wait_learns_of_the_death),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
