/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Query strings and form data, application/x-www-form-urlencoded, WHATWG URL
 * section 5.1: pairs end at '&', a name at the first '='; '+' is a blank, %HH
 * is decoded once; a '%' without two hex digits stands for itself. Pure.
 */
#ifndef ES_BASE_QUERY_H
#define ES_BASE_QUERY_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "base/slice.h"

/**
 * All values of a name, in order: array of es_slice_t in p, maybe empty. A
 * value that needs no decoding points into query. A name without '=' has an
 * empty value.
 */
const apr_array_header_t *es_query_values(es_slice_t query, const char *name,
                                          apr_pool_t *p);

/**
 * The same of a name that may be followed by [] or by a number in brackets, as
 * PHP's http_build_query and jQuery write the elements of a list.
 */
const apr_array_header_t *es_query_elements(es_slice_t query, const char *name,
                                            apr_pool_t *p);

/** The first value of a name. @return 1; 0: the name does not occur */
int es_query_value(es_slice_t *value, es_slice_t query, const char *name,
                   apr_pool_t *p);

/**
 * The last value that is not empty among those of a name in any spelling: case,
 * '-' and '_' do not count.
 *
 * @param name  in lower case, without '-' and '_'
 * @return 1; 0: no value, *value is unchanged
 */
int es_query_last_value(es_slice_t *value, es_slice_t query, const char *name,
                        apr_pool_t *p);

/**
 * Take the next pair off a query.
 *
 * @param name   decoded; in p or in query
 * @return 1, or 0 at the end of the query
 */
int es_query_next(es_slice_t *name, es_slice_t *query, apr_pool_t *p);

/** A text with %HH decoded, and '+' as it is; in p, or text. */
es_slice_t es_query_decode_percent(es_slice_t text, apr_pool_t *p);

/** A value as a number from 0 to most, digits only; -1 = it is none. */
apr_int64_t es_query_number(es_slice_t value, apr_int64_t most);

#endif
