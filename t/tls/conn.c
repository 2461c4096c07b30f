/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A conn owns an SSL object whose BIO reads and writes the socket without
 * waiting; where the test's call may wait, it polls. What is written before the
 * server answers the handshake is kept, and written by any later call.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* syscall */
#endif
#include "conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* For how long a write waits for a handshake, in ms. */
#define EARLY_AFTER_MS 1000

struct tls_conn_t {
    SSL *ssl;
    pid_t owner;      /* the process that connected */
    int ended;        /* what each further read gets: 0 = none yet, 1 = the
                         end, else the errno, negative */
    char *early;      /* what was written before the handshake was over */
    size_t early_len; /* bytes; the conn is in queue[] while there are some */
};

static tls_conn_t *conns[TLS_MAX_FDS];
static tls_conn_t *queue[TLS_MAX_FDS]; /* with early bytes, in no order */
static int queued;
static SSL_CTX *context;
static BIO_METHOD *method;

void tls_conn_fail(const char *what)
{
    fprintf(stderr, "tlsclient: %s\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

tls_conn_t *tls_conn_at(int fd)
{
    return fd >= 0 && fd < TLS_MAX_FDS ? conns[fd] : NULL;
}

/* ---- What OpenSSL reads and writes --------------------------------------- */

/* System calls, since the functions of the C library are ours; they never
 * block. A descriptor may be 0. */

static int fd_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int bio_read(BIO *bio, char *buf, int size)
{
    long got = syscall(SYS_recvfrom, fd_of(bio), buf, (size_t)size,
                       MSG_DONTWAIT, NULL, NULL);

    BIO_clear_retry_flags(bio);
    if (got < 0 && errno == EAGAIN) {
        BIO_set_retry_read(bio);
    }
    if (got == 0) {
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    }
    return (int)got;
}

static int bio_write(BIO *bio, const char *buf, int size)
{
    long put = syscall(SYS_sendto, fd_of(bio), buf, (size_t)size,
                       MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);

    BIO_clear_retry_flags(bio);
    if (put < 0 && errno == EAGAIN) {
        BIO_set_retry_write(bio);
    }
    return (int)put;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_EOF) {
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    }
    return command == BIO_CTRL_FLUSH;
}

static BIO *bio_for(int fd)
{
    BIO *bio = BIO_new(method);

    if (bio == NULL) {
        tls_conn_fail("no BIO");
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    return bio;
}

/* ---- Connections --------------------------------------------------------- */

/* The certificate is made for the test: there is nobody to vouch for it. */
static void make_context(void)
{
    const char *name = getenv("ES_TEST_TLS");
    int version = name != NULL && strcmp(name, "1.2") == 0 ? TLS1_2_VERSION
                                                           : TLS1_3_VERSION;

    context = SSL_CTX_new(TLS_client_method());
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "test");
    if (context == NULL || method == NULL ||
        !SSL_CTX_set_min_proto_version(context, version) ||
        !SSL_CTX_set_max_proto_version(context, version)) {
        tls_conn_fail("no SSL_CTX");
    }
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
}

void tls_conn_add(int fd)
{
    tls_conn_t *conn = calloc(1, sizeof(*conn));
    BIO *bio;

    if (context == NULL) {
        make_context();
    }
    if (fd >= TLS_MAX_FDS || conn == NULL) {
        tls_conn_fail("too many descriptors");
    }
    conn->ssl = SSL_new(context);
    conn->owner = getpid();
    bio = bio_for(fd);
    if (conn->ssl == NULL) {
        tls_conn_fail("no SSL");
    }
    SSL_set_bio(conn->ssl, bio, bio);
    SSL_set_connect_state(conn->ssl);
    conns[fd] = conn;
}

static void unqueue(tls_conn_t *conn)
{
    int i;

    for (i = 0; i < queued; i++) {
        if (queue[i] == conn) {
            queue[i] = queue[--queued];
        }
    }
    free(conn->early);
    conn->early = NULL;
    conn->early_len = 0;
}

void tls_conn_drop(int fd)
{
    tls_conn_t *conn = conns[fd];

    conns[fd] = NULL;
    unqueue(conn);
    SSL_free(conn->ssl);
    free(conn);
}

static int is_reset_by_close(int fd)
{
    struct linger linger = {0, 0};
    socklen_t length = sizeof(linger);

    return getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &length) == 0 &&
           linger.l_onoff && linger.l_linger == 0;
}

void tls_conn_finish(int fd)
{
    tls_conn_t *conn = conns[fd];

    if (conn->owner == getpid() && conn->ended >= 0 &&
        SSL_is_init_finished(conn->ssl) && !is_reset_by_close(fd)) {
        ERR_clear_error();
        SSL_shutdown(conn->ssl);
    }
}

/* The poll() event that must come first, 0 = none. */
static short wanted(const tls_conn_t *conn, int rc)
{
    int error = SSL_get_error(conn->ssl, rc);

    return error == SSL_ERROR_WANT_READ    ? POLLIN
           : error == SSL_ERROR_WANT_WRITE ? POLLOUT
                                           : 0;
}

