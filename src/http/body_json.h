/* SPDX-License-Identifier: Apache-2.0 */
/**
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
#ifndef ES_HTTP_BODY_JSON_H
#define ES_HTTP_BODY_JSON_H

#include "base/batch.h"

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

#endif
