/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over TLS libssl reads and writes the socket itself. Its queue of errors is
 * emptied before each call, since its result depends on it.
 */
#include "bench/conn.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void eb_conn_init(eb_conn_t *conn)
{
    memset(conn, 0, sizeof(*conn));
    conn->fd = -1;
}

int eb_conn_start(eb_conn_t *conn, int fd, eb_tls_t *tls)
{
    eb_conn_init(conn);
    if (fd < 0) {
        return -1;
    }
    conn->fd = fd;
    if (tls == NULL) {
        return 0;
    }
    conn->session = SSL_new(tls);
    if (conn->session == NULL || SSL_set_fd(conn->session, fd) != 1) {
        eb_conn_close(conn);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

/* Translates a result of libssl that is not above 0; @return 0, -1 and errno */
static int fail(eb_conn_t *conn, int result)
{
    int saved = errno;
    unsigned long code;

    switch (SSL_get_error(conn->session, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL:
        errno = saved != 0 ? saved : ECONNRESET;
        conn->is_open = 0;
        return -1;
    default: break;
    }
    /* no close_notify after this */
    conn->is_open = 0;
    code = ERR_peek_error();
    conn->why = ERR_reason_error_string(code);
    if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        conn->why = "FIN without close_notify";
        errno = EPIPE;
    }
    else if (ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET) {
        errno = ECONNABORTED; /* an alert */
    }
    else {
        errno = EBADMSG;
    }
    return -1;
}

static void before_call(eb_conn_t *conn)
{
    conn->why = NULL;
    ERR_clear_error();
    errno = 0;
}

int eb_conn_step(eb_conn_t *conn)
{
    socklen_t size = sizeof(int);
    int error = 0;
    int result;

    if (conn->is_open) {
        return 1;
    }
    before_call(conn);
    getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        errno = error;
        return -1;
    }
    if (conn->session != NULL) {
        result = SSL_is_server(conn->session) ? SSL_accept(conn->session)
                                              : SSL_connect(conn->session);
        if (result != 1) {
            /* close_notify within a handshake ends it, too */
            return fail(conn, result) != 0 && errno == EAGAIN ? 0 : -1;
        }
    }
    conn->is_open = 1;
    return 1;
}

int eb_conn_speaks(const eb_conn_t *conn, const char *protocol)
{
    const unsigned char *name = NULL;
    unsigned int len = 0;

    if (conn->session == NULL) {
        return 1;
    }
    SSL_get0_alpn_selected(conn->session, &name, &len);
    return len == strlen(protocol) && memcmp(name, protocol, len) == 0;
}

ssize_t eb_conn_write(eb_conn_t *conn, const void *bytes, size_t len)
{
    size_t written = 0;

    conn->why = NULL;
    if (conn->session == NULL) {
        return send(conn->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    before_call(conn);
    if (SSL_write_ex(conn->session, bytes, len, &written) == 1) {
        return (ssize_t)written;
    }
    if (fail(conn, 0) == 0) {
        errno = EPIPE;
    }
    return -1;
}

ssize_t eb_conn_read(eb_conn_t *conn, void *bytes, size_t size)
{
    size_t len = 0;

    conn->why = NULL;
    if (conn->session == NULL) {
        return recv(conn->fd, bytes, size, MSG_DONTWAIT);
    }
    before_call(conn);
    if (SSL_read_ex(conn->session, bytes, size, &len) == 1) {
        return (ssize_t)len;
    }
    return fail(conn, 0);
}

const char *eb_conn_why(const eb_conn_t *conn)
{
    return conn->why != NULL ? conn->why : strerror(errno);
}

int eb_conn_update_keys(eb_conn_t *conn)
{
    int result;

    before_call(conn);
    if (SSL_key_update(conn->session, SSL_KEY_UPDATE_REQUESTED) != 1) {
        return -1;
    }
    result = SSL_do_handshake(conn->session);
    return result == 1 || (fail(conn, result) != 0 && errno == EAGAIN) ? 0 : -1;
}

eb_tls_ticket_t *eb_conn_ticket(const eb_conn_t *conn)
{
    return conn->session != NULL ? SSL_get1_session(conn->session) : NULL;
}

void eb_conn_resume(eb_conn_t *conn, eb_tls_ticket_t *ticket)
{
    SSL_set_session(conn->session, ticket);
}

int eb_conn_is_resumed(const eb_conn_t *conn)
{
    return conn->session != NULL && SSL_session_reused(conn->session) == 1;
}

void eb_conn_forget_session(eb_conn_t *conn)
{
    SSL_free(conn->session); /* it does not own the socket */
    conn->session = NULL;
}

void eb_conn_finish(eb_conn_t *conn)
{
    if (conn->session != NULL && conn->is_open) {
        before_call(conn);
        SSL_shutdown(conn->session);
    }
    shutdown(conn->fd, SHUT_WR);
}

static void release(eb_conn_t *conn)
{
    int saved = errno;

    SSL_free(conn->session);
    if (conn->fd >= 0) {
        close(conn->fd);
    }
    eb_conn_init(conn);
    errno = saved;
}

void eb_conn_close(eb_conn_t *conn)
{
    if (conn->session != NULL && conn->is_open) {
        before_call(conn);
        SSL_shutdown(conn->session);
    }
    release(conn);
}

void eb_conn_reset(eb_conn_t *conn)
{
    struct linger linger = {1, 0};

    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    release(conn);
}
