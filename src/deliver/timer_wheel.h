/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A timer wheel: many timers of which few are ever due, each set and unset at
 * constant cost. It knows no clock: time is an argument.
 *
 * Timers are embedded in what they belong to; the wheel owns nothing. One
 * thread at a time.
 */
#ifndef ES_DELIVER_TIMER_WHEEL_H
#define ES_DELIVER_TIMER_WHEEL_H

#include <apr_time.h>

/** A timer is popped at most this late, in microseconds, and never early. */
#define ES_TIMER_WHEEL_TICK (APR_USEC_PER_SEC / 4)
#define ES_TIMER_WHEEL_SLOTS 256

typedef struct es_timer_t {
    struct es_timer_t *next; /* NULL = not in the wheel */
    struct es_timer_t *prev;
    apr_time_t due; /* the time for which it is set */
} es_timer_t;

typedef struct es_timer_wheel_t {
    es_timer_t slots[ES_TIMER_WHEEL_SLOTS]; /* heads of lists */
    es_timer_t passed; /* head: timers of slots just passed */
    apr_int64_t tick;  /* the next to be processed */
    apr_size_t count;  /* timers that are set */
} es_timer_wheel_t;

/** Begin without timers. */
void es_timer_wheel_init(es_timer_wheel_t *wheel, apr_time_t now);

/** Make a timer that is not set. */
void es_timer_wheel_timer_init(es_timer_t *timer);

/** 1 when the timer is set. */
int es_timer_wheel_is_set(const es_timer_t *timer);

/** Set a timer for the time due. A timer that is already set is moved. */
void es_timer_wheel_set(es_timer_wheel_t *wheel, es_timer_t *timer,
                        apr_time_t due);

/** Unset a timer. Nothing is done if it is not set. */
void es_timer_wheel_unset(es_timer_wheel_t *wheel, es_timer_t *timer);

/**
 * Unset a timer that is due and return it. The caller calls this until it
 * returns NULL; it may set and unset timers in between. A timer that is set
 * for a time in the past is returned after the next tick.
 *
 * @return the timer, no longer set; NULL = no other is due, or there was much
 *         to look at: then es_timer_wheel_wait returns 0
 */
es_timer_t *es_timer_wheel_pop(es_timer_wheel_t *wheel, apr_time_t now);

/** Microseconds until the next tick; -1 = no timer is set. */
apr_interval_time_t es_timer_wheel_wait(const es_timer_wheel_t *wheel,
                                        apr_time_t now);

#endif
