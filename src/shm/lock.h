/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The lock in the segment: a process-shared, robust pthread mutex. APR's
 * mutexes are not used: they hide that the owner died, and they go with the
 * configuration that made them, while children of the old one still run.
 */
#ifndef ES_SHM_LOCK_H
#define ES_SHM_LOCK_H

#include <pthread.h>

#include <apr_errno.h>

typedef struct es_lock_t {
    pthread_mutex_t mutex;
} es_lock_t;

/** Make it, in shared memory. Context: PARENT. */
apr_status_t es_lock_init(es_lock_t *lock);

/**
 * @return APR_SUCCESS; APR_INCOMPLETE: held, and the owner before died with
 *         it: the caller must repair what it guards, then call
 *         es_lock_repaired; APR_EGENERAL: not held, beyond repair
 *
 * Context: ANY thread that may block.
 */
apr_status_t es_lock_take(es_lock_t *lock);

/** The same without waiting. @return also APR_EBUSY: another has it */
apr_status_t es_lock_try(es_lock_t *lock);

/** What the lock guards is consistent again. The lock stays held. */
void es_lock_repaired(es_lock_t *lock);

void es_lock_give(es_lock_t *lock);

#endif
