/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Parses a body in JSON with jansson, except that "data" of its events may be
 * any JSON. For body_json.c alone, since jansson's types are in it.
 */
#ifndef ES_HTTP_BODY_JSON_PARSE_H
#define ES_HTTP_BODY_JSON_PARSE_H

#include <apr_pools.h>
#include <jansson.h>

#include "base/problem.h"
#include "base/slice.h"

/**
 * Parse a text: an event, a list of events, or what a caller refuses.
 *
 * "data" may be all that es_json_text_checked accepts. Everywhere else a number
 * must fit into 64 bits, a name must be unique in its object and free of NUL,
 * and a surrogate must have its other half.
 *
 * @param line  where the text starts, from 1; the sentence of why states it
 * @param why   400, with the place of the first fault and its reason
 * @return a value that lives as long as p, or NULL with why. That of a "data"
 *         may be an integer in the place of what was written
 */
json_t *es_body_json_parse(es_slice_t text, apr_uint64_t line, apr_pool_t *p,
                           es_problem_t *why);

#endif