/* The errno for what OpenSSL returned, 0 for a close_notify. */
static int error_of(const tls_conn_t *conn, int rc)
{
    int error = SSL_get_error(conn->ssl, rc);
    int why = ERR_GET_REASON(ERR_peek_error());

    if (error == SSL_ERROR_ZERO_RETURN) {
        return 0;
    }
    if (error == SSL_ERROR_SYSCALL) {
        return errno != 0 ? errno : ECONNABORTED;
    }
    if (why == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return ECONNABORTED;
    }
    if (why < SSL_AD_REASON_OFFSET) {
        tls_conn_fail("what the server sent is not TLS as it should be");
    }
    return EPROTO;
}

/* The handshake, then the early bytes, as far as they go without waiting.
 * @return 1 when all is done, else what OpenSSL returned */
static int settle(tls_conn_t *conn)
{
    int rc = 1;

    ERR_clear_error();
    errno = 0;
    if (!SSL_is_init_finished(conn->ssl)) {
        rc = SSL_do_handshake(conn->ssl);
    }
    while (rc > 0 && conn->early_len > 0) {
        rc = SSL_write(conn->ssl, conn->early, (int)conn->early_len);
        if (rc > 0) {
            conn->early_len -= (size_t)rc;
            memmove(conn->early, conn->early + rc, conn->early_len);
        }
    }
    if (conn->early != NULL && (rc > 0 || wanted(conn, rc) == 0)) {
        unqueue(conn); /* written, or never to be */
    }
    return rc;
}

/* Sets what further reads get, when OpenSSL returned this and wants nothing. */
static void end(tls_conn_t *conn, int rc)
{
    int error = error_of(conn, rc);

    conn->ended = error == 0 ? 1 : -error;
}

int tls_conn_settle_all(void)
{
    int left = 0;
    int i;

    for (i = queued - 1; i >= 0; i--) {
        tls_conn_t *conn = queue[i];
        int rc = conn->owner == getpid() ? settle(conn) : 1;

        if (rc <= 0 && wanted(conn, rc) == 0) {
            end(conn, rc);
        }
        left += rc <= 0 && !conn->ended;
    }
    return left;
}

/* The server may have no worker for a while: it has the bytes later, as it
 * would have those of a plain connection that waits in its backlog. */
static ssize_t write_early(tls_conn_t *conn, const char *buf, size_t size)
{
    conn->early = realloc(conn->early, conn->early_len + size);
    if (conn->early == NULL || queued == TLS_MAX_FDS) {
        tls_conn_fail("no memory");
    }
    if (conn->early_len == 0) {
        queue[queued++] = conn;
    }
    memcpy(conn->early + conn->early_len, buf, size);
    conn->early_len += size;
    return (ssize_t)size;
}

static int step(tls_conn_t *conn, int writes, char *buf, size_t size)
{
    int most = size > 1 << 30 ? 1 << 30 : (int)size;
    int rc = settle(conn);

    if (rc <= 0) {
        return rc;
    }
    return writes ? SSL_write(conn->ssl, buf, most)
                  : SSL_read(conn->ssl, buf, most);
}

/* Waits until the socket is ready for the rest of a transfer; for a handshake
 * not long, and not at all while others wait for theirs.
 * @return 1: try again; 0: it took too long; -1: EINTR */
static int wait_for(const tls_conn_t *conn, struct pollfd *ready, int writes,
                    int others)
{
    int is_early = writes && !SSL_is_init_finished(conn->ssl);
    int most = others > 0 ? TLS_SETTLE_EVERY_MS : -1;
    int rc;

    if (is_early) {
        most = others > 0 ? 0 : EARLY_AFTER_MS;
    }
    rc = poll(ready, 1, most);
    return rc == 0 && !is_early ? 1 : rc;
}

ssize_t tls_conn_transfer(int fd, int writes, char *buf, size_t size)
{
    tls_conn_t *conn = conns[fd];
    struct pollfd ready = {fd, 0, 0};
    size_t done = 0;
    int rc;

    while (done < size && (conn->ended == 0 || (conn->ended > 0 && writes))) {
        int others = tls_conn_settle_all();

        rc = step(conn, writes, buf + done, size - done);
        if (rc > 0) {
            done += (size_t)rc;
            continue;
        }
        ready.events = wanted(conn, rc);
        if (ready.events == 0 && writes) { /* what has come can be read */
            errno = error_of(conn, rc);
            return done > 0 ? (ssize_t)done : -1;
        }
        if (ready.events == 0) {
            end(conn, rc);
            break;
        }
        if ((done > 0 && !writes) || fcntl(fd, F_GETFL) & O_NONBLOCK) {
            errno = EAGAIN;
            return done > 0 ? (ssize_t)done : -1;
        }
        rc = wait_for(conn, &ready, writes, others);
        if (rc <= 0) {
            return rc == 0    ? write_early(conn, buf, size)
                   : done > 0 ? (ssize_t)done
                              : -1;
        }
    }
    if (done == 0 && conn->ended < 0) {
        errno = -conn->ended;
        return -1;
    }
    return (ssize_t)done;
}

int tls_conn_has_buffered(const tls_conn_t *conn)
{
    return conn->ended || SSL_pending(conn->ssl) > 0;
}

int tls_conn_is_readable(tls_conn_t *conn)
{
    char byte;
    int rc;

    if (tls_conn_has_buffered(conn)) {
        return 1;
    }
    rc = settle(conn);
    if (rc > 0) {
        rc = SSL_peek(conn->ssl, &byte, 1);
    }
    if (rc <= 0 && wanted(conn, rc) == 0) {
        end(conn, rc);
        return 1;
    }
    return rc > 0;
}
