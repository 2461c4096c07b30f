/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frame is a few iovecs: the chunk's head, the text, the chunk's tail. Only
 * the text of a stream-reset has no fixed maximum; it lives in a pool.
 */
#include "deliver/control_frame.h"

static void add(es_control_frame_t *control, es_slice_t part)
{
    struct iovec *iov = &control->iov[control->first + control->count];

    iov->iov_base = (char *)part.data; /* only read from */
    iov->iov_len = part.len;
    control->count++;
    control->len += part.len;
}

static void begin(es_control_frame_t *control)
{
    control->first = 0;
    control->count = 0;
    control->len = 0;
    control->pool = NULL;
}

/* The frame, in a chunk of its own if the body is chunked. */
static void add_frame(es_control_frame_t *control, es_slice_t frame,
                      int chunked)
{
    apr_size_t len;

    if (!chunked) {
        add(control, frame);
        return;
    }
    len = es_frame_chunk_head(control->head, frame.len);
    add(control, es_slice(control->head, len));
    add(control, frame);
    add(control, es_frame_chunk_tail());
}

void es_control_frame_keepalive(es_control_frame_t *control, int as_comment,
                                int chunked)
{
    begin(control);
    add_frame(control, es_frame_keepalive(as_comment), chunked);
}

apr_status_t es_control_frame_reset(es_control_frame_t *control,
                                    const es_id_t *id, const es_store_t *store,
                                    const es_slot_t *slots, int count,
                                    int chunked)
{
    es_slice_t *names;
    es_slice_t frame;
    apr_status_t rv;
    int i;

    begin(control);
    /* The thread shares no pool. One with an allocator of its own costs
     * more, but resets are rare. */
    rv = apr_pool_create_unmanaged_ex(&control->pool, NULL, NULL);
    if (rv != APR_SUCCESS) {
        control->pool = NULL;
        return APR_ENOMEM;
    }
    /* nor an abort function: it returns NULL without memory */
    names = apr_palloc(control->pool, (apr_size_t)count * sizeof(*names) + 1);
    if (names == NULL) {
        es_control_frame_clear(control);
        return APR_ENOMEM;
    }
    for (i = 0; i < count; i++) {
        names[i] = es_store_name(store, slots[i]);
    }
    frame = es_frame_reset(id, names, count, control->pool);
    if (frame.data == NULL) {
        es_control_frame_clear(control);
        return APR_ENOMEM;
    }
    add_frame(control, frame, chunked);
    return APR_SUCCESS;
}

void es_control_frame_end(es_control_frame_t *control, apr_int64_t retry_ms,
                          int chunked)
{
    apr_size_t len;

    begin(control);
    len = es_frame_retry(control->text, retry_ms);
    add_frame(control, es_slice(control->text, len), chunked);
    if (chunked) {
        add(control, es_frame_chunk_last());
    }
}

void es_control_frame_skip(es_control_frame_t *control, apr_size_t bytes)
{
    struct iovec *iov;

    while (control->count > 0) {
        iov = &control->iov[control->first];
        if (bytes < iov->iov_len) {
            iov->iov_base = (char *)iov->iov_base + bytes;
            iov->iov_len -= bytes;
            control->len -= bytes;
            return;
        }
        bytes -= iov->iov_len;
        control->len -= iov->iov_len;
        control->first++;
        control->count--;
    }
}

void es_control_frame_clear(es_control_frame_t *control)
{
    if (control->pool != NULL) {
        apr_pool_destroy(control->pool);
        control->pool = NULL;
    }
}
