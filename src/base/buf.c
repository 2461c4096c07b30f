/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The capacity doubles, so that the cost of copying a body that arrives in
 * small pieces stays proportional to its size.
 */
#include "base/buf.h"

#define FIRST_ROOM 1024

void es_buf_init(es_buf_t *buf, apr_pool_t *p, apr_size_t max_bytes)
{
    buf->pool = p;
    buf->data = NULL;
    buf->len = 0;
    buf->room = 0;
    buf->max = max_bytes;
}

static void grow(es_buf_t *buf, apr_size_t need)
{
    apr_size_t room = buf->room ? buf->room : FIRST_ROOM;
    char *data;

    while (room < need) {
        room = room > buf->max / 2 ? buf->max : room * 2;
    }
    data = apr_palloc(buf->pool, room);
    if (buf->len != 0) {
        memcpy(data, buf->data, buf->len);
    }
    buf->data = data;
    buf->room = room;
}

apr_status_t es_buf_reserve(es_buf_t *buf, apr_size_t bytes)
{
    if (bytes > buf->max - buf->len) {
        return APR_ENOSPC;
    }
    if (bytes > buf->room - buf->len) {
        grow(buf, buf->len + bytes);
    }
    return APR_SUCCESS;
}

apr_status_t es_buf_add(es_buf_t *buf, es_slice_t bytes)
{
    apr_status_t rv = es_buf_reserve(buf, bytes.len);

    if (rv == APR_SUCCESS && bytes.len != 0) {
        memcpy(buf->data + buf->len, bytes.data, bytes.len);
        buf->len += bytes.len;
    }
    return rv;
}

es_slice_t es_buf_slice(const es_buf_t *buf)
{
    return es_slice(buf->data, buf->len);
}
