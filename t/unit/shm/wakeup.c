/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/wakeup.c. */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shm/wakeup.h"

static int lowest_free(void)
{
    int fd = dup(0);

    assert_true(fd >= 0);
    close(fd);
    return fd;
}

static int take(int fd)
{
    apr_uint64_t count;

    return read(fd, &count, sizeof(count)) == sizeof(count) ? (int)count : 0;
}

FACTS(each_child_has_its_own_descriptor)
{
    apr_uint64_t one = 1;
    int *wake_fds;

    assert_int_equal(es_wakeup_create(&wake_fds, 3, pool), APR_SUCCESS);
    assert_int_equal(write(wake_fds[1], &one, sizeof(one)), sizeof(one));
    assert_int_equal(read(wake_fds[0], &one, sizeof(one)), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(read(wake_fds[1], &one, sizeof(one)), sizeof(one));
    assert_true(fcntl(wake_fds[2], F_GETFD) & FD_CLOEXEC);
    close(wake_fds[0]);
    close(wake_fds[1]);
    close(wake_fds[2]);
}

/* A parent tries again at each restart: it must not leak. */
FACTS(without_descriptors_for_all_there_is_none)
{
    struct rlimit before, few;
    int first = lowest_free();
    int *wake_fds;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)first + 4;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    assert_int_equal(es_wakeup_create(&wake_fds, 100, pool), EMFILE);
    assert_int_equal(lowest_free(), first);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

FACTS(a_process_is_woken_once_for_each_time_it_sleeps)
{
    apr_uint32_t sleeping = 0;
    int *fds;

    assert_int_equal(es_wakeup_create(&fds, 1, pool), APR_SUCCESS);
    es_wakeup_fence();
    es_wakeup_if_asleep(&sleeping, fds[0]);
    assert_int_equal(take(fds[0]), 0);
    es_wakeup_set_sleeping(&sleeping);
    assert_int_equal(sleeping, 1);
    es_wakeup_if_asleep(&sleeping, fds[0]);
    es_wakeup_if_asleep(&sleeping, fds[0]);
    assert_int_equal(take(fds[0]), 1);
    es_wakeup_set_sleeping(&sleeping);
    es_wakeup_set_awake(&sleeping);
    es_wakeup_if_asleep(&sleeping, fds[0]);
    assert_int_equal(take(fds[0]), 0);
    close(fds[0]);
}

FACTS(a_signal_is_seen_until_it_is_drained)
{
    int *fds;

    assert_int_equal(es_wakeup_create(&fds, 1, pool), APR_SUCCESS);
    es_wakeup_drain(fds[0]); /* nothing there: it does not block */
    es_wakeup_signal(fds[0]);
    es_wakeup_signal(fds[0]);
    es_wakeup_drain(fds[0]);
    assert_int_equal(take(fds[0]), 0);
    es_wakeup_signal(fds[0]);
    assert_int_equal(take(fds[0]), 1);
    close(fds[0]);
}

FACTS(a_full_counter_neither_blocks_nor_changes_errno)
{
    apr_uint64_t most = APR_UINT64_MAX - 1;
    int *fds;

    assert_int_equal(es_wakeup_create(&fds, 1, pool), APR_SUCCESS);
    assert_int_equal(write(fds[0], &most, sizeof(most)), sizeof(most));
    errno = ENOENT;
    es_wakeup_signal(fds[0]);
    assert_int_equal(errno, ENOENT);
    es_wakeup_drain(fds[0]);
    assert_int_equal(take(fds[0]), 0);
    close(fds[0]);
}

static const struct CMUnitTest tests[] = {
    UNIT(each_child_has_its_own_descriptor),
    UNIT(without_descriptors_for_all_there_is_none),
    UNIT(a_process_is_woken_once_for_each_time_it_sleeps),
    UNIT(a_signal_is_seen_until_it_is_drained),
    UNIT(a_full_counter_neither_blocks_nor_changes_errno),
};

UNIT_MAIN(tests)
