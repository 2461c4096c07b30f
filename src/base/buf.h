/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A buffer that grows in a pool, up to a ceiling that it is born with. Pure.
 */
#ifndef ES_BASE_BUF_H
#define ES_BASE_BUF_H

#include <apr_pools.h>

#include "base/slice.h"

typedef struct es_buf_t {
    apr_pool_t *pool; /* growth leaves the older bytes in the pool */
    char *data;       /* len bytes, NULL before the first */
    apr_size_t len;   /* bytes in use */
    apr_size_t room;  /* bytes there are */
    apr_size_t max;   /* bytes it may ever hold */
} es_buf_t;

/** Begin empty; takes nothing from p yet. */
void es_buf_init(es_buf_t *buf, apr_pool_t *p, apr_size_t max_bytes);

/**
 * Append bytes.
 *
 * @return APR_SUCCESS, or APR_ENOSPC when max would be passed; buf is then as
 *         it was
 */
apr_status_t es_buf_add(es_buf_t *buf, es_slice_t bytes);

/**
 * Make room for so many bytes more, for who writes at data + len and raises
 * len then.
 *
 * @return as es_buf_add
 */
apr_status_t es_buf_reserve(es_buf_t *buf, apr_size_t bytes);

/** What it holds; valid until the next es_buf_add. */
es_slice_t es_buf_slice(const es_buf_t *buf);

#endif
