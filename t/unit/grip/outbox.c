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
    int bells[PLACES];
    es_mailroom_t *room;
    es_outbox_t *box;
} room_t;

static room_t room;

static int open_room(void **state)
{
    int i;

    (void)state;
    apr_pool_create(&room.pool, NULL);
    assert_int_equal(
        es_shm_create(&room.mem, es_mailroom_size(PLACES), room.pool), 0);
    assert_int_equal(es_mailroom_format(room.mem, PLACES), 0);
    for (i = 0; i < PLACES; i++) {
        room.bells[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
    assert_int_equal(
        es_mailroom_attach(&room.room, room.mem, PLACES, room.bells, room.pool),
        0);
    room.box = es_mailroom_box(room.room, ES_MAILROOM_BOXES - 1);
    es_outbox_begin(room.box, 1000);
    return 0;
}

static int close_room(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < PLACES; i++) {
        close(room.bells[i]);
    }
    apr_pool_destroy(room.pool);
    return 0;
}

static int rings(apr_uint32_t place)
{
    struct pollfd fd = {es_mailroom_bell(room.room, place), POLLIN, 0};
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
    assert_int_equal(es_outbox_sent(room.box), 1000);
    assert_int_equal(es_outbox_outcome(room.box, 1000, 1064), ES_OUTCOME_OPEN);
    assert_int_equal(es_outbox_take(room.box), APR_SUCCESS);
    es_outbox_note(room.box, 1000, 1064, ES_OUTCOME_TAKEN);
    es_outbox_give(room.box);
    assert_int_equal(es_outbox_outcome(room.box, 1000, 1064), ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(room.box, 1000, 1065), ES_OUTCOME_OPEN);
}

static void test_failures_are_of_their_range(void **state)
{
    (void)state;
    es_outbox_note(room.box, 1000, 1100, ES_OUTCOME_TAKEN);
    es_outbox_note(room.box, 1100, 1200, 500);
    es_outbox_note(room.box, 1200, 1300, ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(room.box, 1000, 1100), ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_outcome(room.box, 1000, 1101), 500);
    assert_int_equal(es_outbox_outcome(room.box, 1199, 1300), 500);
    assert_int_equal(es_outbox_outcome(room.box, 1200, 1300), ES_OUTCOME_TAKEN);
}

static void test_sent_again(void **state)
{
    (void)state;
    es_outbox_note(room.box, 1000, 1200, 500);
    es_outbox_note(room.box, 1100, 1200, ES_OUTCOME_TAKEN);
    assert_int_equal(es_outbox_sent(room.box), 1200);
    assert_int_equal(es_outbox_outcome(room.box, 1000, 1100), 500);
    assert_int_equal(es_outbox_outcome(room.box, 1100, 1200), ES_OUTCOME_TAKEN);
    es_outbox_note(room.box, 1100, 1200, 401);
    assert_int_equal(es_outbox_outcome(room.box, 1100, 1200), 401);
}

static void test_an_outage_is_one_note(void **state)
{
    es_pos_t pos;

    (void)state;
    for (pos = 1000; pos < 1000 + 3 * ES_OUTBOX_NOTES; pos++) {
        es_outbox_note(room.box, pos, pos + 1, 1001);
    }
    assert_int_equal(room.box->count, 1);
    assert_int_equal(es_outbox_outcome(room.box, 1000, 1001), 1001);
    assert_int_equal(es_outbox_outcome(room.box, pos - 1, pos), 1001);
}

static void test_what_is_forgotten_is_not_known(void **state)
{
    const es_pos_t last = 1000 + 2 * ES_OUTBOX_NOTES;
    es_pos_t pos;

    (void)state;
    for (pos = 1000; pos < last; pos++) {
        es_outbox_note(room.box, pos, pos + 1, pos % 2 ? 500 : 503);
    }
    assert_int_equal(es_outbox_outcome(room.box, 1000, 1001),
                     ES_OUTCOME_UNKNOWN);
    assert_int_equal(es_outbox_outcome(room.box, last - ES_OUTBOX_NOTES,
                                       last - ES_OUTBOX_NOTES + 1),
                     ES_OUTCOME_UNKNOWN);
    for (pos = last - ES_OUTBOX_NOTES + 1; pos < last; pos++) {
        assert_int_equal(es_outbox_outcome(room.box, pos, pos + 1),
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
    return es_outbox_take(room.box);
}

/* Half-way: noted, and dead before it was given back. */
static int take_and_die(void)
{
    int rv = es_outbox_take(room.box);

    es_outbox_note(room.box, 1000, 1064, ES_OUTCOME_TAKEN);
    return rv;
}

static void test_one_sends_at_a_time(void **state)
{
    (void)state;
    assert_int_equal(es_outbox_take(room.box), APR_SUCCESS);
    in_child(try_take, APR_EBUSY);
    es_outbox_give(room.box);
    in_child(take_and_die, APR_SUCCESS);
    assert_int_equal(es_outbox_take(room.box), APR_SUCCESS);
    assert_int_equal(es_outbox_sent(room.box), 1064);
    es_outbox_give(room.box);
    assert_int_equal(es_outbox_take(room.box), APR_SUCCESS);
    es_outbox_give(room.box);
}

/* ---- bells ------------------------------------------------------------- */

static void test_who_waits_is_called(void **state)
{
    (void)state;
    es_mailroom_waits(room.room, 2);
    es_mailroom_ring_all(room.room);
    assert_int_equal(rings(1), 0);
    assert_int_equal(rings(2), 1);
    es_mailroom_ring_all(room.room);
    assert_int_equal(rings(2), 0);
    es_mailroom_waits(room.room, 2);
    es_mailroom_wakes(room.room, 2);
    es_mailroom_ring_all(room.room);
    assert_int_equal(rings(2), 0);
    es_mailroom_ring(room.room, 3);
    es_mailroom_ring(room.room, 3);
    assert_int_equal(rings(3), 1);
    assert_int_equal(rings(3), 0);
}

static void test_no_such_place(void **state)
{
    (void)state;
    es_mailroom_waits(room.room, 0);
    es_mailroom_waits(room.room, PLACES + 1);
    es_mailroom_ring(room.room, PLACES + 1);
    assert_int_equal(es_mailroom_bell(room.room, PLACES + 1), -1);
    assert_int_equal(es_mailroom_size(0), 0);
}

static void test_another_layout(void **state)
{
    es_mailroom_t *other;

    (void)state;
    assert_int_equal(
        es_mailroom_attach(&other, room.mem, PLACES + 1, room.bells, room.pool),
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
