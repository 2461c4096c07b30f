/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The sending of a hub's events to GRIP proxies, by one node at a time: which
 * one that is, and up to which id each proxy was sent the stream, is known at
 * the broker. The leader of each node asks for it, tells how far its node has
 * sent, and learns how far others have.
 *
 * It sends nothing itself. es_cluster_state_may_send says whether the senders
 * of this node may, and es_cluster_outboxes_t is how it knows them.
 */
#ifndef ES_CLUSTER_SENDING_H
#define ES_CLUSTER_SENDING_H

#include <apr_pools.h>

#include "cluster/hub.h"
#include "cluster/script.h"

/** For how long a node sends without a further answer of the broker: by the
 * broker's clock in ms, and by its own, which is less in any case. */
#define ES_CLUSTER_SENDING_TTL "3000"
#define ES_CLUSTER_SENDING_LEASE (2500 * 1000)

typedef struct es_cluster_sending_t es_cluster_sending_t;

/** @param pool  the caller's, of the thread
 * @return NULL if the hub has no outboxes; then all calls do nothing */
es_cluster_sending_t *es_cluster_sending_create(
    const es_cluster_hub_t *hub, const es_cluster_script_t *script,
    apr_pool_t *pool);

/** When es_cluster_sending_step is to be called; of es_clock_now. Far off if
 * never. */
apr_time_t es_cluster_sending_due(const es_cluster_sending_t *sending);

/**
 * The journal is about to be filled: the senders of this node stop until the
 * next step, and how far they are is remembered while their positions are those
 * of records.
 *
 * Context: CLUSTER.
 */
void es_cluster_sending_pause(es_cluster_sending_t *sending);

/**
 * The lowest id up to which a proxy was sent the stream, as this node and the
 * broker know it: the records after it are needed, whatever else is lost.
 *
 * @param id  set; {0, 0}: the hub has no outboxes, or none was sent anything
 * @return APR_SUCCESS, also if the broker refuses; an error of
 *         es_cluster_script_call
 *
 * Context: CLUSTER, the leader's link, after a hello and
 * es_cluster_sending_pause.
 */
apr_status_t es_cluster_sending_lowest(es_cluster_sending_t *sending,
                                       es_cluster_link_t *link,
                                       es_cluster_keep_fn_t *keep, void *arg,
                                       es_id_t *id);

/**
 * Ask to send, or to send on, and tell how far this node has sent. If it may,
 * its outboxes are at the place where the last node stopped before its senders
 * are told. If it may not, they follow the node that sends.
 *
 * @param keep  as for es_cluster_script_call
 * @return APR_SUCCESS, also if the broker refuses; an error of
 *         es_cluster_script_call
 *
 * Context: CLUSTER, the leader's link, after a hello; may take the store lock.
 */
apr_status_t es_cluster_sending_step(es_cluster_sending_t *sending,
                                     es_cluster_link_t *link,
                                     es_cluster_keep_fn_t *keep, void *arg);

/**
 * The thread of this leader ends. If no other child of the node will lead, its
 * senders stop, and another node may send at once: the broker is told, over a
 * link of its own, for half a second at most.
 *
 * Context: CLUSTER.
 */
void es_cluster_sending_leave(es_cluster_sending_t *sending);

#endif
