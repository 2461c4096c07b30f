/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   SSL object of a client                    SSL object of a server, captured
 *          |                                          |
 *          |---- to_server: memory ------------------>|
 *          |<--- to_client: memory -------------------|
 *                                                     then a session of ours
 *
 * Each step has a name, for the log. All secrets are of this test alone.
 *
 * The certificate is made here, with a key of an elliptic curve, which takes a
 * millisecond; an RSA key takes a hundred. Suites of TLS 1.2 with RSA differ
 * from those tested in the handshake only.
 *
 * New contexts have what openssl.cnf says, which mod_ssl's directives replace
 * in those of the site. So whatever decides on a handshake is set here: else a
 * combination that the site offers could fail for a reason that is not its own.
 */
#include "http/tls_selftest.h"

#include <string.h>
#include <sys/uio.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "http/tls_capture.h"

#define ROUNDS 20     /* of a handshake; it takes three */
#define GROUP "P-256" /* of the certificate, and for the keys */
#define SIGNATURE "ECDSA+SHA256"
#define LONG_TEXT ES_TLS_PLAIN_MAX /* bytes of the longest record */

typedef struct selftest_t {
    SSL_CTX *server_ctx;
    SSL_CTX *client_ctx;
    SSL *server;
    SSL *client;
    BIO *to_client;
    BIO *to_server;
    es_tls_capture_t capture;
    es_tls_session_t session;
    es_tls_version_t version;
    unsigned char text[LONG_TEXT];         /* that is sent */
    unsigned char seen[LONG_TEXT];         /* that has arrived */
    unsigned char record[ES_TLS_READ_MAX]; /* sealed */
} selftest_t;

typedef int step_t(selftest_t *t); /* @return 1, or 0: it failed */

static const struct {
    const char *name;
    const char *suite_13;
    const char *suite_12;
} aeads[ES_TLS_AEADS] = {
    {"AES-128-GCM", "TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"AES-256-GCM", "TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"ChaCha20-Poly1305", "TLS_CHACHA20_POLY1305_SHA256",
     "ECDHE-ECDSA-CHACHA20-POLY1305"},
};

static const char *const names[ES_TLS_SELFTEST_BITS] = {
    "TLS 1.2 with AES-128-GCM",       "TLS 1.2 with AES-256-GCM",
    "TLS 1.2 with ChaCha20-Poly1305", "TLS 1.3 with AES-128-GCM",
    "TLS 1.3 with AES-256-GCM",       "TLS 1.3 with ChaCha20-Poly1305",
};

const char *es_tls_selftest_name(int bit)
{
    return names[bit];
}

/* ---- contexts ----------------------------------------------------------- */

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();

    if (cert && X509_set_version(cert, X509_VERSION_3) &&
        ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
        X509_gmtime_adj(X509_getm_notBefore(cert), -3600) &&
        X509_gmtime_adj(X509_getm_notAfter(cert), 3600) &&
        X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256())) {
        return cert;
    }
    X509_free(cert);
    return NULL;
}

/* @return a context in which nothing of openssl.cnf matters, or NULL */
static SSL_CTX *make_ctx(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (ctx) {
        SSL_CTX_set_security_level(ctx, 0);
        SSL_CTX_clear_options(ctx, SSL_OP_NO_SSL_MASK);
        if (SSL_CTX_set1_groups_list(ctx, GROUP) &&
            SSL_CTX_set1_sigalgs_list(ctx, SIGNATURE) &&
            SSL_CTX_set_block_padding(ctx, 0)) {
            return ctx;
        }
    }
    SSL_CTX_free(ctx);
    return NULL;
}

