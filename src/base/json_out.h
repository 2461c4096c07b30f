/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A JSON document (RFC 8259) that is written from its beginning to its end:
 * commas, quotes and escapes are put here. It holds a bounded number of bytes;
 * what does not fit is left out, and the document is marked as full. Pure.
 */
#ifndef ES_BASE_JSON_OUT_H
#define ES_BASE_JSON_OUT_H

#include <apr_pools.h>

#include "base/buf.h"
#include "base/slice.h"

typedef struct es_json_out_t {
    es_buf_t buf;
    int needs_comma;
    int is_full; /* 1 = something did not fit: it is no document */
} es_json_out_t;

/** Begin a document of max_bytes at most, in p. */
void es_json_out_init(es_json_out_t *out, apr_pool_t *p, apr_size_t max_bytes);

/* In all functions below, name is that of a member of the object that is open:
 * ASCII without quotes; NULL in an array and for the document itself. */

/** Open an object ('{') or an array ('['). */
void es_json_out_open(es_json_out_t *out, const char *name, char bracket);

/** Close it: '}' or ']'. */
void es_json_out_close(es_json_out_t *out, char bracket);

/** @param text  what is not UTF-8 is taken for Latin-1 */
void es_json_out_text(es_json_out_t *out, const char *name, es_slice_t text);

/** A C string; NULL gives null. */
void es_json_out_string(es_json_out_t *out, const char *name, const char *text);

void es_json_out_count(es_json_out_t *out, const char *name,
                       apr_uint64_t value);
void es_json_out_number(es_json_out_t *out, const char *name,
                        apr_int64_t value);
/** With three decimals; what is no number gives null. */
void es_json_out_decimal(es_json_out_t *out, const char *name, double value);
void es_json_out_bool(es_json_out_t *out, const char *name, int value);
void es_json_out_null(es_json_out_t *out, const char *name);

/** The bytes so far. */
es_slice_t es_json_out_slice(const es_json_out_t *out);

#endif
