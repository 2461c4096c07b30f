/* SPDX-License-Identifier: Apache-2.0 */
/**
 * faulty_h2: the connections of HTTP/2 of faulty_server. Each stream is an
 * eb_faulty_stream_t, which knows its eb_h2_stream_t.
 */
#ifndef EB_FAULTY_H2_H
#define EB_FAULTY_H2_H

#include "bench/h2.h"

typedef struct eb_faulty_h2 eb_faulty_h2_t;

/* How a connection ends. */
typedef enum {
    EB_FAULTY_H2_OPEN, /* not yet */
    EB_FAULTY_H2_CLOSE,
    EB_FAULTY_H2_RESET, /* by a TCP reset */
    EB_FAULTY_H2_SPOIL  /* after eb_h2_spoil() */
} eb_faulty_h2_end_t;

/**
 * Begin.
 *
 * @param conn   that is open; taken over, also on failure
 * @param owner  freed by free() when the connection has ended
 * @return NULL: no memory, or no libnghttp2; owner stays the caller's
 */
eb_faulty_h2_t *eb_faulty_h2_begin(eb_conn_t *conn, void *owner);

/** Handle an event of its socket. */
void eb_faulty_h2_ready(eb_faulty_h2_t *h2);

/**
 * Send what all connections have to send, then end those that are to end.
 * Nobody may have an event of one of their sockets at hand.
 */
void eb_faulty_h2_flush(void);

/** The connection of this stream ends with the next eb_faulty_h2_flush(). */
void eb_faulty_h2_cut(eb_h2_stream_t *stream, eb_faulty_h2_end_t end);

#endif
