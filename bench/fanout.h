/* SPDX-License-Identifier: Apache-2.0 */
/**
 * fanout: baseline's channels and the one thing that is measured there:
 * one send() of a ready frame to each subscriber of a channel.
 */
#ifndef EB_FANOUT_H
#define EB_FANOUT_H

#include <stdint.h>

#include "bench/buf.h"
#include "bench/mistakes.h"

#define EB_FANOUT_NAME_SIZE 128

typedef struct eb_fanout_channel eb_fanout_channel_t;

/* One connection of baseline, subscribed or not. */
typedef struct {
    eb_buf_t in;   /* a request that has not come whole */
    eb_buf_t out;  /* what the socket did not take */
    eb_buf_t late; /* EB_MISTAKE_SWAP: goes after the next frame */
    eb_fanout_channel_t *channel; /* subscribed to; NULL: none */
    uint32_t index;               /* index among the channel's subscribers */
    int fd;
} eb_fanout_conn_t;

/**
 * Subscribe a connection to the channel of that name, created if needed.
 *
 * @return 0, or -1: too many channels, or no memory
 */
int eb_fanout_join(eb_fanout_conn_t *conn, const char *name);

/** Take a connection out of its channel, if it is in one. */
void eb_fanout_leave(eb_fanout_conn_t *conn);

/**
 * Send data as an event to all subscribers of a channel.
 *
 * A socket that takes no more is not waited for: the rest is kept in
 * conn->out until eb_fanout_flush(). One that fails is shut down, which
 * its owner sees as a hang-up.
 *
 * @return number of subscribers
 */
uint32_t eb_fanout_send(const char *name, const char *data, size_t len,
                        eb_mistakes_t *faults);

/** The socket is writable again: send what was kept. */
void eb_fanout_flush(eb_fanout_conn_t *conn);

/** Send these bytes, or keep what the socket does not take. */
void eb_fanout_write(eb_fanout_conn_t *conn, const char *bytes, size_t len);

#endif
