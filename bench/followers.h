/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eb_flock: all followers and posters, and the one loop that serves them.
 */
#ifndef EB_FLOCK_H
#define EB_FLOCK_H

#include "bench/follower.h"
#include "bench/poster.h"

typedef struct {
    const eb_plan_t *plan;
    eb_follower_t *followers; /* ours */
    eb_poster_t *posters;     /* ours */
    eb_book_t book;
    eb_company_t company;
    uint64_t offered;   /* events handed to posters */
    uint64_t ticked_ns; /* when time was last told to the followers */
    uint32_t turn;      /* the poster that is asked next */
    int epoll_fd;
} eb_flock_t;

/** @return 0, or -1 (said on stderr) */
int eb_flock_open(eb_flock_t *flock, const eb_plan_t *plan);

/**
 * Serve all for a moment.
 *
 * @param due  events that are to have been offered by now, in all
 */
void eb_flock_step(eb_flock_t *flock, uint64_t due);

/** Clients that have a stream now. */
uint32_t eb_flock_listening(const eb_flock_t *flock);

/** Clients that had a stream-open. */
uint32_t eb_flock_opened(const eb_flock_t *flock);

/** Are there events offered whose fate is not known yet? */
int eb_flock_is_posting(const eb_flock_t *flock);

/** Has every client all that is due to it? */
int eb_flock_is_complete(const eb_flock_t *flock);

/** Is there a slow one that has not all that is due to it? */
int eb_flock_is_owed(const eb_flock_t *flock);

/** Judge all clients, and give everything back. */
void eb_flock_close(eb_flock_t *flock);

#endif
