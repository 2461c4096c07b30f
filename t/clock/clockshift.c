/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock for httpd that a test can set: preloaded, it adds to the time of
 * day what stands in the file that ES_CLOCK_FILE names, microseconds as an
 * int64_t. All processes that httpd forks share the mapping, so a step comes
 * to all of them at once, between any two of their instructions.
 *
 * CLOCK_MONOTONIC is not touched, as no clock that is set touches it. Waits
 * of the kernel until a time of day (none of httpd's own here) know nothing
 * of the step.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* syscall */
#endif
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define SECOND_US 1000000

EXPORT int clock_gettime(clockid_t clock, struct timespec *at);
EXPORT time_t time(time_t *at);

static const int64_t *shift_us; /* of the file; NULL = the clock is right */

__attribute__((constructor)) static void open_shift(void)
{
    const char *name = getenv("ES_CLOCK_FILE");
    int fd = name != NULL ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *at;

    if (fd < 0) {
        return;
    }
    at = mmap(NULL, sizeof(*shift_us), PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED) {
        shift_us = at;
    }
}

static void shift(struct timespec *at)
{
    int64_t us = at->tv_sec * SECOND_US + at->tv_nsec / 1000;

    us += __atomic_load_n(shift_us, __ATOMIC_RELAXED);
    at->tv_sec = us / SECOND_US;
    at->tv_nsec = us % SECOND_US * 1000 + at->tv_nsec % 1000;
}

/* By a system call: the C library's own would be found by dlsym(), which is
 * not there yet when a sanitizer asks for the time first. */
int clock_gettime(clockid_t clock, struct timespec *at)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, at);

    if (rc == 0 && shift_us != NULL &&
        (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        shift(at);
    }
    return rc;
}

EXPORT int gettimeofday(struct timeval *restrict at, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return -1;
    }
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL) {
        *at = now.tv_sec;
    }
    return now.tv_sec;
}
