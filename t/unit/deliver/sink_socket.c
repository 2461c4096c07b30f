/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of deliver/sink_socket.c: what the kernel was told. That it does what
 * it was told to is seen by t/47-vanish.t.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "deliver/sink_socket.h"

#define MINUTE (60 * APR_USEC_PER_SEC)

static int fd;

static int open_socket(void **state __attribute__((unused)))
{
    fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0;
}

static int close_socket(void **state __attribute__((unused)))
{
    return close(fd);
}

static int option(int level, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);

    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

#define TCP(name) option(IPPROTO_TCP, TCP_##name)

FACTS(a_patience_is_the_kernels_user_timeout)
{
    es_sink_socket_tcp_set(fd, MINUTE);
    assert_int_equal(TCP(USER_TIMEOUT), 60000);
    es_sink_socket_tcp_set(fd, 1500 * 1000);
    assert_int_equal(TCP(USER_TIMEOUT), 1500);
    es_sink_socket_tcp_set(fd, 1);
    assert_int_equal(TCP(USER_TIMEOUT), 1); /* 0 would be none at all */
    es_sink_socket_tcp_set(fd, 24 * 60 * MINUTE);
    assert_int_equal(TCP(USER_TIMEOUT), 24 * 60 * 60000);
}

FACTS(who_is_silent_is_asked_three_times_within_it)
{
    es_sink_socket_tcp_set(fd, MINUTE);
    assert_int_equal(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(TCP(KEEPIDLE), 30);
    assert_int_equal(TCP(KEEPINTVL), 10);
}

FACTS(the_kernel_takes_seconds_from_1_to_32767)
{
    es_sink_socket_tcp_set(fd, 1);
    assert_int_equal(TCP(KEEPIDLE), 1);
    assert_int_equal(TCP(KEEPINTVL), 1);
    es_sink_socket_tcp_set(fd, 24 * 60 * MINUTE);
    assert_int_equal(TCP(KEEPIDLE), 7200);
    assert_int_equal(TCP(KEEPINTVL), 7200);
}

FACTS(without_a_patience_only_silence_counts)
{
    es_sink_socket_tcp_set(fd, MINUTE);
    es_sink_socket_tcp_set(fd, 0);
    assert_int_equal(TCP(USER_TIMEOUT), 0);
    assert_int_equal(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(TCP(KEEPIDLE) + TCP(KEEPINTVL) * TCP(KEEPCNT), 120);
}

FACTS(what_was_is_put_back)
{
    es_sink_socket_tcp_t saved;
    int idle = TCP(KEEPIDLE);
    int every = TCP(KEEPINTVL);
    int times = TCP(KEEPCNT);

    es_sink_socket_tcp_save(fd, &saved);
    es_sink_socket_tcp_set(fd, MINUTE);
    es_sink_socket_tcp_restore(fd, &saved);
    assert_int_equal(option(SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(TCP(USER_TIMEOUT), 0);
    assert_int_equal(TCP(KEEPIDLE), idle);
    assert_int_equal(TCP(KEEPINTVL), every);
    assert_int_equal(TCP(KEEPCNT), times);
}

FACTS(what_is_no_tcp_socket_is_left_alone)
{
    es_sink_socket_tcp_t saved;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    es_sink_socket_tcp_save(pair[0], &saved);
    es_sink_socket_tcp_set(pair[0], MINUTE);
    assert_int_equal(write(pair[0], "x", 1), 1);
    es_sink_socket_tcp_restore(pair[0], &saved);
    assert_int_equal(write(pair[0], "x", 1), 1);
    close(pair[0]);
    close(pair[1]);
    es_sink_socket_tcp_save(-1, &saved);
    es_sink_socket_tcp_set(-1, MINUTE);
    es_sink_socket_tcp_restore(-1, &saved);
}

#define WITH_SOCKET(name) \
    cmocka_unit_test_setup_teardown(name, open_socket, close_socket)

static const struct CMUnitTest tests[] = {
    WITH_SOCKET(a_patience_is_the_kernels_user_timeout),
    WITH_SOCKET(who_is_silent_is_asked_three_times_within_it),
    WITH_SOCKET(the_kernel_takes_seconds_from_1_to_32767),
    WITH_SOCKET(without_a_patience_only_silence_counts),
    WITH_SOCKET(what_was_is_put_back),
    WITH_SOCKET(what_is_no_tcp_socket_is_left_alone),
};

UNIT_MAIN(tests)
