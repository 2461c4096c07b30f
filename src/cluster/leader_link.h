/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The link by which the leader of a node reads: opened, and opened again after
 * a pause when it has failed. It says in the statistics of the hub and in the
 * error log whether the link is up, and why not. It sends nothing itself.
 */
#ifndef ES_CLUSTER_LEADER_LINK_H
#define ES_CLUSTER_LEADER_LINK_H

#include "cluster/hub.h"
#include "cluster/link.h"

typedef struct es_cluster_leader_link_t {
    const es_cluster_hub_t *hub;
    es_cluster_link_t *link;            /* NULL = not connected */
    int was_up;                         /* a link was open before */
    apr_interval_time_t pause;          /* after the next failure */
    char why[ES_CLUSTER_LINK_WHY_SIZE]; /* of the last failure */
} es_cluster_leader_link_t;

/** @param hub  must outlive it */
void es_cluster_leader_link_init(es_cluster_leader_link_t *leader,
                                 const es_cluster_hub_t *hub);

/**
 * Open the link, which must not be open.
 *
 * @return as es_cluster_link_open; on failure why is filled
 *
 * Context: CLUSTER, the leader; blocks up to 10 s.
 */
apr_status_t es_cluster_leader_link_open(es_cluster_leader_link_t *leader);

/** Close the link, if it is open. Context: CLUSTER. */
void es_cluster_leader_link_close(es_cluster_leader_link_t *leader);

/**
 * The broker has not answered, or the link has broken: find out why.
 *
 * @param rv  what a call by the link has returned
 * @return APR_ECONNRESET, with why; APR_EINTR if rv is that: nobody waited for
 *         the answer
 */
apr_status_t es_cluster_leader_link_ask_why(es_cluster_leader_link_t *leader,
                                            apr_status_t rv);

/**
 * The link cannot be opened or used, or the broker refuses: tell so, and close
 * it.
 *
 * @param rv  for the error log; APR_SUCCESS = why says all
 * @return how long to wait before it is opened again, in microseconds: 0.1 s at
 *         first, 2 s in the end, varied at random
 *
 * Context: CLUSTER.
 */
apr_interval_time_t es_cluster_leader_link_fail(
    es_cluster_leader_link_t *leader, apr_status_t rv);

/** It works: the next failure is a first one. */
void es_cluster_leader_link_works(es_cluster_leader_link_t *leader);

#endif
