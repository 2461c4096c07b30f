/* SPDX-License-Identifier: Apache-2.0 */
/* Outbox and mailroom: one sends at a time, outcomes are told for as long as
 * they are known, and a dead sender holds up nobody. */
#include "t/unit/store_kit.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "grip/outbox_shm.h"

#define PLACES 3

typedef struct room_t {
    apr_pool_t *pool;
    void *mem;
    int wake_fds[PLACES];
    es_outbox_shm_t *outbox_shm;
    es_outbox_t *outbox;
} room_t;

static room_t outbox_shm;

static int open_room(void **state)
{
    int i;

    (void)state;
    apr_pool_create(&outbox_shm.pool, NULL);
    assert_int_equal(es_segment_create(&outbox_shm.mem,
                                       es_outbox_shm_size(PLACES),
                                       outbox_shm.pool),
                     0);
    assert_int_equal(es_outbox_shm_format(outbox_shm.mem, PLACES), 0);
    for (i = 0; i < PLACES; i++) {
        outbox_shm.wake_fds[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    assert_int_equal(es_outbox_shm_attach(&outbox_shm.outbox_shm,
                                          outbox_shm.mem, PLACES,
                                          outbox_shm.wake_fds, outbox_shm.pool),
                     0);
    outbox_shm.outbox =
        es_outbox_shm_at(outbox_shm.outbox_shm, ES_OUTBOX_SHM_MAX - 1);
    es_outbox_begin(outbox_shm.outbox, 1000);
    return 0;
}

static int close_room(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < PLACES; i++) {
        close(outbox_shm.wake_fds[i]);
    }
    apr_pool_destroy(outbox_shm.pool);
    return 0;
}

static int rings(apr_uint32_t child)
{
    struct pollfd fd = {es_outbox_shm_wake_fd(outbox_shm.outbox_shm, child),
                        POLLIN, 0};
    apr_uint64_t rung;
    int ready = poll(&fd, 1, 0);

    if (ready == 1) {
        assert_int_equal(read(fd.fd, &rung, sizeof(rung)), sizeof(rung));
    }
    return ready;
}

/* ---- outcomes ---------------------------------------------------------- */

static void test_open_until_sent(void **state)
{
    (void)state;
    assert_int_equal(es_outbox_sent(outbox_shm.outbox), 1000);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1000, 1064),
                     ES_OUTCOME_OPEN);
    assert_int_equal(es_outbox_acquire(outbox_shm.outbox), APR_SUCCESS);
    es_outbox_report(outbox_shm.outbox, 1000, 1064, ES_OUTCOME_TAKEN);
    es_outbox_release(outbox_shm.outbox);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1000, 1064),
                     ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1000, 1065),
                     ES_OUTCOME_OPEN);
}

static void test_failures_are_of_their_range(void **state)
{
    (void)state;
    es_outbox_report(outbox_shm.outbox, 1000, 1100, ES_OUTCOME_TAKEN);
    es_outbox_report(outbox_shm.outbox, 1100, 1200, 500);
    es_outbox_report(outbox_shm.outbox, 1200, 1300, ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1000, 1100),
                     ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1000, 1101), 500);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1199, 1300), 500);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1200, 1300),
                     ES_OUTCOME_TAKEN);
}

static void test_sent_again(void **state)
{
    (void)state;
    es_outbox_report(outbox_shm.outbox, 1000, 1200, 500);
    es_outbox_report(outbox_shm.outbox, 1100, 1200, ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_sent(outbox_shm.outbox), 1200);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1000, 1100), 500);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1100, 1200),
                     ES_OUTCOME_TAKEN);
    es_outbox_report(outbox_shm.outbox, 1100, 1200, 401);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1100, 1200), 401);
}

static void test_an_outage_is_one_note(void **state)
{
    es_pos_t pos;

    (void)state;
    for (pos = 1000; pos < 1000 + 3 * ES_OUTBOX_RESULTS; pos++) {
        es_outbox_report(outbox_shm.outbox, pos, pos + 1, 1001);
    }
    assert_int_equal(outbox_shm.outbox->count, 1);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1000, 1001), 1001);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, pos - 1, pos), 1001);
}

