/* SPDX-License-Identifier: Apache-2.0 */
/**
 * buf: bytes kept until the rest of them has come, or until a socket
 * takes them. Born empty ({0}); takes memory only while it holds something.
 */
#ifndef EB_BUF_H
#define EB_BUF_H

#include <stddef.h>

typedef struct {
    char *bytes; /* ours; NULL while nothing was ever held */
    size_t len;  /* bytes held */
    size_t size; /* bytes allocated */
} eb_buf_t;

/**
 * Append a copy.
 *
 * @param max_bytes  ceiling of all that is held
 * @return 0, or -1: over the ceiling or no memory, nothing was appended
 */
int eb_buf_add(eb_buf_t *buf, const void *bytes, size_t len, size_t max_bytes);

/** Let go of the first len bytes; of all of them: give the memory back. */
void eb_buf_drop(eb_buf_t *buf, size_t len);

/** Let go of everything. */
void eb_buf_clear(eb_buf_t *buf);

#endif
