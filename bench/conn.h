/* SPDX-License-Identifier: Apache-2.0 */
/**
 * conn: a TCP connection, plain or TLS, that never blocks. Who uses it waits
 * for its socket, edge-triggered, and reads and writes until EAGAIN.
 */
#ifndef EB_CONN_H
#define EB_CONN_H

#include <stddef.h>
#include <sys/types.h>

#include "bench/tls.h"

typedef struct {
    eb_tls_session_t *session; /* ours; NULL: plain */
    const char *why;           /* of the last error; NULL: errno tells */
    int fd;                    /* ours; -1: none */
    int is_open;               /* the handshake is done */
} eb_conn_t;

/** No connection. Only a conn that was init'ed is closed. */
void eb_conn_init(eb_conn_t *conn);

/**
 * Begin with a socket that is connected, or about to be.
 *
 * @param fd   taken over, also on failure; -1: errno is kept
 * @param tls  NULL: plain; else client or server of TLS
 * @return 0, or -1 with errno set: there is no connection
 */
int eb_conn_start(eb_conn_t *conn, int fd, eb_tls_t *tls);

/**
 * Go on with the connect and the handshake, after an event of the socket.
 *
 * @return 1: they are done; 0: not yet; -1: failed, see eb_conn_why()
 */
int eb_conn_step(eb_conn_t *conn);

/** Once it is open: did both ends agree on this protocol? Plain: always. */
int eb_conn_speaks(const eb_conn_t *conn, const char *protocol);

/**
 * Write.
 *
 * @return bytes taken, or -1 with errno set; after EAGAIN the same bytes, or
 *         these and more, come next
 */
ssize_t eb_conn_write(eb_conn_t *conn, const void *bytes, size_t len);

/**
 * Read. There may be more even if the result is less than size.
 *
 * @return bytes; 0: the other end is done (over TLS: it sent close_notify);
 *         -1 with errno set: EAGAIN nothing now; EBADMSG a record that does not
 *         open, or is not allowed here; else cut (over TLS also by a FIN
 *         without close_notify)
 */
ssize_t eb_conn_read(eb_conn_t *conn, void *bytes, size_t size);

/** What the last function that failed found; valid until the next call. */
const char *eb_conn_why(const eb_conn_t *conn);

/**
 * Over TLS 1.3: use a new key, and ask the other end to do so, too (KeyUpdate).
 *
 * @return 0, also if the socket takes it later; or -1: failed
 */
int eb_conn_update_keys(eb_conn_t *conn);

/**
 * The session that a later connection can resume, with the newest ticket.
 *
 * @return the caller's until eb_tls_ticket_free(); NULL: plain, or none
 */
eb_tls_ticket_t *eb_conn_ticket(const eb_conn_t *conn);

/** Before the handshake: resume that session if the server agrees. */
void eb_conn_resume(eb_conn_t *conn, eb_tls_ticket_t *ticket);

/** After the handshake: has the server agreed? */
int eb_conn_is_resumed(const eb_conn_t *conn);

/**
 * From now on the caller makes and reads the records: the socket stays, and
 * this object reads and writes its bytes as they are.
 */
void eb_conn_forget_session(eb_conn_t *conn);

/** Nothing more is written: close_notify, then FIN. */
void eb_conn_finish(eb_conn_t *conn);

/** Close it, as a browser does: close_notify, then FIN. */
void eb_conn_close(eb_conn_t *conn);

/** Close it by a TCP reset, without close_notify. */
void eb_conn_reset(eb_conn_t *conn);

#endif
