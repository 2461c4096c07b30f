/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sink that is a plain socket of our own. Its open file description may be
 * shared with httpd, so modes are never changed: each call is MSG_DONTWAIT.
 */
#ifndef ES_DELIVER_SINK_SOCKET_H
#define ES_DELIVER_SINK_SOCKET_H

#include <apr_time.h>

#include "deliver/sink.h"

/**
 * @param fd        owned by the sink from now on, also on failure (then closed)
 * @param patience  as of es_sink_socket_tcp_set
 * @return the sink, or NULL without memory
 */
es_sink_t *es_sink_socket_create(int fd, int chunked,
                                 apr_interval_time_t patience);

/** The descriptor, for epoll. */
int es_sink_socket_fd(const es_sink_t *sink);

/**
 * Read and drop what the client sends.
 *
 * @return APR_SUCCESS: nothing more for now; APR_EOF: it has hung up;
 *         APR_ENOSPC: it talks without end; else the connection is broken
 */
apr_status_t es_sink_socket_drain(es_sink_t *sink);

/**
 * The probe: how the kernel finds out that a connection's peer has vanished
 * without a word, its host gone or the way to it cut. It is set by socket
 * options only, so it sees nothing of what is written or read.
 *
 * A peer that acknowledges nothing for the patience given is found:
 *
 *     bytes are under way    patience after they were first sent again
 *     nothing is under way   patience after it was last heard of: from half
 *                            of that time on it is asked, several times
 *
 * and so is one that keeps its window shut for as long. The socket is then in
 * error: POLLERR and POLLHUP, ETIMEDOUT.
 *
 * Context of all: ANY; the socket may be another thread's.
 */
/** A socket's options as they were; of no interest to others. */
typedef struct es_sink_socket_tcp_t {
    int values[5];
    unsigned char known[5];
} es_sink_socket_tcp_t;

/**
 * @param fd        any socket; one that is not of TCP stays as it is
 * @param patience  0 = no limit while bytes are under way, other than the
 *                  system's own (on Linux about a quarter of an hour); a
 *                  silent peer is found in two minutes then
 */
void es_sink_socket_tcp_set(int fd, apr_interval_time_t patience);

/** Remember what es_sink_socket_tcp_set changes... */
void es_sink_socket_tcp_save(int fd, es_sink_socket_tcp_t *saved);

/** ... to put it back. */
void es_sink_socket_tcp_restore(int fd, const es_sink_socket_tcp_t *saved);

#endif
