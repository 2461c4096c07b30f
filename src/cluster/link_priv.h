/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What the files of the link share: link.c connects, sends and receives;
 * link_open.c finds the primary and logs in.
 */
#ifndef ES_CLUSTER_LINK_PRIV_H
#define ES_CLUSTER_LINK_PRIV_H

#include "cluster/link.h"

/** Room for a run_id of 40 digits with its NUL, and some more. */
#define ES_CLUSTER_LINK_RUN_SIZE 64

/**
 * Connect to a server, whatever it is.
 *
 * @param host  NULL = the Unix socket of the URL
 * @param why   on failure: with the server's address
 * @return as es_cluster_link_open
 */
apr_status_t es_cluster_link_connect(es_cluster_link_t **out,
                                     const es_cluster_link_params_t *params,
                                     const es_cluster_host_t *host,
                                     apr_time_t by, char *why,
                                     apr_size_t why_size);

/** Set what es_cluster_link_run returns; cut if it is too long. */
void es_cluster_link_set_run(es_cluster_link_t *link, es_slice_t run);

#endif
