/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A buffer that grows in a pool, up to a maximum number of bytes. Pure.
 */
#ifndef ES_BASE_BUF_H
#define ES_BASE_BUF_H

#include <apr_pools.h>

#include "base/slice.h"

typedef struct es_buf_t {
    apr_pool_t *pool; /* when buf grows, its older memory stays here */
    char *data;       /* len bytes, NULL before the first */
    apr_size_t len;   /* bytes in use */
    apr_size_t room;  /* bytes allocated */
    apr_size_t max;   /* bytes it may ever hold */
} es_buf_t;

/** Start empty; nothing is allocated yet. */
void es_buf_init(es_buf_t *buf, apr_pool_t *p, apr_size_t max_bytes);

/**
 * Append bytes.
 *
 * @return APR_SUCCESS; APR_ENOSPC: it would hold more than max, and buf is
 *         unchanged
 */
apr_status_t es_buf_add(es_buf_t *buf, es_slice_t bytes);

/**
 * Make room for more bytes, which the caller writes at data + len before it
 * raises len.
 *
 * @return as es_buf_add
 */
apr_status_t es_buf_reserve(es_buf_t *buf, apr_size_t bytes);

/** Its bytes; valid until the next es_buf_add or es_buf_reserve. */
es_slice_t es_buf_slice(const es_buf_t *buf);

#endif
