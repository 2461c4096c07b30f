/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of http/tls_capture.c: after any beginning of a TLS connection, the
 * session goes on where the SSL object was. OpenSSL's client at the other end
 * is the judge: it reads what we seal, and we open what it writes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* dlmopen */
#endif
#include "t/unit/unit.h"

#include "http/tls_capture.c"
#include "t/unit/skip.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define TEXT 200000

static es_tls_indexes_t process_indexes;
static es_tls_capture_t capture;
static es_tls_session_t session;
static SSL_CTX *server_ctx, *client_ctx;
static SSL *server, *client;
static BIO *server_in, *server_out, *client_in, *client_out;
static char text[TEXT], seen[TEXT];

/* Records on the wire since ChangeCipherSpec, of each side. */
static int by_server, by_client;

/* ---- two peers ---------------------------------------------------------- */

static BIO *memory(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert_non_null(bio);
    BIO_set_mem_eof_return(bio, -1);
    return bio;
}

static void give_certificate(SSL_CTX *ctx)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();

    X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static int accept_any(int ok, X509_STORE_CTX *ctx)
{
    (void)ok, (void)ctx;
    return 1;
}

static void make_contexts(int version)
{
    server_ctx = SSL_CTX_new(TLS_server_method());
    client_ctx = SSL_CTX_new(TLS_client_method());
    give_certificate(server_ctx);
    SSL_CTX_set_session_id_context(server_ctx, (const unsigned char *)"t", 1);
    SSL_CTX_set_min_proto_version(client_ctx, version);
    SSL_CTX_set_max_proto_version(client_ctx, version);
    es_tls_capture_install(server_ctx);
}

/* Each record stands alone in its BIO, as OpenSSL writes them. */
static int pass(BIO *from, BIO *to, int *records)
{
    static unsigned char bytes[TEXT * 2];
    int len = BIO_read(from, bytes, sizeof(bytes));
    int at, of_record;

    for (at = 0; at < len; at += of_record) {
        of_record = (int)es_tls_session_record_len(bytes + at);
        *records = bytes[at] == ES_TLS_CHANGE_CIPHER_SPEC ? 0 : *records + 1;
    }
    assert_true(len <= 0 || at == len);
    assert_true(len <= 0 || BIO_write(to, bytes, len) == len);
    return len > 0;
}

static int pass_all(void)
{
    int any = pass(server_out, client_in, &by_server);

    return pass(client_out, server_in, &by_client) || any;
}

/* Until neither has more to say. */
static void shake(void)
{
    int i;

    for (i = 0; i < 50; i++) {
        SSL_do_handshake(client);
        pass_all();
        SSL_do_handshake(server);
        if (!pass_all() && i > 5) {
            break;
        }
    }
    assert_true(SSL_is_init_finished(server));
    assert_true(SSL_is_init_finished(client));
}

static void make_peers(void)
{
    server = SSL_new(server_ctx);
    client = SSL_new(client_ctx);
    server_in = memory(), server_out = memory();
    client_in = memory(), client_out = memory();
    SSL_set_bio(server, server_in, server_out);
    SSL_set_bio(client, client_in, client_out);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    by_server = by_client = 0;
    es_tls_capture_begin(&capture, server);
}

static void meet(int version)
{
    make_contexts(version);
    make_peers();
    shake();
}

static void drop_peers(void)
{
    BIO_free(server ? NULL : server_in);
    SSL_free(server);
    SSL_free(client);
    server = client = NULL;
    server_in = NULL;
}

static int begin(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < TEXT; i++) {
        text[i] = (char)(i * 13);
    }
    assert_true(es_tls_capture_init(&process_indexes));
    return 0;
}

static int end(void **state)
{
    (void)state;
    drop_peers();
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    server_ctx = client_ctx = NULL;
    es_tls_thread_end();
    ERR_clear_error();
    return 0;
}

