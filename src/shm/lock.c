/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a thread dies, the kernel walks its list of the robust mutexes that it
 * holds and marks them, so that the next thread that locks one gets EOWNERDEAD
 * instead of waiting for ever. If that thread unlocks the mutex without marking
 * it as consistent, all later calls get ENOTRECOVERABLE: no service is better
 * than one on damaged data.
 */
#include "shm/lock.h"

#include <errno.h>

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

apr_status_t es_lock_acquire(es_lock_t *lock)
{
    switch (pthread_mutex_lock(&lock->mutex)) {
    case 0: return APR_SUCCESS;
    case EOWNERDEAD: return APR_INCOMPLETE;
    default: return APR_EGENERAL;
    }
}

apr_status_t es_lock_try(es_lock_t *lock)
{
    switch (pthread_mutex_trylock(&lock->mutex)) {
    case 0: return APR_SUCCESS;
    case EBUSY: return APR_EBUSY;
    case EOWNERDEAD: return APR_INCOMPLETE;
    default: return APR_EGENERAL;
    }
}

void es_lock_repaired(es_lock_t *lock)
{
    pthread_mutex_consistent(&lock->mutex);
}

void es_lock_release(es_lock_t *lock)
{
    pthread_mutex_unlock(&lock->mutex);
}
