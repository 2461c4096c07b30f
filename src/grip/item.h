/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Items: what a GRIP proxy takes at its control address, as JSON:
 *
 *   {"items":[{"id":"…","prev-id":"…",
 *              "formats":{"http-stream":{"content":"event: …\n\n"}},
 *              "channel":"events-news"}, …]}
 *
 * A body is filled item by item, up to its ceiling. Pure.
 */
#ifndef ES_GRIP_ITEM_H
#define ES_GRIP_ITEM_H

#include <apr_pools.h>

#include "base/buf.h"
#include "base/slice.h"

typedef struct es_grip_item_t {
    es_slice_t channel; /* as Grip-Channel names it, prefix included */
    es_slice_t format;  /* from es_grip_item_send or es_grip_item_close */
    es_slice_t id;      /* ours, as text; empty = neither id nor prev-id */
    es_slice_t prev_id;
} es_grip_item_t;

/**
 * The name under which GRIP proxies know a channel: the hub's prefix, then the
 * percent-encoded name, because commas, semicolons and quotes are syntax in
 * Grip-Channel. A hold and an item must name the channel in the same way.
 *
 * @param prefix  EventStreamGripPrefix, not encoded
 * @param name    encoded except for letters, digits and -_.!~*'(), as
 *                JavaScript's encodeURIComponent does
 * @return in p, followed by a NUL
 */
es_slice_t es_grip_channel(const char *prefix, es_slice_t name, apr_pool_t *p);

/**
 * The format of an event. Text that is not UTF-8, which JSON cannot hold,
 * goes as base64.
 *
 * @param frame  the bytes that clients get
 * @return in p
 */
es_slice_t es_grip_item_send(es_slice_t frame, apr_pool_t *p);

/** The format that ends the streams of a channel. @return static */
es_slice_t es_grip_item_close(void);

/**
 * Append an item to a body, or start one when it is empty.
 *
 * @param body  what it must not become longer than is its max
 * @return 1, or 0: it does not fit, body is as it was
 */
int es_grip_item_add(es_buf_t *body, const es_grip_item_t *item);

/** Nothing more comes to a body that has an item: make it whole. */
void es_grip_item_finish(es_buf_t *body);

#endif
