/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slot t % ES_TIMER_WHEEL_SLOTS holds the timers that are due in tick t, and
 * those that are due one revolution later, two revolutions later, and so on.
 * The later ones are set again when the slot is passed. A timer's tick is its
 * time rounded up, so that none is early. A revolution takes 64 seconds: most
 * timers are set again once or not at all.
 */
#include "deliver/timer_wheel.h"

#include <stddef.h>

#define LOOKS_MAX 4096 /* at timers of later revolutions, in a call */

static void list_init(es_timer_t *list)
{
    list->next = list;
    list->prev = list;
    list->due = 0;
}

void es_timer_wheel_init(es_timer_wheel_t *wheel, apr_time_t now)
{
    int i;

    for (i = 0; i < ES_TIMER_WHEEL_SLOTS; i++) {
        list_init(&wheel->slots[i]);
    }
    list_init(&wheel->passed);
    wheel->tick = now / ES_TIMER_WHEEL_TICK;
    wheel->count = 0;
}

void es_timer_wheel_timer_init(es_timer_t *timer)
{
    timer->next = NULL;
    timer->prev = NULL;
    timer->due = 0;
}

int es_timer_wheel_is_set(const es_timer_t *timer)
{
    return timer->next != NULL;
}

static apr_int64_t tick_of(apr_time_t due)
{
    return due / ES_TIMER_WHEEL_TICK + (due % ES_TIMER_WHEEL_TICK != 0);
}

void es_timer_wheel_set(es_timer_wheel_t *wheel, es_timer_t *timer,
                        apr_time_t due)
{
    apr_int64_t tick = tick_of(due);
    es_timer_t *slot;

    es_timer_wheel_unset(wheel, timer);
    if (tick < wheel->tick) {
        tick = wheel->tick; /* its own slot was passed: use the next */
    }
    slot = &wheel->slots[tick % ES_TIMER_WHEEL_SLOTS];
    timer->due = due;
    timer->prev = slot->prev;
    timer->next = slot;
    slot->prev->next = timer;
    slot->prev = timer;
    wheel->count++;
}

void es_timer_wheel_unset(es_timer_wheel_t *wheel, es_timer_t *timer)
{
    if (timer->next != NULL) {
        timer->prev->next = timer->next;
        timer->next->prev = timer->prev;
        timer->next = NULL;
        timer->prev = NULL;
        wheel->count--;
    }
}

/*
 * The slot is emptied into passed before its timers are looked at, and the
 * tick advances. So a timer that the caller sets for a time in the past
 * meanwhile is found in the next tick, and not again and again in this one.
 */
static void take_slot(es_timer_wheel_t *wheel)
{
    es_timer_t *slot = &wheel->slots[wheel->tick % ES_TIMER_WHEEL_SLOTS];

    if (slot->next != slot) {
        slot->next->prev = wheel->passed.prev;
        wheel->passed.prev->next = slot->next;
        slot->prev->next = &wheel->passed;
        wheel->passed.prev = slot->prev;
        list_init(slot);
    }
    wheel->tick++;
}

es_timer_t *es_timer_wheel_pop(es_timer_wheel_t *wheel, apr_time_t now)
{
    apr_int64_t last = now / ES_TIMER_WHEEL_TICK;
    es_timer_t *timer;
    int looks = 0;

    if (last - wheel->tick >= ES_TIMER_WHEEL_SLOTS) {
        wheel->tick =
            last - ES_TIMER_WHEEL_SLOTS + 1; /* one revolution passes all */
    }
    for (;;) {
        timer = wheel->passed.next;
        if (timer == &wheel->passed) {
            if (wheel->tick > last) {
                return NULL;
            }
            take_slot(wheel);
        }
        else if (timer->due <= now) {
            es_timer_wheel_unset(wheel, timer);
            return timer;
        }
        else {
            /* it is due in a later revolution */
            es_timer_wheel_set(wheel, timer, timer->due);
            if (++looks == LOOKS_MAX) {
                return NULL;
            }
        }
    }
}

apr_interval_time_t es_timer_wheel_wait(const es_timer_wheel_t *wheel,
                                        apr_time_t now)
{
    apr_interval_time_t wait;

    if (wheel->count == 0) {
        return -1;
    }
    if (wheel->passed.next != &wheel->passed) {
        return 0;
    }
    wait = wheel->tick * ES_TIMER_WHEEL_TICK - now;
    return wait > 0 ? wait : 0;
}
