/* SPDX-License-Identifier: Apache-2.0 */
/**
 * client: a subscriber of load. It connects, requests its channel, reads the
 * stream, checks each event and counts what it finds.
 */
#ifndef EB_CLIENT_H
#define EB_CLIENT_H

#include "bench/conn.h"
#include "bench/counts.h"
#include "bench/http.h"
#include "bench/load_options.h"
#include "bench/sse.h"

typedef enum {
    EB_CLIENT_NEW,
    EB_CLIENT_CONNECTING, /* until the connection is open */
    EB_CLIENT_REQUESTED,  /* the response's head is not complete */
    EB_CLIENT_OPENING,    /* before the stream-open event */
    EB_CLIENT_LIVE,
    EB_CLIENT_CLOSED
} eb_client_state_t;

/* A range of event numbers that have not been received. */
typedef struct {
    uint32_t from;
    uint32_t to; /* not included */
} eb_client_gap_t;

/*
 * The numbers of the events that a client has received. Gaps are kept as
 * ranges, so that an event out of order is distinguished from a duplicate; the
 * usual case, the next number, costs one comparison. {0} is an empty one.
 */
typedef struct {
    eb_client_gap_t *gaps; /* ours; ascending */
    uint32_t next;         /* the highest number received, plus one */
    uint32_t ngaps;
} eb_client_received_t;

typedef struct {
    eb_sse_t sse; /* while EB_CLIENT_REQUESTED: the incomplete head */
    eb_client_received_t received;
    eb_http_body_t body;
    uint32_t channel;
    eb_client_state_t state;
    eb_conn_t conn;
} eb_client_t;

/* What the clients of one process share. */
typedef struct {
    const eb_load_options_t *opts;
    eb_counts_t *counts;
    eb_tls_t *tls; /* NULL: plain */
    char *buffer;  /* all reads go here */
    size_t size;   /* of buffer, in bytes */
} eb_client_shared_t;

/**
 * Start to connect.
 *
 * The first failure in this process is explained on stderr, all are counted.
 *
 * @param index  number of the client among all; its channel, its server and
 *               its own address follow from it
 * @return 0, or -1: the client is closed and counted as refused
 */
int eb_client_connect(eb_client_t *client, eb_client_shared_t *shared,
                      uint32_t index);

/**
 * Send the request, once the connection is open.
 *
 * @return 1: sent; 0: the handshake goes on; -1: the client is closed and
 *         counted as refused
 */
int eb_client_request(eb_client_t *client, eb_client_shared_t *shared);

/** Read until the socket is empty; client->state is the result. */
void eb_client_read(eb_client_t *client, eb_client_shared_t *shared);

/** Close the socket and free what the client holds; in any state. */
void eb_client_close(eb_client_t *client);

#endif