static int make_server_ctx(selftest_t *t)
{
    EVP_PKEY *key = EVP_EC_gen(GROUP);
    X509 *cert = key ? make_certificate(key) : NULL;
    int is_made = 0;

    t->server_ctx = make_ctx(TLS_server_method());
    if (cert && t->server_ctx &&
        SSL_CTX_use_certificate(t->server_ctx, cert) == 1 &&
        SSL_CTX_use_PrivateKey(t->server_ctx, key) == 1) {
        es_tls_capture_install(t->server_ctx);
        is_made = 1;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    return is_made;
}

static int make_contexts(selftest_t *t)
{
    int i;

    for (i = 0; i < LONG_TEXT; i++) {
        t->text[i] = (unsigned char)(i * 7);
    }
    t->client_ctx = make_ctx(TLS_client_method());
    return t->client_ctx && make_server_ctx(t);
}

/* ---- the handshake ------------------------------------------------------ */

static BIO *make_memory(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    if (bio) {
        BIO_set_mem_eof_return(bio, -1); /* empty: try again */
    }
    return bio;
}

/* Both objects share the two BIOs; each holds a reference of its own, and so
 * does t. */
static int connect_both(selftest_t *t)
{
    t->to_client = make_memory();
    t->to_server = make_memory();
    if (!t->to_client || !t->to_server || !BIO_up_ref(t->to_client) ||
        !BIO_up_ref(t->to_server)) {
        return 0;
    }
    SSL_set_bio(t->server, t->to_server, t->to_client);
    if (!BIO_up_ref(t->to_client) || !BIO_up_ref(t->to_server)) {
        return 0;
    }
    SSL_set_bio(t->client, t->to_client, t->to_server);
    return 1;
}

/* Nothing else is offered, or accepted. */
static int choose(SSL *ssl, es_tls_version_t version, int aead)
{
    int number = version == ES_TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

    return SSL_set_min_proto_version(ssl, number) &&
           SSL_set_max_proto_version(ssl, number) &&
           (version == ES_TLS_1_3
                ? SSL_set_ciphersuites(ssl, aeads[aead].suite_13)
                : SSL_set_cipher_list(ssl, aeads[aead].suite_12));
}

static int open_both(selftest_t *t, int aead)
{
    t->server = SSL_new(t->server_ctx);
    t->client = SSL_new(t->client_ctx);
    if (!t->server || !t->client || !connect_both(t) ||
        !choose(t->server, t->version, aead) ||
        !choose(t->client, t->version, aead)) {
        return 0;
    }
    es_tls_capture_begin(&t->capture, t->server);
    SSL_set_accept_state(t->server);
    SSL_set_connect_state(t->client);
    return 1;
}

static int shake_hands(selftest_t *t)
{
    int i;

    for (i = 0; i < ROUNDS; i++) {
        int client = SSL_do_handshake(t->client);
        int server = SSL_do_handshake(t->server);

        if (client == 1 && server == 1) {
            return 1;
        }
    }
    return 0;
}

/* ---- steps -------------------------------------------------------------- */

/* The client reads exactly the first len bytes of text. */
static int client_reads(selftest_t *t, int len)
{
    int n = SSL_read(t->client, t->seen, LONG_TEXT);

    return n == len && memcmp(t->seen, t->text, (size_t)len) == 0;
}

/* The client keeps the BIO, whose callback looks into the server's object. */
static void end_server(selftest_t *t)
{
    if (t->to_client) {
        BIO_set_callback_ex(t->to_client, NULL);
    }
    SSL_free(t->server);
    t->server = NULL;
}

/* As a request and the head of its answer do in httpd. */
static int take_over(selftest_t *t)
{
    if (SSL_write(t->client, t->text, 100) != 100 ||
        SSL_read(t->server, t->seen, LONG_TEXT) != 100 ||
        es_tls_capture_obstacle(&t->capture, t->server) != ES_TLS_NO_OBSTACLE ||
        SSL_write(t->server, t->text, 300) != 300 ||
        es_tls_capture_session(&t->capture, t->server, &t->session) !=
            ES_TLS_NO_OBSTACLE) {
        return 0;
    }
    end_server(t);
    return client_reads(t, 300);
}

static int seal(selftest_t *t, int type, const void *bytes, apr_size_t len)
{
    struct iovec iov;
    apr_size_t record_len;

    iov.iov_base = (void *)bytes; /* not written to */
    iov.iov_len = len;
    return es_tls_session_seal(&t->session, type, &iov, 1, 0, len, t->record,
                               &record_len) == APR_SUCCESS &&
           BIO_write(t->to_client, t->record, (int)record_len) ==
               (int)record_len;
}

static int seal_text(selftest_t *t)
{
    static const int lengths[] = {1, 200, LONG_TEXT, 17};
    apr_size_t i;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        if (!seal(t, ES_TLS_APPLICATION_DATA, t->text,
                  (apr_size_t)lengths[i]) ||
            !client_reads(t, lengths[i])) {
            return 0;
        }
    }
    return 1;
}

