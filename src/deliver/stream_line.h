/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The line of a stream in EventStreamLog: what is counted while the stream
 * lasts, and a text in which all is written that was known at its start. Marks
 * stand in the text for what is known at the end. A line is plain data in one
 * block, so it travels with its client to another child.
 */
#ifndef ES_DELIVER_STREAM_LINE_H
#define ES_DELIVER_STREAM_LINE_H

#include <apr_time.h>

#include "base/id.h"
#include "base/slice.h"

/** Why a stream has ended. */
typedef enum es_end_t {
    ES_END_ERROR,     /* of the server's: no memory, a damaged journal, ... */
    ES_END_CLIENT,    /* the client has closed or lost its connection */
    ES_END_TIMEOUT,   /* it took nothing for EventStreamSendTimeout */
    ES_END_LIFETIME,  /* EventStreamLifetime */
    ES_END_CHANNEL,   /* a publisher has closed its channel */
    ES_END_OVERTAKEN, /* the journal has overwritten what it was reading */
    ES_END_LIMIT,     /* a limit was reached */
    ES_END_TURN,      /* its turn is over: EventStreamTurn */
    ES_END_KEYS,      /* its TLS keys have sealed enough */
    ES_END_HANDOVER,  /* no other child could take it over */
    ES_END_SHUTDOWN,  /* the child stops */
    ES_END_REVOKED,   /* its user or its token was revoked */
    ES_ENDS
} es_end_t;

/** Marks in a text; no other byte of it is below ES_MARKS. */
typedef enum es_mark_t {
    ES_MARK_NONE,
    ES_MARK_CHANNELS, /* separated by commas */
    ES_MARK_CHANNELS_JSON,
    ES_MARK_BYTES,
    ES_MARK_EVENTS,
    ES_MARK_SECONDS,
    ES_MARK_LAST_ID,
    ES_MARK_REASON,
    ES_MARKS
} es_mark_t;

/** Most bytes of a text. What is longer is cut. */
#define ES_STREAM_LINE_MAX 2048

typedef struct es_stream_line_t {
    apr_uint64_t bytes;  /* of the body, as the client got it */
    apr_uint64_t events; /* received as a whole */
    apr_time_t began;    /* by es_clock_now */
    apr_uint32_t len;    /* of text, 0..ES_STREAM_LINE_MAX */
    char text[];
} es_stream_line_t;

/**
 * @param text  copied
 * @return to be freed by free; NULL if out of memory
 */
es_stream_line_t *es_stream_line_create(es_slice_t text, apr_time_t now);

/** A copy with all its counts, as es_stream_line_create. */
es_stream_line_t *es_stream_line_copy(const es_stream_line_t *line);

/** What is known at the end. */
typedef struct es_stream_end_t {
    const es_slice_t *channels;
    int nchannels;   /* in channels */
    int is_cut;      /* 1 = there are more */
    es_id_t last_id; /* it has seen all up to it; {0, 0} = unknown */
    apr_time_t at;   /* by es_clock_now */
    es_end_t why;
} es_stream_end_t;

/** Most bytes of channels in a line; further ones are "...". */
#define ES_STREAM_LINE_CHANNELS_MAX 1024

/**
 * Complete a line.
 *
 * @param out  ES_STREAM_LINE_ROOM bytes
 * @return bytes in it, the last of which is LF
 */
apr_size_t es_stream_line_complete(const es_stream_line_t *line,
                                   const es_stream_end_t *end, char *out);

#define ES_STREAM_LINE_ROOM 4096

/** Complete a line and log it (base/line_queue.h). Context: as
 * es_line_queue_add. */
void es_stream_line_log(const es_stream_line_t *line,
                        const es_stream_end_t *end);

/**
 * Write a value so that it can stand within quotes: as httpd's logs do it, or
 * as in a JSON string. The result has no bytes below 32.
 *
 * @param out  room bytes
 * @return the bytes in out; what has no room is left out
 */
apr_size_t es_stream_line_escape(char *out, apr_size_t room, es_slice_t value,
                                 int is_json);

#endif
