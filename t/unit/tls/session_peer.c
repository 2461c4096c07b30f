/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of tls/session.c and tls/incoming.c with a client of OpenSSL: it does
 * not notice that the server's SSL object is gone, with any suite.
 */
#include "t/unit/unit.h"

#include "t/unit/tls_peer.h"

#define DATA ES_TLS_APPLICATION_DATA

static unsigned char text[ES_TLS_PLAIN_MAX];

/* Run facts for each suite, with a client that is connected. */
#define EACH_SUITE(name)                                 \
    static void name##_with(tls_peer_t *peer);           \
    FACTS(name)                                          \
    {                                                    \
        tls_peer_t peer;                                 \
        int suite;                                       \
                                                         \
        for (suite = 0; suite < TLS_SUITES; suite++) {   \
            tls_peer_connect(&peer, &tls_suites[suite]); \
            name##_with(&peer);                          \
            tls_peer_close(&peer);                       \
        }                                                \
    }                                                    \
    static void name##_with(tls_peer_t *peer)

static int is_13(const tls_peer_t *peer)
{
    return SSL_version(peer->client) == TLS1_3_VERSION;
}

/* The client's bytes arrive. */
static int arrive(tls_peer_t *peer, es_tls_incoming_t *in)
{
    unsigned char bytes[4 * ES_TLS_READ_MAX];
    apr_size_t len = tls_peer_take(peer, bytes, sizeof(bytes));

    return es_tls_incoming_take(in, &peer->session, bytes, len);
}

EACH_SUITE(a_client_reads_records_of_any_size)
{
    static const apr_size_t sizes[] = {1, 0, 15, 0, 0, 16, 17, 200, 16384, 5};
    int i;

    tls_peer_detach(peer);
    for (i = 0; i < 10; i++) {
        tls_peer_write(peer, DATA, text, sizes[i]);
        tls_peer_reads(peer, text, sizes[i]);
    }
    for (i = 0; i < 300; i++) {
        tls_peer_write(peer, DATA, text + i, 100);
    }
    for (i = 0; i < 300; i++) {
        tls_peer_reads(peer, text + i, 100);
    }
}

EACH_SUITE(what_a_client_writes_opens)
{
    static const int sizes[] = {1, 16, 17, 200, 16384};
    es_tls_incoming_t in = {0};
    tls_record_t record;
    int i;

    tls_peer_detach(peer);
    for (i = 0; i < 5; i++) {
        assert_int_equal(SSL_write(peer->client, text, sizes[i]), sizes[i]);
        tls_peer_record(peer, &record);
        tls_open(&peer->session, &record, DATA, text, (apr_size_t)sizes[i]);
    }
    for (i = 0; i < 5; i++) {
        assert_int_equal(SSL_write(peer->client, text, sizes[i]), sizes[i]);
    }
    assert_int_equal(arrive(peer, &in), ES_TLS_INCOMING_DATA);
    assert_int_equal(in.data_bytes, 1 + 16 + 17 + 200 + 16384);
    es_tls_incoming_clear(&in);
}

/* A request and a head, as with httpd, so that numbers and nonces are not those
 * of the handshake. */
EACH_SUITE(the_numbers_go_on_after_data)
{
    char got[ES_TLS_PLAIN_MAX];
    int i;

    for (i = 0; i < 5; i++) {
        assert_int_equal(SSL_write(peer->client, "GET / HTTP/1.1", 14), 14);
        assert_int_equal(SSL_read(peer->server, got, sizeof(got)), 14);
        assert_int_equal(SSL_write(peer->server, text, 1000 + i), 1000 + i);
    }
    tls_peer_detach(peer);
    for (i = 0; i < 5; i++) {
        tls_peer_reads(peer, text, (apr_size_t)(1000 + i));
    }
    for (i = 0; i < 5; i++) {
        tls_peer_write(peer, DATA, "event", 5);
        tls_peer_reads(peer, "event", 5);
    }
}

/* What es_tls_session_init_12 relies on. */
EACH_SUITE(no_explicit_nonce_is_used_twice)
{
    const es_tls_suite_t *suite;
    apr_uint64_t nonces[64];
    int i, n;

    for (i = 0; i < 3; i++) {
        assert_int_equal(SSL_write(peer->server, text, 100), 100);
    }
    tls_peer_detach(peer);
    suite = es_tls_suite_at(peer->session.suite);
    if (!suite->explicit_nonce) {
        return;
    }
    for (i = 0; i < 10; i++) {
        tls_peer_write(peer, DATA, text, 10);
    }
    n = tls_peer_nonces(peer, nonces, 64);
    assert_int_equal(n, 1 + 3 + 10);
    for (i = 1; i < n; i++) {
        assert_true(nonces[i] == nonces[i - 1] + 1);
    }
}

EACH_SUITE(a_record_that_was_taken_back_is_never_missed)
{
    tls_record_t record;

    tls_peer_detach(peer);
    tls_seal(&peer->session, DATA, text, 500, &record);
    es_tls_session_take_back(&peer->session);
    tls_peer_write(peer, DATA, "second", 6);
    tls_peer_reads(peer, "second", 6);
}

EACH_SUITE(a_copy_of_a_session_goes_on)
{
    es_tls_session_t copy;

    tls_peer_detach(peer);
    tls_peer_write(peer, DATA, "here", 4);
    copy = peer->session;
    es_tls_session_wipe(&peer->session);
    peer->session = copy;
    tls_peer_write(peer, DATA, "there", 5);
    tls_peer_reads(peer, "herethere", 9);
}

