/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The tally: what was published, and which limits were reached how often,
 * over all children, since httpd was started. For mod_status.
 */
#ifndef ES_SERVER_STATS_H
#define ES_SERVER_STATS_H

#include "server/runtime.h"

typedef enum es_limit_t {
    ES_LIMIT_CLIENTS,         /* EventStreamMaxClients */
    ES_LIMIT_ADDRESS_CLIENTS, /* EventStreamMaxClientsPerAddress */
    ES_LIMIT_FILES,           /* the open files of a child */
    ES_LIMIT_HELD,            /* EventStreamMaxHeld: served in turns, brief */
    ES_LIMIT_CHANNELS,        /* EventStreamMaxChannels, also by publishers */
    ES_LIMIT_CLIENT_CHANNELS, /* EventStreamMaxChannelsPerClient */
    ES_LIMIT_EVENT,           /* EventStreamMaxEventSize */
    ES_LIMIT_BODY,            /* EventStreamMaxBody, of a line, too */
    ES_LIMIT_WAITING,         /* EventStreamGripMaxWaiting */
    ES_LIMITS                 /* how many there are */
} es_limit_t;

/** The limit's directive, or words for it. */
const char *es_stats_name(es_limit_t limit);

/** A limit was reached: somebody was refused, or served less. */
void es_stats_limit(es_limit_t limit);

/** Events were put into the hub's journal. */
void es_stats_published(const es_runtime_hub_t *hub, int events);

/* Context of all: ANY thread of a child, no lock. */

apr_uint64_t es_stats_reached(es_limit_t limit);
apr_uint64_t es_stats_events(const es_runtime_hub_t *hub);

#endif
