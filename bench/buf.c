/* SPDX-License-Identifier: Apache-2.0 */
/* A growing run of bytes; see buf.h. */
#include "bench/buf.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE 256

int eb_held_bytes_add(eb_held_bytes_t *hold, const void *bytes, size_t len,
                      size_t max_bytes)
{
    size_t size;
    char *grown;

    if (hold->len > max_bytes || len > max_bytes - hold->len) {
        return -1;
    }
    size = hold->size != 0 ? hold->size : FIRST_SIZE;
    while (size < hold->len + len) {
        size *= 2;
    }
    if (size != hold->size) {
        grown = realloc(hold->bytes, size);
        if (grown == NULL) {
            return -1;
        }
        hold->bytes = grown;
        hold->size = size;
    }
    memcpy(hold->bytes + hold->len, bytes, len);
    hold->len += len;
    return 0;
}

void eb_held_bytes_drop(eb_held_bytes_t *hold, size_t len)
{
    if (len >= hold->len) {
        eb_held_bytes_clear(hold);
        return;
    }
    memmove(hold->bytes, hold->bytes + len, hold->len - len);
    hold->len -= len;
}

void eb_held_bytes_clear(eb_held_bytes_t *hold)
{
    free(hold->bytes);
    memset(hold, 0, sizeof(*hold));
}
