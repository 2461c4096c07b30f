/* SPDX-License-Identifier: Apache-2.0 */
/**
 * eventsource: a client of verify that behaves as a browser's EventSource: it
 * reconnects after the last retry: time, with the last id that it received. If
 * there are several servers, it comes back to the next one.
 */
#ifndef EB_EVENTSOURCE_H
#define EB_EVENTSOURCE_H

#include "bench/conn.h"
#include "bench/histogram.h"
#include "bench/http.h"
#include "bench/multiplex.h"
#include "bench/received.h"
#include "bench/sse.h"
#include "bench/verify_options.h"

typedef enum {
    EB_EVENTSOURCE_STEADY,   /* stays connected and reads everything */
    EB_EVENTSOURCE_CHURNING, /* closes after a while, half of the times by a
                                reset, and reconnects */
    EB_EVENTSOURCE_SLOW,     /* reads 1 KB/s */
    EB_EVENTSOURCE_STALLED   /* reads nothing after stream-open */
} eb_eventsource_kind_t;

typedef enum {
    EB_EVENTSOURCE_CLOSED,     /* until due_ns */
    EB_EVENTSOURCE_CONNECTING, /* until the connection is open, or failed */
    EB_EVENTSOURCE_REQUESTED,  /* the response's head is incomplete */
    EB_EVENTSOURCE_STREAMING,
    EB_EVENTSOURCE_ENDING /* over TLS: between last chunk and close_notify */
} eb_eventsource_state_t;

/* What all clients share. */
typedef struct {
    const eb_verify_options_t *opts;
    eb_published_t *published;
    eb_tls_t *tls;             /* of HTTP/1.1; NULL: plain */
    eb_multiplex_t *multiplex; /* NULL: HTTP/1.1 */
    eb_histogram_t latency;    /* of steady and churning ones, connected */
    uint64_t now_ns;           /* when the bytes at hand were read */
    uint64_t news_ns;         /* of the last event, or change of a connection */
    unsigned short random[3]; /* of nrand48(): repeatable by --seed */
    int has_begun;            /* all have a stream; none closes before */
    int is_ending;            /* slow ones read at full speed, none closes */
} eb_eventsource_shared_t;

typedef struct {
    eb_eventsource_shared_t *shared;
    eb_received_t received;
    eb_sse_t sse; /* while EB_EVENTSOURCE_REQUESTED: the incomplete head */
    eb_http_body_t body;
    uint64_t due_ns;    /* closed: to connect; churning: to close; slow: to
                          read */
    uint64_t update_ns; /* of the next request for new keys */
    uint64_t end_ns;    /* ending: then it is cut */
    uint64_t since_ns;  /* this connection's stream-open; 0: none yet */
    uint32_t server;    /* the next one to connect to, modulo all */
    uint64_t retry_ms;  /* the last that the server sent */
    char last_id[EB_SSE_ID_SIZE];
    eb_conn_t conn;         /* of HTTP/1.1 */
    eb_h2_stream_t *stream; /* of HTTP/2, or NULL */
    eb_eventsource_kind_t kind;
    eb_eventsource_state_t state;
    int closes;   /* the server closes after this response */
    int is_asked; /* by the server, to use HTTP/1.1 */
    int is_back;  /* the last connection was not closed by the client */
} eb_eventsource_t;

/** Client `index` of all; its kind and its channels follow from the number. */
void eb_eventsource_init(eb_eventsource_t *client,
                         eb_eventsource_shared_t *shared, uint32_t index);

/** Slow or stalled: it reads in eb_eventsource_tick() only. */
int eb_eventsource_is_slow(const eb_eventsource_t *client);

/**
 * Do what is due by now: connect, close, read what a slow one may read.
 *
 * @return 1: fd is new, the caller must watch it (EPOLLIN | EPOLLOUT,
 *         edge-triggered); 0
 */
int eb_eventsource_tick(eb_eventsource_t *client);

/** Handle an event of the socket. */
void eb_eventsource_ready(eb_eventsource_t *client);

/** Close, and count what is missing. */
void eb_eventsource_close(eb_eventsource_t *client);

/** Callbacks of the streams of HTTP/2. */
extern const eb_h2_ops_t eb_eventsource_h2_ops;

/**
 * Check an event of the stream; the callback of eb_sse_parse().
 *
 * @param arg  the eb_eventsource_t
 */
void eb_check_event(void *arg, const eb_sse_event_t *event);

#endif
