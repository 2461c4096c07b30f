/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The publisher: a thread of each child that stores what workers publish in
 * the broker's stream. Workers give it jobs; it sends many of them at once, and
 * answers each when the broker has. It connects with the first job.
 *
 * A job is published when the broker has stored it (and a replica has confirmed
 * that, if this is asked for) and the journal of this node has it.
 *
 * What happens if the broker cannot be reached: a job waits for it until its
 * deadline. Once the broker was unavailable for as long as the hub's timeout,
 * jobs are refused at once, until it is back. A job that was sent and got no
 * answer is never sent again: nobody knows whether it was stored.
 */
#ifndef ES_CLUSTER_PUBLISHER_H
#define ES_CLUSTER_PUBLISHER_H

#include <apr_pools.h>

#include "base/event.h"
#include "base/id.h"
#include "journal/store.h"
#include "cluster/hub.h"

typedef struct es_cluster_publisher_t es_cluster_publisher_t;
typedef struct es_cluster_job_t es_cluster_job_t;

/** Room for any why of a result, with NUL. */
#define ES_CLUSTER_WHY_SIZE 128

/** Most channels of one es_cluster_clients. */
#define ES_CLUSTER_CLIENTS_MAX 1000

/** What became of a job. */
typedef struct es_cluster_result_t {
    es_id_t last_id;      /* the highest id of its events */
    es_id_t stream_last;  /* the stream's last id then; whoever has it has all
                           * of its events */
    int known;            /* its events that were in the stream before */
    apr_uint64_t clients; /* subscriptions to its channels, all nodes; each
                           * node reports them every few seconds */
    es_clash_t clash;     /* on APR_EEXIST */
    int maybe_sent;       /* on failure: it may be in the stream all the same */
    int is_stored;        /* on failure: it is in the stream, but no replica has
                           * confirmed that, or this node has not got it yet */
    char why[ES_CLUSTER_WHY_SIZE]; /* on failure: a sentence part, without
                                    * secrets. If is_stored, it may be shown to
                                    * the publisher; if not, it may have
                                    * addresses, and is for the log */
} es_cluster_result_t;

/**
 * A lane: jobs that depend on each other, as the batches of one request do.
 * They are stored in order, and once one of them has failed, the later ones
 * fail, too, with its status, and are not stored. The caller's memory, until
 * all its jobs are finished; one thread at a time.
 */
typedef struct es_cluster_lane_t {
    int is_busy;     /* a job of it is sent; guarded by the publisher's lock */
    apr_status_t rv; /* of the first that failed; guarded likewise */
} es_cluster_lane_t;

#define ES_CLUSTER_LANE_INIT \
    {                        \
        0, APR_SUCCESS       \
    }

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
apr_status_t es_cluster_publisher_start(es_cluster_publisher_t **out,
                                        const es_cluster_hub_t *hub,
                                        apr_pool_t *pool);

/**
 * Begin to stop: jobs that were sent have 2 seconds to be answered, all others
 * and later ones fail with APR_EOF. Returns at once and may be called again.
 *
 * Context: async-signal safe.
 */
void es_cluster_publisher_stop(es_cluster_publisher_t *publisher);

/**
 * Wait until the thread has ended, after es_cluster_publisher_stop.
 *
 * @param timeout  at most; then the thread lives until the process ends
 * @return APR_SUCCESS, or APR_TIMEUP
 *
 * Context: one thread at a time.
 */
apr_status_t es_cluster_publisher_join(es_cluster_publisher_t *publisher,
                                       apr_interval_time_t timeout);

/**
 * Publish a batch: all of it or none. Waits until this node's journal has it.
 *
 * An event whose publisher's id is in the stream is known, or clashes: see
 * es_store_append.
 *
 * @param batch   checked; not used after the call
 * @param by      deadline on es_clock_now; the call ends by then
 * @param result  filled
 * @return APR_SUCCESS; APR_EEXIST: clash, nothing is stored; APR_ENOSPC: it is
 *         too large for the journal of this node or for a request to the
 *         broker, nothing is stored; APR_TIMEUP, APR_EOF (stopping, or the
 *         link broke), APR_EGENERAL (the broker refuses: it is out of memory,
 *         has too few replicas …): unavailable, see result
 *
 * Context: WORKER, any number of threads; blocks.
 */
apr_status_t es_cluster_publish(es_cluster_publisher_t *publisher,
                                const es_batch_t *batch, apr_time_t by,
                                es_cluster_result_t *result);

/**
 * The first half of es_cluster_publish. If the queue is full, it waits for
 * room.
 *
 * @param lane  NULL = it depends on no other job
 * @param batch copied
 * @param job   the caller's, who calls es_cluster_publish_finish; NULL unless
 *              APR_SUCCESS is returned
 * @return APR_SUCCESS; APR_TIMEUP: no room until by; APR_ENOSPC; APR_EOF:
 *         stopping; APR_ENOMEM. On failure nothing was sent
 */
apr_status_t es_cluster_publish_begin(es_cluster_publisher_t *publisher,
                                      es_cluster_lane_t *lane,
                                      const es_batch_t *batch, apr_time_t by,
                                      es_cluster_job_t **job);

/**
 * The second half: wait until the deadline of begin at most.
 *
 * @param job  freed
 * @return as es_cluster_publish
 */
apr_status_t es_cluster_publish_finish(es_cluster_job_t *job,
                                       es_cluster_result_t *result);

/** 1 if es_cluster_publish_finish would not wait for the broker any more. */
int es_cluster_publish_is_answered(const es_cluster_job_t *job);

/**
 * Close a channel on all nodes.
 *
 * @param seconds  how long it stays closed for clients that reconnect, >= 0
 * @return as es_cluster_publish, without clash
 */
apr_status_t es_cluster_close(es_cluster_publisher_t *publisher,
                              es_slice_t channel, apr_int64_t seconds,
                              apr_time_t by, es_cluster_result_t *result);

/**
 * Subscriptions of all nodes to some channels; each node reports its own every
 * few seconds.
 *
 * @param count    1..ES_CLUSTER_CLIENTS_MAX
 * @param clients  count of them, filled on APR_SUCCESS
 * @return as es_cluster_publish, or APR_EINVAL
 */
apr_status_t es_cluster_clients(es_cluster_publisher_t *publisher,
                                const es_slice_t *channels, int count,
                                apr_time_t by, apr_uint64_t *clients);

#endif