/* ---- what they say ------------------------------------------------------ */

/* The reader gets exactly the first len bytes of text. */
static void reads(SSL *ssl, int len)
{
    int got = 0, n;

    do {
        n = SSL_read(ssl, seen + got, TEXT - got);
        got += n > 0 ? n : 0;
    } while (n > 0);
    assert_int_equal(got, len);
    assert_memory_equal(seen, text, (size_t)len);
}

static void request(void)
{
    assert_int_equal(SSL_write(client, text, 300), 300);
    pass_all();
    reads(server, 300);
}

static void answer(int len)
{
    assert_int_equal(SSL_write(server, text, len), len);
    pass_all();
    reads(client, len);
}

static void obstacle_is(es_tls_obstacle_t obstacle)
{
    assert_string_equal(
        es_tls_capture_describe(es_tls_capture_obstacle(&capture, server)),
        es_tls_capture_describe(obstacle));
}

static void seal(int type, const void *bytes, apr_size_t len)
{
    static unsigned char record[ES_TLS_RECORD_MAX];
    struct iovec iov = {(void *)bytes, len};
    apr_size_t record_len;

    assert_int_equal(es_tls_session_seal(&session, type, &iov, 1, 0, len,
                                         record, &record_len),
                     APR_SUCCESS);
    BIO_write(client_in, record, (int)record_len);
}

/* The client writes len bytes, and we open them. */
static void opens(int len)
{
    static unsigned char record[ES_TLS_READ_MAX];
    unsigned char *plain;
    apr_size_t plain_len;
    int type, n;

    assert_int_equal(SSL_write(client, text, len), len);
    n = BIO_read(client_out, record, sizeof(record));
    assert_int_equal(es_tls_session_open(&session, record, (apr_size_t)n, &type,
                                         &plain, &plain_len),
                     APR_SUCCESS);
    assert_int_equal(type, ES_TLS_APPLICATION_DATA);
    assert_int_equal(plain_len, len);
    assert_memory_equal(plain, text, plain_len);
}

/* The session takes over, and the connection goes on up to its end. */
static void goes_on(void)
{
    int i;

    if (SSL_version(server) == TLS1_2_VERSION) {
        assert_int_equal(capture.written.records, by_server);
        assert_int_equal(capture.read.records, by_client);
    }
    assert_int_equal(es_tls_capture_session(&capture, server, &session),
                     ES_TLS_NO_OBSTACLE);
    SSL_free(server);
    server = NULL, server_in = NULL;
    for (i = 1; i < 4; i++) {
        seal(ES_TLS_APPLICATION_DATA, text, (apr_size_t)i * 1000);
        reads(client, i * 1000);
        opens(i * 10);
    }
    seal(ES_TLS_ALERT, "\1", 2);
    assert_int_equal(SSL_read(client, seen, TEXT), 0);
    assert_int_equal(SSL_get_shutdown(client), SSL_RECEIVED_SHUTDOWN);
}

/* As http/detach.c does it. */
static void is_taken_over(void)
{
    request();
    obstacle_is(ES_TLS_NO_OBSTACLE);
    answer(400);
    goes_on();
}

/* ---- facts: kinds of handshakes ----------------------------------------- */

FACTS(tls_1_3_goes_on)
{
    meet(TLS1_3_VERSION);
    is_taken_over();
}

FACTS(tls_1_3_goes_on_without_session_tickets)
{
    make_contexts(TLS1_3_VERSION);
    SSL_CTX_set_num_tickets(server_ctx, 0);
    make_peers();
    shake();
    is_taken_over();
}

FACTS(tls_1_3_goes_on_after_a_second_hello)
{
    make_contexts(TLS1_3_VERSION);
    SSL_CTX_set1_groups_list(server_ctx, "P-384");
    SSL_CTX_set1_groups_list(client_ctx, "X25519:P-384");
    make_peers();
    shake();
    is_taken_over();
}

