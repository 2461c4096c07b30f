/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of deliver/sink_socket.c: writes, reads and the end of a socket; the
 * TCP options that the kernel has. That it detects a dead peer by them is
 * tested by t/47-vanished-peers.t.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <limits.h>
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

FACTS(a_timeout_is_the_kernels_user_timeout)
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

FACTS(a_silent_peer_is_probed_three_times_within_it)
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

FACTS(without_a_timeout_only_silence_counts)
{
    es_sink_socket_tcp_set(fd, MINUTE);
    es_sink_socket_tcp_set(fd, 0);
    assert_int_equal(TCP(USER_TIMEOUT), 0);
    assert_int_equal(option(SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(TCP(KEEPIDLE) + TCP(KEEPINTVL) * TCP(KEEPCNT), 120);
}

FACTS(unsent_bytes_have_a_bound)
{
    int before = TCP(NOTSENT_LOWAT);

    es_sink_socket_unsent_set(fd, 0);
    assert_int_equal(TCP(NOTSENT_LOWAT), before);
    es_sink_socket_unsent_set(fd, 128 * 1024);
    assert_int_equal(TCP(NOTSENT_LOWAT), 128 * 1024);
    es_sink_socket_unsent_set(fd, APR_INT64_C(1) << 40);
    assert_int_equal(TCP(NOTSENT_LOWAT), INT_MAX);
    es_sink_socket_unsent_set(-1, 1);
}

FACTS(the_options_are_restored)
{
    es_sink_socket_tcp_t saved;
    int idle = TCP(KEEPIDLE);
    int every = TCP(KEEPINTVL);
    int times = TCP(KEEPCNT);
    int unsent = TCP(NOTSENT_LOWAT);

    es_sink_socket_tcp_save(fd, &saved);
    es_sink_socket_tcp_set(fd, MINUTE);
    es_sink_socket_unsent_set(fd, 4096);
    es_sink_socket_tcp_restore(fd, &saved);
    assert_int_equal(TCP(NOTSENT_LOWAT), unsent);
    assert_int_equal(option(SOL_SOCKET, SO_KEEPALIVE), 0);
    assert_int_equal(TCP(USER_TIMEOUT), 0);
    assert_int_equal(TCP(KEEPIDLE), idle);
    assert_int_equal(TCP(KEEPINTVL), every);
    assert_int_equal(TCP(KEEPCNT), times);
}

FACTS(a_socket_that_is_not_tcp_is_left_alone)
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

/* A sink, and its peer's end. */
static es_sink_t *open_pair(int *peer)
{
    es_sink_t *sink;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    *peer = pair[1];
    sink = es_sink_socket_create(pair[0], 1, 0);
    assert_non_null(sink);
    assert_int_equal(sink->chunked, 1);
    assert_int_equal(es_sink_socket_fd(sink), pair[0]);
    return sink;
}

/* Read all that the peer has, count the bytes that are not c. */
static apr_size_t read_all(int peer, char c, apr_size_t *others)
{
    char bytes[8192];
    apr_size_t total = 0;
    ssize_t n, i;

    for (;;) {
        n = read(peer, bytes, sizeof(bytes));
        if (n <= 0) {
            return total;
        }
        for (i = 0; i < n; i++) {
            *others += bytes[i] != c;
        }
        total += (apr_size_t)n;
    }
}

FACTS(one_part_and_several_parts_arrive)
{
    struct iovec iov[3] = {{"one ", 4}, {"two ", 4}, {"three", 5}};
    char bytes[32];
    apr_size_t taken;
    es_sink_t *sink;
    int peer;

    sink = open_pair(&peer);
    assert_int_equal(sink->ops->write(sink, iov, 1, &taken), APR_SUCCESS);
    assert_int_equal(taken, 4);
    assert_int_equal(sink->ops->write(sink, iov, 3, &taken), APR_SUCCESS);
    assert_int_equal(taken, 13);
    assert_int_equal(read(peer, bytes, sizeof(bytes)), 17);
    assert_memory_equal(bytes, "one one two three", 17);
    sink->ops->close(sink);
    close(peer);
}

FACTS(more_parts_than_the_kernel_takes_at_a_time_arrive)
{
    enum { PARTS = 3000 };
    struct iovec iov[PARTS];
    apr_size_t others = 0;
    apr_size_t taken;
    es_sink_t *sink;
    int peer, i;

    sink = open_pair(&peer);
    for (i = 0; i < PARTS; i++) {
        iov[i].iov_base = "x";
        iov[i].iov_len = 1;
    }
    assert_int_equal(sink->ops->write(sink, iov, PARTS, &taken), APR_SUCCESS);
    assert_int_equal(taken, PARTS);
    assert_int_equal(read_all(peer, 'x', &others), PARTS);
    assert_int_equal(others, 0);
    sink->ops->close(sink);
    close(peer);
}

FACTS(a_full_socket_takes_a_part_and_does_not_block)
{
    apr_size_t size = 16 * 1024 * 1024;
    struct iovec iov = {NULL, size};
    apr_size_t others = 0;
    apr_size_t taken, again;
    es_sink_t *sink;
    int peer;

    sink = open_pair(&peer);
    iov.iov_base = malloc(size);
    assert_non_null(iov.iov_base);
    memset(iov.iov_base, 'x', size);
    assert_int_equal(sink->ops->write(sink, &iov, 1, &taken), APR_EAGAIN);
    assert_in_range(taken, 1, size - 1);
    assert_int_equal(sink->ops->write(sink, &iov, 1, &again), APR_EAGAIN);
    assert_int_equal(again, 0);
    assert_int_equal(read_all(peer, 'x', &others), taken);
    assert_int_equal(others, 0);
    free(iov.iov_base);
    sink->ops->close(sink);
    close(peer);
}

FACTS(a_write_to_a_peer_that_has_closed_is_an_error_and_no_signal)
{
    struct iovec iov = {"x", 1};
    apr_size_t taken;
    apr_status_t rv;
    es_sink_t *sink;
    int peer;

    sink = open_pair(&peer);
    close(peer);
    rv = sink->ops->write(sink, &iov, 1, &taken);
    assert_int_not_equal(rv, APR_SUCCESS);
    assert_false(APR_STATUS_IS_EAGAIN(rv));
    assert_int_equal(taken, 0);
    assert_int_equal(sink->ops->drain(sink), APR_EOF);
    sink->ops->close(sink);
}

FACTS(finish_lets_the_peer_see_the_end)
{
    es_sink_t *sink;
    char byte;
    int peer;

    sink = open_pair(&peer);
    assert_int_equal(read(peer, &byte, 1), -1);
    assert_int_equal(sink->ops->finish(sink), APR_SUCCESS);
    assert_int_equal(read(peer, &byte, 1), 0);
    assert_int_equal(write(peer, "x", 1), 1); /* it may still send */
    assert_int_equal(sink->ops->drain(sink), APR_SUCCESS);
    sink->ops->close(sink);
    close(peer);
}

FACTS(what_the_peer_sends_is_dropped_up_to_a_limit)
{
    char bytes[4096] = {0};
    apr_status_t rv = APR_SUCCESS;
    apr_size_t sent = 0;
    es_sink_t *sink;
    int peer;

    sink = open_pair(&peer);
    assert_int_equal(sink->ops->drain(sink), APR_SUCCESS);
    while (rv == APR_SUCCESS && sent < 1024 * 1024) {
        assert_int_equal(write(peer, bytes, sizeof(bytes)), sizeof(bytes));
        sent += sizeof(bytes);
        rv = sink->ops->drain(sink);
    }
    assert_int_equal(rv, APR_ENOSPC);
    assert_int_equal(sent, 256 * 1024 + sizeof(bytes));
    sink->ops->close(sink);
    close(peer);
}

#define WITH_SOCKET(name) \
    cmocka_unit_test_setup_teardown(name, open_socket, close_socket)

static const struct CMUnitTest tests[] = {
    UNIT(one_part_and_several_parts_arrive),
    UNIT(more_parts_than_the_kernel_takes_at_a_time_arrive),
    UNIT(a_full_socket_takes_a_part_and_does_not_block),
    UNIT(a_write_to_a_peer_that_has_closed_is_an_error_and_no_signal),
    UNIT(finish_lets_the_peer_see_the_end),
    UNIT(what_the_peer_sends_is_dropped_up_to_a_limit),
    WITH_SOCKET(a_timeout_is_the_kernels_user_timeout),
    WITH_SOCKET(a_silent_peer_is_probed_three_times_within_it),
    WITH_SOCKET(the_kernel_takes_seconds_from_1_to_32767),
    WITH_SOCKET(without_a_timeout_only_silence_counts),
    WITH_SOCKET(unsent_bytes_have_a_bound),
    WITH_SOCKET(the_options_are_restored),
    WITH_SOCKET(a_socket_that_is_not_tcp_is_left_alone),
};

UNIT_MAIN(tests)
