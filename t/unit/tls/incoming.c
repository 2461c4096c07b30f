/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of tls/incoming.c: the client is a session of ours, so that it can also
 * send what no client of OpenSSL sends.
 */
#include "t/unit/unit.h"

#include "t/unit/tls_kit.h"

#define DATA ES_TLS_APPLICATION_DATA
#define SIZE_MAX_SENT (16 * ES_TLS_READ_MAX)

enum { WARNING = 1, FATAL = 2, NONE = 0 };

static es_tls_session_t server, client;
static es_tls_incoming_t in;
static unsigned char sent[SIZE_MAX_SENT]; /* by the client */
static apr_size_t sent_len;

static void start(es_tls_version_t version)
{
    es_tls_incoming_clear(&in);
    tls_server(&server, &tls_suites[version == ES_TLS_1_3 ? 0 : 6]);
    tls_client_of(&client, &server);
    sent_len = 0;
}

static void send_bytes(const void *bytes, apr_size_t len)
{
    assert_true(sent_len + len <= sizeof(sent));
    memcpy(sent + sent_len, bytes, len);
    sent_len += len;
}

static void send_record(int type, const void *bytes, apr_size_t len)
{
    tls_record_t record;

    tls_seal(&client, type, bytes, len, &record);
    send_bytes(record.bytes, record.len);
}

static void send_key_update(int is_asked)
{
    const unsigned char update[] = {24, 0, 0, 1, (unsigned char)is_asked};

    send_record(ES_TLS_HANDSHAKE, update, sizeof(update));
    assert_int_equal(es_tls_session_update_write(&client), APR_SUCCESS);
}

static void send_alert(int level, int alert)
{
    const unsigned char bytes[] = {(unsigned char)level, (unsigned char)alert};

    send_record(ES_TLS_ALERT, bytes, 2);
}

/* Each piece in an allocation of its own, where a sanitizer sees each access
 * beyond it. */
static int take(const unsigned char *bytes, apr_size_t len)
{
    unsigned char *piece = malloc(len + (len == 0));
    int flags;

    assert_non_null(piece);
    memcpy(piece, bytes, len);
    flags = es_tls_incoming_take(&in, &server, piece, len);
    free(piece);
    return flags;
}

/* All that the client has sent arrives at once. */
static int arrive(void)
{
    int flags = take(sent, sent_len);

    sent_len = 0;
    return flags;
}

static void assert_ended(int flags, int level, int alert)
{
    unsigned char bytes[2];

    assert_true(flags & ES_TLS_INCOMING_END);
    assert_true(in.is_done);
    assert_null(in.part);
    assert_int_equal(es_tls_incoming_alert(&in, bytes), level != NONE);
    assert_int_equal(bytes[0], level);
    assert_int_equal(bytes[1], alert);
    send_record(DATA, "more", 4);
    assert_int_equal(arrive(), 0);
    assert_int_equal(in.data_bytes, 0);
}

/* ---- what may arrive --------------------------------------------------- */

FACTS(data_is_dropped_and_counted)
{
    static const unsigned char text[ES_TLS_PLAIN_MAX];
    int version;

    for (version = ES_TLS_1_2; version <= ES_TLS_1_3; version++) {
        start(version);
        assert_int_equal(arrive(), 0);
        send_record(DATA, text, 10);
        assert_int_equal(arrive(), ES_TLS_INCOMING_DATA);
        send_record(DATA, text, sizeof(text));
        send_record(DATA, text, 1);
        assert_int_equal(arrive(), ES_TLS_INCOMING_DATA);
        assert_int_equal(in.data_bytes, 10 + sizeof(text) + 1);
        assert_null(in.part);
    }
}

FACTS(close_notify_is_the_last_that_is_looked_at)
{
    int version;

    for (version = ES_TLS_1_2; version <= ES_TLS_1_3; version++) {
        start(version);
        send_record(DATA, "x", 1);
        send_alert(WARNING, 0);
        send_bytes("no record", 9);
        assert_int_equal(arrive(),
                         ES_TLS_INCOMING_DATA | ES_TLS_INCOMING_CLOSE_NOTIFY);
        send_bytes("no record", 9);
        assert_int_equal(arrive(), 0);
        assert_null(in.part);
    }
}

