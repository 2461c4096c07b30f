/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Numbers of a hub's file, in network order. Pure.
 */
#ifndef ES_JOURNAL_FILE_BYTES_H
#define ES_JOURNAL_FILE_BYTES_H

#include <apr.h>

/** Write the lower size bytes of a number, 1..8. @return what follows them */
static inline unsigned char *es_file_bytes_put(unsigned char *at,
                                               apr_uint64_t number, int size)
{
    int i;

    for (i = size - 1; i >= 0; i--) {
        at[i] = (unsigned char)number;
        number >>= 8;
    }
    return at + size;
}

/** The number in size bytes, 1..8. */
static inline apr_uint64_t es_file_bytes_get(const unsigned char *at, int size)
{
    apr_uint64_t number = 0;
    int i;

    for (i = 0; i < size; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

#endif
