/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eventsource: one subscriber that behaves as a browser's EventSource does:
 * comes back after the last retry: time, with the last id it has seen.
 */
#ifndef EB_EVENTSOURCE_H
#define EB_EVENTSOURCE_H

#include "bench/histogram.h"
#include "bench/http.h"
#include "bench/random.h"
#include "bench/received.h"
#include "bench/sse.h"
#include "bench/verify_options.h"

typedef enum {
    EB_STEADY, /* stays and reads all */
    EB_FICKLE, /* goes after a while, cleanly or by a reset, and returns */
    EB_SLOW,   /* reads 1 KB/s */
    EB_MUTE    /* reads nothing behind stream-open */
} eb_habit_t;

typedef enum {
    EB_RESTING, /* no connection, until due_ns */
    EB_CALLING, /* until the socket is writable, or failed */
    EB_ASKED,   /* the head has not come whole */
    EB_LISTENING
} eb_follower_stage_t;

/* What all followers share. */
typedef struct {
    const eb_verify_options_t *plan;
    eb_channel_log_t *book;
    eb_random_t dice;
    eb_histogram_t latency; /* of steady ones, while connected */
    uint64_t now_ns;        /* when these bytes were read */
    uint64_t news_ns;       /* when anything came or changed last */
    int has_begun;          /* all have a stream; before, none leaves */
    int is_ending;          /* the slow ones hurry, the fickle ones stay */
} eb_followers_conf_t;

typedef struct {
    eb_followers_conf_t *company;
    eb_received_t witness;
    eb_sse_t sse; /* also holds a head that has not come whole */
    eb_body_t body;
    uint64_t due_ns;   /* resting: to connect; fickle: to leave */
    uint64_t since_ns; /* when this connection's stream-open came; 0: not */
    uint64_t retry_ms; /* the last that was told */
    char last_id[EB_ID_TEXT];
    int fd;
    eb_habit_t habit;
    eb_follower_stage_t stage;
    int is_back; /* the last connection was not ended by ourselves */
} eb_follower_t;

/** Number `index` of all; habit and channels follow from it and the plan. */
void eb_follower_init(eb_follower_t *follower, eb_followers_conf_t *company,
                      uint32_t index);

/** Does it read on its ticks only, whatever is ready? */
int eb_follower_is_slow(const eb_follower_t *follower);

/**
 * Time has passed: connect, leave, read what a slow one may read.
 *
 * @return 1: its fd is new and wants to be watched (EPOLLIN | EPOLLOUT,
 *         edge-triggered); 0
 */
int eb_follower_tick(eb_follower_t *follower);

/** Its socket is ready for something. */
void eb_follower_ready(eb_follower_t *follower);

/**
 * Take an event of its stream: what eb_sse_feed() calls.
 *
 * @param who  the follower
 */
void eb_follower_hear(void *who, const eb_event_t *event);

/** Close, and judge what it has received. */
void eb_follower_finish(eb_follower_t *follower);

#endif
