/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A client of OpenSSL whose connection goes on over a socket: after the
 * handshake in memory (tls_peer.h) both ends of a socket pair take the place of
 * the memory.
 */
#ifndef T_UNIT_TLS_SOCKET_H
#define T_UNIT_TLS_SOCKET_H

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "t/unit/tls_peer.h"

typedef struct tls_socket_t {
    tls_peer_t peer;
    int fd;        /* the client's end, which does not block */
    int server_fd; /* ours, for a sink */
    char *got;     /* all that the client has read */
    apr_size_t len;
    int updates;    /* KeyUpdates that it has got */
    int has_ended;  /* it has got close_notify */
    int has_failed; /* it has got an alert, or bytes that it cannot read */
} tls_socket_t;

static inline void tls_socket_on_message(int is_write, int version, int type,
                                         const void *bytes, size_t len,
                                         SSL *ssl, void *arg)
{
    tls_socket_t *s = arg;

    (void)version;
    (void)len;
    (void)ssl;
    s->updates += !is_write && type == SSL3_RT_HANDSHAKE &&
                  *(const unsigned char *)bytes == SSL3_MT_KEY_UPDATE;
}

/** @param bytes  that our end of the socket may hold; 0 = as it is */
static inline void tls_socket_open(tls_socket_t *s,
                                   const struct tls_suite *suite, int bytes)
{
    char none[1];
    int pair[2];

    memset(s, 0, sizeof(*s));
    tls_peer_open(&s->peer, suite);
    /* what the server sends after the handshake is in memory still */
    assert_int_equal(SSL_read(s->peer.client, none, sizeof(none)), -1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    if (bytes > 0) {
        assert_int_equal(
            setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes)),
            0);
    }
    assert_int_equal(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
    s->fd = pair[0];
    s->server_fd = pair[1];
    assert_int_equal(SSL_set_fd(s->peer.client, s->fd), 1);
    SSL_set_msg_callback(s->peer.client, tls_socket_on_message);
    SSL_set_msg_callback_arg(s->peer.client, s);
    s->got = calloc(1, 1);
}

/** The client reads up to max bytes, as far as there are any. */
static inline void tls_socket_read(tls_socket_t *s, apr_size_t max)
{
    apr_size_t end = s->len + max;
    int n = 1;

    while (n > 0 && s->len < end) {
        apr_size_t want = end - s->len < 20000 ? end - s->len : 20000;

        s->got = realloc(s->got, s->len + want + 1);
        n = SSL_read(s->peer.client, s->got + s->len, (int)want);
        s->len += n > 0 ? (apr_size_t)n : 0;
        s->got[s->len] = '\0';
    }
    if (n <= 0) {
        switch (SSL_get_error(s->peer.client, n)) {
        case SSL_ERROR_WANT_READ: break;
        case SSL_ERROR_ZERO_RETURN: s->has_ended = 1; break;
        default: s->has_failed = 1;
        }
        ERR_clear_error();
    }
}

/** It reads all that there is. */
static inline void tls_socket_read_all(tls_socket_t *s)
{
    tls_socket_read(s, (apr_size_t)1 << 40);
}

/** Nothing follows close_notify: 1 = the socket is at its end. */
static inline int tls_socket_is_at_end(const tls_socket_t *s)
{
    char byte;

    return s->has_ended && recv(s->fd, &byte, 1, 0) == 0;
}

/** It asks for new keys, and writes data, which sends that. */
static inline void tls_socket_ask_update(tls_socket_t *s)
{
    assert_int_equal(SSL_key_update(s->peer.client, SSL_KEY_UPDATE_REQUESTED),
                     1);
    assert_int_equal(SSL_do_handshake(s->peer.client), 1);
}

/** Our end is closed by its sink. */
static inline void tls_socket_close(tls_socket_t *s)
{
    tls_peer_close(&s->peer);
    close(s->fd);
    free(s->got);
}

#endif
