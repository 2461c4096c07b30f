/* SPDX-License-Identifier: Apache-2.0 */
/**
 * verify_loop: all clients and publishers, and the one loop that serves them.
 */
#ifndef EB_VERIFY_LOOP_H
#define EB_VERIFY_LOOP_H

#include "bench/eventsource.h"
#include "bench/publisher.h"

typedef struct {
    const eb_verify_options_t *opts;
    eb_eventsource_t *clients;  /* ours */
    eb_publisher_t *publishers; /* ours */
    eb_published_t published;
    eb_eventsource_shared_t shared;
    uint64_t offered;   /* events handed to publishers */
    uint64_t ticked_ns; /* when time was last told to the clients */
    uint32_t turn;      /* the publisher that is asked next */
    int epoll_fd;
} eb_verify_loop_t;

/** @return 0, or -1 (said on stderr) */
int eb_verify_loop_open(eb_verify_loop_t *loop,
                        const eb_verify_options_t *opts);

/**
 * Serve all for a moment.
 *
 * @param due  events that are to have been offered by now, in all
 */
void eb_verify_loop_step(eb_verify_loop_t *loop, uint64_t due);

/** Clients that have a stream now. */
uint32_t eb_verify_loop_streaming(const eb_verify_loop_t *loop);

/** Clients that had a stream-open. */
uint32_t eb_verify_loop_opened(const eb_verify_loop_t *loop);

/** Are there events offered whose fate is not known yet? */
int eb_verify_loop_is_posting(const eb_verify_loop_t *loop);

/** Has every client all that is due to it? */
int eb_verify_loop_is_complete(const eb_verify_loop_t *loop);

/** Is there a slow one that has not all that is due to it? */
int eb_verify_loop_awaits_slow(const eb_verify_loop_t *loop);

/** Judge all clients, and give everything back. */
void eb_verify_loop_close(eb_verify_loop_t *loop);

#endif
