/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A sink that is a plain socket of our own, and the TCP options by which the
 * kernel detects a dead peer and bounds what it holds for a slow one. The
 * socket's open file description may be shared with httpd, so its modes are
 * never changed: each call is MSG_DONTWAIT.
 */
#ifndef ES_DELIVER_SINK_SOCKET_H
#define ES_DELIVER_SINK_SOCKET_H

#include <apr_time.h>

#include "deliver/sink.h"

/** What each sink of a socket begins with. */
typedef struct es_sink_socket_t {
    es_sink_t sink; /* first: the address is the sink's */
    int fd;         /* owned */
    int drained;    /* bytes read so far, see es_sink_socket_read */
} es_sink_socket_t;

/**
 * Make a sink of a socket.
 *
 * @param fd        owned by the sink from now on; on failure it is closed
 * @param chunked   1 = the body has chunks, 0 = frames as they are
 * @param timeout  as of es_sink_socket_tcp_set
 * @return the sink, or NULL if out of memory
 */
es_sink_t *es_sink_socket_create(int fd, int chunked,
                                 apr_interval_time_t timeout);

/** The descriptor of a sink of a socket, for epoll. It stays the sink's. */
int es_sink_socket_fd(const es_sink_t *sink);

/* ---- for sinks of a socket --------------------------------------------- */

/** Fill all but ops, and set the options of the socket. The rest as
 * es_sink_socket_create. */
void es_sink_socket_init(es_sink_socket_t *s, int fd, int chunked,
                         apr_interval_time_t timeout);

/**
 * Send what the socket takes now.
 *
 * @param sent  filled: bytes that were sent, also on an error
 * @return APR_SUCCESS: all were sent; APR_EAGAIN: the socket is full; else the
 *         connection is broken
 */
apr_status_t es_sink_socket_send(es_sink_socket_t *s, const struct iovec *iov,
                                 int count, apr_size_t *sent);

/** Reads of a drain: a client that sends all the time must not keep the
 * delivery from the others. */
#define ES_SINK_SOCKET_READS 16

/**
 * Read once.
 *
 * @param len  filled: bytes that were read; 0 on an error
 * @return APR_SUCCESS: 1 byte or more; APR_EAGAIN: none for now; APR_EOF: the
 *         client has hung up; APR_ENOSPC: it has sent too much in all; else the
 *         connection is broken
 */
apr_status_t es_sink_socket_read(es_sink_socket_t *s, void *bytes,
                                 apr_size_t size, apr_size_t *len);

/** Read and drop what has arrived. @return as a sink's drain */
apr_status_t es_sink_socket_drain(es_sink_socket_t *s);

/* ---- options ------------------------------------------------------------ */

/** The TCP options of a socket as they were; for restore only. */
typedef struct es_sink_socket_tcp_t {
    int values[6];
    unsigned char known[6];
} es_sink_socket_tcp_t;

/**
 * Make the kernel detect an unreachable peer: its host is down, or the network
 * path to it is cut. This sets socket options only, and needs no reads or
 * writes. If the peer acknowledges nothing for timeout, the kernel ends the
 * connection:
 *
 *     bytes are in flight    timeout after their first retransmission
 *     nothing is in flight   timeout after the last segment from the peer;
 *                            from half of that time on, the kernel probes it
 *                            several times
 *
 * The kernel also ends the connection of a peer that keeps its window closed
 * for timeout. The socket then reports POLLERR and POLLHUP, and ETIMEDOUT.
 *
 * @param fd        any socket; one that is not TCP stays as it is
 * @param timeout  0 = no limit of ours: while bytes are in flight, that of
 *                  the system holds (on Linux about a quarter of an hour); a
 *                  silent peer is detected within two minutes
 *
 * Context of this and the next three: ANY; another thread may use the socket.
 */
void es_sink_socket_tcp_set(int fd, apr_interval_time_t timeout);

/**
 * Bound the bytes that the kernel holds for the peer and has not sent yet. When
 * they are more, the socket is not writable; it is again below half of them.
 * The option belongs to the connection and stays when another process gets it.
 *
 * @param fd     any socket; one that is not TCP stays as it is
 * @param bytes  0 = the socket stays as it is
 */
void es_sink_socket_unsent_set(int fd, apr_int64_t bytes);

/** Save the options that the two functions above change. */
void es_sink_socket_tcp_save(int fd, es_sink_socket_tcp_t *saved);

/** Set the options to what they were when they were saved. */
void es_sink_socket_tcp_restore(int fd, const es_sink_socket_tcp_t *saved);

#endif
