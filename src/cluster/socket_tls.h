/* SPDX-License-Identifier: Apache-2.0 */
/**
 * TLS on a connected, non-blocking socket, by libssl: hiredis has it only in
 * versions that some systems lack. Made for cluster/socket.c.
 */
#ifndef ES_CLUSTER_SOCKET_TLS_H
#define ES_CLUSTER_SOCKET_TLS_H

#include "cluster/link.h"

typedef struct es_cluster_tls_t es_cluster_tls_t;

/**
 * Make a client of TLS.
 *
 * @param fd    not owned
 * @param host  the name or address that the certificate must have; NULL = that
 *              of a Unix socket, where no name is checked
 * @param why   on failure, what failed
 */
apr_status_t es_cluster_tls_create(es_cluster_tls_t **out, int fd,
                                   const es_cluster_link_params_t *params,
                                   const char *host, char *why,
                                   apr_size_t why_size);

/** NULL does nothing. */
void es_cluster_tls_destroy(es_cluster_tls_t *tls);

/** @return APR_SUCCESS; APR_EAGAIN: wait for es_cluster_tls_events(tls, 0);
 * else why is set */
apr_status_t es_cluster_tls_shake_hands(es_cluster_tls_t *tls, char *why,
                                        apr_size_t why_size);

/** As those of cluster/socket.h. */
apr_status_t es_cluster_tls_read(es_cluster_tls_t *tls, char *data,
                                 apr_size_t size, apr_size_t *done);
apr_status_t es_cluster_tls_write(es_cluster_tls_t *tls, const char *data,
                                  apr_size_t size, apr_size_t *done);
const char *es_cluster_tls_reason(const es_cluster_tls_t *tls);
short es_cluster_tls_events(const es_cluster_tls_t *tls, int is_write);

#endif
