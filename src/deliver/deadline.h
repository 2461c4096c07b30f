/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Until when a part of the loop's turn may work. Each part does at least one
 * piece of its work, then asks after each piece. The clock is read once in a
 * few questions, because a piece may take less than a microsecond.
 *
 * Header only; one thread at a time.
 */
#ifndef ES_DELIVER_DEADLINE_H
#define ES_DELIVER_DEADLINE_H

#include <apr_time.h>

/** As es_clock_now; tests have their own. */
typedef apr_time_t es_deadline_clock_fn_t(void);

typedef struct es_deadline_t {
    es_deadline_clock_fn_t *clock;
    apr_time_t at;
    int every; /* questions for each look at the clock, 1 or more */
    int left;  /* until the next look */
    int is_over;
} es_deadline_t;

/** The time from a moment at which the caller has just read the clock. */
static inline es_deadline_t es_deadline_from(es_deadline_clock_fn_t *clock,
                                             apr_time_t now,
                                             apr_interval_time_t time,
                                             int every)
{
    es_deadline_t deadline = {clock, now + time, every, every, 0};

    return deadline;
}

/** The time from now on, in microseconds. */
static inline es_deadline_t es_deadline_in(es_deadline_clock_fn_t *clock,
                                           apr_interval_time_t time, int every)
{
    return es_deadline_from(clock, clock(), time, every);
}

/** 1 when the part is to stop. @param deadline  NULL = never */
static inline int es_deadline_is_over(es_deadline_t *deadline)
{
    if (deadline == NULL || deadline->is_over) {
        return deadline != NULL;
    }
    if (--deadline->left <= 0) {
        deadline->left = deadline->every;
        deadline->is_over = deadline->clock() >= deadline->at;
    }
    return deadline->is_over;
}

/** The last piece took long: the next question looks at the clock. @param
 * deadline  NULL = never */
static inline void es_deadline_look_next(es_deadline_t *deadline)
{
    if (deadline != NULL) {
        deadline->left = 1;
    }
}

#endif
