/* SPDX-License-Identifier: Apache-2.0 */
/**
 * fanout: the channels of baseline, and what is measured there: one send() of
 * a finished frame to each subscriber of a channel.
 */
#ifndef EB_FANOUT_H
#define EB_FANOUT_H

#include <stdint.h>

#include "bench/buf.h"
#include "bench/conn.h"
#include "bench/sealer.h"

#define EB_FANOUT_NAME_SIZE 128 /* of a channel's name, NUL included */

typedef struct eb_fanout_channel eb_fanout_channel_t;

/* A connection to baseline, subscribed or not. */
typedef struct {
    eb_conn_t tcp;                /* used for handshake and request only */
    eb_sealer_t *sealer;          /* NULL: plain */
    eb_buf_t in;                  /* an incomplete request */
    eb_buf_t out;                 /* bytes that the socket did not take */
    eb_buf_t late;                /* "swap": sent after the next frame */
    eb_fanout_channel_t *channel; /* that it subscribes to; NULL: none */
    uint32_t index;               /* among the channel's subscribers */
    int fd;                       /* that of tcp */
} eb_fanout_conn_t;

/**
 * Subscribe a connection to the channel of that name, created if needed.
 *
 * @return 0, or -1: too many channels, or no memory, or the channel's other
 *         subscribers are plain and this one is not, or the reverse
 */
int eb_fanout_join(eb_fanout_conn_t *conn, const char *name);

/** Remove a connection from its channel, if it has one. */
void eb_fanout_leave(eb_fanout_conn_t *conn);

/**
 * Send data as an event to all subscribers of a channel.
 *
 * What a socket does not take is kept in conn->out until eb_fanout_flush(). A
 * socket that fails is shut down; its owner is notified by a hang-up.
 *
 * @return number of subscribers
 */
uint32_t eb_fanout_send(const char *name, const char *data, size_t len);

/** Send what was kept, once the socket is writable again. */
void eb_fanout_flush(eb_fanout_conn_t *conn);

/** Send these bytes; what the socket does not take is kept. */
void eb_fanout_write(eb_fanout_conn_t *conn, const char *bytes, size_t len);

/**
 * Inject a fault at each N-th delivery, so that load can be tested:
 *
 *     drop:N    the event is not sent to this client
 *     double:N  it is sent twice
 *     swap:N    it is sent after the client's next one
 *     spoil:N   one byte of its data is changed
 *     cut:N     the connection is shut down instead
 *
 * @return 0, or -1: not of that form
 */
int eb_fanout_set_fault(const char *text);

#endif
