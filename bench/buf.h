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
} eb_held_bytes_t;

/**
 * Append a copy.
 *
 * @param max_bytes  ceiling of all that is held
 * @return 0, or -1: over the ceiling or no memory, nothing was appended
 */
int eb_held_bytes_add(eb_held_bytes_t *hold, const void *bytes, size_t len,
                      size_t max_bytes);

/** Let go of the first len bytes; of all of them: give the memory back. */
void eb_held_bytes_drop(eb_held_bytes_t *hold, size_t len);

/** Let go of everything. */
void eb_held_bytes_clear(eb_held_bytes_t *hold);

#endif
