/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A client of OpenSSL at the other end of a session. The handshake is OpenSSL's
 * on both sides, in memory. Then the server's SSL object is freed, and the
 * session goes on with what its callbacks have told: the secrets in the key
 * log, the records that were counted, the nonce that stood on the wire.
 */
#ifndef T_UNIT_TLS_PEER_H
#define T_UNIT_TLS_PEER_H

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "t/unit/tls_kit.h"

typedef struct tls_peer_t {
    SSL *client;
    SSL *server;    /* NULL after tls_peer_detach */
    BIO *to_client; /* what the server has written and the client not read */
    BIO *to_server;
    BIO *wire; /* all that the server has written */
    es_tls_session_t session;
    unsigned char server_secret[ES_TLS_SECRET_MAX]; /* or master secret */
    unsigned char client_secret[ES_TLS_SECRET_MAX];
    apr_size_t secret_len;
    apr_uint64_t written; /* records since the keys */
    apr_uint64_t read;
} tls_peer_t;

/* ---- callbacks --------------------------------------------------------- */

static inline apr_size_t tls_peer_unhex(unsigned char *to, const char *hex)
{
    apr_size_t n;
    unsigned int byte;

    for (n = 0; n < ES_TLS_SECRET_MAX && sscanf(hex, "%2x", &byte) == 1; n++) {
        to[n] = (unsigned char)byte;
        hex += 2;
    }
    return n;
}

static inline void tls_peer_on_key(const SSL *ssl, const char *line)
{
    tls_peer_t *peer = SSL_get_app_data(ssl);
    const char *secret = strrchr(line, ' ') + 1;

    if (strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) == 0) {
        peer->secret_len = tls_peer_unhex(peer->server_secret, secret);
        peer->written = 0;
    }
    else if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0) {
        tls_peer_unhex(peer->client_secret, secret);
        peer->read = 0;
    }
}

static inline void tls_peer_on_message(int is_write, int version, int type,
                                       const void *bytes, size_t len, SSL *ssl,
                                       void *arg)
{
    tls_peer_t *peer = arg;
    apr_uint64_t *count = is_write ? &peer->written : &peer->read;

    (void)version;
    (void)len;
    if (type != SSL3_RT_HEADER) {
        return;
    }
    ++*count;
    if (SSL_version(ssl) == TLS1_2_VERSION &&
        *(const unsigned char *)bytes == SSL3_RT_CHANGE_CIPHER_SPEC) {
        *count = 0;
    }
}

static inline long tls_peer_on_bio(BIO *bio, int op, const char *bytes,
                                   size_t len, int argi, long argl, int rv,
                                   size_t *done)
{
    tls_peer_t *peer = (tls_peer_t *)BIO_get_callback_arg(bio);

    (void)len;
    (void)argi;
    (void)argl;
    if (op == (BIO_CB_WRITE | BIO_CB_RETURN) && rv > 0) {
        BIO_write(peer->wire, bytes, (int)*done);
    }
    return rv;
}

/* ---- handshake --------------------------------------------------------- */

/* A self-signed certificate; kind is "EC" or "RSA". */
static inline void tls_peer_certify(SSL_CTX *ctx, const char *kind)
{
    static EVP_PKEY *keys[2];
    EVP_PKEY **key = &keys[kind[0] == 'R'];
    X509 *cert = X509_new();

    if (!*key) {
        *key = kind[0] == 'R' ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    }
    assert_non_null(*key);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, *key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    assert_true(X509_sign(cert, *key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, *key), 1);
    X509_free(cert);
}

static inline SSL *tls_peer_ssl(tls_peer_t *peer, const struct tls_suite *suite,
                                int is_server)
{
    int version =
        suite->version == ES_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX *ctx =
        SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    SSL *ssl;

    SSL_CTX_set_min_proto_version(ctx, version);
    SSL_CTX_set_max_proto_version(ctx, version);
    assert_int_equal(suite->version == ES_TLS_1_3
                         ? SSL_CTX_set_ciphersuites(ctx, suite->name)
                         : SSL_CTX_set_cipher_list(ctx, suite->name),
                     1);
    if (is_server) {
        tls_peer_certify(ctx, suite->auth);
        SSL_CTX_set_dh_auto(ctx, 1);
        SSL_CTX_set_keylog_callback(ctx, tls_peer_on_key);
    }
    ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    if (is_server) {
        SSL_set_app_data(ssl, peer);
        SSL_set_msg_callback(ssl, tls_peer_on_message);
        SSL_set_msg_callback_arg(ssl, peer);
        SSL_set_accept_state(ssl);
        SSL_set_bio(ssl, peer->to_server, peer->to_client);
    }
    else {
        SSL_set_connect_state(ssl);
        SSL_set_bio(ssl, peer->to_client, peer->to_server);
    }
    return ssl;
}

static inline BIO *tls_peer_bio(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    BIO_set_mem_eof_return(bio, -1);
    return bio;
}

