/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL calls the message callback with the head of each record, written or
 * read, and the key log callback when it takes a traffic secret into use:
 *
 *   TLS 1.3   head ... head | SERVER_TRAFFIC_SECRET_0 | head head head
 *                           from here on the server's records count from 0;
 *                           the client's likewise from CLIENT_TRAFFIC_SECRET_0,
 *                           and both again after a KeyUpdate message
 *   TLS 1.2   head ... head (ChangeCipherSpec) | head head head
 *                           from here on the records of that side count from 0,
 *                           with each handshake of the connection again
 *
 * The heads also tell how many bytes stood on the wire. OpenSSL counts the same
 * bytes in its BIOs. Only if both sums are equal, the callback has seen each
 * record, and nothing is left in OpenSSL: no other module has replaced the
 * callback, the kernel has made no records (kTLS), and no record was read in
 * part or ahead.
 *
 * The callback gets handshake messages, too, each after the record in which it
 * stands. Those with extensions tell to what record size the server has agreed,
 * also of an OpenSSL that knows more of them than we do. The record of a
 * Finished is longer than the message if records are padded.
 *
 * With AES-GCM in TLS 1.2 a record carries a part of its nonce. OpenSSL starts
 * at a random one, and ours must not meet its nonces. So the callback of the
 * BIO looks for that of the last record.
 */
#include "http/tls_capture.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include "tls/hello.h"
#include "tls/key_schedule.h"

#define SERVER_SECRET "SERVER_TRAFFIC_SECRET_0 "
#define CLIENT_SECRET "CLIENT_TRAFFIC_SECRET_0 "
#define RANDOM 32 /* bytes of a random */
#define MASTER 48 /* bytes of a master secret */
#define NONCE 8   /* bytes of an explicit nonce */

/* handshake messages, RFC 8446 4 */
#define CLIENT_HELLO 1
#define FINISHED 20
#define KEY_UPDATE 24

static es_tls_indexes_t *indexes;

static const char *const texts[ES_TLS_OBSTACLES] = {
    "there is no obstacle",
    "EventStreamDetachTLS is off",
    ("the connection's TLS is not that of mod_ssl, or mod_ssl uses another "
     "OpenSSL"),
    "the protocol is neither TLS 1.2 nor TLS 1.3",
    "the cipher is not AES-GCM or ChaCha20-Poly1305",
    "the self-test has not passed with this protocol and cipher",
    "the connection is compressed",
    "the client has asked for short records",
    "a handshake, an update of keys or the end of the connection has begun",
    "the client has begun to send something else",
    "not all records were counted",
    "records are padded (RecordPadding)",
};

static const char *const keys[ES_TLS_OBSTACLES] = {
    "None",        "SwitchedOff", "UnknownTls",  "OldVersion",
    "OtherCipher", "NotTested",   "Compression", "ShortRecords",
    "NotSettled",  "InputLeft",   "NotCounted",  "Padded",
};

const char *es_tls_capture_describe(es_tls_obstacle_t obstacle)
{
    return texts[obstacle];
}

const char *es_tls_capture_key(es_tls_obstacle_t obstacle)
{
    return keys[obstacle];
}

int es_tls_capture_init(es_tls_indexes_t *of_process)
{
    indexes = of_process;
    if (!indexes->are_made) {
        indexes->of_ssl =
            SSL_get_ex_new_index(0, "mod_eventstream", NULL, NULL, NULL);
        indexes->of_ctx =
            SSL_CTX_get_ex_new_index(0, "mod_eventstream", NULL, NULL, NULL);
        indexes->are_made = indexes->of_ssl >= 0 && indexes->of_ctx >= 0;
    }
    return indexes->are_made;
}

/* The object's capture, or NULL. */
static es_tls_capture_t *capture_of(const SSL *ssl)
{
    es_tls_capture_t *capture = SSL_get_ex_data(ssl, indexes->of_ssl);

    return capture && capture->ssl == ssl ? capture : NULL;
}

/* ---- secrets ------------------------------------------------------------ */

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* @return bytes, or 0: it is not hexadecimal, or too long */
static apr_size_t read_hex(unsigned char *to, apr_size_t max, const char *text)
{
    apr_size_t n;

    for (n = 0; text[2 * n] != '\0'; n++) {
        int high = digit(text[2 * n]);
        int low = high < 0 ? -1 : digit(text[2 * n + 1]);

        if (low < 0 || n == max) {
            return 0;
        }
        to[n] = (unsigned char)(high * 16 + low);
    }
    return n;
}

/* line: a label that ends with a blank, the client's random, a blank, the
 * secret. */