/* The next record of the client has this type and length. */
static int opens(selftest_t *t, int type, apr_size_t len)
{
    unsigned char *plain;
    apr_size_t plain_len, of_record;
    int is;

    if (BIO_read(t->to_server, t->record, ES_TLS_HEAD) != ES_TLS_HEAD) {
        return 0;
    }
    of_record = es_tls_session_record_len(t->record);
    return of_record <= sizeof(t->record) &&
           BIO_read(t->to_server, t->record + ES_TLS_HEAD,
                    (int)(of_record - ES_TLS_HEAD)) ==
               (int)(of_record - ES_TLS_HEAD) &&
           es_tls_session_open(&t->session, t->record, of_record, &is, &plain,
                               &plain_len) == APR_SUCCESS &&
           is == type && plain_len == len;
}

static int open_text(selftest_t *t)
{
    return SSL_write(t->client, t->text, 50) == 50 &&
           opens(t, ES_TLS_APPLICATION_DATA, 50) &&
           SSL_write(t->client, t->text, 51) == 51 &&
           opens(t, ES_TLS_APPLICATION_DATA, 51);
}

/* The client sends KeyUpdate, with a text after it, and gets ours. */
static int update_keys(selftest_t *t)
{
    static const unsigned char update[] = {24, 0, 0, 1, 0};

    return t->version != ES_TLS_1_3 ||
           (SSL_key_update(t->client, SSL_KEY_UPDATE_REQUESTED) == 1 &&
            SSL_write(t->client, t->text, 52) == 52 &&
            opens(t, ES_TLS_HANDSHAKE, sizeof(update)) &&
            es_tls_session_update_read(&t->session) == APR_SUCCESS &&
            opens(t, ES_TLS_APPLICATION_DATA, 52) &&
            seal(t, ES_TLS_HANDSHAKE, update, sizeof(update)) &&
            es_tls_session_update_write(&t->session) == APR_SUCCESS &&
            seal(t, ES_TLS_APPLICATION_DATA, t->text, 53) &&
            client_reads(t, 53));
}

static int end_clean(selftest_t *t)
{
    static const unsigned char close_notify[] = {1, 0};

    return seal(t, ES_TLS_ALERT, close_notify, sizeof(close_notify)) &&
           SSL_read(t->client, t->seen, LONG_TEXT) <= 0 &&
           SSL_get_error(t->client, 0) == SSL_ERROR_ZERO_RETURN;
}

static const struct {
    const char *name;
    step_t *run;
} steps[] = {
    {"handshake", shake_hands}, {"take over", take_over},
    {"seal", seal_text},        {"open", open_text},
    {"KeyUpdate", update_keys}, {"close_notify", end_clean},
};
#define STEPS ((int)(sizeof(steps) / sizeof(steps[0])))

/* ---- all of it ---------------------------------------------------------- */

static void close_both(selftest_t *t)
{
    end_server(t);
    SSL_free(t->client);
    BIO_free(t->to_client);
    BIO_free(t->to_server);
    t->server = t->client = NULL;
    t->to_client = t->to_server = NULL;
    es_tls_capture_wipe(&t->capture);
    es_tls_session_wipe(&t->session);
    ERR_clear_error();
}

/* @return the step that failed, or NULL */
static const char *test_one(selftest_t *t, es_tls_version_t version, int aead)
{
    const char *failed = NULL;
    int i;

    t->version = version;
    if (!open_both(t, aead)) {
        failed = "cipher";
    }
    for (i = 0; i < STEPS && !failed; i++) {
        if (!steps[i].run(t)) {
            failed = steps[i].name;
        }
    }
    close_both(t);
    return failed;
}

unsigned int es_tls_selftest_run(const char **failed)
{
    static const es_tls_version_t versions[] = {ES_TLS_1_2, ES_TLS_1_3};
    selftest_t *t = OPENSSL_zalloc(sizeof(*t));
    unsigned int passed = 0;
    int is_ready, bit;

    is_ready = t && make_contexts(t);
    for (bit = 0; bit < ES_TLS_SELFTEST_BITS; bit++) {
        failed[bit] = is_ready ? test_one(t, versions[bit / ES_TLS_AEADS],
                                          bit % ES_TLS_AEADS)
                               : "certificate";
        if (!failed[bit]) {
            passed |= 1U << bit;
        }
    }
    if (t) {
        SSL_CTX_free(t->server_ctx);
        SSL_CTX_free(t->client_ctx);
        OPENSSL_free(t);
    }
    es_tls_thread_end(); /* the parent seals nothing else */
    ERR_clear_error();
    return passed;
}
