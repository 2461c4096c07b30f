/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The formats of a publish body: each has a reader that turns the bytes of a
 * body into events or GRIP items. They know no httpd.
 */
#ifndef ES_HTTP_BODY_FORMATS_H
#define ES_HTTP_BODY_FORMATS_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/event.h"
#include "base/problem.h"
#include "base/slice.h"

/* ---- The format of a body: body_type.c ---------------------------------- */

typedef enum es_body_kind_t {
    ES_BODY_RAW,
    ES_BODY_JSON,
    ES_BODY_LINES, /* a stream of lines, each in JSON */
    ES_BODY_FORM,
    ES_BODY_MULTIPART
} es_body_kind_t;

typedef struct es_body_type_t {
    es_body_kind_t kind;
    es_slice_t boundary; /* of ES_BODY_MULTIPART */
    es_slice_t charset;  /* of the text, as it was sent; empty = not said */
} es_body_type_t;

/**
 * Find out which format a Content-Type stands for. Formats that are known here
 * have several names, such as application/jsonl for application/x-ndjson. A
 * type that is not known stands for ES_BODY_RAW.
 *
 * @param type          its boundary lives in p or in content_type
 * @param content_type  the value of the header field; NULL = there is none
 * @param why           415: no media type, several types of different formats,
 *                      or a multipart type that is no form; 400: a bad
 *                      boundary
 * @return 1, or 0 with why
 */
int es_body_type(es_body_type_t *type, const char *content_type, apr_pool_t *p,
                 es_problem_t *why);

/**
 * Check that a text is not in another charset than UTF-8. The bytes of another
 * one may be valid UTF-8, too, and clients would get other characters. ASCII is
 * accepted under any name, because some libraries always name ISO-8859-1.
 *
 * @param charset  empty = not said, so it is UTF-8
 * @param why      415
 * @return 1, or 0 with why
 *
 * JSON has no charset, RFC 8259: it is UTF-8 whatever its type says.
 */
int es_body_type_check_charset(es_slice_t charset, es_slice_t text,
                               apr_pool_t *p, es_problem_t *why);

/* ---- Raw: body.c -------------------------------------------------------- */

/*
 * A body that is the data of one event as it is; the query has the other
 * fields.
 */

/** Reads such a body, which may be empty; see es_batch_read_fn_t. */
es_batch_read_fn_t es_body_raw;

/* ---- Web form: body_form.c ---------------------------------------------- */

/*
 * A body as web forms send it, application/x-www-form-urlencoded: one event.
 *
 *     channel=c&channel=d&event=order&id=mine&retry=3000&data=as+it+is
 *
 * "topic" is another word for "channel" and "type" for "event", because
 * publishers of other systems use them. "data" is sent as it is. Each channel
 * counts, also as channel[]; any other known field may occur once. Unknown
 * fields are ignored
 * if there is "data". Without it they are refused, and the event must have a
 * type, an id or retry.
 */

/** Reads such a body; see es_batch_read_fn_t. */
es_batch_read_fn_t es_body_form;

/* ---- Multipart form: body_multipart.c ----------------------------------- */

/**
 * Write a form that comes as multipart/form-data, RFC 7578, as the same web
 * form for es_body_form. A file is a field as any other; its name and its type
 * are dropped.
 *
 * @param form      in p, not much longer than body
 * @param boundary  from es_body_type
 * @param why       400, naming the part; 415: a part has a transfer encoding
 * @return 1, or 0 with why
 */
int es_body_multipart(es_slice_t *form, es_slice_t body, es_slice_t boundary,
                      apr_pool_t *p, es_problem_t *why);

/* ---- JSON and NDJSON: body_json.c --------------------------------------- */

/*
 * A body in JSON: one event, or a list of events.
 *
 *     {"channel": "c" or ["c", "d"], "event": "name", "id": "mine",
 *      "data": any JSON, or "text": "as it is", "retry": 3000}
 *
 * "data" is sent as its JSON text without the blanks between tokens, and
 * otherwise as it was written: numbers keep their digits, escapes stay escapes,
 * and strings keep their quotes, so that JSON.parse(e.data) always works. All
 * that RFC 8259 allows is accepted there; see body_json_parse.h for what is
 * refused elsewhere. Unknown fields are ignored if there is "data" or "text".
 * Without both they are refused, and the event must have a type, an id or
 * retry. Only "data" may be null.
 */

/** Reads such a body; see es_batch_read_fn_t. */
es_batch_read_fn_t es_body_json;

/**
 * Take off what may stand before the JSON text of a line: a byte order mark,
 * also where a file was appended to another one, and the RS (0x1e) with which
 * application/json-seq begins each text, RFC 7464.
 *
 * @return 1; 0: the line is blank
 */
int es_body_json_line_trim(es_slice_t *line);

/**
 * Read one line of an NDJSON body, which has such an object on each line.
 *
 * @param batch   filled with one event
 * @param number  of the line, from 1; the sentence of why states it
 *
 * All else is as in es_batch_read_fn_t.
 */
int es_body_json_line(es_batch_t *batch, es_slice_t line, apr_uint64_t number,
                      const es_event_t *preset, apr_pool_t *p,
                      es_problem_t *why);

/**
 * Prefix the sentence about an event with the number of its line.
 *
 * @return always 0, as es_problem_set
 */
int es_body_json_at_line(apr_uint64_t number, apr_pool_t *p, es_problem_t *why);

/* ---- GRIP items: body_items.c ------------------------------------------- */

/*
 * A body in JSON with the items that GRIP publishers send to a proxy:
 *
 *     {"items": [{"channel": "c", "formats": {"http-stream":
 *                     {"content": "event: x\ndata: 1\n\n"}}}]}
 *
 * The formats may also be fields of the item itself. "content-bin" is base64,
 * and "action" is send, close or hint.
 */

/** A body that was recognised as items; it lives in the pool of the call. */
typedef struct es_body_items_t es_body_items_t;

typedef enum es_item_action_t {
    ES_ITEM_SEND,
    ES_ITEM_CLOSE,
    ES_ITEM_NOTHING /* a hint, or no format for streams */
} es_item_action_t;

typedef struct es_item_t {
    es_slice_t channel; /* as it was sent, with any prefix */
    es_item_action_t action;
    es_slice_t content; /* of a send */
    int builds_id;      /* the content filter build-id applies to content */
} es_item_t;

/**
 * Recognise a body with items: an object with "items" and without "channel",
 * which would make it an event.
 *
 * @return NULL for any other body, also if it is not JSON
 */
const es_body_items_t *es_body_items_find(es_slice_t body, apr_pool_t *p);

/**
 * Read the items.
 *
 * @param items  array of es_item_t; they and their texts live in p
 * @param why    400, with Pushpin's sentence if Pushpin has one
 * @return 1, or 0 with why
 */
int es_body_items_read(const apr_array_header_t **items,
                       const es_body_items_t *json, apr_pool_t *p,
                       es_problem_t *why);

#endif
