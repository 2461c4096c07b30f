/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A control frame: what a client is told beside events, framed as its body
 * is, and short of the first bytes when these have been taken already. Made
 * anew for each write: the same arguments give the same bytes.
 */
#ifndef ES_DELIVER_CONTROL_FRAME_H
#define ES_DELIVER_CONTROL_FRAME_H

#include <sys/uio.h>

#include "base/frame.h"
#include "journal/store.h"

#define ES_CONTROL_PARTS 4

typedef struct es_control_frame_t {
    struct iovec iov[ES_CONTROL_PARTS];
    int first;        /* of iov; those before are done */
    int count;        /* from first on */
    apr_size_t len;   /* bytes of these */
    apr_pool_t *pool; /* what the frame needs; NULL = nothing */
    char head[ES_FRAME_CHUNK_HEAD_SIZE];
    char text[ES_FRAME_CONTROL_SIZE];
} es_control_frame_t;

/** A keep-alive, an event or a comment. */
void es_control_frame_keepalive(es_control_frame_t *control, int as_comment,
                                int chunked);

/**
 * A stream-reset.
 *
 * @param slots  of its channels, subscribed to
 * @return APR_SUCCESS or APR_ENOMEM
 */
apr_status_t es_control_frame_reset(es_control_frame_t *control,
                                    const es_id_t *id, const es_store_t *store,
                                    const es_slot_t *slots, int count,
                                    int chunked);

/** The end: "retry: …", and the last chunk. */
void es_control_frame_end(es_control_frame_t *control, apr_int64_t retry_ms,
                          int chunked);

/** Leave out the first bytes; more than there are leave nothing. */
void es_control_frame_skip(es_control_frame_t *control, apr_size_t bytes);

/** Give back what it holds. */
void es_control_frame_clear(es_control_frame_t *control);

#endif
