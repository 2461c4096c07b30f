/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flag under a lock, and a condition to wait for it. The delivery takes the
 * lock at each signal, even if the flag is set already: thus the worker that
 * finds the flag sees all of the journal that the delivery has seen.
 *
 * The worker reports the client's position to the delivery without a lock, by
 * relaxed atomics: the delivery only estimates progress by it.
 */
#include "deliver/watch_priv.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/thread.h"

struct es_watch_t {
    es_watch_part_t part; /* the delivery's */
    pthread_mutex_t lock;
    pthread_cond_t cond; /* news or stopped has been set */
    int news;            /* guarded by lock */
    int stopped;         /* guarded by lock */
    es_pos_t behind;     /* atomic; see es_watch_report_pos */
    apr_time_t reported; /* atomic; when that was reported */
    es_slot_t slots[1];  /* nslots of them */
};

es_watch_t *es_watch_create(apr_uint32_t hub, const es_slot_t *slots,
                            int nslots)
{
    es_watch_t *watch;
    int i;

    watch = calloc(1, sizeof(*watch) + (size_t)nslots * sizeof(es_slot_t));
    if (watch == NULL) {
        return NULL;
    }
    watch->part.links = calloc((size_t)nslots + 1, sizeof(es_channel_link_t));
    if (watch->part.links == NULL) {
        free(watch);
        return NULL;
    }
    for (i = 0; i < nslots; i++) {
        watch->slots[i] = slots[i];
        watch->part.links[i].owner = watch;
    }
    watch->part.hub = hub;
    watch->part.nslots = nslots;
    pthread_mutex_init(&watch->lock, NULL);
    es_thread_cond_init(&watch->cond);
    return watch;
}

void es_watch_destroy(es_watch_t *watch)
{
    pthread_cond_destroy(&watch->cond);
    pthread_mutex_destroy(&watch->lock);
    free(watch->part.links);
    free(watch);
}

es_watch_part_t *es_watch_part(es_watch_t *watch)
{
    return &watch->part;
}

es_watch_t *es_watch_of_add_note(es_note_t *note)
{
    return (es_watch_t *)((char *)note - offsetof(es_watch_t, part.add_note));
}

es_watch_t *es_watch_of_remove_note(es_note_t *note)
{
    return (es_watch_t *)((char *)note -
                          offsetof(es_watch_t, part.remove_note));
}

es_slot_t es_watch_slot(const es_watch_t *watch, int i)
{
    return watch->slots[i];
}

void es_watch_signal(es_watch_t *watch)
{
    pthread_mutex_lock(&watch->lock);
    if (!watch->news) {
        watch->news = 1;
        pthread_cond_signal(&watch->cond);
    }
    pthread_mutex_unlock(&watch->lock);
}

void es_watch_stop(es_watch_t *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->stopped = 1;
    pthread_cond_broadcast(&watch->cond);
    pthread_mutex_unlock(&watch->lock);
}

int es_watch_wait(es_watch_t *watch, apr_interval_time_t timeout)
{
    apr_time_t by = es_clock_now() + (timeout > 0 ? timeout : 0);
    int error = 0;
    int news;

    pthread_mutex_lock(&watch->lock);
    while (!watch->news && !watch->stopped && error == 0) {
        error = es_thread_cond_wait(&watch->cond, &watch->lock, by);
    }
    news = watch->stopped ? -1 : watch->news;
    watch->news = 0;
    pthread_mutex_unlock(&watch->lock);
    return news;
}

void es_watch_report_pos(es_watch_t *watch, es_pos_t pos, apr_time_t now)
{
    __atomic_store_n(&watch->reported, now, __ATOMIC_RELAXED);
    __atomic_store_n(&watch->behind, pos, __ATOMIC_RELAXED);
}

es_pos_t es_watch_reported_pos(const es_watch_t *watch, apr_time_t since)
{
    return __atomic_load_n(&watch->reported, __ATOMIC_RELAXED) > since
               ? __atomic_load_n(&watch->behind, __ATOMIC_RELAXED)
               : 0;
}
