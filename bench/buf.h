/* SPDX-License-Identifier: Apache-2.0 */
/**
 * buf: a growing buffer, for incomplete input and for output that a socket did
 * not take. {0} is an empty one; it has memory only while it holds bytes.
 */
#ifndef EB_BUF_H
#define EB_BUF_H

#include <stddef.h>

typedef struct {
    char *bytes; /* ours; NULL if empty */
    size_t len;  /* bytes in use */
    size_t size; /* bytes allocated */
} eb_buf_t;

/**
 * Append a copy.
 *
 * @param max_bytes  ceiling of len
 * @return 0, or -1: over the ceiling or no memory, nothing was appended
 */
int eb_buf_add(eb_buf_t *buf, const void *bytes, size_t len, size_t max_bytes);

/** Remove the first len bytes; an empty buffer frees its memory. */
void eb_buf_drop(eb_buf_t *buf, size_t len);

/** Remove all bytes and free the memory. */
void eb_buf_clear(eb_buf_t *buf);

#endif
