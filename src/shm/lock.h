/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A lock in shared memory: a process-shared, robust pthread mutex. APR's
 * mutexes are not used: they hide that the owner has died, and they are
 * destroyed with the configuration that made them, while its children still
 * run.
 *
 * A process that owns the lock may be stopped (SIGSTOP, a debugger, a core
 * dump), for any time. So no call waits without a limit, and the lock tells
 * which process keeps it.
 */
#ifndef ES_SHM_LOCK_H
#define ES_SHM_LOCK_H

#include <pthread.h>

#include <apr_errno.h>
#include <apr_time.h>

typedef struct es_lock_t {
    pthread_mutex_t mutex;
    apr_uint32_t owner;   /* atomic; pid of the process that holds it; 0 = none,
                           * or unknown */
    apr_uint32_t turn;    /* atomic; another value each time that it is taken,
                           * and whenever its owner has moved on */
    apr_uint32_t stalled; /* atomic; the turn during which a thread waited in
                           * vain; 0 = none did */
    apr_uint32_t is_dead; /* atomic; 1 = it can never be taken again */
} es_lock_t;

/** Make the lock, in zeroed shared memory. Context: PARENT. */
apr_status_t es_lock_init(es_lock_t *lock);

/**
 * Set the pid that owners of this process leave in locks. Until then it is 0.
 *
 * Context: CHILD_INIT.
 */
void es_lock_set_pid(apr_uint32_t pid);

/**
 * The calling thread waits for no lock longer than this, whatever it calls.
 *
 * @param most  0 = it only tries
 *
 * Context: a thread of ours, at its start.
 */
void es_lock_limit_wait(apr_interval_time_t most);

/**
 * Take the lock.
 *
 * @param wait  how long at most, by the monotonic clock; es_lock_limit_wait may
 *              set less; 0 = only try
 * @return APR_SUCCESS; APR_INCOMPLETE: the lock is held, and its last owner
 *         died while it held it: the caller must repair what the lock guards,
 *         then call es_lock_repaired; APR_TIMEUP: another thread held it all
 *         the time; APR_EGENERAL: the lock is not held and can never be taken
 *         again
 *
 * Context: ANY thread that may block for so long.
 */
apr_status_t es_lock_acquire(es_lock_t *lock, apr_interval_time_t wait);

/** The same without waiting. @return also APR_EBUSY, instead of APR_TIMEUP */
apr_status_t es_lock_try(es_lock_t *lock);

/** The owner has moved on: whoever waits sees that it is not stopped. For work
 * under the lock that takes long. Lock held. */
void es_lock_move_on(es_lock_t *lock);

/** What the lock guards is consistent again. The lock stays held. */
void es_lock_repaired(es_lock_t *lock);

/**
 * Release the lock. After APR_INCOMPLETE without es_lock_repaired it can never
 * be taken again.
 */
void es_lock_release(es_lock_t *lock);

/**
 * Has a thread waited in vain for the owner that the lock has now, which has
 * not moved since? For a caller that could not take the lock.
 *
 * Context: ANY; takes no lock.
 */
int es_lock_is_stalled(const es_lock_t *lock);

/** The turn of the lock: another value each time that it is taken, and whenever
 * its owner has moved on. Context: ANY; takes no lock. */
apr_uint32_t es_lock_turn(const es_lock_t *lock);

/**
 * The caller, which does not wait for the lock but tries it again and again,
 * has found it taken since this turn, for as long as it would wait: note that
 * its owner does not move, unless it has moved since.
 *
 * Context: ANY; takes no lock.
 */
void es_lock_note_stall(es_lock_t *lock, apr_uint32_t turn);

/**
 * The process for which a thread has waited in vain, and which still holds the
 * lock and has not moved since.
 *
 * @return its pid, as any child may have written it; 0 = there is none, or it
 *         is unknown
 *
 * Context: ANY; takes no lock.
 */
apr_uint32_t es_lock_stalled_by(const es_lock_t *lock);

#endif
