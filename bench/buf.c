/* SPDX-License-Identifier: Apache-2.0 */
/* The size doubles; the bytes always start at the front. */
#include "bench/buf.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 256

int eb_buf_add(eb_buf_t *buf, const void *bytes, size_t len, size_t max_bytes)
{
    size_t size;
    char *grown;

    if (buf->len > max_bytes || len > max_bytes - buf->len) {
        return -1;
    }
    size = buf->size != 0 ? buf->size : FIRST_SIZE;
    while (size < buf->len + len) {
        size *= 2;
    }
    if (size != buf->size) {
        grown = realloc(buf->bytes, size);
        if (grown == NULL) {
            return -1;
        }
        buf->bytes = grown;
        buf->size = size;
    }
    memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
    return 0;
}

void eb_buf_drop(eb_buf_t *buf, size_t len)
{
    if (len >= buf->len) {
        eb_buf_clear(buf);
        return;
    }
    memmove(buf->bytes, buf->bytes + len, buf->len - len);
    buf->len -= len;
}

void eb_buf_clear(eb_buf_t *buf)
{
    free(buf->bytes);
    memset(buf, 0, sizeof(*buf));
}