FACTS(tls_1_2_goes_on)
{
    meet(TLS1_2_VERSION);
    is_taken_over();
}

/* Each cipher that we seal, by its name in OpenSSL. */
static void goes_on_with(int version, const char *cipher)
{
    make_contexts(version);
    if (version == TLS1_3_VERSION) {
        assert_int_equal(SSL_CTX_set_ciphersuites(client_ctx, cipher), 1);
    }
    else {
        assert_int_equal(SSL_CTX_set_cipher_list(client_ctx, cipher), 1);
    }
    make_peers();
    shake();
    is_taken_over();
    end(NULL);
}

FACTS(each_cipher_goes_on)
{
    goes_on_with(TLS1_3_VERSION, "TLS_AES_128_GCM_SHA256");
    goes_on_with(TLS1_3_VERSION, "TLS_AES_256_GCM_SHA384");
    goes_on_with(TLS1_3_VERSION, "TLS_CHACHA20_POLY1305_SHA256");
    goes_on_with(TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256");
    goes_on_with(TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384");
    goes_on_with(TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305");
}

/* Both close properly, so that the session can be resumed. */
static SSL_SESSION *leave(void)
{
    SSL_SESSION *of_client = SSL_get1_session(client);

    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN);
    SSL_set_shutdown(server, SSL_SENT_SHUTDOWN);
    drop_peers();
    return of_client;
}

/* A second connection with the session of the first. */
static void resumes(int version, long without)
{
    SSL_SESSION *first;

    make_contexts(version);
    SSL_CTX_set_options(server_ctx, (uint64_t)without);
    make_peers();
    shake();
    request();
    answer(10); /* now the client has a session ticket */
    first = leave();
    make_peers();
    SSL_set_session(client, first);
    shake();
    assert_true(SSL_session_reused(client));
    is_taken_over();
    SSL_SESSION_free(first);
}

FACTS(tls_1_3_goes_on_after_resumption)
{
    resumes(TLS1_3_VERSION, 0);
}

FACTS(tls_1_3_goes_on_after_resumption_from_a_cache)
{
    resumes(TLS1_3_VERSION, SSL_OP_NO_TICKET);
}

FACTS(tls_1_2_goes_on_after_resumption)
{
    resumes(TLS1_2_VERSION, 0);
}

FACTS(tls_1_2_goes_on_after_resumption_by_id)
{
    resumes(TLS1_2_VERSION, SSL_OP_NO_TICKET);
}

/* The server does not read it, as mod_ssl does not. */
FACTS(early_data_that_is_refused_does_not_count)
{
    SSL_SESSION *first;
    size_t n;

    make_contexts(TLS1_3_VERSION);
    SSL_CTX_set_max_early_data(server_ctx, 16384);
    make_peers();
    shake();
    request();
    answer(10);
    first = leave();
    make_peers();
    SSL_set_session(client, first);
    assert_int_equal(SSL_write_early_data(client, text, 100, &n), 1);
    shake();
    assert_int_equal(SSL_get_early_data_status(client),
                     SSL_EARLY_DATA_REJECTED);
    is_taken_over();
    SSL_SESSION_free(first);
}

FACTS(tls_1_3_goes_on_after_authentication_by_request)
{
    make_contexts(TLS1_3_VERSION);
    give_certificate(client_ctx);
    SSL_CTX_set_post_handshake_auth(client_ctx, 1);
    make_peers();
    shake();
    request();
    SSL_set_verify(server, SSL_VERIFY_PEER, accept_any);
    assert_int_equal(SSL_verify_client_post_handshake(server), 1);
    SSL_do_handshake(server);
    pass_all();
    assert_int_equal(SSL_read(client, seen, TEXT), -1);
    pass_all();
    assert_int_equal(SSL_read(server, seen, TEXT), -1);
    assert_non_null(SSL_get0_peer_certificate(server));
    answer(400);
    goes_on();
}

FACTS(tls_1_2_goes_on_after_a_renegotiation)
{
    int i;

    meet(TLS1_2_VERSION);
    request();
    assert_int_equal(SSL_renegotiate(server), 1);
    SSL_do_handshake(server);
    for (i = 0; i < 5; i++) {
        pass_all();
        SSL_read(client, seen, TEXT);
        pass_all();
        SSL_peek(server, seen, 1);
    }
    assert_int_equal(SSL_num_renegotiations(server), 1);
    is_taken_over();
}

/* ---- facts: records ----------------------------------------------------- */

FACTS(records_of_any_size_are_counted)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i, k;

    for (i = 0; i < 2; i++) {
        meet(versions[i]);
        for (k = 0; k < 20; k++) {
            request();
            answer(1 + k * 9000);
        }
        is_taken_over();
        end(NULL);
    }
}

FACTS(updates_of_keys_are_counted)
{
    meet(TLS1_3_VERSION);
    request();
    SSL_key_update(client, SSL_KEY_UPDATE_REQUESTED);
    request();
    obstacle_is(ES_TLS_NOT_SETTLED); /* the server's own is due */
    answer(5);
    SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
    request();
    SSL_key_update(server, SSL_KEY_UPDATE_NOT_REQUESTED);
    answer(6);
    SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
    request();
    is_taken_over();
}

FACTS(a_long_series_of_updates_is_followed)
{
    int i;

    meet(TLS1_3_VERSION);
    for (i = 0; i < 120; i++) {
        obstacle_is(ES_TLS_NO_OBSTACLE);
        SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
        request();
    }
    is_taken_over();
}

/* Who reads the memory later must not open what was sent before. */
FACTS(an_update_leaves_no_earlier_secret)
{
    es_tls_capture_t before;

    meet(TLS1_3_VERSION);
    before = capture;
    SSL_key_update(client, SSL_KEY_UPDATE_NOT_REQUESTED);
    request();
    assert_memory_not_equal(capture.read.secret, before.read.secret, 32);
    assert_memory_equal(capture.written.secret, before.written.secret, 32);
    SSL_key_update(server, SSL_KEY_UPDATE_NOT_REQUESTED);
    answer(1);
    assert_memory_not_equal(capture.written.secret, before.written.secret, 32);
    is_taken_over();
}

/* Explicit nonces go on where OpenSSL's end. */
FACTS(no_explicit_nonce_is_used_twice)
{
    unsigned char record[1000];

    make_contexts(TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(client_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
    make_peers();
    shake();
    request();
    obstacle_is(ES_TLS_NO_OBSTACLE);
    assert_int_equal(SSL_write(server, text, 40000), 40000);
    assert_int_equal(es_tls_capture_session(&capture, server, &session),
                     ES_TLS_NO_OBSTACLE);
    assert_int_equal(SSL_write(server, text, 100), 100);
    BIO_seek(server_out, 0);
    while (BIO_pending(server_out) > 200) {
        BIO_read(server_out, record, ES_TLS_HEAD);
        BIO_read(server_out, seen,
                 (int)es_tls_session_record_len(record) - ES_TLS_HEAD);
    }
    assert_int_equal(BIO_read(server_out, record, sizeof(record)), 129);
    seal(ES_TLS_APPLICATION_DATA, text, 100);
    assert_int_equal(BIO_read(client_in, seen, TEXT), 129);
    assert_memory_equal(seen, record, 129); /* the very same record */
}

FACTS(without_the_last_nonce_there_is_no_session)
{
    make_contexts(TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(client_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
    make_peers();
    shake();
    request();
    answer(400); /* nobody has looked */
    assert_int_equal(es_tls_capture_session(&capture, server, &session),
                     ES_TLS_NOT_COUNTED);
    answer(400);
    assert_int_equal(es_tls_capture_session(&capture, server, &session),
                     ES_TLS_NO_OBSTACLE);
}

static int bio_calls;

static long on_other(BIO *bio, int operation, const char *bytes, size_t len,
                     int argi, long argl, int rc, size_t *processed)
{
    (void)bio, (void)bytes, (void)len, (void)argi, (void)argl, (void)processed;
    bio_calls += operation == BIO_CB_WRITE;
    return rc;
}

FACTS(the_callback_of_the_bio_goes_on)
{
    make_contexts(TLS1_2_VERSION);
    make_peers();
    BIO_set_callback_ex(server_out, on_other);
    BIO_set_callback_arg(server_out, (char *)server);
    shake();
    bio_calls = 0;
    is_taken_over();
    assert_int_equal(bio_calls, 1);
}

/* ---- facts: obstacles --------------------------------------------------- */

FACTS(a_record_in_part_is_an_obstacle)
{
    static const int parts[] = {3, ES_TLS_HEAD, 20};
    unsigned char record[200];
    apr_size_t i;
    int len;

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        meet(TLS1_3_VERSION);
        request();
        assert_int_equal(SSL_write(client, text, 50), 50);
        len = BIO_read(client_out, record, sizeof(record));
        BIO_write(server_in, record, parts[i]);
        assert_int_equal(SSL_read(server, seen, TEXT), -1);
        obstacle_is(ES_TLS_INPUT_LEFT);
        BIO_write(server_in, record + parts[i], len - parts[i]);
        reads(server, 50);
        obstacle_is(ES_TLS_NO_OBSTACLE);
        end(NULL);
    }
}

FACTS(bytes_that_are_read_ahead_are_an_obstacle)
{
    meet(TLS1_3_VERSION);
    SSL_set_read_ahead(server, 1);
    SSL_write(client, text, 50);
    SSL_write(client, text, 60);
    pass_all();
    assert_int_equal(SSL_read(server, seen, 50), 50);
    obstacle_is(ES_TLS_INPUT_LEFT);
    assert_int_equal(SSL_read(server, seen, 10), 10);
    obstacle_is(ES_TLS_INPUT_LEFT);
    assert_int_equal(SSL_read(server, seen, 100), 50);
    obstacle_is(ES_TLS_NO_OBSTACLE);
    answer(400);
    goes_on();
}

static void on_other_message(int is_written, int version, int type,
                             const void *buf, size_t len, SSL *ssl, void *arg)
{
    (void)is_written, (void)version, (void)type, (void)buf, (void)len;
    (void)ssl, (void)arg;
}

FACTS(a_callback_of_others_is_an_obstacle)
{
    meet(TLS1_3_VERSION);
    request();
    SSL_set_msg_callback(server, on_other_message);
    answer(10);
    SSL_set_msg_callback(server, on_message);
    obstacle_is(ES_TLS_NOT_COUNTED);
}

FACTS(a_connection_that_was_not_captured_is_an_obstacle)
{
    meet(TLS1_3_VERSION);
    es_tls_capture_wipe(&capture);
    obstacle_is(ES_TLS_UNKNOWN_TLS);
}

FACTS(what_we_do_not_seal_is_an_obstacle)
{
    make_contexts(TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(client_ctx, "ECDHE-ECDSA-AES128-SHA");
    make_peers();
    shake();
    request();
    obstacle_is(ES_TLS_OTHER_CIPHER);
    end(NULL);
    make_contexts(TLS1_1_VERSION);
    SSL_CTX_set_min_proto_version(server_ctx, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(server_ctx, "ALL:@SECLEVEL=0");
    SSL_CTX_set_cipher_list(client_ctx, "ALL:@SECLEVEL=0");
    make_peers();
    shake();
    request();
    obstacle_is(ES_TLS_OLD_VERSION);
}

FACTS(short_records_are_an_obstacle)
{
    make_contexts(TLS1_3_VERSION);
    SSL_CTX_set_tlsext_max_fragment_length(client_ctx,
                                           TLSEXT_max_fragment_length_1024);
    make_peers();
    shake();
    request();
    obstacle_is(ES_TLS_SHORT_RECORDS);
}

/* OpenSSL 3 does not know record_size_limit: both ends are told what to say. */
static unsigned char limit_of_client[2];

static int say_limit(SSL *ssl, unsigned int type, unsigned int context,
                     const unsigned char **out, size_t *len, X509 *x,
                     size_t chain, int *alert, void *of_client)
{
    static const unsigned char own[] = {0x40, 1};

    (void)ssl, (void)type, (void)context, (void)x, (void)chain, (void)alert;
    *out = of_client ? limit_of_client : own;
    *len = 2;
    return 1;
}

static int hear_limit(SSL *ssl, unsigned int type, unsigned int context,
                      const unsigned char *in, size_t len, X509 *x,
                      size_t chain, int *alert, void *arg)
{
    (void)ssl, (void)type, (void)context, (void)in, (void)x, (void)chain;
    (void)alert, (void)arg;
    return len == 2;
}

static int knows_limit(SSL_CTX *ctx, void *of_client)
{
    return SSL_CTX_add_custom_ext(ctx, 28,
                                  SSL_EXT_CLIENT_HELLO |
                                      SSL_EXT_TLS1_2_SERVER_HELLO |
                                      SSL_EXT_TLS1_3_ENCRYPTED_EXTENSIONS,
                                  say_limit, NULL, of_client, hear_limit, NULL);
}

static void meet_with_limit(int version, int limit, int is_answered)
{
    limit_of_client[0] = (unsigned char)(limit >> 8);
    limit_of_client[1] = (unsigned char)limit;
    make_contexts(version);
    if (SSL_extension_supported(28)) {
        SKIP_SINCE("this OpenSSL decides by itself");
    }
    assert_true(knows_limit(client_ctx, client_ctx));
    assert_true(!is_answered || knows_limit(server_ctx, NULL));
    make_peers();
    shake();
}

FACTS(a_record_size_limit_that_was_agreed_on_is_an_obstacle)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    int i;

    for (i = 0; i < 2; i++) {
        meet_with_limit(versions[i], 512, 1);
        request();
        obstacle_is(ES_TLS_SHORT_RECORDS);
        end(NULL);
        meet_with_limit(versions[i], ES_TLS_PLAIN_MAX + 1, 1);
        is_taken_over(); /* no limit, in fact */
        end(NULL);
        meet_with_limit(versions[i], 512, 0);
        is_taken_over(); /* an OpenSSL that does not know it */
        end(NULL);
    }
}

static void meet_padded(int version)
{
    make_contexts(version);
    SSL_CTX_set_block_padding(server_ctx, 512);
    make_peers();
    shake();
}

FACTS(padding_is_an_obstacle)
{
    meet_padded(TLS1_3_VERSION);
    request();
    obstacle_is(ES_TLS_PADDED);
    end(NULL);
    meet_padded(TLS1_2_VERSION);
    is_taken_over(); /* TLS 1.2 has none */
}

FACTS(an_end_that_has_begun_is_an_obstacle)
{
    meet(TLS1_3_VERSION);
    request();
    SSL_shutdown(client);
    pass_all();
    assert_int_equal(SSL_read(server, seen, TEXT), 0);
    obstacle_is(ES_TLS_NOT_SETTLED);
}

FACTS(a_handshake_that_has_not_ended_is_an_obstacle)
{
    make_contexts(TLS1_3_VERSION);
    make_peers();
    assert_int_not_equal(es_tls_capture_obstacle(&capture, server),
                         ES_TLS_NO_OBSTACLE);
    SSL_do_handshake(client);
    pass_all();
    SSL_do_handshake(server);
    assert_int_not_equal(es_tls_capture_obstacle(&capture, server),
                         ES_TLS_NO_OBSTACLE);
}

/* ---- facts: secrets ----------------------------------------------------- */

static int lines;

static void on_line(const SSL *ssl, const char *line)
{
    (void)ssl;
    lines += strstr(line, "TRAFFIC_SECRET") != NULL;
}

/*
 * Another copy of the libssl that this program has, as a process has it whose
 * mod_ssl is linked with one of its own. It comes with another libc, which
 * shares the thread with ours, but not the list of what threads keep. So it
 * runs in a thread that keeps nothing, and whose process ends in it.
 */
enum { IS_OTHER, IS_OURS, IS_NOT_MADE };

static void *ask_of_copy(void *file)
{
    void *copy = dlmopen(LM_ID_NEWLM, file, RTLD_NOW);
    SSL_CTX *(*make)(const SSL_METHOD *) = NULL;
    const SSL_METHOD *(*method)(void) = NULL;
    SSL_CTX *ctx = NULL;

    if (copy != NULL) {
        *(void **)&make = dlsym(copy, "SSL_CTX_new");
        *(void **)&method = dlsym(copy, "TLS_server_method");
    }
    if (make != NULL && method != NULL) {
        ctx = make(method());
    }
    if (ctx == NULL) {
        _exit(IS_NOT_MADE);
    }
    _exit(es_tls_capture_is_ours(ctx) ? IS_OURS : IS_OTHER);
}

/* @return as above, or -1 */
static int ask_in_child(const char *file)
{
    pid_t pid = fork();
    pthread_t thread;
    int status;

    if (pid == 0) {
        if (pthread_create(&thread, NULL, ask_of_copy, (void *)file) == 0) {
            pthread_join(thread, NULL);
        }
        _exit(IS_NOT_MADE);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : -1;
}

FACTS(a_context_of_another_copy_of_libssl_is_not_ours)
{
    Dl_info of;
    int is;

    if (getenv("ES_VALGRIND") != NULL) {
        SKIP_SINCE("valgrind knows one libc only");
    }
    meet(TLS1_3_VERSION);
    assert_true(es_tls_capture_is_ours(server_ctx)); /* TLS_server_method */
    SSL_CTX_free(client_ctx);
    client_ctx = SSL_CTX_new(TLS_method());
    assert_true(es_tls_capture_is_ours(client_ctx));
    assert_int_not_equal(dladdr((void *)TLS_server_method(), &of), 0);
    is = ask_in_child(of.dli_fname);
    if (is == IS_NOT_MADE) {
        SKIP_SINCE("this system cannot have two");
    }
    assert_int_equal(is, IS_OTHER);
}

FACTS(an_earlier_key_log_goes_on)
{
    make_contexts(TLS1_3_VERSION);
    SSL_CTX_set_keylog_callback(server_ctx, on_line);
    es_tls_capture_install(server_ctx);
    es_tls_capture_install(server_ctx); /* once is enough */
    make_peers();
    lines = 0;
    shake();
    assert_int_equal(lines, 4);
    is_taken_over();
}

static int choose_host(SSL *ssl, int *alert, void *ctx)
{
    (void)alert;
    assert_non_null(SSL_set_SSL_CTX(ssl, ctx));
    return SSL_TLSEXT_ERR_OK;
}

/* By SNI the context changes after the capture has begun. */
FACTS(the_context_that_is_chosen_by_name_decides)
{
    SSL_CTX *other;

    make_contexts(TLS1_3_VERSION);
    other = SSL_CTX_new(TLS_server_method());
    give_certificate(other);
    SSL_CTX_set_tlsext_servername_callback(server_ctx, choose_host);
    SSL_CTX_set_tlsext_servername_arg(server_ctx, other);
    make_peers();
    SSL_set_tlsext_host_name(client, "other.example");
    shake();
    request();
    obstacle_is(ES_TLS_NOT_COUNTED); /* it has no key log callback */
    drop_peers();
    es_tls_capture_install(other);
    make_peers();
    SSL_set_tlsext_host_name(client, "other.example");
    shake();
    is_taken_over();
    SSL_CTX_free(other);
}

static int is_zero(const unsigned char *bytes, apr_size_t len)
{
    apr_size_t i;

    for (i = 0; i < len && bytes[i] == 0; i++) {
    }
    return i == len;
}

FACTS(secrets_are_wiped)
{
    meet(TLS1_3_VERSION);
    assert_false(is_zero(capture.written.secret, ES_TLS_SECRET_MAX));
    assert_false(is_zero(capture.read.secret, ES_TLS_SECRET_MAX));
    es_tls_capture_wipe(&capture);
    assert_true(is_zero(capture.written.secret, ES_TLS_SECRET_MAX));
    assert_true(is_zero(capture.read.secret, ES_TLS_SECRET_MAX));
}

FACTS(a_line_that_is_no_secret_gives_none)
{
    static const char *const bad[] = {
        "SERVER_TRAFFIC_SECRET_0 ",
        "SERVER_TRAFFIC_SECRET_0 00",
        "SERVER_TRAFFIC_SECRET_0 "
        "0000000000000000000000000000000000000000000000000000000000000000 0",
        "SERVER_TRAFFIC_SECRET_0 "
        "0000000000000000000000000000000000000000000000000000000000000000 0g",
    };
    apr_size_t i;

    meet(TLS1_3_VERSION);
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        on_keylog(server, bad[i]);
        assert_int_equal(capture.written.secret_len, 0);
    }
    obstacle_is(ES_TLS_NOT_COUNTED);
}

#define TLS(name) cmocka_unit_test_setup_teardown(name, begin, end)

static const struct CMUnitTest tests[] = {
    TLS(tls_1_3_goes_on),
    TLS(tls_1_3_goes_on_without_session_tickets),
    TLS(tls_1_3_goes_on_after_a_second_hello),
    TLS(tls_1_2_goes_on),
    TLS(each_cipher_goes_on),
    TLS(tls_1_3_goes_on_after_resumption),
    TLS(tls_1_3_goes_on_after_resumption_from_a_cache),
    TLS(tls_1_2_goes_on_after_resumption),
    TLS(tls_1_2_goes_on_after_resumption_by_id),
    TLS(early_data_that_is_refused_does_not_count),
    TLS(tls_1_3_goes_on_after_authentication_by_request),
    TLS(tls_1_2_goes_on_after_a_renegotiation),
    TLS(records_of_any_size_are_counted),
    TLS(updates_of_keys_are_counted),
    TLS(a_long_series_of_updates_is_followed),
    TLS(an_update_leaves_no_earlier_secret),
    TLS(no_explicit_nonce_is_used_twice),
    TLS(without_the_last_nonce_there_is_no_session),
    TLS(the_callback_of_the_bio_goes_on),
    TLS(a_record_in_part_is_an_obstacle),
    TLS(bytes_that_are_read_ahead_are_an_obstacle),
    TLS(a_callback_of_others_is_an_obstacle),
    TLS(a_connection_that_was_not_captured_is_an_obstacle),
    TLS(what_we_do_not_seal_is_an_obstacle),
    TLS(short_records_are_an_obstacle),
    TLS(a_record_size_limit_that_was_agreed_on_is_an_obstacle),
    TLS(padding_is_an_obstacle),
    TLS(an_end_that_has_begun_is_an_obstacle),
    TLS(a_handshake_that_has_not_ended_is_an_obstacle),
    TLS(a_context_of_another_copy_of_libssl_is_not_ours),
    TLS(an_earlier_key_log_goes_on),
    TLS(the_context_that_is_chosen_by_name_decides),
    TLS(secrets_are_wiped),
    TLS(a_line_that_is_no_secret_gives_none),
};

UNIT_MAIN(tests)
