/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The counts: the leader of a node tells the broker how many subscribers each
 * channel has on the node, again and again, so that each node can sum up those
 * of all nodes. A node that tells nothing for ES_CLUSTER_COUNTS_TTL does not
 * count any more.
 */
#ifndef ES_CLUSTER_COUNTS_H
#define ES_CLUSTER_COUNTS_H

#include <apr_pools.h>

#include "cluster/hub.h"
#include "cluster/script.h"

/** For how long the broker believes a node, in milliseconds. */
#define ES_CLUSTER_COUNTS_TTL "10000"

/** Room for the name of a node with its NUL. */
#define ES_CLUSTER_NODE_SIZE 17

/** The name of this node at the broker: its random number, in hex. */
void es_cluster_counts_node(char name[ES_CLUSTER_NODE_SIZE],
                            const es_cluster_hub_t *hub);

typedef struct es_cluster_counts_t es_cluster_counts_t;

/** @param pool  the caller's, of the thread */
es_cluster_counts_t *es_cluster_counts_create(const es_cluster_hub_t *hub,
                                              const es_cluster_script_t *script,
                                              apr_pool_t *pool);

/** The broker may know nothing of what was sent: begin anew. */
void es_cluster_counts_begin(es_cluster_counts_t *counts);

/**
 * Send what has changed, if it is time for that; a part of it if it is much.
 * It is called about once a second, or at once if it has returned APR_EAGAIN.
 *
 * @return APR_SUCCESS; APR_EAGAIN: more is to be sent; an error of
 *         es_cluster_script_call. What the broker refuses is sent again later
 *
 * Context: CLUSTER; takes the store lock for short times.
 */
apr_status_t es_cluster_counts_step(es_cluster_counts_t *counts,
                                    es_cluster_link_t *link, apr_time_t now,
                                    es_cluster_keep_fn_t *keep, void *arg);

#endif