FACTS(a_key_update_moves_the_read_keys_on)
{
    start(ES_TLS_1_3);
    send_key_update(0);
    send_record(DATA, "x", 1);
    assert_int_equal(arrive(), ES_TLS_INCOMING_UPDATED | ES_TLS_INCOMING_DATA);
    send_key_update(1);
    send_key_update(0);
    assert_int_equal(arrive(),
                     ES_TLS_INCOMING_UPDATED | ES_TLS_INCOMING_UPDATE_ASKED);
    send_record(DATA, "x", 1);
    assert_int_equal(arrive(), ES_TLS_INCOMING_DATA);
    assert_int_equal(server.read.number, 1);
}

FACTS(a_warning_ends_no_connection_of_tls_12)
{
    start(ES_TLS_1_2);
    send_alert(WARNING, 100);
    send_alert(WARNING, 90);
    assert_int_equal(arrive(), 0);
    start(ES_TLS_1_3);
    send_alert(WARNING, 90); /* user_canceled, the only one of TLS 1.3 */
    assert_int_equal(arrive(), 0);
    send_alert(FATAL, 90);
    send_alert(WARNING, 0);
    assert_int_equal(arrive(), ES_TLS_INCOMING_CLOSE_NOTIFY);
}

/* ---- what ends the connection ------------------------------------------ */

FACTS(an_alert_ends_the_connection_without_an_answer)
{
    start(ES_TLS_1_3);
    send_alert(FATAL, 40);
    assert_ended(arrive(), NONE, 0);
    start(ES_TLS_1_3);
    send_alert(WARNING, 42); /* RFC 8446 6: its level means nothing */
    assert_ended(arrive(), NONE, 0);
    start(ES_TLS_1_2);
    send_alert(FATAL, 40);
    assert_ended(arrive(), NONE, 0);
    start(ES_TLS_1_3);
    send_record(ES_TLS_ALERT, "\1", 1);
    assert_ended(arrive(), FATAL, 50);
    start(ES_TLS_1_3);
    send_record(ES_TLS_ALERT, "\1\0\1\0", 4);
    assert_ended(arrive(), FATAL, 50);
}

static void refuse_handshake(const void *bytes, apr_size_t len, int alert)
{
    start(ES_TLS_1_3);
    send_record(ES_TLS_HANDSHAKE, bytes, len);
    assert_ended(arrive(), FATAL, alert);
}

FACTS(handshake_messages_end_the_connection)
{
    refuse_handshake("\x04\0\0\1\0", 5, 10); /* NewSessionTicket */
    refuse_handshake("\x0b\0\0\1\0", 5, 10); /* Certificate */
    refuse_handshake("\x01\0\0\1\0", 5, 10); /* ClientHello */
    refuse_handshake("\x18\0\0\2\0\0", 6, 10);
    refuse_handshake("\x18\0\0\0", 4, 10);
    refuse_handshake("\x18\0\0\1", 4, 10);                /* in two records */
    refuse_handshake("\x18\0\0\1\0\x18\0\0\1\0", 10, 10); /* two in one */
    refuse_handshake("", 0, 10);
    refuse_handshake("\x18\0\0\1\2", 5, 47);
    start(ES_TLS_1_2);
    send_record(ES_TLS_HANDSHAKE, "\x01\0\0\1\0", 5);
    assert_ended(arrive(), WARNING, 100);
}

FACTS(other_types_end_the_connection)
{
    int version;

    for (version = ES_TLS_1_2; version <= ES_TLS_1_3; version++) {
        start(version);
        send_bytes("\x14\3\3\0\1\1", 6); /* not sealed, as in a handshake */
        assert_ended(arrive(), FATAL, 10);
        start(version);
        send_record(ES_TLS_CHANGE_CIPHER_SPEC, "\1", 1);
        assert_ended(arrive(), FATAL, 10);
        start(version);
        send_record(24, "heartbeat", 9);
        assert_ended(arrive(), FATAL, 10);
        start(version);
        send_bytes("GET / HTTP/1.1\r\n", 16);
        assert_ended(arrive(), FATAL, 10);
    }
    start(ES_TLS_1_3);
    send_bytes("\x15\3\3\0\2\1\0", 7); /* an alert that is not sealed */
    assert_ended(arrive(), FATAL, 10);
}

FACTS(what_does_not_open_ends_the_connection)
{
    int version;

    for (version = ES_TLS_1_2; version <= ES_TLS_1_3; version++) {
        start(version);
        send_record(DATA, "hello", 5);
        sent[sent_len - 1] ^= 1;
        assert_ended(arrive(), FATAL, 20);
        start(version);
        send_record(DATA, "lost", 4);
        sent_len = 0;
        send_record(DATA, "hello", 5);
        assert_ended(arrive(), FATAL, 20);
        start(version);
        send_bytes("\x17\3\3\0\0", 5);
        assert_ended(arrive(), FATAL, 20);
    }
}

