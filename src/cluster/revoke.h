/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Revocations of a clustered hub. The script adds an entry to the broker's
 * stream, by which each node revokes when it follows; and it keeps those that
 * hold in a key, for nodes that start later, and that miss what the stream has
 * dropped.
 *
 * The entry is an event of a channel of its own, ES_CLUSTER_REVOKED_CHANNEL,
 * without data: so journals have its id in order, and a node with an older
 * version of this module goes on. Who follows that channel learns no name.
 */
#ifndef ES_CLUSTER_REVOKE_H
#define ES_CLUSTER_REVOKE_H

#include "cluster/entry.h"
#include "cluster/hub.h"
#include "cluster/publisher.h"
#include "cluster/script.h"

/**
 * Revoke at all nodes. Waits until this node has done so.
 *
 * @param by      deadline on es_clock_now
 * @param result  filled
 * @return as es_cluster_publish, without APR_EEXIST and APR_ENOSPC
 *
 * Context: WORKER, any number of threads; blocks.
 */
apr_status_t es_cluster_revoke(es_cluster_publisher_t *publisher,
                               const es_cluster_revoked_t *revoked,
                               apr_time_t by, es_cluster_result_t *result);

/**
 * Revoke at this node what an entry says, or what stood in the key.
 *
 * @param until_ms  by the broker's clock; ES_CLUSTER_REVOKED_ALWAYS
 * @param offset_ms the broker's clock - es_clock_ms
 *
 * Context: CLUSTER.
 */
void es_cluster_revoke_here(const es_cluster_hub_t *hub,
                            const es_cluster_revoked_t *revoked,
                            apr_int64_t until_ms, apr_int64_t offset_ms);

/** Until when an entry revokes, by the broker's clock. */
apr_int64_t es_cluster_revoke_until(const es_cluster_entry_t *entry);

/**
 * Revoke at this node all that holds at the broker.
 *
 * @return APR_SUCCESS; APR_ECONNRESET: the link has failed, or the broker does
 *         not answer or refuses; APR_EINTR: keep has returned 0
 *
 * Context: CLUSTER; blocks for 5 seconds at most.
 */
apr_status_t es_cluster_revoke_held(const es_cluster_hub_t *hub,
                                    const es_cluster_script_t *script,
                                    es_cluster_link_t *link,
                                    apr_int64_t offset_ms,
                                    es_cluster_keep_fn_t *keep, void *arg);

#endif
