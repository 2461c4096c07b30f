/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A slice: a pointer to bytes that it does not own, and their number. The bytes
 * are not terminated by NUL and may contain one. The data of an empty slice may
 * be NULL. Header only: each function is one or two instructions.
 */
#ifndef ES_BASE_SLICE_H
#define ES_BASE_SLICE_H

#include <string.h>

#include <apr.h>

typedef struct es_slice_t {
    const char *data; /* not owned; NULL only when len is 0 */
    apr_size_t len;   /* bytes */
} es_slice_t;

static inline es_slice_t es_slice(const char *data, apr_size_t len)
{
    es_slice_t slice = {data, len};

    return slice;
}

/** The bytes of a C string, without its NUL; NULL gives the empty slice. */
static inline es_slice_t es_slice_of(const char *text)
{
    return es_slice(text, text ? strlen(text) : 0);
}

/** 1 if both have the same bytes. */
static inline int es_slice_equal(es_slice_t a, es_slice_t b)
{
    return a.len == b.len && (a.len == 0 || !memcmp(a.data, b.data, a.len));
}

/** 1 if the slice has the same bytes as the C string text. */
static inline int es_slice_is(es_slice_t slice, const char *text)
{
    return es_slice_equal(slice, es_slice_of(text));
}

/** 1 if the slice contains the byte c. */
static inline int es_slice_has(es_slice_t slice, char c)
{
    return slice.len != 0 && memchr(slice.data, c, slice.len) != NULL;
}

#endif