static void take_secret(es_tls_flow_t *flow, const char *line,
                        apr_size_t label_len)
{
    apr_size_t before = label_len + 2 * RANDOM + 1;

    flow->records = 0;
    flow->secret_len = 0;
    if (strlen(line) > before) {
        flow->secret_len =
            read_hex(flow->secret, sizeof(flow->secret), line + before);
    }
}

static void on_keylog(const SSL *ssl, const char *line)
{
    es_tls_capture_t *capture = capture_of(ssl);
    SSL_CTX_keylog_cb_func next;

    if (capture &&
        strncmp(line, SERVER_SECRET, sizeof(SERVER_SECRET) - 1) == 0) {
        take_secret(&capture->written, line, sizeof(SERVER_SECRET) - 1);
    }
    else if (capture &&
             strncmp(line, CLIENT_SECRET, sizeof(CLIENT_SECRET) - 1) == 0) {
        take_secret(&capture->read, line, sizeof(CLIENT_SECRET) - 1);
    }
    next = (SSL_CTX_keylog_cb_func)SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl),
                                                       indexes->of_ctx);
    if (next) {
        next(ssl, line);
    }
}

/* A method is a table in libssl, so each libssl has its own. mod_ssl makes its
 * contexts with one of these. */
int es_tls_capture_is_ours(const SSL_CTX *ctx)
{
    const SSL_METHOD *method = SSL_CTX_get_ssl_method(ctx);

    return method == TLS_server_method() || method == TLS_method();
}

void es_tls_capture_install(SSL_CTX *ctx)
{
    SSL_CTX_keylog_cb_func before = SSL_CTX_get_keylog_callback(ctx);

    if (before != on_keylog &&
        SSL_CTX_set_ex_data(ctx, indexes->of_ctx, (void *)before)) {
        SSL_CTX_set_keylog_callback(ctx, on_keylog);
    }
}

/* ---- records ------------------------------------------------------------ */

static void count_record(es_tls_flow_t *flow, const unsigned char *head)
{
    flow->bytes += es_tls_session_record_len(head);
    flow->last_len = es_tls_session_record_len(head) - ES_TLS_HEAD;
    if (head[0] == ES_TLS_CHANGE_CIPHER_SPEC) {
        flow->records = 0;
    }
    else {
        flow->records++;
    }
}

/* After a KeyUpdate: the secret that follows replaces the one before, as in
 * OpenSSL, so that no record from before can be opened with what is here. */
static void update_secret(es_tls_flow_t *flow, const SSL *ssl)
{
    es_tls_version_t version;
    apr_uint32_t number = es_tls_capture_suite(ssl, &version);
    int index = es_tls_suite_find(version, number);

    flow->records = 0;
    if (flow->secret_len == 0) {
        return;
    }
    if (index < 0 ||
        es_tls_key_schedule_next(es_tls_suite_at((unsigned int)index),
                                 flow->secret) != APR_SUCCESS) {
        OPENSSL_cleanse(flow->secret, sizeof(flow->secret));
        flow->secret_len = 0;
    }
}

/* ---- what is agreed on --------------------------------------------------- */

/* Each Finished has a record of its own. */
static void note_padding(es_tls_capture_t *capture, const SSL *ssl,
                         apr_size_t len)
{
    if (SSL_version(ssl) == TLS1_3_VERSION &&
        capture->written.last_len > len + 1 + ES_TLS_TAG) {
        capture->is_padded = 1;
    }
}

static void on_written(es_tls_capture_t *capture, const SSL *ssl,
                       const unsigned char *message, apr_size_t len)
{
    if (message[0] == FINISHED) {
        note_padding(capture, ssl, len);
    }
    else if (es_tls_hello_is_limited(message, len, capture->limit)) {
        capture->has_short_records = 1;
    }
}

/* ---- the callback ------------------------------------------------------- */

static void on_message(int is_written, int version, int type, const void *buf,
                       size_t len, SSL *ssl, void *arg)
{
    es_tls_capture_t *capture = arg;
    es_tls_flow_t *flow = is_written ? &capture->written : &capture->read;

    (void)version;
    if (type == SSL3_RT_HEADER && len == ES_TLS_HEAD) {
        count_record(flow, buf);
    }
    else if (type == SSL3_RT_HANDSHAKE && len != 0) {
        if (*(const unsigned char *)buf == KEY_UPDATE) {
            update_secret(flow, ssl);
        }
        else if (is_written) {
            on_written(capture, ssl, buf, len);
        }
        else if (*(const unsigned char *)buf == CLIENT_HELLO) {
            capture->limit = es_tls_hello_limit(buf, len);
        }
    }
}

