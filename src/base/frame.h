/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A frame: the bytes of an event on the wire, WHATWG HTML section
 * "Server-sent events". The journal assigns the id of an event under its lock,
 * so a frame is made in two steps: all that does not depend on the id is made
 * before the lock is taken, and joined with the id under it. Order: event, id,
 * data…, retry, blank line. Pure.
 *
 * Control frames, which are about the stream itself (open, keep-alive, reset,
 * retry), are written whole into the caller's bytes. Only a frame with data
 * ends with a blank line: many libraries make an event without data of each
 * blank line that follows anything else, a comment included.
 *
 * With HTTP/1.1 a frame is sent as a chunk of chunked framing, RFC 9112 section
 * 7.1: "<size in hex>\r\n" bytes "\r\n".
 */
#ifndef ES_BASE_FRAME_H
#define ES_BASE_FRAME_H

#include <apr_pools.h>

#include "base/event.h"
#include "base/id.h"
#include "base/slice.h"

typedef struct es_frame_t {
    es_slice_t head;         /* "event: …\n" or empty */
    es_slice_t publisher_id; /* empty = the id is ours */
    es_slice_t tail;         /* "data: …\n"… "retry: …\n" "\n" */
} es_frame_t;

/**
 * Make the parts of an event's frame. Data is split at CR LF, CR and LF; each
 * line, also an empty one, becomes a data line; empty data is one line
 * "data: ". The event has passed es_event_check.
 *
 * @param frame  its slices live in p, publisher_id where the event's id lives
 */
void es_frame_make(es_frame_t *frame, const es_event_t *event, apr_pool_t *p);

/** Bytes of the frame with an id of id_len bytes, "id: " and LF included. */
apr_size_t es_frame_size(const es_frame_t *frame, apr_size_t id_len);

/**
 * Join the frame into dst, which has es_frame_size bytes.
 *
 * @param id  the text after "id: ": publisher_id, or ours
 * @return the offset of the id in dst
 */
apr_size_t es_frame_write(char *dst, const es_frame_t *frame, es_slice_t id);

/** 1 if both frames have the same bytes and the same publisher_id. */
int es_frame_equal(const es_frame_t *a, const es_frame_t *b);

/** 1 if written is what es_frame_write makes of frame and its publisher_id. */
int es_frame_is(const es_frame_t *frame, es_slice_t written);

/* ---- control frames ---------------------------------------------------- */

/** Room for any of the frames below except es_frame_reset's. */
#define ES_FRAME_CONTROL_SIZE 160

/**
 * "event: stream-open\nid: <id>\ndata: \nretry: <retry_ms>\n\n", the first
 * bytes of each stream.
 *
 * @param id  NULL = no id line: the client keeps the position that it has
 * @return bytes written, no NUL
 */
apr_size_t es_frame_open(char dst[ES_FRAME_CONTROL_SIZE], apr_int64_t retry_ms,
                         const es_id_t *id);

/**
 * "retry: <retry_ms>\n", the last bytes of a stream that the server ends. A
 * client obeys this line as soon as it has read it.
 *
 * @return bytes written, no NUL
 */
apr_size_t es_frame_retry(char dst[ES_FRAME_CONTROL_SIZE],
                          apr_int64_t retry_ms);

/** "event: keep-alive\ndata: \n\n", or ": keep-alive\n" as a comment. */
es_slice_t es_frame_keepalive(int as_comment);

/**
 * "event: stream-reset\nid: <id>\ndata: {\"channels\":[…]}\n\n", with the names
 * as JSON strings (RFC 8259).
 *
 * @param channels  names in valid UTF-8
 * @return the frame, in p; data is NULL if p has no memory and no abort
 *         function
 */
es_slice_t es_frame_reset(const es_id_t *id, const es_slice_t *channels,
                          int nchannels, apr_pool_t *p);

/* ---- chunks ------------------------------------------------------------ */

/** Room for any chunk head: 16 hex digits, CR LF. */
#define ES_FRAME_CHUNK_HEAD_SIZE 18
/** Bytes after a chunk's data: CR LF. */
#define ES_FRAME_CHUNK_TAIL_SIZE 2

/** Write the head of a chunk of size bytes (> 0), no NUL. @return its size. */
apr_size_t es_frame_chunk_head(char dst[ES_FRAME_CHUNK_HEAD_SIZE],
                               apr_size_t size);

/** Bytes that es_frame_chunk_head would write. */
apr_size_t es_frame_chunk_head_size(apr_size_t size);

/** The CR LF after a chunk's data. */
es_slice_t es_frame_chunk_tail(void);

/** "0\r\n\r\n", by which the client sees that the body is complete. */
es_slice_t es_frame_chunk_last(void);

#endif
