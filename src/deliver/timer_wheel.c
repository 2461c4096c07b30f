/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spoke t % ES_TIMER_WHEEL_SLOTS holds the entries that are due in tick t, and
 * those of one turn of the wheel later, two turns later…, which are passed
 * over. An entry's tick is its due time rounded up, so none is early. A turn
 * takes 64 seconds: most timers are passed over never or once.
 */
#include "deliver/timer_wheel.h"

#include <stddef.h>

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

void es_timer_wheel_timer_init(es_timer_t *entry)
{
    entry->next = NULL;
    entry->prev = NULL;
    entry->due = 0;
}

int es_timer_wheel_is_set(const es_timer_t *entry)
{
    return entry->next != NULL;
}

static apr_int64_t tick_of(apr_time_t due)
{
    return due / ES_TIMER_WHEEL_TICK + (due % ES_TIMER_WHEEL_TICK != 0);
}

void es_timer_wheel_set(es_timer_wheel_t *wheel, es_timer_t *entry,
                        apr_time_t due)
{
    apr_int64_t tick = tick_of(due);
    es_timer_t *slot;

    es_timer_wheel_unset(wheel, entry);
    if (tick < wheel->tick) {
        tick = wheel->tick; /* that slot has been passed: the next one */
    }
    slot = &wheel->slots[tick % ES_TIMER_WHEEL_SLOTS];
    entry->due = due;
    entry->prev = slot->prev;
    entry->next = slot;
    slot->prev->next = entry;
    slot->prev = entry;
    wheel->count++;
}

void es_timer_wheel_unset(es_timer_wheel_t *wheel, es_timer_t *entry)
{
    if (entry->next != NULL) {
        entry->prev->next = entry->next;
        entry->next->prev = entry->prev;
        entry->next = NULL;
        entry->prev = NULL;
        wheel->count--;
    }
}

/*
 * A slot is emptied into passed before its entries are looked at, and the
 * tick goes on: so what the caller sets meanwhile for a time in the past is
 * found with the next tick, and not again and again in this one.
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
    es_timer_t *entry;

    if (last - wheel->tick >= ES_TIMER_WHEEL_SLOTS) {
        wheel->tick =
            last - ES_TIMER_WHEEL_SLOTS + 1; /* one turn sees them all */
    }
    for (;;) {
        entry = wheel->passed.next;
        if (entry == &wheel->passed) {
            if (wheel->tick > last) {
                return NULL;
            }
            take_slot(wheel);
        }
        else if (entry->due <= now) {
            es_timer_wheel_unset(wheel, entry);
            return entry;
        }
        else {
            es_timer_wheel_set(wheel, entry, entry->due); /* a later turn's */
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
