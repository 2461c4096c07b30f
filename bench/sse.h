/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sse: finds the events in an event stream, fed in pieces of any size.
 *
 * Reads as EventSource does (fields in any order, comments, several data
 * lines, LF or CR LF), but for a bare CR as line end, which the server
 * never writes. Knows neither HTTP nor what the events mean.
 */
#ifndef EB_SSE_H
#define EB_SSE_H

#include "bench/buf.h"

/* Slices lie in the bytes fed, or in the buf, until the callback returns. */
typedef struct {
    const char *type; /* "message" when the stream gave none */
    size_t type_len;
    const char *id; /* NULL: no id line */
    size_t id_len;
    const char *data; /* NULL: no data line, EventSource would not show it */
    size_t data_len;
    const char *retry; /* NULL: no retry line */
    size_t retry_len;
} eb_sse_event_t;

typedef void eb_sse_event_fn_t(void *arg, const eb_sse_event_t *event);

/* Born empty ({0}); cleared with eb_buf_clear(&sse->rest). */
typedef struct {
    eb_buf_t rest; /* an event of which the end has not come yet */
} eb_sse_t;

/**
 * Feed bytes of the stream.
 *
 * @param bytes     changed in place where an event has several data lines
 * @param on_event  called for each whole event, in order
 * @return 0, or -1: an event is larger than 1 MB, or no memory
 */
int eb_sse_feed(eb_sse_t *sse, char *bytes, size_t len,
                eb_sse_event_fn_t *on_event, void *arg);

#endif
