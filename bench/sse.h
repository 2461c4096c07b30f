/* SPDX-License-Identifier: Apache-2.0 */
/**
 * sse: a parser of event streams, fed in pieces of any size, and the ids of
 * events.
 *
 * It parses as EventSource does (fields in any order, comments, several data
 * lines, LF or CR LF), except that a bare CR does not end a line: the server
 * never writes one. It knows neither HTTP nor what the events mean.
 */
#ifndef EB_SSE_H
#define EB_SSE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "bench/buf.h"

/* The pointers are valid until the callback returns. */
typedef struct {
    const char *type; /* "message" if the stream gave none */
    size_t type_len;
    const char *id; /* NULL: no id line */
    size_t id_len;
    const char *data; /* NULL: no data line, EventSource ignores the event */
    size_t data_len;
    const char *retry; /* NULL: no retry line */
    size_t retry_len;
} eb_sse_event_t;

typedef void eb_sse_event_fn_t(void *arg, const eb_sse_event_t *event);

/* {0} is a new one; eb_buf_clear(&sse->rest) frees its memory. */
typedef struct {
    eb_buf_t rest; /* an event whose end has not been received yet */
} eb_sse_t;

/**
 * Parse bytes of the stream.
 *
 * @param bytes     modified in place where an event has several data lines
 * @param on_event  called for each complete event, in order; also for a line
 *                  of retry or a comment in front of one: no data
 * @return 0, or -1: an event is larger than 1 MB, or no memory
 */
int eb_sse_parse(eb_sse_t *sse, char *bytes, size_t len,
                 eb_sse_event_fn_t *on_event, void *arg);

static inline int eb_sse_is(const eb_sse_event_t *event, const char *type)
{
    return event->type_len == strlen(type) &&
           memcmp(event->type, type, event->type_len) == 0;
}

#define EB_SSE_ID_SIZE 48 /* bytes of an id as text, NUL included */

/* <milliseconds>-<n>: an event's position in a hub. {0, 0} precedes all. */
typedef struct {
    uint64_t ms;
    uint64_t n;
} eb_sse_id_t;

/** Parse an id. @return 0, or -1: text is not of that form, or is longer */
int eb_sse_id_parse(eb_sse_id_t *id, const char *text, size_t len);

/** Less than, equal to or greater than 0, as a is before b. */
static inline int eb_sse_id_compare(const eb_sse_id_t *a, const eb_sse_id_t *b)
{
    if (a->ms != b->ms) {
        return a->ms < b->ms ? -1 : 1;
    }
    return a->n == b->n ? 0 : a->n < b->n ? -1 : 1;
}

#endif
