/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The formats of a publish body. They know no httpd.
 */
#ifndef ES_HTTP_BODY_FORMATS_H
#define ES_HTTP_BODY_FORMATS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/event.h"
#include "base/problem.h"
#include "base/slice.h"

/* ---- Raw: body.c -------------------------------------------------------- */

/*
 * A body that is an event's data as it is; all else is in the query. It knows
 * no httpd.
 */

/** One event with body as its data, which may be empty. */
es_batch_read_fn_t es_body_raw;

/* ---- Web form: body_form.c ---------------------------------------------- */

/*
 * A body as web forms send it, application/x-www-form-urlencoded: one event.
 *
 *     channel=c&channel=d&event=order&id=mine&retry=3000&data=as+it+is
 *
 * "topic" is another word for "channel" and "type" for "event", as publishers
 * of other systems say. "data" is sent as it is. Of other fields than the
 * channels the first counts; fields that are not known are passed over. It
 * knows no httpd.
 */

/** Reads such a body; see es_batch_read_fn_t. */
es_batch_read_fn_t es_body_form;

/* ---- JSON and NDJSON: body_json.c --------------------------------------- */

/*
 * A body in JSON: one event, or a list of events.
 *
 *     {"channel": "c" or ["c", "d"], "event": "name", "id": "mine",
 *      "data": any JSON, or "text": "as it is", "retry": 3000}
 *
 * "data" is sent as its JSON text without the blanks between its parts, else
 * as it was written: numbers keep their digits, escapes stay escapes; strings
 * keep their quotes, so that JSON.parse(e.data) always works. A whole number
 * beyond 64 bits is refused anywhere in a body, as is a name that occurs
 * twice in an object. Fields that are not known are passed over. null is a
 * value for "data" only. It knows no httpd.
 */

/** Reads such a body; see es_batch_read_fn_t. */
es_batch_read_fn_t es_body_json;

/**
 * Read a line of a body that has such an object on each line (NDJSON).
 *
 * @param batch   filled with one event
 * @param number  of the line, from 1: it is told in why
 *
 * The rest as es_batch_read_fn_t.
 */
int es_body_json_line(es_batch_t *batch, es_slice_t line, apr_uint64_t number,
                      const es_event_t *preset, apr_pool_t *p,
                      es_problem_t *why);

/**
 * Put the line before a sentence about its event.
 *
 * @return always 0, as es_problem_set
 */
int es_body_json_at_line(apr_uint64_t number, apr_pool_t *p, es_problem_t *why);

/* ---- GRIP items: body_items.c ------------------------------------------- */

/*
 * A body in JSON as GRIP publishers send it to a proxy:
 *
 *     {"items": [{"channel": "c", "formats": {"http-stream":
 *                     {"content": "event: x\ndata: 1\n\n"}}}]}
 *
 * Names of formats may stand in the item itself, "content-bin" is base64, an
 * "action" is send, close or hint. It knows no httpd.
 */

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
