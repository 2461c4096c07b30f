/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list under a lock, taken as a whole. Only a post that finds the list empty
 * writes to the descriptor: as long as there are notes, an earlier post has
 * written, or the taking thread is about to take them.
 */
#include "deliver/inbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shm/wakeup.h"

struct es_inbox_t {
    pthread_mutex_t lock;
    es_note_t *first; /* guarded by lock; also read as a hint */
    es_note_t *last;  /* guarded by lock; not valid without first */
    int is_shut;      /* guarded by lock */
    int fd;           /* eventfd, non-blocking */
};

apr_status_t es_inbox_open(es_inbox_t **out)
{
    es_inbox_t *inbox = calloc(1, sizeof(*inbox));
    apr_status_t rv;

    if (inbox == NULL) {
        return APR_ENOMEM;
    }
    inbox->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (inbox->fd < 0) {
        rv = APR_FROM_OS_ERROR(errno);
        free(inbox);
        return rv;
    }
    pthread_mutex_init(&inbox->lock, NULL);
    *out = inbox;
    return APR_SUCCESS;
}

int es_inbox_fd(const es_inbox_t *inbox)
{
    return inbox->fd;
}

apr_status_t es_inbox_post(es_inbox_t *inbox, es_note_t *note)
{
    int was_empty = 0;
    int is_shut;

    note->next = NULL;
    pthread_mutex_lock(&inbox->lock);
    is_shut = inbox->is_shut;
    if (!is_shut) {
        was_empty = inbox->first == NULL;
        if (was_empty) {
            /* atomic for the hint alone; the lock orders all else */
            __atomic_store_n(&inbox->first, note, __ATOMIC_RELAXED);
        }
        else {
            inbox->last->next = note;
        }
        inbox->last = note;
    }
    pthread_mutex_unlock(&inbox->lock);
    if (was_empty) {
        es_inbox_wake(inbox);
    }
    return is_shut ? APR_EOF : APR_SUCCESS;
}

void es_inbox_wake(es_inbox_t *inbox)
{
    es_wakeup_signal(inbox->fd);
}

void es_inbox_drain(es_inbox_t *inbox)
{
    es_wakeup_drain(inbox->fd);
}

int es_inbox_is_empty(const es_inbox_t *inbox)
{
    return __atomic_load_n(&inbox->first, __ATOMIC_RELAXED) == NULL;
}

es_note_t *es_inbox_take(es_inbox_t *inbox)
{
    es_note_t *first;

    pthread_mutex_lock(&inbox->lock);
    first = inbox->first;
    __atomic_store_n(&inbox->first, NULL, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&inbox->lock);
    return first; /* run by the caller: it may post to this inbox again */
}

void es_inbox_shut(es_inbox_t *inbox)
{
    pthread_mutex_lock(&inbox->lock);
    inbox->is_shut = 1;
    pthread_mutex_unlock(&inbox->lock);
}

void es_inbox_close(es_inbox_t *inbox)
{
    close(inbox->fd);
    pthread_mutex_destroy(&inbox->lock);
    free(inbox);
}
