/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JSON as it was written, RFC 8259: walks the text of a document beside its
 * parsed form and gives the text of a value. A number or an escape that was
 * parsed and printed again would come out otherwise: 0.1 of a price as
 * 0.10000000000000001, 1e400 not at all.
 *
 * It checks nothing: the text has been accepted by a parser. Text that has
 * not gives rubbish, but nothing outside of the text is read. Pure.
 */
#ifndef ES_BASE_JSON_TEXT_H
#define ES_BASE_JSON_TEXT_H

#include "base/slice.h"

#include <apr_pools.h>

/** How far a walk has come. */
typedef struct es_json_text_t {
    const char *at;
    const char *end;
} es_json_text_t;

/** Start at the beginning of a document. */
es_json_text_t es_json_text_of(es_slice_t document);

/** Step into the object or array that starts here. */
void es_json_text_enter(es_json_text_t *text);

/** Step out of it behind its last value. */
void es_json_text_leave(es_json_text_t *text);

/** In an object: step over the next name, to its value. */
void es_json_text_name(es_json_text_t *text);

/**
 * Step over the value that comes next, and over a comma before it.
 *
 * @return its text, in the document, without blanks around it
 */
es_slice_t es_json_text_value(es_json_text_t *text);

/** A value's text without the blanks between its parts; in p, or value. */
es_slice_t es_json_text_compact(es_slice_t value, apr_pool_t *p);

#endif
