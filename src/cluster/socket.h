/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A connected socket, plain or with TLS: reading and writing that never blocks,
 * and a wait with a deadline. Made for cluster/link.c.
 */
#ifndef ES_CLUSTER_SOCKET_H
#define ES_CLUSTER_SOCKET_H

#include <apr_errno.h>
#include <apr_time.h>

#include "cluster/link.h"

/** A peer that takes nothing, or answers no probe, for so long is dead. */
#define ES_CLUSTER_SOCKET_DEAD (15 * APR_USEC_PER_SEC)

typedef struct es_cluster_socket_t es_cluster_socket_t;

/**
 * Connect, and shake hands if the URL is one of TLS. Each address of the host
 * is tried; the time is divided among them.
 *
 * @param params  url, files of TLS and stopping are used
 * @param host    NULL = the Unix socket of params->url
 * @param why     on failure what failed, without the address
 * @return as es_cluster_link_open
 *
 * Context: CLUSTER; blocks until by.
 */
apr_status_t es_cluster_socket_open(es_cluster_socket_t **out,
                                    const es_cluster_link_params_t *params,
                                    const es_cluster_host_t *host,
                                    apr_time_t by, char *why,
                                    apr_size_t why_size);

/** Close and free it; NULL does nothing. */
void es_cluster_socket_close(es_cluster_socket_t *sock);

/**
 * Read or write some bytes without blocking.
 *
 * @param done  bytes; > 0 if APR_SUCCESS is returned
 * @return APR_SUCCESS; APR_EAGAIN: wait for es_cluster_socket_events; APR_EOF:
 *         the peer has closed; another error
 */
apr_status_t es_cluster_socket_read(es_cluster_socket_t *sock, char *data,
                                    apr_size_t size, apr_size_t *done);
apr_status_t es_cluster_socket_write(es_cluster_socket_t *sock,
                                     const char *data, apr_size_t size,
                                     apr_size_t *done);

/** Why a read or write has returned APR_EGENERAL, which is of TLS; static. */
const char *es_cluster_socket_reason(const es_cluster_socket_t *sock);

int es_cluster_socket_fd(const es_cluster_socket_t *sock);

/** What the last read (is_write = 0) or write, which returned APR_EAGAIN, waits
 * for: POLLIN or POLLOUT. */
short es_cluster_socket_events(const es_cluster_socket_t *sock, int is_write);

/**
 * Wait until a descriptor is ready.
 *
 * @return APR_SUCCESS: ready, or in error, which the next read or write tells;
 *         APR_TIMEUP; APR_EOF: stopping
 */
apr_status_t es_cluster_socket_wait(int fd, short events,
                                    const volatile int *stopping,
                                    apr_time_t by);

#endif
