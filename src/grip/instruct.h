/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Instructions to a GRIP proxy: the values of the response headers that make it
 * hold a client; and of Grip-Last, by which the proxy states what its clients
 * have got. Pure.
 */
#ifndef ES_GRIP_INSTRUCT_H
#define ES_GRIP_INSTRUCT_H

#include <apr_pools.h>
#include <apr_time.h>

#include "base/id.h"
#include "base/slice.h"

/** Most channels of a hold: Pushpin drops the others and reports no error. */
#define ES_INSTRUCT_CHANNELS_MAX 20

/** How long a held stream may be idle before the proxy follows the link, in
 * seconds. */
#define ES_INSTRUCT_LINK_TIMEOUT 120

/**
 * Grip-Channel: "events-a, events-b", or with ids
 * "events-a; prev-id=17, events-b; prev-id=4".
 *
 * @param last_ids  id of each channel's last event; NULL = without ids
 * @return in p
 */
const char *es_instruct_channels(const char *prefix, const es_slice_t *names,
                                 const es_id_t *last_ids, int count,
                                 apr_pool_t *p);

/**
 * Grip-Keep-Alive: "event: keep-alive\ndata: \n\n; format=cstring;
 * timeout=20", where the backslashes are literal.
 *
 * @param frame  what the proxy sends
 * @param after  so much silence; passed in whole seconds, 1 at least
 * @return in p
 */
const char *es_instruct_keepalive(es_slice_t frame, apr_interval_time_t after,
                                  apr_pool_t *p);

/**
 * Grip-Link: where the proxy asks for the events that it has missed.
 *
 * @param path  any bytes; those that end a URI or an item of the list are
 *              percent-encoded
 * @return in p
 */
const char *es_instruct_link(const char *path, apr_pool_t *p);

/**
 * Find the last id of a channel in Grip-Last: "events-a; last-id=17, …".
 *
 * @param header   the value; several headers are joined by ", "
 * @param channel  as es_grip_channel makes it
 * @return the id, in header; empty = none
 */
es_slice_t es_instruct_last_id(es_slice_t header, es_slice_t channel);

#endif