/* ---- the explicit nonce ------------------------------------------------- */

static apr_uint64_t number_at(const unsigned char *from)
{
    apr_uint64_t number = 0;
    int i;

    for (i = 0; i < NONCE; i++) {
        number = number << 8 | from[i];
    }
    return number;
}

/* OpenSSL writes whole records. */
static void note_nonce(es_tls_capture_t *capture, const unsigned char *bytes,
                       apr_size_t len)
{
    apr_size_t of_record = 0;

    capture->has_nonce = 0;
    while (len > ES_TLS_HEAD + NONCE) {
        of_record = es_tls_session_record_len(bytes);
        if (of_record <= ES_TLS_HEAD + NONCE || of_record >= len) {
            break;
        }
        bytes += of_record;
        len -= of_record;
    }
    if (len > ES_TLS_HEAD + NONCE && of_record == len) {
        capture->last_nonce = number_at(bytes + ES_TLS_HEAD);
        capture->has_nonce = 1;
    }
}

/* The arg is the SSL object, as mod_ssl also sets it for its own callback. */
static long on_bio(BIO *bio, int operation, const char *bytes, size_t len,
                   int argi, long argl, int rc, size_t *processed)
{
    SSL *ssl = (SSL *)BIO_get_callback_arg(bio);
    es_tls_capture_t *capture = ssl ? capture_of(ssl) : NULL;

    if (capture && operation == (BIO_CB_WRITE | BIO_CB_RETURN)) {
        if (rc > 0 && processed && *processed == len) {
            note_nonce(capture, (const unsigned char *)bytes, len);
        }
        else {
            capture->has_nonce = 0;
        }
    }
    if (capture && capture->bio_before) {
        return capture->bio_before(bio, operation, bytes, len, argi, argl, rc,
                                   processed);
    }
    return rc;
}

/* Another callback with an arg of its own is left alone: then there is no
 * nonce. */
static void follow_bio(es_tls_capture_t *capture, SSL *ssl)
{
    BIO *bio = SSL_get_wbio(ssl);
    char *arg = BIO_get_callback_arg(bio);

    if (capture->follows_bio || (arg && arg != (char *)ssl)) {
        return;
    }
    capture->follows_bio = 1;
    capture->bio_before = BIO_get_callback_ex(bio);
    BIO_set_callback_ex(bio, on_bio);
    BIO_set_callback_arg(bio, (char *)ssl);
}

/* ---- the connection ----------------------------------------------------- */

void es_tls_capture_begin(es_tls_capture_t *capture, SSL *ssl)
{
    memset(capture, 0, sizeof(*capture));
    if (!SSL_set_ex_data(ssl, indexes->of_ssl, capture)) {
        return;
    }
    capture->ssl = ssl;
    SSL_set_msg_callback(ssl, on_message);
    SSL_set_msg_callback_arg(ssl, capture);
}

apr_uint32_t es_tls_capture_suite(const SSL *ssl, es_tls_version_t *version)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);

    *version = SSL_version(ssl) == TLS1_3_VERSION ? ES_TLS_1_3 : ES_TLS_1_2;
    return cipher ? SSL_CIPHER_get_protocol_id(cipher) : 0;
}

static int has_explicit_nonce(const SSL *ssl)
{
    es_tls_version_t version;
    apr_uint32_t number = es_tls_capture_suite(ssl, &version);
    int index = es_tls_suite_find(version, number);

    return index >= 0 &&
           es_tls_suite_at((unsigned int)index)->explicit_nonce != 0;
}

/* What was negotiated. */
static es_tls_obstacle_t obstacle_of_kind(const es_tls_capture_t *capture,
                                          const SSL *ssl)
{
    const SSL_SESSION *session = SSL_get_session(ssl);
    es_tls_version_t version;
    apr_uint32_t suite = es_tls_capture_suite(ssl, &version);

    if (SSL_version(ssl) != TLS1_2_VERSION &&
        SSL_version(ssl) != TLS1_3_VERSION) {
        return ES_TLS_OLD_VERSION;
    }
    if (!es_tls_suite_is_known(version, suite)) {
        return ES_TLS_OTHER_CIPHER;
    }
    if (SSL_get_current_compression(ssl)) {
        return ES_TLS_COMPRESSION;
    }
    if (!session || capture->has_short_records ||
        SSL_SESSION_get_max_fragment_length(session) !=
            TLSEXT_max_fragment_length_DISABLED) {
        return ES_TLS_SHORT_RECORDS;
    }
    if (capture->is_padded) {
        return ES_TLS_PADDED;
    }
    return ES_TLS_NO_OBSTACLE;
}

