/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The reader: a thread of each child. That of one child of the node, the
 * leader, reads the broker's stream and appends what it reads to the journal,
 * in the order of the stream. Those of the other children wait until they can
 * lead.
 *
 * All that a node must remember is the last id in its journal. Each entry
 * names the id of the entry before it, so the leader sees whether something is
 * missing. If so, the journal gets a new history and all clients are told that
 * they may have missed events.
 *
 * The link may break, and the broker may hang or be another one after it: the
 * reader tries again, without an end.
 */
#ifndef ES_CLUSTER_READER_H
#define ES_CLUSTER_READER_H

#include <apr_pools.h>

#include "cluster/hub.h"

typedef struct es_cluster_reader_t es_cluster_reader_t;

/**
 * Start the thread, with all signals blocked.
 *
 * @param out   freed by the cleanup of pool, if the thread was joined
 * @param hub   copied; what it points to must outlive the thread
 * @param pool  not used by the thread
 * @return APR_SUCCESS, or why there is no thread
 *
 * Context: CHILD_INIT.
 */
apr_status_t es_cluster_reader_start(es_cluster_reader_t **out,
                                     const es_cluster_hub_t *hub,
                                     apr_pool_t *pool);

/**
 * Begin to stop: the thread ends within ES_CLUSTER_LINK_LOOK or a little more,
 * and another child may lead then. Returns at once and may be called again.
 *
 * Context: async-signal safe.
 */
void es_cluster_reader_stop(es_cluster_reader_t *reader);

/**
 * Wait until the thread has ended, after es_cluster_reader_stop.
 *
 * @param timeout  at most; then the thread lives until the process ends
 * @return APR_SUCCESS, or APR_TIMEUP
 *
 * Context: one thread at a time.
 */
apr_status_t es_cluster_reader_join(es_cluster_reader_t *reader,
                                    apr_interval_time_t timeout);

#endif
