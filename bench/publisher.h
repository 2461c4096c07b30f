/* SPDX-License-Identifier: Apache-2.0 */
/**
 * publisher: one kept-alive connection that publishes to its channels, one
 * event at a time, and enters into the published what the server answered.
 */
#ifndef EB_PUBLISHER_H
#define EB_PUBLISHER_H

#include "bench/buf.h"
#include "bench/published.h"
#include "bench/random.h"
#include "bench/verify_options.h"

typedef enum {
    EB_PUBLISHER_CLOSED, /* no connection; not before due_ns */
    EB_PUBLISHER_CONNECTING,
    EB_PUBLISHER_IDLE,    /* the next event may be posted */
    EB_PUBLISHER_POSTING, /* request under way, answer awaited until due_ns */
} eb_publisher_state_t;

typedef struct {
    const eb_verify_options_t *opts;
    eb_published_t *published;
    eb_random_t random;
    eb_buf_t out; /* what the socket has not taken yet */
    eb_buf_t in;  /* an answer that has not come whole */
    uint64_t due_ns;
    uint32_t channel; /* of the last event */
    uint32_t number;  /* its number there */
    uint32_t first;   /* its channels: first, first + publishers, … */
    eb_publisher_state_t state;
    int fd;
} eb_publisher_t;

void eb_publisher_init(eb_publisher_t *publisher,
                       const eb_verify_options_t *opts,
                       eb_published_t *published, uint32_t index);

/**
 * Make the connection, notice a timeout.
 *
 * @return 1: its fd is new and wants to be watched; 0
 */
int eb_publisher_tick(eb_publisher_t *publisher, uint64_t now_ns);

/** Post the next event; only while EB_PUBLISHER_IDLE. */
void eb_publisher_post(eb_publisher_t *publisher, uint64_t now_ns);

/** Its socket is ready for something. */
void eb_publisher_ready(eb_publisher_t *publisher, uint64_t now_ns);

/** The event under way becomes unknown. */
void eb_publisher_close(eb_publisher_t *publisher);

#endif
