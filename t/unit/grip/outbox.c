/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/outbox.c and grip/outbox_shm.c: one child sends at a time, an
 * outcome is returned as long as its result is kept, and a dead sender does not
 * block the others. */
#include "t/unit/store_kit.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "grip/outbox_shm.h"

#define CHILDREN 3

typedef struct shared_t {
    apr_pool_t *pool;
    void *mem;
    int wake_fds[CHILDREN];
    es_outbox_shm_t *shm;
    es_outbox_t *outbox;
} shared_t;

static shared_t shared;

static int open_shared(void **state)
{
    int i;

    (void)state;
    apr_pool_create(&shared.pool, NULL);
    assert_int_equal(es_segment_create(&shared.mem,
                                       es_outbox_shm_size(CHILDREN),
                                       shared.pool),
                     0);
    assert_int_equal(es_outbox_shm_format(shared.mem, CHILDREN), 0);
    for (i = 0; i < CHILDREN; i++) {
        shared.wake_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    assert_int_equal(es_outbox_shm_attach(&shared.shm, shared.mem, CHILDREN,
                                          shared.wake_fds, shared.pool),
                     0);
    shared.outbox = es_outbox_shm_at(shared.shm, ES_OUTBOX_SHM_MAX - 1);
    es_outbox_begin(shared.outbox, 1000);
    return 0;
}

static int close_shared(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < CHILDREN; i++) {
        close(shared.wake_fds[i]);
    }
    apr_pool_destroy(shared.pool);
    return 0;
}

static int is_woken(apr_uint32_t child)
{
    struct pollfd fd = {es_outbox_shm_wake_fd(shared.shm, child), POLLIN, 0};
    apr_uint64_t count;
    int ready = poll(&fd, 1, 0);

    if (ready == 1) {
        assert_int_equal(read(fd.fd, &count, sizeof(count)), sizeof(count));
    }
    return ready;
}

/* ---- outcomes ---------------------------------------------------------- */

static void test_open_until_sent(void **state)
{
    (void)state;
    assert_int_equal(es_outbox_sent(shared.outbox), 1000);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1000, 1064),
                     ES_OUTCOME_OPEN);
    assert_int_equal(es_outbox_acquire(shared.outbox), APR_SUCCESS);
    es_outbox_report(shared.outbox, 1000, 1064, ES_OUTCOME_TAKEN);
    es_outbox_release(shared.outbox);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1000, 1064),
                     ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1000, 1065),
                     ES_OUTCOME_OPEN);
}

static void test_failures_belong_to_their_range(void **state)
{
    (void)state;
    es_outbox_report(shared.outbox, 1000, 1100, ES_OUTCOME_TAKEN);
    es_outbox_report(shared.outbox, 1100, 1200, 500);
    es_outbox_report(shared.outbox, 1200, 1300, ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1000, 1100),
                     ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1000, 1101), 500);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1199, 1300), 500);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1200, 1300),
                     ES_OUTCOME_TAKEN);
}

static void test_records_sent_again_have_a_new_outcome(void **state)
{
    (void)state;
    es_outbox_report(shared.outbox, 1000, 1200, 500);
    es_outbox_report(shared.outbox, 1100, 1200, ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_sent(shared.outbox), 1200);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1000, 1100), 500);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1100, 1200),
                     ES_OUTCOME_TAKEN);
    es_outbox_report(shared.outbox, 1100, 1200, 401);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1100, 1200), 401);
}

static void test_an_outage_is_one_result(void **state)
{
    es_pos_t pos;

    (void)state;
    for (pos = 1000; pos < 1000 + 3 * ES_OUTBOX_RESULTS; pos++) {
        es_outbox_report(shared.outbox, pos, pos + 1, 1001);
    }
    assert_int_equal(shared.outbox->count, 1);
    assert_int_equal(es_outbox_outcome(shared.outbox, 1000, 1001), 1001);
    assert_int_equal(es_outbox_outcome(shared.outbox, pos - 1, pos), 1001);
}

static void test_outcomes_without_a_result_are_unknown(void **state)
{
    const es_pos_t last = 1000 + 2 * ES_OUTBOX_RESULTS;
    es_pos_t pos;

    (void)state;
    for (pos = 1000; pos < last; pos++) {
        es_outbox_report(shared.outbox, pos, pos + 1, pos % 2 ? 500 : 503);
    }
    assert_int_equal(es_outbox_outcome(shared.outbox, 1000, 1001),
                     ES_OUTCOME_UNKNOWN);
    assert_int_equal(es_outbox_outcome(shared.outbox, last - ES_OUTBOX_RESULTS,
                                       last - ES_OUTBOX_RESULTS + 1),
                     ES_OUTCOME_UNKNOWN);
    for (pos = last - ES_OUTBOX_RESULTS + 1; pos < last; pos++) {
        assert_int_equal(es_outbox_outcome(shared.outbox, pos, pos + 1),
                         pos % 2 ? 500 : 503);
    }
}

