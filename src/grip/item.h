/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Items: the JSON in which a GRIP proxy takes what is published:
 *
 *   {"items":[{"id":"…","prev-id":"…",
 *              "formats":{"http-stream":{"content":"event: …\n\n"}},
 *              "channel":"events-news"}, …]}
 *
 * A body is filled item by item, up to its maximum. Pure.
 */
#ifndef ES_GRIP_ITEM_H
#define ES_GRIP_ITEM_H

#include <apr_pools.h>

#include "base/buf.h"
#include "base/slice.h"

typedef struct es_grip_item_t {
    es_slice_t channel; /* from es_grip_channel */
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
 * The reverse, for names that GRIP publishers send: without the prefix, if the
 * name begins with it, and decoded once. Publishers encode more or less than
 * es_grip_channel does, or not at all; a '%' without two hex digits stands for
 * itself.
 *
 * @param prefix  "" if there is none
 * @return in p or in channel; any bytes, so it must be checked afterwards
 */
es_slice_t es_grip_channel_name(const char *prefix, es_slice_t channel,
                                apr_pool_t *p);

/**
 * Apply the content filter "build-id" to a text without ids: "%%" stands for
 * "%", and "%(x)I" for x, in which a backslash stands for the byte after it.
 *
 * @param text  replaced by the result, in p
 * @return NULL; or what is wrong, as half a sentence: "%I", the id, or a '%'
 *         that begins nothing of this
 */
const char *es_grip_build_id(es_slice_t *text, apr_pool_t *p);

/**
 * The format of an event. Bytes that are not UTF-8 cannot be in JSON, and
 * become base64.
 *
 * @param frame  the bytes that clients get
 * @return in p
 */
es_slice_t es_grip_item_send(es_slice_t frame, apr_pool_t *p);

/** The format that ends the streams of a channel. @return static */
es_slice_t es_grip_item_close(void);

/**
 * Append an item to a body, or start the body if it is empty.
 *
 * @param body  does not become longer than its max, es_grip_item_finish
 *              included
 * @return 1; 0: it does not fit, body is unchanged
 */
int es_grip_item_add(es_buf_t *body, const es_grip_item_t *item);

/** Complete a body that has an item or more; none can be added afterwards. */
void es_grip_item_finish(es_buf_t *body);

#endif
