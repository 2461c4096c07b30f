/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What holds for each event that a body contains: if it passes the check, a
 * frame can be made of it, and the frame is read as the same event again.
 */
#ifndef T_FUZZ_FUZZ_EVENT_H
#define T_FUZZ_FUZZ_EVENT_H

#include "base/frame.h"
#include "base/sse_text.h"
#include "fuzz.h"

/* The data after a browser has joined its lines. */
static inline es_slice_t fuzz_joined(es_slice_t data, apr_pool_t *p)
{
    char *bytes = fuzz_alloc(data.len, p);
    apr_size_t len = 0, i;

    for (i = 0; i < data.len; i++) {
        if (data.data[i] == '\n' && i > 0 && data.data[i - 1] == '\r') {
            continue;
        }
        bytes[len++] = data.data[i] == '\r' ? '\n' : data.data[i];
    }
    return es_slice(bytes, len);
}

static inline void fuzz_frame(const es_event_t *event, apr_pool_t *p)
{
    es_slice_t id = event->id.len > 0 ? event->id : es_slice_of("17-0");
    const apr_array_header_t *events;
    const es_event_t *again;
    es_frame_t frame;
    apr_size_t size, at;
    char *bytes;

    es_frame_make(&frame, event, p);
    size = es_frame_size(&frame, id.len);
    bytes = fuzz_alloc(size, p);
    at = es_frame_write(bytes, &frame, id);
    PROMISE(es_slice_equal(es_slice(bytes + at, id.len), id));
    PROMISE(es_sse_text_read(&events, es_slice(bytes, size), p) == NULL);
    PROMISE(events->nelts == 1);
    again = &APR_ARRAY_IDX(events, 0, es_event_t);
    PROMISE(es_slice_equal(again->type, event->type));
    PROMISE(es_slice_equal(again->id, id));
    PROMISE(es_slice_equal(again->data, fuzz_joined(event->data, p)));
    PROMISE(again->retry_ms == event->retry_ms);
}

/** An event as a body reader returns it; its channel may be missing. */
static inline void fuzz_event(const es_event_t *event, apr_pool_t *p)
{
    es_slice_t channel = es_slice_of("c");
    es_event_t checked = *event;
    es_problem_t why = {0};

    if (checked.nchannels == 0) {
        checked.channels = &channel;
        checked.nchannels = 1;
    }
    if (es_event_check(&checked, 64 * 1024, p, &why)) {
        PROMISE(es_utf8_is_valid(checked.data));
        fuzz_frame(&checked, p);
    }
    else {
        fuzz_refusal(&why);
    }
}

#endif