/** Shake hands; tls_peer_detach goes on, tls_peer_close ends. */
static inline void tls_peer_connect(tls_peer_t *peer,
                                    const struct tls_suite *suite)
{
    int i, client = 0, server = 0;

    memset(peer, 0, sizeof(*peer));
    peer->to_client = tls_peer_bio();
    peer->to_server = tls_peer_bio();
    peer->wire = tls_peer_bio();
    BIO_set_callback_ex(peer->to_client, tls_peer_on_bio);
    BIO_set_callback_arg(peer->to_client, (char *)peer);
    BIO_up_ref(peer->to_client); /* for client and server */
    BIO_up_ref(peer->to_server);
    peer->client = tls_peer_ssl(peer, suite, 0);
    peer->server = tls_peer_ssl(peer, suite, 1);
    for (i = 0; i < 10 && (client != 1 || server != 1); i++) {
        client = SSL_do_handshake(peer->client);
        server = SSL_do_handshake(peer->server);
    }
    assert_true(client == 1 && server == 1);
    assert_int_equal(
        SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(peer->server)),
        suite->number);
}

/* ---- detach ------------------------------------------------------------ */

/**
 * The explicit nonces of the records that the server has sealed so far under
 * its keys: TLS 1.2 with AES-GCM.
 *
 * @return how many these are; nonces has up to max
 */
static inline int tls_peer_nonces(const tls_peer_t *peer, apr_uint64_t *nonces,
                                  int max)
{
    char *data;
    long left = BIO_get_mem_data(peer->wire, &data);
    const unsigned char *at = (const unsigned char *)data;
    int n = 0, i, is_sealed = 0;

    while (left > ES_TLS_HEAD) {
        apr_size_t len = es_tls_session_record_len(at);

        if (is_sealed && n < max) {
            nonces[n] = 0;
            for (i = 0; i < 8; i++) {
                nonces[n] = nonces[n] << 8 | at[ES_TLS_HEAD + i];
            }
            n++;
        }
        is_sealed = is_sealed || at[0] == ES_TLS_CHANGE_CIPHER_SPEC;
        at += len;
        left -= (long)len;
    }
    assert_int_equal(left, 0);
    return n;
}

/** Free the server's SSL object; peer->session goes on. */
static inline void tls_peer_detach(tls_peer_t *peer)
{
    apr_uint32_t suite = (apr_uint32_t)SSL_CIPHER_get_protocol_id(
        SSL_get_current_cipher(peer->server));
    unsigned char randoms[2][32];
    apr_uint64_t nonces[64] = {0};
    apr_status_t rv;
    int n;

    assert_int_equal(SSL_has_pending(peer->server), 0);
    if (SSL_version(peer->server) == TLS1_3_VERSION) {
        rv = es_tls_session_init_13(&peer->session, suite, peer->server_secret,
                                    peer->client_secret, peer->secret_len,
                                    peer->written, peer->read);
    }
    else {
        SSL_SESSION_get_master_key(SSL_get_session(peer->server),
                                   peer->server_secret, ES_TLS_SECRET_MAX);
        SSL_get_client_random(peer->server, randoms[0], 32);
        SSL_get_server_random(peer->server, randoms[1], 32);
        n = tls_peer_nonces(peer, nonces, 64);
        assert_int_equal(n, peer->written);
        rv = es_tls_session_init_12(&peer->session, suite, peer->server_secret,
                                    randoms[0], randoms[1], peer->written,
                                    peer->read, nonces[n - 1]);
    }
    assert_int_equal(rv, APR_SUCCESS);
    SSL_free(peer->server);
    peer->server = NULL;
}

/** Connect and detach. */
static inline void tls_peer_open(tls_peer_t *peer,
                                 const struct tls_suite *suite)
{
    tls_peer_connect(peer, suite);
    tls_peer_detach(peer);
}

static inline void tls_peer_close(tls_peer_t *peer)
{
    SSL_free(peer->server);
    SSL_free(peer->client);
    BIO_free(peer->wire); /* the others went with the SSL objects */
    es_tls_session_wipe(&peer->session);
    ERR_clear_error();
}

/* ---- after it ---------------------------------------------------------- */

/** The session seals these bytes, and the client gets the record. */
static inline void tls_peer_write(tls_peer_t *peer, int type, const void *bytes,
                                  apr_size_t len)
{
    tls_record_t record;

    tls_seal(&peer->session, type, bytes, len, &record);
    assert_int_equal(BIO_write(peer->to_client, record.bytes, (int)record.len),
                     record.len);
}

/** The client reads these bytes, from any number of records. */
static inline void tls_peer_reads(tls_peer_t *peer, const void *bytes,
                                  apr_size_t len)
{
    unsigned char got[ES_TLS_PLAIN_MAX];
    apr_size_t have = 0;

    while (have < len) {
        int n = SSL_read(peer->client, got + have, (int)(len - have));

        if (n <= 0) {
            ERR_print_errors_fp(stderr);
        }
        assert_true(n > 0);
        have += (apr_size_t)n;
    }
    assert_true(len == 0 || memcmp(got, bytes, len) == 0);
}

/** All that the client has written and the server not read. */
static inline apr_size_t tls_peer_take(tls_peer_t *peer, unsigned char *bytes,
                                       apr_size_t size)
{
    int n = BIO_read(peer->to_server, bytes, (int)size);

    return n > 0 ? (apr_size_t)n : 0;
}

/** The next record that the client has written. */
static inline void tls_peer_record(tls_peer_t *peer, tls_record_t *record)
{
    int rest;

    assert_int_equal(BIO_read(peer->to_server, record->bytes, ES_TLS_HEAD),
                     ES_TLS_HEAD);
    record->len = es_tls_session_record_len(record->bytes);
    assert_true(record->len <= sizeof(record->bytes));
    rest = (int)record->len - ES_TLS_HEAD;
    assert_int_equal(
        BIO_read(peer->to_server, record->bytes + ES_TLS_HEAD, rest), rest);
}

#endif