EACH_SUITE(both_sides_close)
{
    static const unsigned char close_notify[] = {1, 0};
    es_tls_incoming_t in = {0};
    char byte;

    tls_peer_detach(peer);
    tls_peer_write(peer, DATA, "last", 4);
    tls_peer_write(peer, ES_TLS_ALERT, close_notify, 2);
    tls_peer_reads(peer, "last", 4);
    assert_int_equal(SSL_read(peer->client, &byte, 1), 0);
    assert_int_equal(SSL_get_shutdown(peer->client), SSL_RECEIVED_SHUTDOWN);
    assert_int_equal(SSL_shutdown(peer->client), 1);
    assert_int_equal(arrive(peer, &in), ES_TLS_INCOMING_CLOSE_NOTIFY);
    assert_true(in.is_done);
    es_tls_incoming_clear(&in);
}

static void write_key_update(tls_peer_t *peer, int is_asked)
{
    const unsigned char update[] = {24, 0, 0, 1, (unsigned char)is_asked};

    tls_peer_write(peer, ES_TLS_HANDSHAKE, update, sizeof(update));
    assert_int_equal(es_tls_session_update_write(&peer->session), APR_SUCCESS);
}

EACH_SUITE(a_client_changes_its_keys)
{
    es_tls_incoming_t in = {0};
    int i;

    if (!is_13(peer)) {
        return;
    }
    tls_peer_detach(peer);
    for (i = 0; i < 40; i++) {
        int type =
            i % 2 ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;

        assert_int_equal(SSL_key_update(peer->client, type), 1);
        assert_int_equal(SSL_do_handshake(peer->client), 1);
        assert_int_equal(SSL_write(peer->client, "x", 1), 1);
        assert_int_equal(arrive(peer, &in),
                         ES_TLS_INCOMING_DATA | ES_TLS_INCOMING_UPDATED |
                             (i % 2 ? ES_TLS_INCOMING_UPDATE_ASKED : 0));
        assert_int_equal(peer->session.read.number, 1);
        if (i % 2) {
            write_key_update(peer, 0);
        }
        tls_peer_write(peer, DATA, "event", 5);
        es_tls_incoming_wrote(&in);
        tls_peer_reads(peer, "event", 5);
    }
    es_tls_incoming_clear(&in);
}

EACH_SUITE(the_server_changes_its_keys)
{
    es_tls_incoming_t in = {0};
    int i;

    if (!is_13(peer)) {
        return;
    }
    tls_peer_detach(peer);
    for (i = 0; i < 20; i++) {
        write_key_update(peer, i % 2);
        tls_peer_write(peer, DATA, "event", 5);
        tls_peer_reads(peer, "event", 5);
        /* OpenSSL answers before its next data */
        assert_int_equal(SSL_write(peer->client, "x", 1), 1);
        assert_int_equal(arrive(peer, &in),
                         ES_TLS_INCOMING_DATA |
                             (i % 2 ? ES_TLS_INCOMING_UPDATED : 0));
        es_tls_incoming_wrote(&in);
    }
    es_tls_incoming_clear(&in);
}

EACH_SUITE(keys_at_their_limit_are_changed_in_time)
{
    int i, updates = 0;

    if (!is_13(peer)) {
        return;
    }
    tls_peer_detach(peer);
    es_tls_session_set_limit(50);
    for (i = 0; i < 500; i++) {
        if (es_tls_session_is_at_limit(&peer->session)) {
            write_key_update(peer, 0);
            updates++;
        }
        tls_peer_write(peer, DATA, text + i, 20);
        tls_peer_reads(peer, text + i, 20);
    }
    es_tls_session_set_limit(ES_TLS_KEY_RECORDS);
    assert_in_range(updates, 10, 11); /* the 2 session tickets count */
}

/* OpenSSL's client renegotiates with TLS 1.2 if the server may. */
EACH_SUITE(a_renegotiation_ends_the_connection)
{
    es_tls_incoming_t in = {0};
    unsigned char alert[2];

    if (is_13(peer)) {
        return;
    }
    tls_peer_detach(peer);
    assert_int_equal(SSL_renegotiate(peer->client), 1);
    SSL_do_handshake(peer->client);
    assert_int_equal(arrive(peer, &in), ES_TLS_INCOMING_END);
    assert_true(es_tls_incoming_alert(&in, alert));
    assert_int_equal(alert[0], 1);
    assert_int_equal(alert[1], SSL_AD_NO_RENEGOTIATION);
    es_tls_incoming_clear(&in);
}

/* ------------------------------------------------------------------------ */

static const struct CMUnitTest tests[] = {
    UNIT(a_client_reads_records_of_any_size),
    UNIT(what_a_client_writes_opens),
    UNIT(the_numbers_go_on_after_data),
    UNIT(no_explicit_nonce_is_used_twice),
    UNIT(a_record_that_was_taken_back_is_never_missed),
    UNIT(a_copy_of_a_session_goes_on),
    UNIT(both_sides_close),
    UNIT(a_client_changes_its_keys),
    UNIT(the_server_changes_its_keys),
    UNIT(keys_at_their_limit_are_changed_in_time),
    UNIT(a_renegotiation_ends_the_connection),
};

int main(void)
{
    apr_size_t i;
    int rc;

    for (i = 0; i < sizeof(text); i++) {
        text[i] = (unsigned char)(i * 7 + i / 251);
    }
    rc = cmocka_run_group_tests(tests, unit_start, unit_stop);
    es_tls_thread_end();
    return rc;
}
