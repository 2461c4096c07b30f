/* SPDX-License-Identifier: Apache-2.0 */
/**
 * multiplex: the connections of HTTP/2 of verify's clients, which share them in
 * groups. A group has one for new streams; others that the server has announced
 * to close stay until their streams have ended.
 */
#ifndef EB_MULTIPLEX_H
#define EB_MULTIPLEX_H

#include "bench/h2.h"
#include "bench/verify_options.h"

typedef struct {
    eb_h2_t *h2;    /* ours; NULL: free */
    int is_watched; /* eb_multiplex_next() has returned it */
    int is_narrow;  /* read by eb_multiplex_read() only */
} eb_multiplex_conn_t;

typedef struct {
    const eb_verify_options_t *opts;
    const eb_h2_ops_t *ops;
    eb_multiplex_conn_t *conns; /* ours */
    uint32_t *current;  /* ours; of each group its index in conns plus one */
    uint32_t *connects; /* ours; how often each group has connected */
    uint32_t nconns;
    eb_tls_t *tls; /* ours; NULL: prior knowledge, without TLS */
} eb_multiplex_t;

/**
 * @param ops  of the streams, whose arg is that of eb_h2_request()
 * @return 0, or -1 (logged): close it all the same
 */
int eb_multiplex_open(eb_multiplex_t *multiplex,
                      const eb_verify_options_t *opts, const eb_h2_ops_t *ops);

/** Close all connections, without callbacks. {0} is allowed. */
void eb_multiplex_close(eb_multiplex_t *multiplex);

/**
 * Begin to connect, unless the client's group has a connection.
 *
 * @param buffer_bytes  not 0: a slow reader, with this receive buffer; the
 *                      connection is its own
 * @return 0, or -1 with errno set
 */
int eb_multiplex_connect(eb_multiplex_t *multiplex, uint32_t client,
                         int buffer_bytes);

/** The connection for new streams of the client's group, or NULL: failed. */
eb_h2_t *eb_multiplex_conn(eb_multiplex_t *multiplex, uint32_t client);

/** A connection that is not watched yet: its number and socket; or -1. */
int eb_multiplex_next(eb_multiplex_t *multiplex, int *fd);

/** Handle an event of the socket of the connection with this number. */
void eb_multiplex_ready(eb_multiplex_t *multiplex, uint32_t number);

/** Send what is to be sent; close connections that are of no more use. */
void eb_multiplex_flush(eb_multiplex_t *multiplex);

/** Read once, up to size bytes. @return 1: there may be more; 0 */
int eb_multiplex_read(eb_multiplex_t *multiplex, eb_h2_t *h2, size_t size);

/** The client closes this connection, which has its streams only. */
void eb_multiplex_hang_up(eb_multiplex_t *multiplex, eb_h2_t *h2, int by_reset);

#endif
