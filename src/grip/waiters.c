/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A waiter is in the list from es_waiters_wait's beginning to its end. Workers
 * block signals while they hold the lock: with prefork a handler ends the child
 * and would leave the lock taken, for which the sender's thread then waits.
 */
#include "grip/waiters.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/sigblock.h"
#include "shm/descriptor.h"
#include "shm/wakeup.h"
#include "grip/outcome.h"

void es_waiters_init(es_waiters_t *waiters)
{
    es_list_init(&waiters->waiting);
    pthread_mutex_init(&waiters->lock, NULL);
    waiters->is_closed = 0;
}

void es_waiters_destroy(es_waiters_t *waiters)
{
    pthread_mutex_destroy(&waiters->lock);
}

/* ---- The sender -------------------------------------------------------- */

static void answer(es_waiter_t *waiter)
{
    waiter->is_answered = 1;
    es_wakeup_signal(waiter->wake_fd);
}

static void refuse(es_waiter_t *waiter)
{
    int i;

    for (i = 0; i < waiter->count; i++) {
        if (waiter->outcomes[i] == ES_OUTCOME_OPEN) {
            waiter->outcomes[i] = ES_OUTCOME_STOPPING;
        }
    }
    answer(waiter);
}

static void find_outcomes(es_waiter_t *waiter, es_waiters_find_fn_t *find,
                          void *arg)
{
    int open = 0;
    int i;

    for (i = 0; i < waiter->count; i++) {
        if (waiter->outcomes[i] == ES_OUTCOME_OPEN) {
            waiter->outcomes[i] = find(arg, waiter, i);
            open += waiter->outcomes[i] == ES_OUTCOME_OPEN;
        }
    }
    if (open == 0) {
        answer(waiter);
    }
}

int es_waiters_answer(es_waiters_t *waiters, es_waiters_find_fn_t *find,
                      void *arg)
{
    es_list_t *link;
    int waiting = 0;

    ES_CONTEXT(ES_SENDER);
    pthread_mutex_lock(&waiters->lock);
    for (link = waiters->waiting.next; link != &waiters->waiting;
         link = link->next) {
        es_waiter_t *waiter = ES_LIST_OWNER(link, es_waiter_t, link);

        if (!waiter->is_answered) {
            find_outcomes(waiter, find, arg);
        }
        waiting += !waiter->is_answered;
    }
    pthread_mutex_unlock(&waiters->lock);
    return waiting;
}

void es_waiters_close(es_waiters_t *waiters)
{
    es_list_t *link;

    pthread_mutex_lock(&waiters->lock);
    waiters->is_closed = 1;
    for (link = waiters->waiting.next; link != &waiters->waiting;
         link = link->next) {
        es_waiter_t *waiter = ES_LIST_OWNER(link, es_waiter_t, link);

        if (!waiter->is_answered) {
            refuse(waiter);
        }
    }
    pthread_mutex_unlock(&waiters->lock);
}

/* ---- Workers ----------------------------------------------------------- */

static void add_waiter(es_waiters_t *waiters, es_waiter_t *waiter)
{
    es_sigblock_t sigblock;

    es_sigblock_begin(&sigblock);
    pthread_mutex_lock(&waiters->lock);
    es_list_append(&waiters->waiting, &waiter->link);
    if (waiters->is_closed) {
        refuse(waiter);
    }
    pthread_mutex_unlock(&waiters->lock);
    es_sigblock_end(&sigblock);
}

static void remove_waiter(es_waiters_t *waiters, es_waiter_t *waiter)
{
    es_sigblock_t sigblock;

    es_sigblock_begin(&sigblock);
    pthread_mutex_lock(&waiters->lock);
    es_list_remove(&waiter->link);
    pthread_mutex_unlock(&waiters->lock);
    es_sigblock_end(&sigblock);
}

static void wait_for_answer(int wake_fd, apr_time_t by)
{
    struct pollfd fd = {wake_fd, POLLIN, 0};
    apr_interval_time_t left = by - es_clock_now();

    while (left > 0 && poll(&fd, 1, (int)(left / 1000) + 1) < 0 &&
           errno == EINTR) {
        left = by - es_clock_now();
    }
}

int es_waiters_wait(es_waiters_t *waiters, es_waiter_t *waiter, apr_time_t by,
                    void (*wake)(void *arg), void *arg)
{
    waiter->is_answered = 0;
    waiter->wake_fd = es_descriptor_raise(eventfd(0, EFD_CLOEXEC));
    if (waiter->wake_fd < 0) {
        return 0;
    }
    add_waiter(waiters, waiter);
    wake(arg);
    wait_for_answer(waiter->wake_fd, by);
    remove_waiter(waiters, waiter);
    close(waiter->wake_fd);
    return waiter->is_answered;
}
