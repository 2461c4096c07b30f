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

FACTS(each_place_has_its_own)
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

/* A parent tries again at each restart. */
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

static const struct CMUnitTest tests[] = {
    UNIT(each_place_has_its_own),
    UNIT(without_descriptors_for_all_there_is_none),
};

UNIT_MAIN(tests)
