/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A lock in shared memory: a process-shared, robust pthread mutex. APR's
 * mutexes are not used: they hide that the owner has died, and they are
 * destroyed with the configuration that made them, while its children still
 * run.
 */
#ifndef ES_SHM_LOCK_H
#define ES_SHM_LOCK_H

#include <pthread.h>

#include <apr_errno.h>

typedef struct es_lock_t {
    pthread_mutex_t mutex;
} es_lock_t;

/** Make the lock, in shared memory. Context: PARENT. */
apr_status_t es_lock_init(es_lock_t *lock);

/**
 * Take the lock.
 *
 * @return APR_SUCCESS; APR_INCOMPLETE: the lock is held, and its last owner
 *         died while it held it: the caller must repair what the lock guards,
 *         then call es_lock_repaired; APR_EGENERAL: the lock is not held and
 *         can never be taken again
 *
 * Context: ANY thread that may block.
 */
apr_status_t es_lock_acquire(es_lock_t *lock);

/** The same without waiting. @return also APR_EBUSY: another thread holds it */
apr_status_t es_lock_try(es_lock_t *lock);

/** What the lock guards is consistent again. The lock stays held. */
void es_lock_repaired(es_lock_t *lock);

/**
 * Release the lock. After APR_INCOMPLETE without es_lock_repaired it can never
 * be taken again.
 */
void es_lock_release(es_lock_t *lock);

#endif
