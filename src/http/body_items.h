/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A body in JSON as GRIP publishers send it to a proxy:
 *
 *     {"items": [{"channel": "c", "formats": {"http-stream":
 *                     {"content": "event: x\ndata: 1\n\n"}}}]}
 *
 * Names of formats may stand in the item itself, "content-bin" is base64, an
 * "action" is send, close or hint. It knows no httpd.
 */
#ifndef ES_HTTP_BODY_ITEMS_H
#define ES_HTTP_BODY_ITEMS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/problem.h"
#include "base/slice.h"

/** A body that has been recognised, in its pool. */
typedef struct es_body_items_t es_body_items_t;

typedef enum es_item_action_t {
    ES_ITEM_SEND,
    ES_ITEM_CLOSE,
    ES_ITEM_NOTHING /* hint, or nothing for streams in it */
} es_item_action_t;

typedef struct es_item_t {
    es_slice_t channel; /* as it was written */
    es_item_action_t action;
    es_slice_t content; /* of a send */
} es_item_t;

/**
 * Is the body such a one: an object with "items", and without "channel",
 * which would make it an event?
 *
 * @return NULL when it is not, or no JSON at all
 */
const es_body_items_t *es_body_items_find(es_slice_t body, apr_pool_t *p);

/**
 * Read the items.
 *
 * @param items  array of es_item_t; they and their texts live in p
 * @param why    400, in the words of Pushpin where it has some
 * @return 1, or 0 with why
 */
int es_body_items_read(const apr_array_header_t **items,
                       const es_body_items_t *json, apr_pool_t *p,
                       es_problem_t *why);

#endif
