/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of deliver/handover_sockets.c: as many pairs as it takes. */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "deliver/handover_sockets.h"

static es_handover_sockets_t sockets;

static int close_sockets(void **state __attribute__((unused)))
{
    es_handover_sockets_close(&sockets);
    return 0;
}

/* What this system grants to one pair. */
static apr_uint64_t one_pair(void)
{
    apr_uint64_t bytes;

    assert_int_equal(es_handover_sockets_create(&sockets, 1, 1), APR_SUCCESS);
    bytes = es_handover_sockets_bytes(&sockets);
    es_handover_sockets_close(&sockets);
    return bytes;
}

static es_handover_msg_t *message(void)
{
    static const char text[200] = "a long name";
    static es_slice_t names[200];
    es_handover_msg_t *msg = es_handover_msg_create();
    es_handed_t handed = {0};
    int i;

    for (i = 0; i < 200; i++) {
        names[i] = es_slice(text, sizeof(text));
    }
    handed.fd = 0;
    handed.names = names;
    handed.nnames = 200;
    assert_non_null(msg);
    assert_int_equal(es_handover_msg_add(msg, &handed), APR_SUCCESS);
    return msg;
}

static int fill(void)
{
    es_handover_msg_t *msg = message();
    int sent = 0;

    while (es_handover_sockets_send(&sockets, msg) == APR_SUCCESS) {
        sent++;
    }
    assert_int_equal(es_handover_sockets_send(&sockets, msg), APR_EAGAIN);
    es_handover_msg_begin(msg);
    es_handover_msg_destroy(msg);
    return sent;
}

FACTS(there_are_as_many_pairs_as_it_takes)
{
    apr_uint64_t one = one_pair();

    assert_int_equal(es_handover_sockets_create(&sockets, 3 * one + 1, 8),
                     APR_SUCCESS);
    assert_int_equal(sockets.pairs, 4);
    assert_true(es_handover_sockets_bytes(&sockets) == 4 * one);
    assert_true(es_handover_sockets_clients(&sockets) > 0);
}

FACTS(there_are_at_most_so_many)
{
    assert_int_equal(es_handover_sockets_create(&sockets, APR_UINT64_MAX, 5),
                     APR_SUCCESS);
    assert_int_equal(sockets.pairs, 5);
}

FACTS(a_full_pair_leaves_messages_to_the_next)
{
    es_handover_msg_t *msg = es_handover_msg_create();
    apr_uint64_t one = one_pair();
    int in_one, in_three, received;

    assert_int_equal(es_handover_sockets_create(&sockets, one, 1), APR_SUCCESS);
    in_one = fill();
    es_handover_sockets_close(&sockets);
    assert_int_equal(es_handover_sockets_create(&sockets, 3 * one, 3),
                     APR_SUCCESS);
    in_three = fill();
    assert_true(in_one > 0);
    assert_int_equal(in_three, 3 * in_one);
    for (received = 0;
         es_handover_sockets_receive(&sockets, msg) == APR_SUCCESS;
         received++) {
        assert_int_equal(es_handover_msg_count(msg), 1);
    }
    assert_int_equal(received, in_three);
    assert_int_equal(es_handover_sockets_receive(&sockets, msg), APR_EAGAIN);
    es_handover_msg_destroy(msg);
}

FACTS(without_descriptors_there_are_fewer_or_none)
{
    struct rlimit before, few;
    int lowest = dup(0);

    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)lowest + 5;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(es_handover_sockets_create(&sockets, APR_UINT64_MAX, 8),
                     APR_SUCCESS);
    assert_int_equal(sockets.pairs, 2);
    es_handover_sockets_close(&sockets);
    few.rlim_cur = (rlim_t)lowest + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(es_handover_sockets_create(&sockets, 1, 8), EMFILE);
    assert_int_equal(sockets.pairs, 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

FACTS(they_neither_block_nor_reach_programs)
{
    assert_int_equal(es_handover_sockets_create(&sockets, 1, 1), APR_SUCCESS);
    assert_true(fcntl(sockets.send[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(sockets.receive[0], F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(sockets.send[0], F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(sockets.receive[0], F_GETFL) & O_NONBLOCK);
}

#define AND_CLOSE(name) cmocka_unit_test_teardown(name, close_sockets)

static const struct CMUnitTest tests[] = {
    AND_CLOSE(there_are_as_many_pairs_as_it_takes),
    AND_CLOSE(there_are_at_most_so_many),
    AND_CLOSE(a_full_pair_leaves_messages_to_the_next),
    AND_CLOSE(without_descriptors_there_are_fewer_or_none),
    AND_CLOSE(they_neither_block_nor_reach_programs),
};

UNIT_MAIN(tests)
