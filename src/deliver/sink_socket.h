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
 * @param patience  how long the peer may acknowledge nothing, see
 * deliver/tcp_keepalive.h
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

#endif
