/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A control frame: what a client gets in addition to events (a keep-alive, a
 * stream-reset, the end), chunked or not as its body is, without the first
 * bytes if these are written already. It is made again for each write, since
 * the same arguments give the same bytes.
 */
#ifndef ES_DELIVER_CONTROL_FRAME_H
#define ES_DELIVER_CONTROL_FRAME_H

#include <sys/uio.h>

#include "base/frame.h"
#include "journal/store.h"

#define ES_CONTROL_PARTS 4

typedef struct es_control_frame_t {
    struct iovec iov[ES_CONTROL_PARTS];
    int first;        /* of iov; those before it are left out */
    int count;        /* from first on */
    apr_size_t len;   /* bytes of these */
    apr_pool_t *pool; /* what the frame needs; NULL = none */
    char head[ES_FRAME_CHUNK_HEAD_SIZE];
    char text[ES_FRAME_CONTROL_SIZE];
} es_control_frame_t;

/**
 * Make a keep-alive.
 *
 * @param as_comment  1 = a comment, 0 = an event
 */
void es_control_frame_keepalive(es_control_frame_t *control, int as_comment,
                                int chunked);

/**
 * Make a stream-reset.
 *
 * @param id     the present position
 * @param slots  count of them, the channels that it names; subscribed, so that
 *               they keep their names
 * @return APR_SUCCESS or APR_ENOMEM
 */
apr_status_t es_control_frame_reset(es_control_frame_t *control,
                                    const es_id_t *id, const es_store_t *store,
                                    const es_slot_t *slots, int count,
                                    int chunked);

/** Make the end: "retry: …", and the last chunk if the body is chunked. */
void es_control_frame_end(es_control_frame_t *control, apr_int64_t retry_ms,
                          int chunked);

/** Leave out the first bytes. If the frame has fewer, nothing is left. */
void es_control_frame_skip(es_control_frame_t *control, apr_size_t bytes);

/** Give back what the frame holds. */
void es_control_frame_clear(es_control_frame_t *control);

#endif