/* The head is enough. */
FACTS(a_record_that_is_too_long_is_not_waited_for)
{
    start(ES_TLS_1_3);
    send_bytes("\x17\3\3\x41\1", 5);
    assert_ended(arrive(), FATAL, 22);
    start(ES_TLS_1_3);
    send_bytes("\x17\3\3\x41\0", 5);
    assert_int_equal(arrive(), 0);
    assert_false(in.is_done);
}

/* ---- floods ------------------------------------------------------------ */

FACTS(empty_records_are_limited)
{
    int i;

    start(ES_TLS_1_3);
    for (i = 0; i < ES_TLS_INCOMING_EMPTY; i++) {
        send_record(DATA, "", 0);
    }
    assert_int_equal(arrive(), 0);
    send_record(DATA, "x", 1);
    assert_int_equal(arrive(), ES_TLS_INCOMING_DATA);
    in.data_bytes = 0;
    for (i = 0; i < ES_TLS_INCOMING_EMPTY; i++) {
        send_record(DATA, "", 0);
    }
    assert_int_equal(arrive(), 0);
    send_record(DATA, "", 0);
    assert_ended(arrive(), FATAL, 10);
    start(ES_TLS_1_2);
    for (i = 0; i <= ES_TLS_INCOMING_EMPTY; i++) {
        send_alert(WARNING, 100);
    }
    assert_ended(arrive(), FATAL, 10);
}

FACTS(key_updates_are_limited_until_we_write)
{
    int i;

    start(ES_TLS_1_3);
    for (i = 0; i < ES_TLS_INCOMING_UPDATES; i++) {
        send_key_update(1);
    }
    assert_int_equal(arrive(),
                     ES_TLS_INCOMING_UPDATED | ES_TLS_INCOMING_UPDATE_ASKED);
    es_tls_incoming_wrote(&in);
    for (i = 0; i < ES_TLS_INCOMING_UPDATES; i++) {
        send_key_update(0);
    }
    assert_int_equal(arrive(), ES_TLS_INCOMING_UPDATED);
    send_key_update(0);
    assert_ended(arrive(), FATAL, 10);
}

/* ---- pieces ------------------------------------------------------------ */

/* All that may arrive, and how it ends. */
static void send_all(int kind)
{
    static const unsigned char text[ES_TLS_PLAIN_MAX];
    int i;

    start(kind % 2 ? ES_TLS_1_2 : ES_TLS_1_3);
    for (i = 0; i < 3; i++) {
        send_record(DATA, text, i * 37);
        send_record(DATA, text, 1000);
        if (kind % 2 == 0) {
            send_key_update(i % 2);
        }
    }
    send_record(DATA, text, kind < 4 ? sizeof(text) : 300);
    switch (kind / 2 % 4) {
    case 0: send_alert(WARNING, 0); break;
    case 1: send_record(ES_TLS_HANDSHAKE, "\1\0\0\1\0", 5); break;
    case 2: send_bytes("\x17\3\3\xff\xff", 5); break;
    default:
        send_record(DATA, "a part", 6);
        sent_len -= 3;
        break;
    }
}

/* Takes all in pieces of these sizes; @return the flags of all together */
static int take_pieces(apr_size_t (*size_of)(apr_size_t left))
{
    apr_size_t at = 0;
    int flags = 0;

    while (at < sent_len) {
        apr_size_t piece = size_of(sent_len - at);

        flags |= take(sent + at, piece);
        at += piece;
        assert_true(in.have < ES_TLS_READ_MAX);
        assert_true(in.room <= ES_TLS_READ_MAX);
        assert_true(in.room <= 64 || in.room < 2 * ES_TLS_PLAIN_MAX);
        assert_true((in.part == NULL) == (in.have == 0));
    }
    return flags;
}

static apr_size_t whole(apr_size_t left)
{
    return left;
}

static apr_size_t one_byte(apr_size_t left __attribute__((unused)))
{
    return 1;
}

static apr_size_t any_size(apr_size_t left)
{
    apr_size_t size = 1 + (apr_size_t)rand() % (rand() % 2 ? 8 : 3000);

    return size < left ? size : left;
}

