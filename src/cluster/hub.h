/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A hub of a cluster, as the threads of a child see it. src/server fills it.
 */
#ifndef ES_CLUSTER_HUB_H
#define ES_CLUSTER_HUB_H

#include <apr_time.h>

#include "journal/store.h"
#include "cluster/entry.h"
#include "cluster/link.h"
#include "cluster/state.h"

/** Most GRIP proxies of a hub. */
#define ES_CLUSTER_OUTBOXES_MAX 16

/** How the leader of a node knows the outboxes of the hub's GRIP proxies
 * (grip/outbox.h), to which one node at a time sends. */
typedef struct es_cluster_outboxes_t {
    int count;
    /** A word for each proxy, the same on all nodes. */
    const char *names[ES_CLUSTER_OUTBOXES_MAX];
    /** Up to where the journal was sent; 0 = not known. */
    es_pos_t (*sent)(void *arg, int outbox);
    /** Another node has sent the records up to pos. @return APR_SUCCESS;
     * APR_EBUSY: a sender of this node is sending */
    apr_status_t (*skip)(void *arg, int outbox, es_pos_t pos);
    /** Does a child that is to send not move? */
    int (*is_stalled)(void *arg);
    /** The senders of this node may have something to send. */
    void (*wake)(void *arg);
    /** Is no other child of the node there that does not stop? */
    int (*is_last)(void *arg);
    void *arg;
} es_cluster_outboxes_t;

typedef struct es_cluster_hub_t {
    const char *name; /* of the hub */
    const char *key;  /* what the names of its keys begin with */
    es_store_t *store;
    es_cluster_state_t *state;
    es_cluster_link_params_t link; /* stopping is the threads' own */
    apr_uint32_t child;            /* number of this child, from 1 */
    apr_uint32_t max_children;
    apr_uint64_t maxlen;         /* entries that the broker's stream keeps */
    int acks_replica;            /* 1 = a replica must confirm */
    apr_interval_time_t timeout; /* of a publish */

    /** Is that child there, and may it lead? */
    int (*is_present)(void *arg, apr_uint32_t child);
    /** Wake the deliveries of these children (see es_store_append). */
    void (*wake)(void *arg, const apr_uint64_t *touched);
    /** Revoke at this node. @param until  by es_clock_now, or
     * ES_REVOCATION_ALWAYS. NULL = not here */
    void (*revoke)(void *arg, const es_cluster_revoked_t *revoked,
                   apr_time_t until);
    void *arg;
    const es_cluster_outboxes_t *outboxes; /* NULL = the hub has no proxies, or
                                            * this child no sender */
} es_cluster_hub_t;

#endif
