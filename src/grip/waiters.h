/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Waiters: workers that wait for the outcome of records at the GRIP proxies of
 * a hub. The sender's thread answers them.
 *
 * A waiter lives in its worker's memory. The sender answers it under the lock,
 * and its worker removes it from the list under the lock, so neither touches it
 * afterwards. The wait itself is a poll without the lock: with prefork a child
 * can end in a signal handler in the middle of it.
 */
#ifndef ES_GRIP_WAITERS_H
#define ES_GRIP_WAITERS_H

#include "base/list.h"
#include "grip/outbox.h"

#include <pthread.h>

#include <apr_time.h>

typedef struct es_waiter_t {
    es_list_t link;
    apr_uint32_t hub; /* its number */
    es_pos_t from;    /* where the first record starts */
    es_pos_t to;      /* where the last record ends */
    int *outcomes;    /* one for each proxy; guarded by lock, as is_answered */
    int count;        /* of proxies */
    int is_again;     /* records that a proxy has not taken are sent again */
    int is_answered;  /* no outcome is open any more */
    int wake_fd;      /* eventfd; readable = answered */
} es_waiter_t;

typedef struct es_waiters_t {
    pthread_mutex_t lock;
    es_list_t waiting; /* guarded by lock, as is_closed */
    int is_closed;     /* a new waiter is answered at once */
} es_waiters_t;

void es_waiters_init(es_waiters_t *waiters);

/** The list must be empty. */
void es_waiters_destroy(es_waiters_t *waiters);

/**
 * Wait until the waiter is answered.
 *
 * @param waiter  hub, from, to, outcomes, count and is_again are set
 * @param by      deadline on es_clock_now; may have passed
 * @param wake    called once, with arg, when the waiter is in the list
 * @return 1 if it was answered; 0 if the time was over before, or if there was
 *         no descriptor to wait with: then some outcomes are open
 *
 * Context: WORKER.
 */
int es_waiters_wait(es_waiters_t *waiters, es_waiter_t *waiter, apr_time_t by,
                    void (*wake)(void *arg), void *arg);

/** @return the outcome of a waiter's records at one proxy, or ES_OUTCOME_OPEN;
 * called with the lock held */
typedef int es_waiters_find_fn_t(void *arg, const es_waiter_t *waiter,
                                 int proxy);

/**
 * Find the open outcomes of all waiters, and answer those that have none left.
 *
 * @return how many are not answered yet
 *
 * Context: the sender's thread.
 */
int es_waiters_answer(es_waiters_t *waiters, es_waiters_find_fn_t *find,
                      void *arg);

/**
 * Answer all waiters, also those that come later: their open outcomes become
 * ES_OUTCOME_STOPPING.
 *
 * Context: the sender's thread.
 */
void es_waiters_close(es_waiters_t *waiters);

#endif
