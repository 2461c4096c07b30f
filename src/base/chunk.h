/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Chunked framing, RFC 9112 section 7.1: "<size in hex>\r\n" bytes "\r\n".
 * Pure.
 */
#ifndef ES_BASE_CHUNK_H
#define ES_BASE_CHUNK_H

#include <apr.h>

#include "base/slice.h"

/** Room for any chunk head: 16 hex digits, CR LF. */
#define ES_FRAME_CHUNK_HEAD_SIZE 18
/** Bytes after a chunk's data: CR LF. */
#define ES_FRAME_CHUNK_TAIL_SIZE 2

/** Write the head of a chunk of size bytes (> 0), no NUL. @return its size. */
apr_size_t es_frame_chunk_head(char dst[ES_FRAME_CHUNK_HEAD_SIZE],
                               apr_size_t size);

/** Bytes that es_frame_chunk_head would write. */
apr_size_t es_frame_chunk_head_size(apr_size_t size);

/** The CR LF behind a chunk's data. */
es_slice_t es_frame_chunk_tail(void);

/** "0\r\n\r\n": the body has ended as it was meant to. */
es_slice_t es_frame_chunk_last(void);

#endif
