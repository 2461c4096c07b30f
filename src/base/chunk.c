/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Chunk heads, written by hand: one is written for each frame.
 */
#include "base/chunk.h"

/* Hex digits of size, at least one. */
static apr_size_t digits_of(apr_size_t size)
{
    apr_size_t digits = 1;

    for (size >>= 4; size != 0; size >>= 4) {
        digits++;
    }
    return digits;
}

apr_size_t es_frame_chunk_head(char dst[ES_FRAME_CHUNK_HEAD_SIZE],
                               apr_size_t size)
{
    static const char hex[] = "0123456789abcdef";
    apr_size_t digits = digits_of(size);
    apr_size_t at;

    for (at = digits; at > 0; at--) {
        dst[at - 1] = hex[size & 0xf];
        size >>= 4;
    }
    dst[digits] = '\r';
    dst[digits + 1] = '\n';
    return digits + 2;
}

apr_size_t es_frame_chunk_head_size(apr_size_t size)
{
    return digits_of(size) + 2;
}

es_slice_t es_frame_chunk_tail(void)
{
    return es_slice("\r\n", ES_FRAME_CHUNK_TAIL_SIZE);
}

es_slice_t es_frame_chunk_last(void)
{
    return es_slice("0\r\n\r\n", 5);
}
