/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of shm/descriptor.c. */
#include "t/unit/skip.h"
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "shm/descriptor.h"

static struct rlimit before;

/* Skips the test if this process may not have as many. */
static void set_limit(rlim_t files)
{
    struct rlimit limit = before;

    if (files > before.rlim_max) {
        SKIP_SINCE("needs more descriptors than ulimit -Hn allows");
    }
    limit.rlim_cur = files;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* No number from ES_DESCRIPTOR_MIN up is allowed. */
static void allow_low_numbers_only(void)
{
    set_limit(before.rlim_max < ES_DESCRIPTOR_MIN ? before.rlim_max
                                                  : ES_DESCRIPTOR_MIN);
}

static int save_limit(void **state __attribute__((unused)))
{
    return getrlimit(RLIMIT_NOFILE, &before);
}

static int restore_limit(void **state __attribute__((unused)))
{
    return setrlimit(RLIMIT_NOFILE, &before);
}

static int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

FACTS(the_lowest_number_is_that_of_select)
{
    assert_int_equal(ES_DESCRIPTOR_MIN, FD_SETSIZE);
}

FACTS(a_copy_has_a_high_number_and_is_closed_at_exec)
{
    int fd, next;

    set_limit(ES_DESCRIPTOR_MIN + 2);
    fd = es_descriptor_copy(0);
    next = es_descriptor_copy(0);
    assert_int_equal(fd, ES_DESCRIPTOR_MIN);
    assert_int_equal(next, ES_DESCRIPTOR_MIN + 1);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    close(fd);
    close(next);
}

FACTS(a_copy_has_a_low_number_when_there_are_no_others)
{
    int free_fd = lowest_free();
    int fd;

    allow_low_numbers_only();
    fd = es_descriptor_copy(0);
    assert_int_equal(fd, free_fd);
    close(fd);
}

FACTS(a_raised_descriptor_leaves_its_number)
{
    int free_fd = lowest_free();
    int fd;

    set_limit(ES_DESCRIPTOR_MIN + 1);
    fd = es_descriptor_raise(dup(0));
    assert_int_equal(fd, ES_DESCRIPTOR_MIN);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(lowest_free(), free_fd);
    assert_int_equal(es_descriptor_raise(fd), fd);
    close(fd);
}

FACTS(a_descriptor_stays_when_it_cannot_be_raised)
{
    int fd = dup(0);

    allow_low_numbers_only();
    assert_int_equal(es_descriptor_raise(fd), fd);
    close(fd);
}

FACTS(no_descriptor_stays_none)
{
    assert_int_equal(es_descriptor_raise(-1), -1);
    errno = 0;
    assert_int_equal(es_descriptor_copy(-1), -1);
    assert_int_equal(errno, EBADF);
}

#define WITH_LIMIT(name) \
    cmocka_unit_test_setup_teardown(name, save_limit, restore_limit)

static const struct CMUnitTest tests[] = {
    UNIT(the_lowest_number_is_that_of_select),
    WITH_LIMIT(a_copy_has_a_high_number_and_is_closed_at_exec),
    WITH_LIMIT(a_copy_has_a_low_number_when_there_are_no_others),
    WITH_LIMIT(a_raised_descriptor_leaves_its_number),
    WITH_LIMIT(a_descriptor_stays_when_it_cannot_be_raised),
    UNIT(no_descriptor_stays_none),
};

UNIT_MAIN(tests)
