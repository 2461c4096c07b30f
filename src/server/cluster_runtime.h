/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The cluster runtime: what a process needs for the clustered hubs, whose
 * events go through a broker to all servers of the cluster. Each child runs a
 * reader and a publisher thread for each of these hubs (cluster/reader.h,
 * cluster/publisher.h). One reader of all children reads from the broker.
 * Without EventStreamCluster there is nothing of it.
 */
#ifndef ES_SERVER_CLUSTER_RUNTIME_H
#define ES_SERVER_CLUSTER_RUNTIME_H

#include "cluster/publisher.h"
#include "server/runtime.h"

/**
 * Begin with a new configuration.
 *
 * @param children  live in pconf
 * @param nhubs     upper bound of the es_cluster_runtime_add calls that follow
 *
 * Context: PARENT, post_config.
 */
void es_cluster_runtime_open(const es_children_t *children, apr_uint32_t nhubs,
                             apr_pool_t *pconf);

/**
 * Add a hub of this process, in the order of their numbers from 0; a clustered
 * one is logged with its broker.
 *
 * @param state  of the segment; NULL = the hub is not clustered
 * @param made   when the segment was made, of es_clock_now
 *
 * Context: PARENT, post_config.
 */
void es_cluster_runtime_add(const es_runtime_hub_t *view,
                            es_cluster_state_t *state, apr_time_t made,
                            server_rec *s);

/**
 * Start the threads of this child. If one cannot be started, that is logged:
 * other children read for this one, and its publishers get 503.
 *
 * @param child  the number of the process
 *
 * Context: CHILD_INIT.
 */
void es_cluster_runtime_child_init(apr_uint32_t child, apr_pool_t *pchild,
                                   server_rec *s);

/**
 * End the threads soon, and the waits of publishers. Context: as
 * es_runtime_child_stopping, but only if the stop is not graceful: at a
 * graceful stop the child reads and publishes until its last request has ended.
 */
void es_cluster_runtime_stop(void);

/**
 * Stop and wait until the threads have exited.
 *
 * @param by  deadline on es_clock_now; may have passed. A thread that has not
 *            exited by then is logged with a warning and ends with the process
 *
 * Context: cleanup of the child's pool.
 */
void es_cluster_runtime_join(apr_time_t by, server_rec *s);

/** The publisher of a clustered hub; NULL: its thread could not be started.
 * Context: WORKER. */
es_cluster_publisher_t *es_cluster_runtime_publisher(
    const es_runtime_hub_t *hub);

/**
 * The end of a wait for the broker that begins now: after timeout=, or after a
 * moment, if half of the child's workers wait already, so that a broker that
 * hangs does not occupy the workers that serve pages. Each call is followed by
 * one of es_cluster_runtime_waited.
 *
 * @return a time of es_clock_now
 *
 * Context: WORKER.
 */
apr_time_t es_cluster_runtime_wait_by(const es_runtime_hub_t *hub);

/** The wait has ended. Context: WORKER. */
void es_cluster_runtime_waited(void);

/** Statistics of a clustered hub. Context: ANY. */
void es_cluster_runtime_stats(const es_runtime_hub_t *hub,
                              es_cluster_stats_t *stats);

/** May this node send the hub's events to its GRIP proxies? Context: ANY. */
int es_cluster_runtime_may_send(const es_runtime_hub_t *hub);

/**
 * A number that only the nodes of the cluster can compute from the text: as
 * es_store_seal, for all of them.
 *
 * @return 0: the broker has not told this node yet how
 *
 * Context: WORKER.
 */
int es_cluster_runtime_seal(const es_runtime_hub_t *hub, es_slice_t text,
                            apr_uint64_t *seal);

/** The pid of the child that reads for all, or was the last one to; 0 = none.
 * Context: ANY. */
apr_uint64_t es_cluster_runtime_leader(const es_cluster_stats_t *stats);

/**
 * The time of day by which the hub's ids are given, in milliseconds: that of
 * its broker, as far as it is known.
 *
 * Context: ANY.
 */
apr_uint64_t es_cluster_runtime_now_ms(const es_runtime_hub_t *hub);

/**
 * Wait until the journal of a clustered hub has the history of the broker, so
 * that a client can resume with an id from before this server was started, and
 * gets no stream-reset when the history comes. Only in the first seconds after
 * the segment was made, and only for some workers of the child: else it returns
 * at once.
 *
 * Context: WORKER; blocks for two seconds at most, without locks.
 */
void es_cluster_runtime_wait_synced(const es_runtime_hub_t *hub);

/**
 * A client came with the id of an event that the journal of a clustered hub
 * does not know: it may come from a server that has got the event before this
 * one. Each call is followed by one of es_cluster_runtime_waited.
 *
 * @param id  as the client sent it
 * @return how long to wait for the event, a time of es_clock_now; one that has
 *         passed if the journal is beyond that id
 *
 * Context: WORKER.
 */
apr_time_t es_cluster_runtime_behind_by(const es_runtime_hub_t *hub,
                                        es_slice_t id);

/**
 * Wait for a moment; then the caller looks whether the event is there.
 *
 * @return 0: by has come, or the child stops
 *
 * Context: WORKER; blocks for some milliseconds, without locks.
 */
int es_cluster_runtime_wait_behind(apr_time_t by);

/**
 * May a client have received the event with a publisher's id in a history that
 * this journal had before? A publisher that got no answer publishes its event
 * again, and after a failure in which the broker has lost it, it has another
 * place. What was before that place is missing then.
 *
 * @param id  ours, of the event in the present history
 *
 * Context: ANY.
 */
int es_cluster_runtime_is_doubtful(const es_runtime_hub_t *hub,
                                   const es_id_t *id);

/**
 * Is the journal one that has followed the broker's stream, and may it lack
 * what the broker had at this time? A server that is cut off does not know that
 * for some seconds. To be called before the journal is looked at.
 *
 * @param since  of es_clock_now
 *
 * Context: ANY.
 */
int es_cluster_runtime_is_behind(const es_runtime_hub_t *hub, apr_time_t since);

#endif
