/* SPDX-License-Identifier: Apache-2.0 */
/**
 * What is captured of a TLS connection of OpenSSL while it lives, so that its
 * records can go on without its SSL object: how many records each side has
 * sealed under its present key, and the traffic secrets of TLS 1.3. It knows
 * OpenSSL and no httpd.
 *
 * Secrets are never printed. Who ends a capture wipes it.
 *
 * Context: es_tls_capture_is_ours and es_tls_capture_install PARENT, all others
 * WORKER, one thread at a time.
 */
#ifndef ES_HTTP_TLS_CAPTURE_H
#define ES_HTTP_TLS_CAPTURE_H

#include <apr.h>

#include <openssl/ssl.h>

#include "tls/session.h"

/**
 * Where captures are found in objects of OpenSSL. OpenSSL never gives such an
 * index back and stays loaded when httpd loads its modules again, so who has an
 * instance keeps it for the life of the process. All zero at first.
 */
typedef struct es_tls_indexes_t {
    int are_made;
    int of_ssl; /* the capture */
    int of_ctx; /* the key log callback that was there before ours */
} es_tls_indexes_t;

/** The records of one side. */
typedef struct es_tls_flow_t {
    apr_uint64_t records; /* under its present key: the number of the next */
    apr_uint64_t bytes;   /* of all its records, in any key or none */
    apr_size_t last_len;  /* bytes of the last one, without its head */
    unsigned char secret[ES_TLS_SECRET_MAX]; /* TLS 1.3: of its present key */
    apr_size_t secret_len;                   /* 0 = none */
} es_tls_flow_t;

typedef struct es_tls_capture_t {
    SSL *ssl; /* NULL = not captured; may be freed before the capture is */
    es_tls_flow_t written;
    es_tls_flow_t read;
    int is_padded;           /* OpenSSL pads what it writes */
    apr_size_t limit;        /* of records, for which the client asks */
    int has_short_records;   /* it was granted */
    int has_nonce;           /* last_nonce is that of the record written last */
    apr_uint64_t last_nonce; /* TLS 1.2 with an explicit nonce */
    int follows_bio;         /* for last_nonce */
    BIO_callback_fn_ex bio_before; /* the BIO's callback before ours, or NULL */
} es_tls_capture_t;

/** Why a connection cannot go on without its SSL object. */
typedef enum es_tls_obstacle_t {
    ES_TLS_NO_OBSTACLE,
    ES_TLS_SWITCHED_OFF, /* by the directive */
    ES_TLS_UNKNOWN_TLS,  /* of another module, or another OpenSSL */
    ES_TLS_OLD_VERSION,  /* below TLS 1.2, or a newer one than we know */
    ES_TLS_OTHER_CIPHER, /* not one that we seal */
    ES_TLS_NOT_TESTED,   /* the self-test did not pass, or not run with it */
    ES_TLS_COMPRESSION,
    ES_TLS_SHORT_RECORDS, /* the client asked for shorter ones */
    ES_TLS_NOT_SETTLED,   /* a handshake, a KeyUpdate or a close has begun */
    ES_TLS_INPUT_LEFT,    /* OpenSSL holds bytes of the client */
    ES_TLS_NOT_COUNTED,   /* the capture has not seen each record */
    ES_TLS_PADDED,        /* the server pads its records */
    ES_TLS_OBSTACLES
} es_tls_obstacle_t;

/** The obstacle in words, after "because ". */
const char *es_tls_capture_describe(es_tls_obstacle_t obstacle);

/** The obstacle in one word, for programs. */
const char *es_tls_capture_key(es_tls_obstacle_t obstacle);

/**
 * Make the indexes, unless they are made.
 *
 * @param indexes  used by all other functions from now on
 * @return 0: OpenSSL has no memory for them; nothing is captured then
 */
int es_tls_capture_init(es_tls_indexes_t *indexes);

/**
 * Was the context made by the libssl whose functions we call? A process may
 * have two: one is linked into mod_ssl, say. Ask before anything else is done
 * with a context, and only if both have the same version, so that this one may
 * be read.
 */
int es_tls_capture_is_ours(const SSL_CTX *ctx);

/** Capture the secrets of connections of this context, too. A key log callback
 * that it has is called after ours. */
void es_tls_capture_install(SSL_CTX *ctx);

/**
 * Begin, before the handshake.
 *
 * @param capture  valid and at its place until the SSL object is freed; its
 *                 content is overwritten
 */
void es_tls_capture_begin(es_tls_capture_t *capture, SSL *ssl);

/**
 * What stands in the way at this moment? Ask before the server writes the
 * records after which the session shall go on, and again after that: from the
 * first time on, explicit nonces are noted.
 */
es_tls_obstacle_t es_tls_capture_obstacle(es_tls_capture_t *capture, SSL *ssl);

/** IANA's number of the connection's suite; version is filled. */
apr_uint32_t es_tls_capture_suite(const SSL *ssl, es_tls_version_t *version);

/**
 * Make the session that goes on where the SSL object is now. The object must
 * not write or read any more after that.
 *
 * @param session  filled; all zero on an obstacle; the caller wipes it
 * @return ES_TLS_NO_OBSTACLE, or what stands in the way
 */
es_tls_obstacle_t es_tls_capture_session(es_tls_capture_t *capture, SSL *ssl,
                                         es_tls_session_t *session);

/** Overwrite the secrets. Nothing is captured any more. */
void es_tls_capture_wipe(es_tls_capture_t *capture);

#endif
