/* SPDX-License-Identifier: Apache-2.0 */
/**
 * h2_priv: for the files of h2 only. h2.c has the connection and its bytes,
 * h2_streams.c the streams and libnghttp2's session.
 */
#ifndef EB_H2_PRIV_H
#define EB_H2_PRIV_H

#include "bench/h2.h"

#define EB_H2_MAX_OUT (64u * 1024 * 1024) /* bytes that wait to be sent */

struct eb_h2 {
    struct nghttp2_session *session;
    const eb_h2_ops_t *ops;
    void *arg;
    eb_h2_stream_t *streams;
    eb_buf_t pending; /* frames that the socket did not take */
    const char *why;  /* NULL: it has not failed */
    eb_conn_t conn;
    unsigned int nstreams;
    int is_server;
    int is_leaving; /* GOAWAY has come */
    int is_torn;
    int is_mute; /* the other end reads no more */
};

/** Make the session. @return 0, or -1: no memory, close it all the same */
int eb_h2_session_open(eb_h2_t *h2);

/** Free the session and all streams, without callbacks. */
void eb_h2_session_close(eb_h2_t *h2);

/** The connection has failed: call on_close for all streams. */
void eb_h2_session_fail(eb_h2_t *h2);

/** Take what was read; calls the callbacks. @return NULL, or why it failed */
const char *eb_h2_session_take(eb_h2_t *h2, char *bytes, size_t len);

/**
 * What is to be written next; may call on_close.
 *
 * @param bytes  set; valid until the next call of any function of h2
 * @return their number; 0: nothing now; -1: failed
 */
ssize_t eb_h2_session_give(eb_h2_t *h2, const void **bytes);

/** Neither reads nor writes it any more. */
int eb_h2_session_is_over(const eb_h2_t *h2);

/** Before the connection is closed: say so to the other end. */
void eb_h2_session_goodbye(eb_h2_t *h2);

#endif
