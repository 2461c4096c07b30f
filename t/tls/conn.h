/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Connections of a test to its httpd, by descriptor. A conn adds TLS to a
 * socket that the test has connected; the socket stays the test's. Its
 * descriptor is below TLS_MAX_FDS, or the process ends.
 *
 * What only a broken server would send ends the process by abort(): a test must
 * not pass, whatever it looks at.
 *
 * Context: one thread. A forked process may use a conn instead of its parent.
 */
#ifndef T_TLS_CONN_H
#define T_TLS_CONN_H

#include <stddef.h>
#include <sys/types.h>

#define TLS_MAX_FDS 65536
#define TLS_SETTLE_EVERY_MS 5

typedef struct tls_conn_t tls_conn_t;

/** The conn of a descriptor; NULL when it is a plain one, or -1. */
tls_conn_t *tls_conn_at(int fd);

/** Make one for a socket that connects. The handshake comes later. */
void tls_conn_add(int fd);

/** Write a close_notify, if the connection can have one, and this process has
 * made it. */
void tls_conn_finish(int fd);

/** Free it; the descriptor stays open. */
void tls_conn_drop(int fd);

/**
 * What read() or write() does: waits, or with O_NONBLOCK does not; takes as
 * many records as there are, or as there is room for.
 *
 * @return bytes; 0 when reading: a close_notify; -1 with errno: ECONNABORTED is
 * an end without one, EPROTO an alert
 */
ssize_t tls_conn_transfer(int fd, int writes, char *buf, size_t size);

/** 1 when a read would not wait. Takes what the socket has of a handshake and
 * of one record. */
int tls_conn_is_readable(tls_conn_t *conn);

/** 1 when a read would not wait, whatever the socket has. */
int tls_conn_has_buffered(const tls_conn_t *conn);

/**
 * Continue the handshakes of all conns that have written before theirs.
 *
 * @return how many are not over. A server may have no worker for anything else
 * until they are: who waits calls this again after TLS_SETTLE_EVERY_MS.
 */
int tls_conn_settle_all(void);

/** Print what is wrong and end the process. */
void tls_conn_fail(const char *what) __attribute__((noreturn));

#endif
