/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The values of header fields that have parameters, RFC 9110 section 5.6.6:
 * Content-Type, and Content-Disposition in a multipart body. Pure.
 */
#ifndef ES_BASE_MEDIA_TYPE_H
#define ES_BASE_MEDIA_TYPE_H

#include <apr_pools.h>

#include "base/slice.h"

/**
 * Take the next element off a list with commas: httpd joins two fields of the
 * same name to "a, b". A comma within quotes belongs to its element; empty
 * elements are skipped.
 *
 * @param element  without blanks around it
 * @return 1, or 0 at the end of the list
 */
int es_media_type_next(es_slice_t *element, es_slice_t *list);

/** The part of an element before its parameters. */
es_slice_t es_media_type_name(es_slice_t element);

/**
 * Find a parameter of an element.
 *
 * @param value  without its quotes; in p or in element
 * @param name   in lower case; letters of both cases match
 * @return 1, or 0: the element has no such parameter
 */
int es_media_type_param(es_slice_t *value, es_slice_t element, const char *name,
                        apr_pool_t *p);

/** 1 if the slice is this text; letters of both cases match. */
int es_media_type_is(es_slice_t slice, const char *text);

#endif
