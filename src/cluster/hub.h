/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A hub of a cluster, as the threads of a child see it. src/server fills it.
 */
#ifndef ES_CLUSTER_HUB_H
#define ES_CLUSTER_HUB_H

#include <apr_time.h>

#include "journal/store.h"
#include "cluster/link.h"
#include "cluster/state.h"

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
    void *arg;
} es_cluster_hub_t;

#endif
