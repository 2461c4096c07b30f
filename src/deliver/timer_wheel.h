/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A timing wheel: many timers that are seldom due, each of them set and
 * removed at constant cost. It knows no clock: time is an argument.
 *
 * Entries are embedded in what they belong to; the wheel owns nothing. One
 * thread at a time.
 */
#ifndef ES_DELIVER_TIMER_WHEEL_H
#define ES_DELIVER_TIMER_WHEEL_H

#include <apr_time.h>

/** A timer is found due at most so much too late, and never early. */
#define ES_TIMER_WHEEL_TICK (APR_USEC_PER_SEC / 4)
#define ES_TIMER_WHEEL_SLOTS 256

typedef struct es_timer_t {
    struct es_timer_t *next; /* NULL = not in the wheel */
    struct es_timer_t *prev;
    apr_time_t due; /* when it was set for */
} es_timer_t;

typedef struct es_timer_wheel_t {
    es_timer_t slots[ES_TIMER_WHEEL_SLOTS]; /* heads of rings */
    es_timer_t passed; /* ring of what stood at spokes just passed */
    apr_int64_t tick;  /* next one to be looked at */
    apr_size_t count;  /* entries in it */
} es_timer_wheel_t;

/** Begin empty. */
void es_timer_wheel_init(es_timer_wheel_t *wheel, apr_time_t now);

/** An entry that is in no wheel. */
void es_timer_wheel_timer_init(es_timer_t *entry);

/** 1 when the entry is set. */
int es_timer_wheel_is_set(const es_timer_t *entry);

/** Set the entry for due; one that is set already is moved. */
void es_timer_wheel_set(es_timer_wheel_t *wheel, es_timer_t *entry,
                        apr_time_t due);

/** Take the entry out, if it is set. */
void es_timer_wheel_unset(es_timer_wheel_t *wheel, es_timer_t *entry);

/**
 * Take out an entry that is due. To be called until there is none; entries
 * may be set and unset in between, and what is set for a time that has
 * passed comes with the next tick.
 *
 * @return the entry, no longer set; NULL = no more for now
 */
es_timer_t *es_timer_wheel_pop(es_timer_wheel_t *wheel, apr_time_t now);

/** How long until the next tick; -1 when no entry is set. */
apr_interval_time_t es_timer_wheel_wait(const es_timer_wheel_t *wheel,
                                        apr_time_t now);

#endif