/* ---- senders ----------------------------------------------------------- */

static void in_child(int (*work)(void), int result)
{
    pid_t pid = fork();

    if (pid == 0) {
        _exit(work() != result);
    }
    kit_wait(pid);
}

static int try_acquire(void)
{
    return es_outbox_acquire(shared.outbox);
}

/* Dies with the outbox, after a report. */
static int acquire_and_die(void)
{
    int rv = es_outbox_acquire(shared.outbox);

    es_outbox_report(shared.outbox, 1000, 1064, ES_OUTCOME_TAKEN);
    return rv;
}

static void test_one_sends_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(es_outbox_acquire(shared.outbox), APR_SUCCESS);
    in_child(try_acquire, APR_EBUSY);
    es_outbox_release(shared.outbox);
    in_child(acquire_and_die, APR_SUCCESS);
    assert_int_equal(es_outbox_acquire(shared.outbox), APR_SUCCESS);
    assert_int_equal(es_outbox_sent(shared.outbox), 1064);
    es_outbox_release(shared.outbox);
    assert_int_equal(es_outbox_acquire(shared.outbox), APR_SUCCESS);
    es_outbox_release(shared.outbox);
}

/* ---- wake-ups ---------------------------------------------------------- */

static void test_children_that_sleep_are_woken(void **state)
{
    (void)state;
    es_outbox_shm_set_sleeping(shared.shm, 2);
    es_outbox_shm_wake_all(shared.shm);
    assert_int_equal(is_woken(1), 0);
    assert_int_equal(is_woken(2), 1);
    es_outbox_shm_wake_all(shared.shm);
    assert_int_equal(is_woken(2), 0);
    es_outbox_shm_set_sleeping(shared.shm, 2);
    es_outbox_shm_set_awake(shared.shm, 2);
    es_outbox_shm_wake_all(shared.shm);
    assert_int_equal(is_woken(2), 0);
    es_outbox_shm_wake(shared.shm, 3);
    es_outbox_shm_wake(shared.shm, 3);
    assert_int_equal(is_woken(3), 1);
    assert_int_equal(is_woken(3), 0);
}

static void test_there_is_no_such_child(void **state)
{
    (void)state;
    es_outbox_shm_set_sleeping(shared.shm, 0);
    es_outbox_shm_set_sleeping(shared.shm, CHILDREN + 1);
    es_outbox_shm_wake(shared.shm, CHILDREN + 1);
    assert_int_equal(es_outbox_shm_wake_fd(shared.shm, CHILDREN + 1), -1);
    assert_int_equal(es_outbox_shm_size(0), 0);
}

static void test_a_segment_for_other_children_is_refused(void **state)
{
    es_outbox_shm_t *other;

    (void)state;
    assert_int_equal(es_outbox_shm_attach(&other, shared.mem, CHILDREN + 1,
                                          shared.wake_fds, shared.pool),
                     APR_EMISMATCH);
}

/* The lock notes only the owner of a process that has a pid. */
static void test_an_owner_that_does_not_move_is_named(void **state)
{
    es_outbox_wait_t wait = {0};
    es_outbox_t *outbox = shared.outbox;
    apr_time_t now = ES_OUTBOX_STALL;

    (void)state;
    es_lock_set_pid(4711);
    assert_int_equal(es_outbox_acquire(outbox), APR_SUCCESS);
    es_outbox_watch_owner(outbox, &wait, now);
    es_outbox_watch_owner(outbox, &wait, now + ES_OUTBOX_STALL - 1);
    assert_int_equal(es_outbox_stalled_by(outbox), 0);
    es_outbox_move_on(outbox);
    es_outbox_watch_owner(outbox, &wait, now + ES_OUTBOX_STALL);
    es_outbox_watch_owner(outbox, &wait, now + 2 * ES_OUTBOX_STALL - 1);
    assert_int_equal(es_outbox_stalled_by(outbox), 0);
    es_outbox_watch_owner(outbox, &wait, now + 2 * ES_OUTBOX_STALL);
    assert_int_equal(es_outbox_stalled_by(outbox), 4711);
    es_outbox_move_on(outbox);
    assert_int_equal(es_outbox_stalled_by(outbox), 0);
    es_outbox_release(outbox);
    es_lock_set_pid(0);
}

#define TEST(test) \
    cmocka_unit_test_setup_teardown(test, open_shared, close_shared)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open_until_sent),
        TEST(test_failures_belong_to_their_range),
        TEST(test_records_sent_again_have_a_new_outcome),
        TEST(test_an_outage_is_one_result),
        TEST(test_outcomes_without_a_result_are_unknown),
        TEST(test_one_sends_at_a_time),
        TEST(test_an_owner_that_does_not_move_is_named),
        TEST(test_children_that_sleep_are_woken),
        TEST(test_there_is_no_such_child),
        TEST(test_a_segment_for_other_children_is_refused),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