static int is_settled(SSL *ssl)
{
    return SSL_is_init_finished(ssl) && !SSL_renegotiate_pending(ssl) &&
           SSL_get_key_update_type(ssl) == SSL_KEY_UPDATE_NONE &&
           SSL_get_shutdown(ssl) == 0;
}

static int has_secrets(const es_tls_capture_t *capture)
{
    const es_tls_flow_t *written = &capture->written;
    const es_tls_flow_t *read = &capture->read;

    return written->secret_len != 0 && written->secret_len == read->secret_len;
}

/* Has the capture seen each record? */
static es_tls_obstacle_t obstacle_of_count(const es_tls_capture_t *capture,
                                           SSL *ssl)
{
    if (SSL_has_pending(ssl) ||
        BIO_number_read(SSL_get_rbio(ssl)) != capture->read.bytes) {
        return ES_TLS_INPUT_LEFT;
    }
    if (BIO_number_written(SSL_get_wbio(ssl)) != capture->written.bytes ||
        (SSL_version(ssl) == TLS1_3_VERSION && !has_secrets(capture))) {
        return ES_TLS_NOT_COUNTED;
    }
    return ES_TLS_NO_OBSTACLE;
}

es_tls_obstacle_t es_tls_capture_obstacle(es_tls_capture_t *capture, SSL *ssl)
{
    es_tls_obstacle_t obstacle;

    if (capture->ssl != ssl ||
        SSL_get_ex_data(ssl, indexes->of_ssl) != capture) {
        return ES_TLS_UNKNOWN_TLS;
    }
    obstacle = obstacle_of_kind(capture, ssl);
    if (obstacle != ES_TLS_NO_OBSTACLE) {
        return obstacle;
    }
    if (!is_settled(ssl)) {
        return ES_TLS_NOT_SETTLED;
    }
    if (has_explicit_nonce(ssl)) {
        follow_bio(capture, ssl);
    }
    return obstacle_of_count(capture, ssl);
}

/* ---- the session -------------------------------------------------------- */

static apr_status_t session_13(const es_tls_capture_t *capture,
                               apr_uint32_t suite, es_tls_session_t *session)
{
    const es_tls_flow_t *written = &capture->written;
    const es_tls_flow_t *read = &capture->read;

    return es_tls_session_init_13(session, suite, written->secret, read->secret,
                                  written->secret_len, written->records,
                                  read->records);
}

static apr_status_t session_12(const es_tls_capture_t *capture, const SSL *ssl,
                               apr_uint32_t suite, es_tls_session_t *session)
{
    unsigned char master[MASTER], client[RANDOM], server[RANDOM];
    apr_status_t rv = APR_EGENERAL;

    if (SSL_SESSION_get_master_key(SSL_get_session(ssl), master, MASTER) ==
            MASTER &&
        SSL_get_client_random(ssl, client, RANDOM) == RANDOM &&
        SSL_get_server_random(ssl, server, RANDOM) == RANDOM) {
        rv = es_tls_session_init_12(
            session, suite, master, client, server, capture->written.records,
            capture->read.records,
            capture->has_nonce ? capture->last_nonce : 0);
    }
    OPENSSL_cleanse(master, sizeof(master));
    return rv;
}

es_tls_obstacle_t es_tls_capture_session(es_tls_capture_t *capture, SSL *ssl,
                                         es_tls_session_t *session)
{
    es_tls_obstacle_t obstacle = es_tls_capture_obstacle(capture, ssl);
    es_tls_version_t version;
    apr_uint32_t suite;
    apr_status_t rv;

    memset(session, 0, sizeof(*session));
    if (obstacle != ES_TLS_NO_OBSTACLE) {
        return obstacle;
    }
    suite = es_tls_capture_suite(ssl, &version);
    if (version == ES_TLS_1_3) {
        rv = session_13(capture, suite, session);
    }
    else if (has_explicit_nonce(ssl) && !capture->has_nonce) {
        rv = APR_EINVAL;
    }
    else {
        rv = session_12(capture, ssl, suite, session);
    }
    if (rv != APR_SUCCESS) {
        es_tls_session_wipe(session);
        return ES_TLS_NOT_COUNTED;
    }
    return ES_TLS_NO_OBSTACLE;
}

void es_tls_capture_wipe(es_tls_capture_t *capture)
{
    OPENSSL_cleanse(capture->written.secret, sizeof(capture->written.secret));
    OPENSSL_cleanse(capture->read.secret, sizeof(capture->read.secret));
    capture->written.secret_len = capture->read.secret_len = 0;
    capture->ssl = NULL;
}
