/* SPDX-License-Identifier: Apache-2.0 */
/**
 * publisher: a connection of verify that publishes to its channels, one event
 * at a time, and records how the server answered. With several servers it goes
 * from one to the next, after some events and when one fails.
 */
#ifndef EB_PUBLISHER_H
#define EB_PUBLISHER_H

#include "bench/buf.h"
#include "bench/conn.h"
#include "bench/h2.h"
#include "bench/published.h"
#include "bench/verify_options.h"

typedef enum {
    EB_PUBLISHER_CLOSED,     /* no connection before due_ns */
    EB_PUBLISHER_CONNECTING, /* until the connection is open */
    EB_PUBLISHER_IDLE,       /* the next event may be posted */
    EB_PUBLISHER_POSTING     /* awaits the response until due_ns */
} eb_publisher_state_t;

typedef struct {
    const eb_verify_options_t *opts;
    eb_published_t *published;
    eb_tls_t *tls; /* NULL: plain; over HTTP/2 one that has agreed on it */
    eb_buf_t out;  /* bytes that the socket did not take */
    eb_buf_t in;   /* an incomplete response */
    uint64_t due_ns;
    uint32_t channel;         /* of the last event */
    uint32_t number;          /* its number there */
    uint32_t size;            /* bytes of its data */
    uint32_t server;          /* the next one to connect to, modulo all */
    uint32_t acks;            /* of this connection */
    uint64_t until_ns;        /* how long the event is posted again */
    uint32_t first;           /* its channels: first, first + publishers, … */
    unsigned short random[3]; /* of nrand48(): repeatable by --seed */
    eb_publisher_state_t state;
    eb_conn_t conn; /* of HTTP/1.1 */
    eb_h2_t *h2;    /* of HTTP/2, ours, or NULL */
    int is_broken;  /* over HTTP/2: the connection is to be closed */
    int has_event;  /* neither acknowledged nor given up */
} eb_publisher_t;

/** Publisher `index` of all; not connected yet. */
void eb_publisher_init(eb_publisher_t *publisher,
                       const eb_verify_options_t *opts,
                       eb_published_t *published, eb_tls_t *tls,
                       uint32_t index);

/**
 * Connect when it is due, give up a connection at its timeout.
 *
 * @return 1: eb_publisher_fd() is new, the caller must watch it (EPOLLIN |
 *         EPOLLOUT, edge-triggered); 0
 */
int eb_publisher_tick(eb_publisher_t *publisher, uint64_t now_ns);

/** The socket of its connection. */
int eb_publisher_fd(const eb_publisher_t *publisher);

/** Post the next event; only in EB_PUBLISHER_IDLE. */
void eb_publisher_post(eb_publisher_t *publisher, uint64_t now_ns);

/** Handle an event of the socket. */
void eb_publisher_ready(eb_publisher_t *publisher, uint64_t now_ns);

/** Close the connection; an event without response becomes unknown. */
void eb_publisher_close(eb_publisher_t *publisher);

#endif