static void assert_same(int kind, apr_size_t (*size_of)(apr_size_t left))
{
    es_tls_session_t then;
    es_tls_incoming_t expected;
    int flags;

    send_all(kind);
    flags = take_pieces(whole);
    then = server;
    expected = in;
    send_all(kind);
    assert_int_equal(take_pieces(size_of), flags);
    assert_memory_equal(&server, &then, sizeof(then));
    assert_int_equal(in.data_bytes, expected.data_bytes);
    assert_int_equal(in.have, expected.have);
    assert_int_equal(in.is_done, expected.is_done);
    assert_int_equal(in.level, expected.level);
    assert_int_equal(in.alert, expected.alert);
}

FACTS(pieces_of_any_size_are_as_the_whole)
{
    int kind, i;

    srand(1);
    for (kind = 0; kind < 8; kind++) {
        assert_same(kind, one_byte);
        for (i = 0; i < 50; i++) {
            assert_same(kind, any_size);
        }
    }
}

FACTS(memory_grows_with_what_has_arrived)
{
    static const unsigned char text[ES_TLS_PLAIN_MAX];
    int flags;

    start(ES_TLS_1_3);
    send_record(DATA, text, sizeof(text));
    assert_int_equal(take(sent, 5), 0);
    assert_int_equal(in.room, 64);
    assert_int_equal(take(sent + 5, 1000), 0);
    assert_int_equal(in.room, 1024);
    flags = take(sent + 1005, sent_len - 1006);
    assert_int_equal(flags, 0);
    assert_int_equal(in.room, ES_TLS_READ_MAX);
    assert_int_equal(take(sent + sent_len - 1, 1), ES_TLS_INCOMING_DATA);
    assert_null(in.part);
    assert_int_equal(in.room, 0);
}

FACTS(another_process_goes_on_with_a_part)
{
    static const unsigned char text[ES_TLS_PLAIN_MAX];
    es_tls_incoming_t next;
    apr_size_t at;

    for (at = 0; at < 1022; at++) {
        start(ES_TLS_1_3);
        send_record(DATA, text, 1000);
        assert_int_equal(take(sent, at), 0);
        memset(&next, 0, sizeof(next));
        assert_int_equal(es_tls_incoming_restore(&next, in.part, in.have),
                         APR_SUCCESS);
        es_tls_incoming_clear(&in);
        in = next;
        assert_int_equal(take(sent + at, sent_len - at), ES_TLS_INCOMING_DATA);
    }
}

FACTS(what_is_no_part_of_a_record_is_not_restored)
{
    unsigned char *part = calloc(1, ES_TLS_READ_MAX);

    start(ES_TLS_1_3);
    part[4] = 10;
    assert_int_equal(es_tls_incoming_restore(&in, part, 15), APR_EINVAL);
    assert_int_equal(es_tls_incoming_restore(&in, part, 16), APR_EINVAL);
    part[3] = 0x41;
    part[4] = 0;
    assert_int_equal(es_tls_incoming_restore(&in, part, ES_TLS_READ_MAX),
                     APR_EINVAL);
    part[4] = 1;
    assert_int_equal(es_tls_incoming_restore(&in, part, 5), APR_EINVAL);
    assert_int_equal(es_tls_incoming_restore(&in, part, 4), APR_SUCCESS);
    es_tls_incoming_clear(&in);
    part[4] = 0;
    assert_int_equal(es_tls_incoming_restore(&in, part, ES_TLS_READ_MAX - 1),
                     APR_SUCCESS);
    es_tls_incoming_clear(&in);
    free(part);
}

/* ------------------------------------------------------------------------ */

static const struct CMUnitTest tests[] = {
    UNIT(data_is_dropped_and_counted),
    UNIT(close_notify_is_the_last_that_is_looked_at),
    UNIT(a_key_update_moves_the_read_keys_on),
    UNIT(a_warning_ends_no_connection_of_tls_12),
    UNIT(an_alert_ends_the_connection_without_an_answer),
    UNIT(handshake_messages_end_the_connection),
    UNIT(other_types_end_the_connection),
    UNIT(what_does_not_open_ends_the_connection),
    UNIT(a_record_that_is_too_long_is_not_waited_for),
    UNIT(empty_records_are_limited),
    UNIT(key_updates_are_limited_until_we_write),
    UNIT(pieces_of_any_size_are_as_the_whole),
    UNIT(memory_grows_with_what_has_arrived),
    UNIT(another_process_goes_on_with_a_part),
    UNIT(what_is_no_part_of_a_record_is_not_restored),
};

int main(void)
{
    int rc = cmocka_run_group_tests(tests, unit_start, unit_stop);

    es_tls_incoming_clear(&in);
    es_tls_thread_end();
    return rc;
}
