/* SPDX-License-Identifier: Apache-2.0 */
/**
 * h2: a connection of HTTP/2 that never blocks, of a client or of a server,
 * over a conn. The frames are made and read by libnghttp2. It knows neither
 * event streams nor who uses it.
 *
 * Who uses it waits for the connection's socket, edge-triggered, and calls
 * eb_h2_ready(). What the functions of streams have to send, eb_h2_flush()
 * sends; it, eb_h2_ready() and eb_h2_read() call the callbacks, no others do.
 */
#ifndef EB_H2_H
#define EB_H2_H

#include <stddef.h>
#include <stdint.h>

#include "bench/buf.h"
#include "bench/conn.h"

/* What ALPN calls it. */
#define EB_H2_PROTOCOL "h2"

/* Error codes of RFC 9113, section 7. */
#define EB_H2_CANCEL 0x8
#define EB_H2_HTTP_1_1_REQUIRED 0xd

typedef struct eb_h2 eb_h2_t;

/* A request and its response. */
typedef struct eb_h2_stream {
    void *arg; /* the user's; NULL: dropped, there are no more callbacks */
    eb_h2_t *h2;
    struct eb_h2_stream *next; /* in the list of the connection */
    struct eb_h2_stream **prev;
    eb_buf_t head;   /* received; see eb_h2_header() */
    eb_buf_t out;    /* of the body, not sent yet */
    size_t unread;   /* bytes of a slow reader's window that are used up */
    int32_t id;      /* of HTTP/2 */
    uint32_t error;  /* the code of a stream that was reset, or 0 */
    int is_slow;     /* eb_h2_read_slowly() was called */
    int is_out_over; /* the body ends with out */
    int is_broken;   /* after out it is reset */
    int has_ended;   /* END_STREAM was received */
} eb_h2_stream_t;

/* They may call the functions of streams below. */
typedef struct {
    /* The head of the response is complete; at a server, that of a request,
     * whose arg is to be set, or else it is refused. */
    void (*on_head)(eb_h2_stream_t *stream);
    /* Bytes of the body. */
    void (*on_body)(eb_h2_stream_t *stream, char *bytes, size_t len);
    /* The other end has ended the stream: no more of its body comes. NULL:
     * not of interest. */
    void (*on_end)(eb_h2_stream_t *stream);
    /* The stream is gone when this returns. It was complete if has_ended; else
     * it was reset (error), or the connection has failed. */
    void (*on_close)(eb_h2_stream_t *stream, const char *why);
} eb_h2_ops_t;

/** Was the program built with libnghttp2? Without, eb_h2_open() fails. */
int eb_h2_is_built(void);

/**
 * Begin a connection.
 *
 * @param conn  that was started; taken over, also on failure
 * @param arg   see eb_h2_arg()
 * @return the caller's until eb_h2_close(), or NULL with errno set
 */
eb_h2_t *eb_h2_open(eb_conn_t *conn, int is_server, const eb_h2_ops_t *ops,
                    void *arg);

/** The arg of eb_h2_open(). */
void *eb_h2_arg(const eb_h2_t *h2);

/** The socket, which is ours. */
int eb_h2_fd(const eb_h2_t *h2);

/** How many streams it has, dropped ones included. */
unsigned int eb_h2_streams(const eb_h2_t *h2);

/** Are connection and handshake done, and did no GOAWAY come? */
int eb_h2_takes_requests(const eb_h2_t *h2);

/** After GOAWAY: it is to be closed once it has no streams. */
int eb_h2_is_leaving(const eb_h2_t *h2);

/** Did the other end send what it must not, or a record that does not open? */
int eb_h2_is_torn(const eb_h2_t *h2);

/**
 * Handle an event of the socket: go on with the handshake, write, read.
 *
 * @return 0, or -1: the connection has failed or ended, and on_close was called
 *         for all streams; the caller closes it
 */
int eb_h2_ready(eb_h2_t *h2);

/** The same, but nothing is read. */
int eb_h2_flush(eb_h2_t *h2);

/**
 * Read once, up to size bytes.
 *
 * @return 1: there may be more; 0: nothing now; -1 as eb_h2_ready()
 */
int eb_h2_read(eb_h2_t *h2, size_t size);

/**
 * Close it, without callbacks.
 *
 * @param by_reset  by a TCP reset; else GOAWAY, close_notify, FIN
 */
void eb_h2_close(eb_h2_t *h2, int by_reset);

/**
 * Client: request.
 *
 * @param fields  names in lower case and values in turns, NULL at the end; of
 *                the pseudo header fields :method and :path, which come first
 * @param body    NULL: none
 * @param arg     not NULL
 * @return the connection's until on_close or eb_h2_drop(), or NULL: it takes
 *         no requests
 */
eb_h2_stream_t *eb_h2_request(eb_h2_t *h2, const char *const *fields,
                              const char *body, size_t len, void *arg);

/** A header field that was received; ends at the CR. NULL: none. */
const char *eb_h2_header(const eb_h2_stream_t *stream, const char *name);

/** Server: send the head of the response; the body follows. */
void eb_h2_respond(eb_h2_stream_t *stream, const char *status,
                   const char *type);

/** Server: send this of the body. */
void eb_h2_write(eb_h2_stream_t *stream, const char *bytes, size_t len);

/** Server: the body is complete. */
void eb_h2_finish(eb_h2_stream_t *stream);

/** Reset the stream with this error code; on_close follows. */
void eb_h2_reset(eb_h2_stream_t *stream, uint32_t error);

/** Server: the same once all is sent that was written. */
void eb_h2_break(eb_h2_stream_t *stream);

/** As eb_h2_reset(), without on_close. */
void eb_h2_drop(eb_h2_stream_t *stream, uint32_t error);

/** Server: no further request is served; those that have come go on. */
void eb_h2_leave(eb_h2_t *h2);

/**
 * Server: spoil the connection: over TLS by a record that does not open, else
 * by a frame that must not be. Then it is cut.
 */
void eb_h2_spoil(eb_h2_t *h2);

/**
 * Client: from now on the stream's window is small, and only eb_h2_consume()
 * lets the other end send more.
 */
void eb_h2_read_slowly(eb_h2_stream_t *stream);

/** Let the other end send as many bytes more. */
void eb_h2_consume(eb_h2_stream_t *stream, size_t len);

/** The stream is read at full speed again. */
void eb_h2_read_fast(eb_h2_stream_t *stream);

#endif
