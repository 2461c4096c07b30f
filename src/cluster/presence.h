/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Presence over all nodes: which names each node has is known at the broker,
 * and its script publishes the joins and leaves (cluster/script/presence.lua).
 * A node tells what has changed, and that it lives. If it does not for
 * ES_CLUSTER_PRESENCE_TTL, its names are taken away.
 *
 * The broker may forget a node: it was emptied, or the node was away for
 * longer. Then it says so, and the node begins, and tells all its names again.
 */
#ifndef ES_CLUSTER_PRESENCE_H
#define ES_CLUSTER_PRESENCE_H

#include "base/slice.h"
#include "cluster/publisher.h"

/** For how long the broker believes a node, in milliseconds. */
#define ES_CLUSTER_PRESENCE_TTL "10000"

/** A name that has come to this node, or gone from it. */
typedef struct es_cluster_told_t {
    int is_join;
    es_slice_t channel;
    es_slice_t name;
    apr_uint32_t clients; /* of the name on this node */
    apr_uint64_t serial;  /* higher with each of this node; the same if it is
                           * told again */
} es_cluster_told_t;

/** What the broker has done with what it was told. */
typedef enum es_cluster_heard_t {
    ES_CLUSTER_HEARD,     /* all of it */
    ES_CLUSTER_NOT_KNOWN, /* nothing: it does not know the node */
    ES_CLUSTER_TOLD_LATE  /* nothing: it has seen a higher fence */
} es_cluster_heard_t;

/**
 * Tell that this node lives, and what has changed. It may be told again, with a
 * higher fence, if it is not known whether the broker has got it. Waits until
 * this node's journal has the events.
 *
 * @param begins  1 = if the broker does not know the node, it has no names yet
 * @param fence   of the node; what arrives later with a lower one is not done
 * @param told    count of them, 0 or more
 * @param heard   filled on APR_SUCCESS
 * @param result  filled; its clients are events that were added
 * @return as es_cluster_publish, without clash
 *
 * Context: WORKER; blocks until by.
 */
apr_status_t es_cluster_presence_tell(es_cluster_publisher_t *publisher,
                                      int begins, apr_uint64_t fence,
                                      const es_cluster_told_t *told, int count,
                                      apr_time_t by, es_cluster_heard_t *heard,
                                      es_cluster_result_t *result);

/** Most bytes of a name, and most names of one es_cluster_presence_who. */
#define ES_CLUSTER_NAMED_MAX 255
#define ES_CLUSTER_WHO_MAX 256

/** A name in a channel. */
typedef struct es_cluster_named_t {
    int servers; /* that have it */
    apr_size_t len;
    char name[ES_CLUSTER_NAMED_MAX];
} es_cluster_named_t;

/**
 * Names in a channel, of all nodes, in the order of their bytes.
 *
 * @param after  names above this one; empty = all
 * @param named  filled on APR_SUCCESS
 * @param max    1..ES_CLUSTER_WHO_MAX
 * @param count  set to how many there are; max = there may be more
 * @return as es_cluster_clients
 *
 * Context: WORKER; blocks until by.
 */
apr_status_t es_cluster_presence_who(es_cluster_publisher_t *publisher,
                                     es_slice_t channel, es_slice_t after,
                                     es_cluster_named_t *named, int max,
                                     apr_time_t by, int *count);

#endif
