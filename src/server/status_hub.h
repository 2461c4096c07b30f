/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The hub of the status page: an internal one, whose events are snapshots of
 * the figures. It exists only where the page is configured.
 */
#ifndef ES_SERVER_STATUS_HUB_H
#define ES_SERVER_STATUS_HUB_H

#include <httpd.h>

#include "base/slice.h"

/**
 * Add the hub to the settings. If there are as many hubs as there can be, the
 * page has none, and asks for its figures instead of being told.
 *
 * Context: PARENT, post_config, settings complete, before es_runtime_open.
 */
void es_status_hub_add(server_rec *s);

/** Do clients subscribe to it? 0 also if there is none. Context: WORKER or
 * TICKER; no lock. */
int es_status_hub_has_clients(void);

/** An event of the hub. */
typedef struct es_status_event_t {
    const char *type; /* not empty */
    es_slice_t data;  /* valid UTF-8, at most 64 KB */
} es_status_event_t;

/**
 * Publish events to a channel of the hub, all or none.
 *
 * @return APR_SUCCESS; or why they are not stored: there is no hub, or another
 *         process holds its lock
 *
 * Context: WORKER or TICKER; takes the store lock.
 */
apr_status_t es_status_hub_publish(const char *channel,
                                   const es_status_event_t *events, int count,
                                   apr_pool_t *p);

#endif
