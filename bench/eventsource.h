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
    EB_EVENTSOURCE_STEADY,   /* stays and reads all */
    EB_EVENTSOURCE_CHURNING, /* closes after a while and returns */
    EB_EVENTSOURCE_SLOW,     /* reads 1 KB/s */
    EB_EVENTSOURCE_STALLED   /* reads nothing behind stream-open */
} eb_eventsource_kind_t;

typedef enum {
    EB_EVENTSOURCE_CLOSED,     /* no connection, until due_ns */
    EB_EVENTSOURCE_CONNECTING, /* until the socket is writable, or failed */
    EB_EVENTSOURCE_REQUESTED,  /* the head has not come whole */
    EB_EVENTSOURCE_STREAMING
} eb_eventsource_state_t;

/* What all clients share. */
typedef struct {
    const eb_verify_options_t *opts;
    eb_published_t *published;
    eb_random_t random;
    eb_histogram_t latency; /* of steady ones, while connected */
    uint64_t now_ns;        /* when these bytes were read */
    uint64_t news_ns;       /* when anything came or changed last */
    int has_begun;          /* all have a stream; before, none leaves */
    int is_ending;          /* the slow ones hurry, the fickle ones stay */
} eb_eventsource_shared_t;

typedef struct {
    eb_eventsource_shared_t *shared;
    eb_received_t received;
    eb_sse_t sse; /* also holds a head that has not come whole */
    eb_http_body_t body;
    uint64_t due_ns;   /* resting: to connect; fickle: to leave */
    uint64_t since_ns; /* when this connection's stream-open came; 0: not */
    uint64_t retry_ms; /* the last that was told */
    char last_id[EB_SSE_ID_SIZE];
    int fd;
    eb_eventsource_kind_t kind;
    eb_eventsource_state_t state;
    int is_back; /* the last connection was not ended by ourselves */
} eb_eventsource_t;

/** Number `index` of all; kind and channels follow from it and the opts. */
void eb_eventsource_init(eb_eventsource_t *client,
                         eb_eventsource_shared_t *shared, uint32_t index);

/** Does it read on its ticks only, whatever is ready? */
int eb_eventsource_is_slow(const eb_eventsource_t *client);

/**
 * Time has passed: connect, leave, read what a slow one may read.
 *
 * @return 1: its fd is new and wants to be watched (EPOLLIN | EPOLLOUT,
 *         edge-triggered); 0
 */
int eb_eventsource_tick(eb_eventsource_t *client);

/** Its socket is ready for something. */
void eb_eventsource_ready(eb_eventsource_t *client);

/**
 * Take an event of its stream: what eb_sse_feed() calls.
 *
 * @param arg  the client
 */
void eb_check_event(void *arg, const eb_sse_event_t *event);

/** Close, and judge what it has received. */
void eb_eventsource_close(eb_eventsource_t *client);

#endif
