/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Statistics: how many events were published and how often each limit was
 * reached, over all children, since httpd was started. mod_status shows them.
 */
#ifndef ES_SERVER_STATS_H
#define ES_SERVER_STATS_H

#include "server/runtime.h"

typedef enum es_limit_t {
    ES_LIMIT_CLIENTS,          /* EventStreamMaxClients */
    ES_LIMIT_ADDRESS_CLIENTS,  /* EventStreamMaxClientsPerAddress */
    ES_LIMIT_FILES,            /* the open files of a child */
    ES_LIMIT_HELD,             /* EventStreamMaxHeld: client served in turns */
    ES_LIMIT_CHANNELS,         /* EventStreamMaxChannels, publishers too */
    ES_LIMIT_CLIENT_CHANNELS,  /* EventStreamMaxChannelsPerClient */
    ES_LIMIT_EVENT,            /* EventStreamMaxEventSize */
    ES_LIMIT_BODY,             /* EventStreamMaxBody, for NDJSON a line */
    ES_LIMIT_WAITING,          /* EventStreamGripMaxWaiting */
    ES_LIMIT_ADDRESS_CHANNELS, /* EventStreamMaxChannelsPerAddress */
    ES_LIMIT_HTTP2,            /* EventStreamHttp2: a browser's streams */
    ES_LIMIT_PRESENCE,         /* EventStreamMaxPresence: not counted */
    ES_LIMIT_PUBLISH_RATE,     /* EventStreamPublishRate */
    ES_LIMIT_USER_CLIENTS,     /* EventStreamMaxClientsPerUser */
    ES_LIMITS                  /* the number of limits */
} es_limit_t;

/** The limit's directive, or a description. */
const char *es_stats_name(es_limit_t limit);

/** Count that a limit was reached: a request was refused or served less. */
void es_stats_count_limit(es_limit_t limit);

/** Count events that were appended to the hub's journal. */
void es_stats_count_events(const es_runtime_hub_t *hub, int events);

/** Kinds of obstacles that es_stats_count_obstacle takes, from 0. */
#define ES_STATS_OBSTACLES 16

/** Count that a client over TLS was not detached. */
void es_stats_count_obstacle(unsigned int obstacle);

/** Reasons that es_stats_count_path takes, from 0. */
#define ES_STATS_PATHS 8

/** Count that a client was not detached because of its output path. */
void es_stats_count_path(unsigned int reason);

/* ---- by child: shm/child_figures.h -------------------------------------- */

/** Where a delivery counts what the clients of a hub get; NULL = nowhere. Only
 * its thread may write there. Context: ANY. */
es_hub_figures_t *es_stats_of_delivery(const es_runtime_hub_t *hub,
                                       apr_uint32_t child);

/**
 * A stream begins.
 *
 * @param child  the number that it is counted with
 * @param bytes  of its body, sent by the worker
 *
 * Context: WORKER, as for all that follow.
 */
void es_stats_count_stream(const es_runtime_hub_t *hub, apr_uint32_t child,
                           apr_size_t bytes);

/** A stream begins with stream-reset. */
void es_stats_count_reset(const es_runtime_hub_t *hub, apr_uint32_t child);

/** Add what a worker has counted of a client that it holds. @param own  all 0
 * on return */
void es_stats_add_held(const es_runtime_hub_t *hub, apr_uint32_t child,
                       es_hub_figures_t *own);

/** A worker holds n clients more, or less. */
void es_stats_add_held_client(const es_runtime_hub_t *hub, apr_uint32_t child,
                              int n);

/** Live events were written to a held client, so long after the oldest of them
 * was appended. */
void es_stats_note_held_lag(const es_runtime_hub_t *hub, apr_uint32_t child,
                            apr_uint32_t lag_us);

/** A held client has caught up with so many events. */
void es_stats_note_replay(const es_runtime_hub_t *hub, apr_uint32_t child,
                          apr_uint32_t events);

/** A batch is stored; it took so long from when its body was checked. */
void es_stats_note_publish(const es_runtime_hub_t *hub,
                           apr_interval_time_t time);

/* ---- reading ------------------------------------------------------------- */

/* Context of all: ANY thread of a child, no lock. */

apr_uint64_t es_stats_limit_count(es_limit_t limit);
apr_uint64_t es_stats_obstacle_count(unsigned int obstacle);
apr_uint64_t es_stats_path_count(unsigned int reason);
apr_uint64_t es_stats_events(const es_runtime_hub_t *hub);

#endif
