/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tickets: workers that wait for what becomes of records at the GRIP proxies
 * of a hub, and the courier that tells them.
 *
 * A ticket stands in its worker's memory. It is told under the lock, and its
 * worker takes it out of the list under the lock, so that neither touches it
 * afterwards. The waiting itself is a poll, without lock: under prefork a
 * child ends in a signal handler, in the midst of it.
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
    es_pos_t to;      /* behind the last */
    int *outcomes;    /* one for each proxy; guarded by lock, as the next */
    int count;        /* of proxies */
    int is_again;     /* what a proxy has not taken is sent to it again */
    int is_answered;  /* no outcome is open any more */
    int wake_fd;      /* eventfd; readable = told */
} es_waiter_t;

typedef struct es_waiters_t {
    pthread_mutex_t lock;
    es_list_t waiting; /* guarded by lock, as the next */
    int is_closed;     /* who comes is told at once */
} es_waiters_t;

void es_waiters_init(es_waiters_t *waiters);

/** Nobody waits any more. */
void es_waiters_destroy(es_waiters_t *waiters);

/**
 * Wait until the ticket is told.
 *
 * @param ticket  hub, from, to, outcomes and count are set, all outcomes open
 * @param by      deadline on es_clock_now; may have passed
 * @param ring    called when the ticket stands in the list
 * @return 1 when it was told; 0 when the time was over, or there was no
 *         descriptor to wait with, some outcomes still being open
 *
 * Context: WORKER.
 */
int es_waiters_wait(es_waiters_t *waiters, es_waiter_t *waiter, apr_time_t by,
                    void (*wake)(void *arg), void *arg);

/** What is known of records at one proxy: ES_OUTCOME_OPEN, or its outcome. */
typedef int es_waiters_look_fn_t(void *arg, const es_waiter_t *waiter,
                                 int proxy);

/**
 * Look at all tickets, and tell those of which no outcome is open any more.
 *
 * @return how many are left
 *
 * Context: the courier's thread.
 */
int es_waiters_answer(es_waiters_t *waiters, es_waiters_look_fn_t *look,
                      void *arg);

/** Tell all who wait, and who comes, that the child stops. Context: the
 * courier's thread. */
void es_waiters_close(es_waiters_t *waiters);

#endif
