/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a thread dies, the kernel walks its list of the robust mutexes that it
 * holds and marks them, so that the next thread that locks one gets EOWNERDEAD
 * instead of waiting for ever. If that thread unlocks the mutex without marking
 * it as consistent, all later calls get ENOTRECOVERABLE: no service is better
 * than one on damaged data.
 *
 * A thread tries first, so that a lock that is free costs no look at a clock.
 * A wait counts by the monotonic clock. pthread_mutex_timedlock counts by the
 * time of day, which may be set back meanwhile; where there is no
 * pthread_mutex_clocklock (musl), a wait consists of tries and short sleeps.
 *
 * glibc's trylock of a mutex that is not recoverable says so, but leaves it
 * locked: later calls find it taken. So the first thread notes it in is_dead.
 *
 * The owner stores turn and pid after it has the mutex, and takes back the pid
 * before it releases it. A thread whose wait began and ended in the same turn
 * stores this turn in stalled. A process that is stopped before it has stored
 * its turn is not found by that: the turn is the last owner's, and the pid 0.
 */
#include "shm/lock.h"

#include <errno.h>

#include "base/clock.h"

/* ThreadSanitizer does not know pthread_mutex_clocklock. */
#if defined(__SANITIZE_THREAD__)
#undef ES_HAVE_CLOCKLOCK
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef ES_HAVE_CLOCKLOCK
#endif
#endif

#define NO_LIMIT APR_INT64_C(0x7fffffffffffffff)

static apr_uint32_t own_pid; /* set before threads start */
static __thread apr_interval_time_t wait_limit = NO_LIMIT;

apr_status_t es_lock_init(es_lock_t *lock)
{
    pthread_mutexattr_t attr;
    int rc = pthread_mutexattr_init(&attr);

    if (rc != 0) {
        return rc;
    }
    rc = pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    if (rc == 0) {
        rc = pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    }
    if (rc == 0) {
        rc = pthread_mutex_init(&lock->mutex, &attr);
    }
    pthread_mutexattr_destroy(&attr);
    return rc;
}

void es_lock_set_pid(apr_uint32_t pid)
{
    own_pid = pid;
}

void es_lock_limit_wait(apr_interval_time_t most)
{
    wait_limit = most;
}

/* ---- waiting ------------------------------------------------------------ */

#ifdef ES_HAVE_CLOCKLOCK

static int lock_until(pthread_mutex_t *mutex, apr_time_t end)
{
    struct timespec at;

    at.tv_sec = end / APR_USEC_PER_SEC;
    at.tv_nsec = end % APR_USEC_PER_SEC * 1000;
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &at);
}

#else

#define SLEEP_MAX 1000 /* microseconds between two tries */

static int lock_until(pthread_mutex_t *mutex, apr_time_t end)
{
    struct timespec pause = {0, 0};
    apr_interval_time_t sleep = 16;
    int rc = pthread_mutex_trylock(mutex);

    while (rc == EBUSY && es_clock_now() < end) {
        pause.tv_nsec = sleep * 1000;
        nanosleep(&pause, NULL);
        sleep = sleep * 2 < SLEEP_MAX ? sleep * 2 : SLEEP_MAX;
        rc = pthread_mutex_trylock(mutex);
    }
    return rc == EBUSY ? ETIMEDOUT : rc;
}

#endif

apr_uint32_t es_lock_turn(const es_lock_t *lock)
{
    /* relaxed: nothing depends on it but a report */
    return __atomic_load_n(&lock->turn, __ATOMIC_RELAXED);
}

void es_lock_note_stall(es_lock_t *lock, apr_uint32_t turn)
{
    if (es_lock_turn(lock) == turn) {
        __atomic_store_n(&lock->stalled, turn, __ATOMIC_RELAXED);
    }
}

/* If it is in vain, and the owner has not moved meanwhile, leave word of it. */
static int wait_for(es_lock_t *lock, apr_interval_time_t wait)
{
    apr_uint32_t turn = es_lock_turn(lock);
    int rc = lock_until(&lock->mutex, es_clock_now() + wait);

    if (rc == ETIMEDOUT) {
        es_lock_note_stall(lock, turn);
    }
    return rc;
}

/* ---- taking and releasing ----------------------------------------------- */

void es_lock_move_on(es_lock_t *lock)
{
    apr_uint32_t turn = es_lock_turn(lock) + 1;

    __atomic_store_n(&lock->turn, turn != 0 ? turn : 1, __ATOMIC_RELAXED);
}

/* The caller owns the lock. Death between the two stores: the pid is 0, as that
 * of an owner that is not known. */
static void note_owner(es_lock_t *lock)
{
    es_lock_move_on(lock);
    /* release: who sees this pid sees its turn */
    __atomic_store_n(&lock->owner, own_pid, __ATOMIC_RELEASE);
}

static apr_status_t result_of(es_lock_t *lock, int rc)
{
    switch (rc) {
    case 0: note_owner(lock); return APR_SUCCESS;
    case EOWNERDEAD: note_owner(lock); return APR_INCOMPLETE;
    case EBUSY:
    case ETIMEDOUT: return APR_TIMEUP;
    default:
        __atomic_store_n(&lock->is_dead, 1, __ATOMIC_RELAXED);
        return APR_EGENERAL;
    }
}

apr_status_t es_lock_acquire(es_lock_t *lock, apr_interval_time_t wait)
{
    int rc = pthread_mutex_trylock(&lock->mutex);

    if (rc == EBUSY && __atomic_load_n(&lock->is_dead, __ATOMIC_RELAXED)) {
        return APR_EGENERAL;
    }
    if (rc == EBUSY) {
        wait = wait < wait_limit ? wait : wait_limit;
        if (wait > 0) {
            rc = wait_for(lock, wait);
        }
    }
    return result_of(lock, rc);
}

apr_status_t es_lock_try(es_lock_t *lock)
{
    apr_status_t rv = es_lock_acquire(lock, 0);

    return rv == APR_TIMEUP ? APR_EBUSY : rv;
}

void es_lock_repaired(es_lock_t *lock)
{
    pthread_mutex_consistent(&lock->mutex);
}

void es_lock_release(es_lock_t *lock)
{
    __atomic_store_n(&lock->owner, 0, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&lock->mutex);
}

int es_lock_is_stalled(const es_lock_t *lock)
{
    apr_uint32_t stalled = __atomic_load_n(&lock->stalled, __ATOMIC_RELAXED);

    return stalled != 0 && es_lock_turn(lock) == stalled;
}

apr_uint32_t es_lock_stalled_by(const es_lock_t *lock)
{
    apr_uint32_t pid = __atomic_load_n(&lock->owner, __ATOMIC_ACQUIRE);

    return es_lock_is_stalled(lock) ? pid : 0;
}
