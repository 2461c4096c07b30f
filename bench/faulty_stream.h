/* SPDX-License-Identifier: Apache-2.0 */
/**
 * faulty_stream: faulty_server's streams: what one client is told, truly or
 * not.
 */
#ifndef EB_FAULTY_STREAM_H
#define EB_FAULTY_STREAM_H

#include "bench/buf.h"
#include "bench/store.h"

#define EB_FAULTY_STREAM_CHANNELS 8

/* One connection of faulty_server, subscribed or not. */
typedef struct eb_faulty_stream {
    struct eb_faulty_stream *next;  /* among the subscribed ones */
    struct eb_faulty_stream **prev; /* NULL: not subscribed */
    char channels[EB_FAULTY_STREAM_CHANNELS][EB_STORE_NAME_SIZE];
    int nchannels;
    int fd;
    int is_over;    /* nothing more is written once out is empty */
    eb_buf_t in;    /* a request that has not come whole */
    eb_buf_t out;   /* what the socket did not take */
    eb_buf_t late;  /* EB_STREAM_FAULT_SWAP: goes behind the next event */
    eb_sse_id_t at; /* the last event it was (to be) told */
} eb_faulty_stream_t;

/**
 * Begin the stream: head, stream-open, then what there is.
 *
 * @param id  where to go on, or NULL: at the present
 */
void eb_faulty_stream_begin(eb_faulty_stream_t *stream, const eb_sse_id_t *id);

/** Tell all streams of the channel about a new event. */
void eb_faulty_stream_send_new(void);

/** Send these bytes, or keep what the socket does not take. */
void eb_faulty_stream_write(eb_faulty_stream_t *stream, const char *bytes,
                            size_t len);

/** The socket is writable again. */
void eb_faulty_stream_flush(eb_faulty_stream_t *stream);

/** Take it out of the subscribed ones and give back what it holds. */
void eb_faulty_stream_end(eb_faulty_stream_t *stream);

#endif
