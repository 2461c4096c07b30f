/* SPDX-License-Identifier: Apache-2.0 */
/**
 * verify_loop: all clients and publishers of verify, and the loop that serves
 * them.
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
    eb_multiplex_t multiplex; /* if the clients use HTTP/2 */
    uint64_t posted;          /* events */
    uint64_t ticked_ns;       /* time of the last ticks */
    uint32_t turn;            /* the publisher that posts next */
    int epoll_fd;
} eb_verify_loop_t;

/** @return 0, or -1 (logged to stderr) */
int eb_verify_loop_open(eb_verify_loop_t *loop,
                        const eb_verify_options_t *opts);

/**
 * Do what is due, then wait for events for a few milliseconds.
 *
 * @param due  number of events that should have been posted by now
 */
void eb_verify_loop_step(eb_verify_loop_t *loop, uint64_t due);

/** Number of clients that have a stream now. */
uint32_t eb_verify_loop_streaming(const eb_verify_loop_t *loop);

/** Number of clients that have ever received stream-open. */
uint32_t eb_verify_loop_opened(const eb_verify_loop_t *loop);

/** Has any publisher an event that is not answered yet? */
int eb_verify_loop_is_posting(const eb_verify_loop_t *loop);

/** Has every client all events that are due? */
int eb_verify_loop_is_complete(const eb_verify_loop_t *loop);

/** Does a slow client miss events that are due? */
int eb_verify_loop_awaits_slow(const eb_verify_loop_t *loop);

/** Close all connections, count what each client misses, free all memory. */
void eb_verify_loop_close(eb_verify_loop_t *loop);

#endif
