/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeping and waking is Dekker's exchange of two flags:
 *
 *     waker:    change;       fence;  sleeping?   if so, write to descriptor
 *     sleeper:  sleeping = 1; fence;  changed?    if not, poll descriptor
 *
 * Each side stores first and looks second. With a sequentially consistent
 * fence in between on both sides, at least one of them sees the other's store:
 * either the waker sees the sleeper and wakes it, or the sleeper sees the
 * change and does not go to sleep. Release and acquire would not be enough, as
 * they let the look pass the store.
 *
 * A waker that dies between taking the flag back and its write leaves a
 * sleeper that no one wakes, so every sleeper sets itself a time limit.
 *
 * No cleanup closes the descriptors: they outlive our code, which httpd
 * unloads.
 */
#include "shm/wakeup.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shm/descriptor.h"

apr_status_t es_wakeup_create(int **out, apr_uint32_t count, apr_pool_t *pool)
{
    int *wake_fds = apr_palloc(pool, sizeof(*wake_fds) * count);
    apr_status_t rv = APR_SUCCESS;
    apr_uint32_t i;

    for (i = 0; i < count; i++) {
        wake_fds[i] =
            es_descriptor_raise(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
        if (wake_fds[i] < 0) {
            rv = errno;
            break;
        }
    }
    while (rv != APR_SUCCESS && i > 0) {
        close(wake_fds[--i]);
    }
    *out = wake_fds;
    return rv;
}

void es_wakeup_set_sleeping(apr_uint32_t *sleeping)
{
    /* relaxed: the fence orders it */
    __atomic_store_n(sleeping, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void es_wakeup_set_awake(apr_uint32_t *sleeping)
{
    /* relaxed: a waker that sees it late makes one needless write */
    __atomic_store_n(sleeping, 0, __ATOMIC_RELAXED);
}

void es_wakeup_fence(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void es_wakeup_if_asleep(apr_uint32_t *sleeping, int fd)
{
    /* A plain look first, so that a child that is awake costs no write to its
     * cache line; then the exchange, so that of many wakers one writes.
     * Sequentially consistent: the flag is 0 before the sleeper can wake and
     * set it again. */
    if (__atomic_load_n(sleeping, __ATOMIC_RELAXED) != 0 &&
        __atomic_exchange_n(sleeping, 0, __ATOMIC_SEQ_CST) != 0) {
        es_wakeup_signal(fd);
    }
}

void es_wakeup_signal(int fd)
{
    const apr_uint64_t one = 1;
    int error = errno; /* an interrupted thread still needs it */
    ssize_t n;

    do {
        n = write(fd, &one, sizeof(one));
    } while (n < 0 && errno == EINTR);
    /* EAGAIN: the counter is full, so fd is readable, which is all we want;
     * after any other error the sleeper's time limit helps */
    errno = error;
}

void es_wakeup_drain(int fd)
{
    apr_uint64_t count;
    ssize_t n;

    do {
        n = read(fd, &count, sizeof(count));
    } while (n < 0 && errno == EINTR);
}
