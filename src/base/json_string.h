/* SPDX-License-Identifier: Apache-2.0 */
/** A text as a JSON string, RFC 8259. Pure. */
#ifndef ES_BASE_JSON_STRING_H
#define ES_BASE_JSON_STRING_H

#include <apr_pools.h>

#include "base/slice.h"

/** Most bytes that the string of a text takes, quotes included. */
apr_size_t es_json_string_room(apr_size_t len);

/**
 * Write it.
 *
 * @param text  valid UTF-8
 * @return the place behind it; at most es_json_string_room bytes, no NUL
 */
char *es_json_string_put(char *at, es_slice_t text);

/** The same into p, with a NUL. */
const char *es_json_string(es_slice_t text, apr_pool_t *p);

#endif
