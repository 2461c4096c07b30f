/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two flags in a futex. There is no lock: under prefork a signal handler that
 * ends the process interrupts the worker at any instruction of its wait. The
 * handler waits for the delivery, and the delivery must not wait for what the
 * worker holds.
 *
 * The delivery sets the flag by a read-modify-write at each signal, even if the
 * flag is set already: thus the worker that finds the flag sees all of the
 * journal that the delivery has seen.
 *
 * The worker reports the client's position to the delivery by relaxed atomics:
 * the delivery only estimates progress by it.
 */
#include "deliver/watch_priv.h"

#include <linux/futex.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define NEWS 1u
#define STOPPED 2u

struct es_watch_t {
    es_watch_part_t part; /* the delivery's */
    apr_uint32_t flags;   /* atomic, a futex: NEWS, STOPPED */
    es_pos_t behind;      /* atomic; see es_watch_report_pos */
    apr_time_t reported;  /* atomic; when that was reported */
    es_slot_t slots[1];   /* nslots of them */
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
    return watch;
}

void es_watch_destroy(es_watch_t *watch)
{
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

/* Set a flag, and wake the worker unless the flag was set. */
static void set_flag(es_watch_t *watch, apr_uint32_t flag)
{
    apr_uint32_t before =
        __atomic_fetch_or(&watch->flags, flag, __ATOMIC_ACQ_REL);

    if (!(before & flag)) {
        (void)syscall(SYS_futex, &watch->flags, FUTEX_WAKE_PRIVATE, 1, NULL,
                      NULL, 0);
    }
}

void es_watch_signal(es_watch_t *watch)
{
    set_flag(watch, NEWS);
}

void es_watch_stop(es_watch_t *watch)
{
    set_flag(watch, STOPPED);
}

/* Sleep while no flag is set, at most for this time; it may also return
 * without cause. */
static void sleep_for(es_watch_t *watch, apr_interval_time_t left)
{
    struct timespec time;

    time.tv_sec = (time_t)apr_time_sec(left);
    time.tv_nsec = (long)apr_time_usec(left) * 1000;
    (void)syscall(SYS_futex, &watch->flags, FUTEX_WAIT_PRIVATE, 0, &time, NULL,
                  0);
}

int es_watch_wait(es_watch_t *watch, apr_interval_time_t timeout)
{
    apr_time_t by = es_clock_now() + (timeout > 0 ? timeout : 0);
    apr_interval_time_t left = timeout;
    apr_uint32_t flags = __atomic_load_n(&watch->flags, __ATOMIC_RELAXED);

    while (flags == 0 && left > 0) {
        sleep_for(watch, left);
        left = by - es_clock_now();
        flags = __atomic_load_n(&watch->flags, __ATOMIC_RELAXED);
    }
    /* acquire: see the head of this file */
    flags = __atomic_fetch_and(&watch->flags, ~NEWS, __ATOMIC_ACQ_REL);
    if (flags & STOPPED) {
        return -1;
    }
    return (flags & NEWS) != 0;
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
