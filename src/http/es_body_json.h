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
#ifndef ES_BODY_JSON_H
#define ES_BODY_JSON_H

#include "base/es_batch.h"

/** Reads such a body; see es_batch_read_fn_t. */
es_batch_read_fn_t es_body_json;

#endif
