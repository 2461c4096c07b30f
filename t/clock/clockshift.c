/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock for httpd that a test can set. When it is preloaded, it adds the
 * value in the file of ES_CLOCK_FILE to the time of day: microseconds, an
 * int64_t. All processes that httpd forks share the mapping, so a step reaches
 * all of them at once, between any two of their instructions.
 *
 * CLOCK_MONOTONIC stays the same, as when a real clock is set. The kernel does
 * not know of the step when it waits until a time of day (httpd does not).
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

static const int64_t *shift_us; /* in the file; NULL = no shift */

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

/* A system call, since dlsym() would be needed for the function of the C
 * library, and a sanitizer asks for the time before dlsym() works. */
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
