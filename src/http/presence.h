/* SPDX-License-Identifier: Apache-2.0 */
/**
 * EventStreamPresence: the name of a request, the events join and leave, and
 * the list of who is in a channel.
 */
#ifndef ES_HTTP_PRESENCE_H
#define ES_HTTP_PRESENCE_H

#include "cluster/presence.h"
#include "deliver/client_presence.h"
#include "http/request_channels.h"
#include "http/subscribe.h"

/**
 * The name by which the client of a request is counted: name= of
 * EventStreamPresence, expanded.
 *
 * @return valid UTF-8 in r's pool, at most ES_PRESENCE_NAME_MAX bytes; empty =
 *         it is not counted: no presence here, no name, or one that is too long
 *
 * Context: WORKER.
 */
es_slice_t es_presence_name(request_rec *r, const es_dir_t *conf);

/**
 * Count the client of a stream in the channels that it is subscribed to.
 *
 * @return what is given to the client; NULL = it is not counted
 *
 * Context: WORKER, with signals blocked; takes the lock of the table.
 */
es_client_presence_t *es_presence_begin(const es_stream_t *stream);

/** Publish joins and leaves; es_presence_runtime_publish_fn_t. */
void es_presence_publish(es_presence_t *table,
                         const es_presence_event_t *events, int count,
                         apr_pool_t *p);

/**
 * Start what a child needs for presence. Context: CHILD_INIT, after
 * es_runtime_child_init.
 */
void es_presence_child_init(apr_pool_t *pchild, server_rec *s);

/** What could not be told, in the log, not too often. @param why  a sentence */
void es_presence_log_failed(const es_runtime_hub_t *hub, const char *why);

/* ---- A clustered hub: presence_cluster.c --------------------------------- */

/**
 * Tell the broker of names that have come to this server or gone from it, and
 * the table what became of that.
 *
 * @param events  count of them, all of this hub
 *
 * Context: as es_presence_publish.
 */
void es_presence_cluster_tell(const es_runtime_hub_t *hub, es_presence_t *table,
                              const es_presence_event_t *const *events,
                              int count, apr_pool_t *p);

/** The brokers of all hubs are told that this server lives;
 * es_presence_runtime_keep_fn_t. */
void es_presence_cluster_keep(es_presence_t *table, apr_pool_t *p);

/**
 * Names in a channel, of all servers.
 *
 * @param max  1..ES_CLUSTER_WHO_MAX
 * @return how many, max = there may be more; -1: the broker does not answer
 *
 * Context: WORKER; blocks for a second at most.
 */
int es_presence_cluster_who(const es_runtime_hub_t *hub, es_slice_t channel,
                            es_slice_t after, es_cluster_named_t *named,
                            int max);

/* ---- Who is there: presence_who.c ---------------------------------------- */

/**
 * Answer GET ?who=CHANNEL of a publish Location.
 *
 * @param rights   of es_request_channels_publish_rights
 * @param channel  as in the query
 * @return what the handler returns
 *
 * Context: WORKER.
 */
int es_presence_who_serve(const es_request_rights_t *rights,
                          const es_runtime_hub_t *hub, es_slice_t channel);

#endif
