/* SPDX-License-Identifier: Apache-2.0 */
/**
 * faulty_stream: the event streams of faulty_server, and the faults that are
 * injected into them.
 */
#ifndef EB_FAULTY_STREAM_H
#define EB_FAULTY_STREAM_H

#include "bench/buf.h"
#include "bench/conn.h"
#include "bench/h2.h"
#include "bench/store.h"

#define EB_FAULTY_STREAM_CHANNELS 8

/* A connection to faulty_server, or a stream of HTTP/2; subscribed or not. */
typedef struct eb_faulty_stream {
    struct eb_faulty_stream *next;  /* in the list of subscribed ones */
    struct eb_faulty_stream **prev; /* NULL: not subscribed */
    char channels[EB_FAULTY_STREAM_CHANNELS][EB_STORE_NAME_SIZE];
    int nchannels;
    eb_conn_t conn;             /* of HTTP/1.1 */
    eb_h2_stream_t *h2;         /* a stream of HTTP/2, or NULL */
    struct eb_faulty_h2 *http2; /* a connection of HTTP/2, or NULL */
    int is_over;                /* nothing more is written once out is empty */
    eb_buf_t in;                /* an incomplete request */
    eb_buf_t out;               /* bytes that the socket did not take */
    eb_buf_t late;  /* the fault "swap": sent after the next event */
    eb_sse_id_t at; /* the last event that was sent, or left out */
} eb_faulty_stream_t;

/**
 * Begin the stream: head, stream-open, then the events since id.
 *
 * @param id  of the last event that the client has; NULL: the present
 */
void eb_faulty_stream_begin(eb_faulty_stream_t *stream, const eb_sse_id_t *id);

/** Send what was added to the store to all streams of its channel. */
void eb_faulty_stream_send_new(void);

/** Send a response with this body. */
void eb_faulty_stream_respond(eb_faulty_stream_t *stream, int status,
                              const char *body);

/** Send what was kept, once the socket is writable again. */
void eb_faulty_stream_flush(eb_faulty_stream_t *stream);

/** Remove it from the list and free what it holds. */
void eb_faulty_stream_end(eb_faulty_stream_t *stream);

/* The faults; the name on the command line is in faulty_stream.c. */
typedef enum {
    /* at each N-th delivery */
    EB_FAULTY_STREAM_DROP,           /* not sent */
    EB_FAULTY_STREAM_DOUBLE,         /* sent twice */
    EB_FAULTY_STREAM_SWAP,           /* sent after the client's next one */
    EB_FAULTY_STREAM_TEAR,           /* a byte of its data is changed */
    EB_FAULTY_STREAM_TRUNCATE,       /* the last byte of its data is missing */
    EB_FAULTY_STREAM_FORGE,          /* followed by one never published */
    EB_FAULTY_STREAM_WRONG_CHANNEL,  /* followed by one of another channel */
    EB_FAULTY_STREAM_WRONG_ID,       /* sent under another id */
    EB_FAULTY_STREAM_CUT,            /* cut within it; sent at the resume */
    EB_FAULTY_STREAM_RST,            /* the same, with a TCP reset */
    EB_FAULTY_STREAM_NO_NOTIFY,      /* last chunk, no close_notify, FIN */
    EB_FAULTY_STREAM_SPOIL,          /* instead of it a record that does not
                                        open, or a frame that must not be;
                                        sent at the resume */
    EB_FAULTY_STREAM_RESET_STREAM,   /* HTTP/2: reset within it;
                                        sent at the resume */
    EB_FAULTY_STREAM_GOAWAY,         /* HTTP/2: a clean end before it, and no
                                        stream more: allowed */
    EB_FAULTY_STREAM_END,            /* clean end before it: allowed */
    EB_FAULTY_STREAM_NEEDLESS_RESET, /* stream-reset before it, without gap */
    EB_FAULTY_STREAM_SKIP,           /* a stream-reset instead: allowed */
    EB_FAULTY_STREAM_EARLY_RESET,    /* skip, but the position is before it */
    EB_FAULTY_STREAM_WRONG_RESET,    /* skip, but it names another channel */
    /* at each N-th stream with an id */
    EB_FAULTY_STREAM_RESUME_GAP,    /* resumes at the present, silently */
    EB_FAULTY_STREAM_RESUME_DOUBLE, /* sends the event with that id again */
    EB_FAULTY_STREAM_RESUME_REFUSE, /* 503 */
    /* at each N-th stream over HTTP/2 */
    EB_FAULTY_STREAM_ASK, /* HTTP_1_1_REQUIRED: allowed */
    /* at each N-th POST */
    EB_FAULTY_STREAM_ACK_DROP,  /* 200, and never delivered */
    EB_FAULTY_STREAM_NACK_DROP, /* 500, and never delivered: allowed */
    EB_FAULTY_STREAM_NACK_SEND, /* 500, but delivered: allowed */
    /* at each N-th POST with an id that is known */
    EB_FAULTY_STREAM_FORGET, /* it is published again */
    EB_FAULTY_STREAM_FAULTS
} eb_faulty_stream_fault_t;

/**
 * Switch a fault on.
 *
 * @param text  "drop:97": at each 97th delivery
 * @return 0, or -1: not of that form
 */
int eb_faulty_stream_set_fault(const char *text);

/** Count an occasion for this fault. @return 1: inject it now; 0 */
int eb_faulty_stream_has_fault(eb_faulty_stream_fault_t fault);

/** Print "fault NAME COUNT" for each that is switched on. */
void eb_faulty_stream_print_faults(void);

#endif
