/* SPDX-License-Identifier: Apache-2.0 */
/**
 * verify_loop: all followers and posters, and the one loop that serves them.
 */
#ifndef EB_VERIFY_LOOP_H
#define EB_VERIFY_LOOP_H

#include "bench/eventsource.h"
#include "bench/publisher.h"

typedef struct {
    const eb_verify_options_t *plan;
    eb_follower_t *followers; /* ours */
    eb_poster_t *posters;     /* ours */
    eb_channel_log_t book;
    eb_followers_conf_t company;
    uint64_t offered;   /* events handed to posters */
    uint64_t ticked_ns; /* when time was last told to the followers */
    uint32_t turn;      /* the poster that is asked next */
    int epoll_fd;
} eb_followers_t;

/** @return 0, or -1 (said on stderr) */
int eb_followers_open(eb_followers_t *flock, const eb_verify_options_t *plan);

/**
 * Serve all for a moment.
 *
 * @param due  events that are to have been offered by now, in all
 */
void eb_followers_step(eb_followers_t *flock, uint64_t due);

/** Clients that have a stream now. */
uint32_t eb_followers_listening(const eb_followers_t *flock);

/** Clients that had a stream-open. */
uint32_t eb_followers_opened(const eb_followers_t *flock);

/** Are there events offered whose fate is not known yet? */
int eb_followers_is_posting(const eb_followers_t *flock);

/** Has every client all that is due to it? */
int eb_followers_is_complete(const eb_followers_t *flock);

/** Is there a slow one that has not all that is due to it? */
int eb_followers_is_owed(const eb_followers_t *flock);

/** Judge all clients, and give everything back. */
void eb_followers_close(eb_followers_t *flock);

#endif
