/* SPDX-License-Identifier: Apache-2.0 */
/**
 * faulty_stream: faulty_server's streams: what one client is told, truly or
 * not.
 */
#ifndef EB_FAULTY_STREAM_H
#define EB_FAULTY_STREAM_H

#include "bench/buf.h"
#include "bench/store.h"

#define EB_STREAM_OUT_CHANNELS 8

/* One connection of faulty_server, subscribed or not. */
typedef struct eb_stream_out {
    struct eb_stream_out *next;  /* among the subscribed ones */
    struct eb_stream_out **prev; /* NULL: not subscribed */
    char channels[EB_STREAM_OUT_CHANNELS][EB_ID_INDEX_NAME];
    int nchannels;
    int fd;
    int is_over;          /* nothing more is written once out is empty */
    eb_held_bytes_t in;   /* a request that has not come whole */
    eb_held_bytes_t out;  /* what the socket did not take */
    eb_held_bytes_t late; /* EB_STREAM_FAULT_SWAP: goes behind the next event */
    eb_id_t at;           /* the last event it was (to be) told */
} eb_stream_out_t;

/**
 * Begin the stream: head, stream-open, then what there is.
 *
 * @param id  where to go on, or NULL: at the present
 */
void eb_stream_out_begin(eb_stream_out_t *talk, const eb_id_t *id);

/** Tell all streams of the channel about a new event. */
void eb_stream_out_spread(void);

/** Send these bytes, or keep what the socket does not take. */
void eb_stream_out_write(eb_stream_out_t *talk, const char *bytes, size_t len);

/** The socket is writable again. */
void eb_stream_out_flush(eb_stream_out_t *talk);

/** Take it out of the subscribed ones and give back what it holds. */
void eb_stream_out_end(eb_stream_out_t *talk);

#endif