static void test_what_is_forgotten_is_not_known(void **state)
{
    const es_pos_t last = 1000 + 2 * ES_OUTBOX_RESULTS;
    es_pos_t pos;

    (void)state;
    for (pos = 1000; pos < last; pos++) {
        es_outbox_report(outbox_shm.outbox, pos, pos + 1, pos % 2 ? 500 : 503);
    }
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox, 1000, 1001),
                     ES_OUTCOME_UNKNOWN);
    assert_int_equal(es_outbox_outcome(outbox_shm.outbox,
                                       last - ES_OUTBOX_RESULTS,
                                       last - ES_OUTBOX_RESULTS + 1),
                     ES_OUTCOME_UNKNOWN);
    for (pos = last - ES_OUTBOX_RESULTS + 1; pos < last; pos++) {
        assert_int_equal(es_outbox_outcome(outbox_shm.outbox, pos, pos + 1),
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

static int try_take(void)
{
    return es_outbox_acquire(outbox_shm.outbox);
}

/* Half-way: noted, and dead before it was given back. */
static int take_and_die(void)
{
    int rv = es_outbox_acquire(outbox_shm.outbox);

    es_outbox_report(outbox_shm.outbox, 1000, 1064, ES_OUTCOME_TAKEN);
    return rv;
}

static void test_one_sends_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(es_outbox_acquire(outbox_shm.outbox), APR_SUCCESS);
    in_child(try_take, APR_EBUSY);
    es_outbox_release(outbox_shm.outbox);
    in_child(take_and_die, APR_SUCCESS);
    assert_int_equal(es_outbox_acquire(outbox_shm.outbox), APR_SUCCESS);
    assert_int_equal(es_outbox_sent(outbox_shm.outbox), 1064);
    es_outbox_release(outbox_shm.outbox);
    assert_int_equal(es_outbox_acquire(outbox_shm.outbox), APR_SUCCESS);
    es_outbox_release(outbox_shm.outbox);
}

/* ---- bells ------------------------------------------------------------- */

static void test_who_waits_is_called(void **state)
{
    (void)state;
    es_outbox_shm_sleeps(outbox_shm.outbox_shm, 2);
    es_outbox_shm_wake_all(outbox_shm.outbox_shm);
    assert_int_equal(rings(1), 0);
    assert_int_equal(rings(2), 1);
    es_outbox_shm_wake_all(outbox_shm.outbox_shm);
    assert_int_equal(rings(2), 0);
    es_outbox_shm_sleeps(outbox_shm.outbox_shm, 2);
    es_outbox_shm_wakes(outbox_shm.outbox_shm, 2);
    es_outbox_shm_wake_all(outbox_shm.outbox_shm);
    assert_int_equal(rings(2), 0);
    es_outbox_shm_wake(outbox_shm.outbox_shm, 3);
    es_outbox_shm_wake(outbox_shm.outbox_shm, 3);
    assert_int_equal(rings(3), 1);
    assert_int_equal(rings(3), 0);
}

static void test_no_such_place(void **state)
{
    (void)state;
    es_outbox_shm_sleeps(outbox_shm.outbox_shm, 0);
    es_outbox_shm_sleeps(outbox_shm.outbox_shm, PLACES + 1);
    es_outbox_shm_wake(outbox_shm.outbox_shm, PLACES + 1);
    assert_int_equal(es_outbox_shm_wake_fd(outbox_shm.outbox_shm, PLACES + 1),
                     -1);
    assert_int_equal(es_outbox_shm_size(0), 0);
}

static void test_another_layout(void **state)
{
    es_outbox_shm_t *other;

    (void)state;
    assert_int_equal(es_outbox_shm_attach(&other, outbox_shm.mem, PLACES + 1,
                                          outbox_shm.wake_fds, outbox_shm.pool),
                     APR_EMISMATCH);
}

#define ROOM_TEST(test) \
    cmocka_unit_test_setup_teardown(test, open_room, close_room)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROOM_TEST(test_open_until_sent),
        ROOM_TEST(test_failures_are_of_their_range),
        ROOM_TEST(test_sent_again),
        ROOM_TEST(test_an_outage_is_one_note),
        ROOM_TEST(test_what_is_forgotten_is_not_known),
        ROOM_TEST(test_one_sends_at_a_time),
        ROOM_TEST(test_who_waits_is_called),
        ROOM_TEST(test_no_such_place),
        ROOM_TEST(test_another_layout),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
