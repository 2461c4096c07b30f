/* SPDX-License-Identifier: Apache-2.0 */
/**
 * publisher: one kept-alive connection that publishes to its channels, one
 * event at a time, and enters into the book what the server answered.
 */
#ifndef EB_PUBLISHER_H
#define EB_PUBLISHER_H

#include "bench/published.h"
#include "bench/buf.h"
#include "bench/random.h"
#include "bench/verify_options.h"

typedef enum {
    EB_POSTER_AWAY, /* no connection; not before due_ns */
    EB_POSTER_CONNECTING,
    EB_POSTER_FREE,   /* the next event may be posted */
    EB_POSTER_ASKING, /* request under way, answer awaited until due_ns */
} eb_poster_stage_t;

typedef struct {
    const eb_verify_options_t *plan;
    eb_channel_log_t *book;
    eb_random_t dice;
    eb_held_bytes_t out; /* what the socket has not taken yet */
    eb_held_bytes_t in;  /* an answer that has not come whole */
    uint64_t due_ns;
    uint32_t channel; /* of the last event */
    uint32_t number;  /* its number there */
    uint32_t first;   /* its channels: first, first + publishers, … */
    eb_poster_stage_t stage;
    int fd;
} eb_poster_t;

void eb_poster_init(eb_poster_t *poster, const eb_verify_options_t *plan,
                    eb_channel_log_t *book, uint32_t index);

/**
 * Make the connection, notice a timeout.
 *
 * @return 1: its fd is new and wants to be watched; 0
 */
int eb_poster_tick(eb_poster_t *poster, uint64_t now_ns);

/** Post the next event; only while EB_POSTER_FREE. */
void eb_poster_post(eb_poster_t *poster, uint64_t now_ns);

/** Its socket is ready for something. */
void eb_poster_ready(eb_poster_t *poster, uint64_t now_ns);

/** The event under way becomes unknown. */
void eb_poster_close(eb_poster_t *poster);

#endif
