/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JSON as text, RFC 8259: a text as a JSON string, and a walk over a document
 * that gives the text of a value as it was written. A number or an escape that
 * was parsed and printed again would come out otherwise: the 0.1 of a price as
 * 0.10000000000000001, 1e400 not at all.
 *
 * The walk checks nothing: a parser must have accepted the document before. For
 * any other document the results are meaningless, but nothing outside of it is
 * read. Only es_json_text_checked checks the value that it steps over. Pure.
 */
#ifndef ES_BASE_JSON_H
#define ES_BASE_JSON_H

#include <apr_pools.h>

#include "base/slice.h"

/* ---- strings ----------------------------------------------------------- */

/** Most bytes of the JSON string of a text of len bytes, quotes included. */
apr_size_t es_json_string_room(apr_size_t len);

/**
 * Write a text as a JSON string.
 *
 * @param at    has es_json_string_room bytes
 * @param text  valid UTF-8
 * @return the position after the last byte written; there is no NUL
 */
char *es_json_string_put(char *at, es_slice_t text);

/** The same as a C string in p. */
const char *es_json_string(es_slice_t text, apr_pool_t *p);

/* ---- walks ------------------------------------------------------------- */

/** How far a walk has come. */
typedef struct es_json_text_t {
    const char *at;
    const char *end;
} es_json_text_t;

/** Start at the beginning of a document. */
es_json_text_t es_json_text_of(es_slice_t document);

/**
 * Step over blanks and separators to what comes next.
 *
 * @return its first byte, which may be a bracket that ends an object or array;
 *         NUL at the end of the document
 */
char es_json_text_next(es_json_text_t *text);

/** Step into the object or array that starts here. */
void es_json_text_enter(es_json_text_t *text);

/** After its last value: step out of it. */
void es_json_text_leave(es_json_text_t *text);

/** In an object: step over the next name, to its value. */
void es_json_text_name(es_json_text_t *text);

/**
 * Step over the value that comes next, and over a comma before it.
 *
 * @return its text, in the document, without blanks around it
 */
es_slice_t es_json_text_value(es_json_text_t *text);

/** Deepest value in a document, where the document itself has depth 1. */
#define ES_JSON_DEPTH_MAX 2048 /* jansson's, unless it was built otherwise */

/**
 * The same as es_json_text_value, if the value is valid by the grammar of RFC
 * 8259 and valid UTF-8. It may be more than most parsers take: a number of any
 * size, a name that occurs twice in an object or contains NUL, and an escape
 * that is half of a surrogate pair.
 *
 * @param value  its text; on error it begins at the value's first byte
 * @param depth  in how many objects and arrays the value is
 * @return NULL; or what is wrong, as half a sentence, and text->at is where.
 *         At text->end the value is not complete
 */
const char *es_json_text_checked(es_slice_t *value, es_json_text_t *text,
                                 int depth);

/** A value's text without the blanks between its parts; in p, or value. */
es_slice_t es_json_text_compact(es_slice_t value, apr_pool_t *p);

#endif
