/* SPDX-License-Identifier: Apache-2.0 */
/**
 * tls: what the TLS connections of a program share: the version, the ciphers
 * and, for a server, a certificate. A program that has one ignores SIGPIPE.
 */
#ifndef EB_TLS_H
#define EB_TLS_H

/* libssl's SSL_CTX, SSL and SSL_SESSION */
typedef struct ssl_ctx_st eb_tls_t;
typedef struct ssl_st eb_tls_session_t;
typedef struct ssl_session_st eb_tls_ticket_t;

/* As the choices of an option, see EB_TLS_CHOICES. */
typedef enum { EB_TLS_NO, EB_TLS_1_2, EB_TLS_1_3 } eb_tls_version_t;

#define EB_TLS_CHOICES "no|1.2|1.3"

/**
 * For clients that accept this version only, and any certificate.
 *
 * @param cipher  OpenSSL's name of the only one that is offered, or NULL
 * @return the caller's until eb_tls_close(), or NULL (logged): no such cipher
 */
eb_tls_t *eb_tls_client(eb_tls_version_t version, const char *cipher);

/**
 * For a server of TLS 1.2 and 1.3, with a certificate that is made now.
 *
 * @return the caller's until eb_tls_close(), or NULL (logged)
 */
eb_tls_t *eb_tls_server(void);

/**
 * Agree on this protocol by ALPN: a client offers it, a server takes it if it
 * is offered.
 *
 * @param protocol  of up to 31 bytes; stays the caller's
 * @return 0, or -1 (logged)
 */
int eb_tls_agree(eb_tls_t *tls, const char *protocol);

/** Free it; NULL is allowed. */
void eb_tls_close(eb_tls_t *tls);

/** Free what eb_conn_ticket() has returned; NULL is allowed. */
void eb_tls_ticket_free(eb_tls_ticket_t *ticket);

#endif
