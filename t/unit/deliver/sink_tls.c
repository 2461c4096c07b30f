/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of deliver/sink_tls.c: what a client of OpenSSL reads, with a socket
 * that takes any part of a record; record numbers; new keys; the end; what the
 * peer sends; a sink that continues where another one was.
 */
#include "t/unit/unit.h"

#include <malloc.h>
#include <stdlib.h>

#include "t/unit/tls_socket.h"

#include "deliver/client_priv.h"
#include "deliver/conns.h"
#include "deliver/sink_tls.h"

#define TEXT (256 * 1024)
#define PERIOD 997 /* bytes after which text is the same again */

static char text[TEXT];

static void fill_text(void)
{
    int i;

    srand(1);
    for (i = 0; i < TEXT; i++) {
        text[i] = (char)(i < PERIOD ? rand() : text[i - PERIOD]);
    }
}

static es_sink_t *sink_of(const es_tls_session_t *session, int fd)
{
    es_sink_tls_saved_t saved = {0};
    es_sink_t *sink;

    saved.session = session;
    sink = es_sink_tls_create(fd, 1, 0, &saved);
    assert_non_null(sink);
    assert_int_equal(es_sink_socket_fd(sink), fd);
    assert_int_equal(sink->chunked, 1);
    return sink;
}

/* The session of a socket goes on in a sink. */
static es_sink_t *sink_for(tls_socket_t *s)
{
    es_sink_t *sink = sink_of(&s->peer.session, s->server_fd);

    es_tls_session_wipe(&s->peer.session);
    return sink;
}

static es_sink_tls_saved_t saved_of(const es_sink_t *sink)
{
    es_sink_tls_saved_t saved;

    assert_int_equal(es_sink_tls_save(sink, &saved), 1);
    return saved;
}

static apr_status_t put(es_sink_t *sink, const char *bytes, apr_size_t len,
                        apr_size_t *taken)
{
    struct iovec iov = {(char *)bytes, len};

    return sink->ops->write(sink, &iov, 1, taken);
}

static void put_all(es_sink_t *sink, const char *bytes, apr_size_t len)
{
    apr_size_t taken;

    assert_int_equal(put(sink, bytes, len, &taken), APR_SUCCESS);
    assert_int_equal(taken, len);
}

/* Finish, while the client reads. */
static void end(es_sink_t *sink, tls_socket_t *s)
{
    apr_status_t rv;

    do {
        rv = sink->ops->finish(sink);
        tls_socket_read_all(s);
    } while (APR_STATUS_IS_EAGAIN(rv));
    assert_int_equal(rv, APR_SUCCESS);
    assert_int_equal(s->has_failed, 0);
    assert_int_equal(s->has_ended, 1);
    assert_true(tls_socket_is_at_end(s));
}

/* ---- what a client reads ------------------------------------------------ */

FACTS(each_suite_writes_and_ends)
{
    struct iovec iov[4] = {{"one ", 4}, {"", 0}, {"two ", 4}, {"three", 5}};
    apr_size_t taken;
    tls_socket_t s;
    es_sink_t *sink;
    int i;

    for (i = 0; i < TLS_SUITES; i++) {
        tls_socket_open(&s, &tls_suites[i], 0);
        sink = sink_for(&s);
        assert_int_equal(sink->ops->write(sink, iov, 1, &taken), APR_SUCCESS);
        assert_int_equal(taken, 4);
        assert_int_equal(sink->ops->write(sink, iov, 4, &taken), APR_SUCCESS);
        assert_int_equal(taken, 13);
        assert_int_equal(sink->ops->flush(sink, &taken), APR_SUCCESS);
        assert_int_equal(taken, 0);
        put_all(sink, text, 40000);
        end(sink, &s);
        assert_int_equal(s.len, 17 + 40000);
        assert_memory_equal(s.got, "one one two three", 17);
        assert_memory_equal(s.got + 17, text, 40000);
        sink->ops->close(sink);
        tls_socket_close(&s);
    }
}

FACTS(a_write_of_nothing_makes_no_record)
{
    apr_size_t taken = 1;
    tls_socket_t s;
    es_sink_t *sink;
    char byte;

    tls_socket_open(&s, &tls_suites[0], 0);
    sink = sink_for(&s);
    assert_int_equal(sink->ops->write(sink, NULL, 0, &taken), APR_SUCCESS);
    assert_int_equal(taken, 0);
    put_all(sink, "", 0);
    assert_int_equal(recv(s.fd, &byte, 1, 0), -1);
    sink->ops->close(sink);
    tls_socket_close(&s);
}

/* A record holds as much as it may. */
FACTS(a_large_write_makes_few_records)
{
    tls_socket_t s;
    es_sink_t *sink;

    tls_socket_open(&s, &tls_suites[0], 0);
    sink = sink_for(&s);
    put_all(sink, text, 5 * ES_TLS_PLAIN_MAX + 1);
    assert_int_equal(saved_of(sink).session->write.number, 2 + 6);
    tls_socket_read_all(&s);
    assert_int_equal(s.len, 5 * ES_TLS_PLAIN_MAX + 1);
    assert_memory_equal(s.got, text, s.len);
    sink->ops->close(sink);
    tls_socket_close(&s);
}

/* ---- a full socket ------------------------------------------------------ */

/* Write until the socket is full. @return plain bytes that were taken */
static apr_size_t fill(es_sink_t *sink, apr_size_t piece)
{
    apr_size_t at = 0, taken;
    apr_status_t rv;

    do {
        rv = put(sink, text + at, piece, &taken);
        at += taken;
        assert_true(at < TEXT - piece);
    } while (rv == APR_SUCCESS);
    assert_int_equal(rv, APR_EAGAIN);
    return at;
}

/* A sink that is full keeps a record at most. */
FACTS(a_full_socket_keeps_one_record)
{
    apr_size_t at, taken;
    tls_socket_t s;
    es_sink_t *sink;

    tls_socket_open(&s, &tls_suites[0], 8192);
    sink = sink_for(&s);
    at = fill(sink, 100 * 1024);
    assert_int_equal(at % ES_TLS_PLAIN_MAX, 0); /* whole records */
    assert_true(saved_of(sink).rest.len < ES_TLS_RECORD_MAX);
    assert_int_equal(put(sink, "x", 1, &taken), APR_EAGAIN);
    assert_int_equal(taken, 0);
    end(sink, &s);
    assert_int_equal(s.len, at);
    assert_memory_equal(s.got, text, at);
    sink->ops->close(sink);
    tls_socket_close(&s);
}

/* Not one byte of the record has left: it is made again, with its number. */
FACTS(a_record_that_did_not_leave_is_not_kept)
{
    apr_uint64_t number;
    apr_size_t at, taken;
    tls_socket_t s;
    es_sink_t *sink;

    tls_socket_open(&s, &tls_suites[0], 8192);
    sink = sink_for(&s);
    at = fill(sink, 100);
    while (saved_of(sink).rest.len > 0) { /* the kernel may have room for it */
        assert_int_equal(sink->ops->flush(sink, &taken), APR_EAGAIN);
        tls_socket_read(&s, 1);
    }
    number = saved_of(sink).session->write.number;
    assert_int_equal(put(sink, "first try", 9, &taken), APR_EAGAIN);
    assert_int_equal(taken, 0);
    assert_int_equal(saved_of(sink).session->write.number, number);
    tls_socket_read_all(&s);
    put_all(sink, "second", 6);
    assert_int_equal(saved_of(sink).session->write.number, number + 1);
    end(sink, &s);
    assert_int_equal(s.len, at + 6);
    assert_string_equal(s.got + at, "second");
    sink->ops->close(sink);
    tls_socket_close(&s);
}

/* ---- record numbers ----------------------------------------------------- */

/* Bytes that stood on the wire, as who has the keys sees them. */
typedef struct wire_t {
    es_tls_session_t session; /* the client's */
    unsigned char bytes[4 * ES_TLS_READ_MAX];
    apr_size_t len;
    apr_uint64_t records; /* under this key */
    apr_size_t plain;     /* bytes of data */
} wire_t;

/* Open the next record: it opens under the next number, and under no other. */
static void open_record(wire_t *wire, apr_size_t len)
{
    unsigned char *plain;
    apr_size_t plain_len;
    int type;

    assert_int_equal(wire->session.read.number, wire->records);
    assert_int_equal(es_tls_session_open(&wire->session, wire->bytes, len,
                                         &type, &plain, &plain_len),
                     APR_SUCCESS);
    wire->records++;
    if (type == ES_TLS_HANDSHAKE) {
        assert_int_equal(es_tls_session_update_read(&wire->session),
                         APR_SUCCESS);
        wire->records = 0;
    }
    else {
        assert_int_equal(type, ES_TLS_APPLICATION_DATA);
        assert_memory_equal(plain, text + wire->plain % PERIOD, plain_len);
        wire->plain += plain_len;
    }
    wire->len -= len;
    memmove(wire->bytes, wire->bytes + len, wire->len);
}

static void read_wire(wire_t *wire, int fd, apr_size_t max)
{
    ssize_t n = recv(fd, wire->bytes + wire->len, max, MSG_DONTWAIT);
    apr_size_t len;

    wire->len += n > 0 ? (apr_size_t)n : 0;
    while (wire->len > ES_TLS_HEAD) {
        len = es_tls_session_record_len(wire->bytes);
        if (wire->len < len) {
            break;
        }
        open_record(wire, len);
    }
}

static void number_records(const es_tls_session_t *session)
{
    static wire_t wire;
    apr_size_t taken, len, at = 0;
    es_sink_t *sink;
    int pair[2], small = 4096, i;

    memset(&wire, 0, sizeof(wire));
    tls_client_of(&wire.session, session);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    sink = sink_of(session, pair[1]);
    for (i = 0; i < 300; i++) {
        len = (apr_size_t)(rand() % (rand() % 5 ? 300 : 40000)) + 1;
        (void)put(sink, text + at % PERIOD, len, &taken);
        at += taken;
        read_wire(&wire, pair[0], (apr_size_t)(rand() % 8000));
    }
    while (APR_STATUS_IS_EAGAIN(sink->ops->flush(sink, &taken))) {
        read_wire(&wire, pair[0], 8000);
    }
    for (i = 0; i < 20; i++) {
        read_wire(&wire, pair[0], 8000);
    }
    assert_int_equal(wire.plain, at);
    assert_int_equal(wire.len, 0);
    assert_true(wire.records <= 9 + 2); /* a KeyUpdate in time */
    assert_int_equal(saved_of(sink).session->write.number, wire.records);
    sink->ops->close(sink);
    close(pair[0]);
}

/* With any part of any record sent, and any KeyUpdate between, each number
 * stands on the wire once, in order. */
FACTS(each_number_stands_on_the_wire_once)
{
    es_tls_session_t session;
    int suite, round;

    es_tls_session_set_limit(9);
    for (suite = 0; suite < 3; suite++) {
        for (round = 0; round < 20; round++) {
            srand((unsigned)round);
            tls_server(&session, &tls_suites[suite]);
            number_records(&session);
        }
    }
    es_tls_session_set_limit(ES_TLS_KEY_RECORDS);
}

/* ---- new keys ----------------------------------------------------------- */

/* Several requests get one answer, before the next data. */
FACTS(a_client_that_asks_for_new_keys_gets_them)
{
    tls_socket_t s;
    es_sink_t *sink;
    int i;

    for (i = 0; i < 3; i++) {
        tls_socket_open(&s, &tls_suites[i], 0);
        sink = sink_for(&s);
        put_all(sink, "one ", 4);
        tls_socket_ask_update(&s);
        assert_int_equal(sink->ops->drain(sink), APR_SUCCESS);
        tls_socket_ask_update(&s);
        assert_int_equal(sink->ops->drain(sink), APR_SUCCESS);
        tls_socket_read_all(&s);
        assert_int_equal(s.updates, 0);
        put_all(sink, "two ", 4);
        put_all(sink, "three", 5);
        assert_int_equal(SSL_write(s.peer.client, "data", 4), 4);
        assert_int_equal(sink->ops->drain(sink), APR_SUCCESS);
        end(sink, &s);
        assert_int_equal(s.updates, 1);
        assert_string_equal(s.got, "one two three");
        sink->ops->close(sink);
        tls_socket_close(&s);
    }
}

FACTS(keys_at_their_limit_are_changed_with_tls_1_3)
{
    tls_socket_t s;
    es_sink_t *sink;
    int i;

    es_tls_session_set_limit(10);
    tls_socket_open(&s, &tls_suites[0], 0);
    sink = sink_for(&s); /* OpenSSL has sealed 2 under the first key */
    for (i = 0; i < 28; i++) {
        put_all(sink, "x", 1);
    }
    end(sink, &s);
    assert_int_equal(s.len, 28);
    assert_int_equal(s.updates, 2);
    sink->ops->close(sink);
    tls_socket_close(&s);
    es_tls_session_set_limit(ES_TLS_KEY_RECORDS);
}

/* The client learns of it by the flush that its write asks for, once. */
FACTS(keys_at_their_limit_end_a_stream_with_tls_1_2)
{
    apr_size_t taken, sent;
    tls_socket_t s;
    es_sink_t *sink;
    int i;

    es_tls_session_set_limit(10);
    tls_socket_open(&s, &tls_suites[3], 0);
    sink = sink_for(&s); /* Finished was sealed */
    for (i = 0; i < 9; i++) {
        put_all(sink, "x", 1);
    }
    assert_int_equal(sink->ops->flush(sink, &sent), APR_SUCCESS);
    assert_int_equal(put(sink, "y", 1, &taken), APR_EAGAIN);
    assert_int_equal(taken, 1);
    assert_int_equal(sink->ops->flush(sink, &sent), APR_EOF);
    assert_int_equal(sink->ops->flush(sink, &sent), APR_SUCCESS);
    put_all(sink, "end", 3);
    end(sink, &s);
    assert_string_equal(s.got, "xxxxxxxxxyend");
    sink->ops->close(sink);
    tls_socket_close(&s);
    es_tls_session_set_limit(ES_TLS_KEY_RECORDS);
}

/* ---- what the peer sends ------------------------------------------------ */

FACTS(what_the_peer_sends_is_dropped_up_to_a_limit)
{
    apr_status_t rv = APR_SUCCESS;
    apr_size_t sent = 0;
    tls_socket_t s;
    es_sink_t *sink;
    int suite;

    for (suite = 0; suite < TLS_SUITES; suite += 3) {
        tls_socket_open(&s, &tls_suites[suite], 0);
        sink = sink_for(&s);
        assert_int_equal(sink->ops->drain(sink), APR_SUCCESS);
        for (sent = 0; sent < 1024 * 1024; sent += 4096) {
            assert_int_equal(SSL_write(s.peer.client, text, 4096), 4096);
            rv = sink->ops->drain(sink);
            if (rv != APR_SUCCESS) {
                break;
            }
        }
        assert_int_equal(rv, APR_ENOSPC);
        assert_in_range(sent, 240 * 1024, 256 * 1024);
        sink->ops->close(sink);
        tls_socket_close(&s);
    }
}

FACTS(a_peer_that_says_that_it_closes_is_at_its_end)
{
    tls_socket_t s;
    es_sink_t *sink;
    int suite;

    for (suite = 0; suite < TLS_SUITES; suite += 3) {
        tls_socket_open(&s, &tls_suites[suite], 0);
        sink = sink_for(&s);
        assert_int_equal(SSL_shutdown(s.peer.client), 0);
        assert_int_equal(sink->ops->drain(sink), APR_EOF);
        put_all(sink, "the end", 7);
        end(sink, &s);
        assert_string_equal(s.got, "the end");
        sink->ops->close(sink);
        tls_socket_close(&s);
    }
}

FACTS(a_peer_that_has_gone_is_at_its_end)
{
    tls_socket_t s;
    es_sink_t *sink;

    tls_socket_open(&s, &tls_suites[0], 0);
    sink = sink_for(&s);
    assert_int_equal(shutdown(s.fd, SHUT_WR), 0);
    assert_int_equal(sink->ops->drain(sink), APR_EOF);
    sink->ops->close(sink);
    tls_socket_close(&s);
}

/* Bytes that are no record: the stream ends, and the last record is an alert
 * that says why. */
FACTS(junk_ends_the_stream_with_an_alert)
{
    tls_socket_t s;
    es_sink_t *sink;
    int suite;

    for (suite = 0; suite < TLS_SUITES; suite += 3) {
        tls_socket_open(&s, &tls_suites[suite], 0);
        sink = sink_for(&s);
        assert_int_equal(send(s.fd, "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
        assert_int_equal(sink->ops->drain(sink), APR_EOF);
        put_all(sink, "the end", 7);
        assert_int_equal(sink->ops->finish(sink), APR_SUCCESS);
        tls_socket_read_all(&s);
        assert_string_equal(s.got, "the end");
        assert_int_equal(s.has_ended, 0);
        assert_int_equal(s.has_failed, 1);
        sink->ops->close(sink);
        tls_socket_close(&s);
    }
}

/* OpenSSL's client refuses data from its ClientHello on, so the answer comes
 * before the end of the stream. What it would refuse is read here. */
FACTS(a_renegotiation_is_answered_before_the_end)
{
    static unsigned char bytes[4 * ES_TLS_READ_MAX];
    static const int wanted[] = {ES_TLS_ALERT, ES_TLS_APPLICATION_DATA,
                                 ES_TLS_ALERT};
    es_tls_session_t client;
    unsigned char *plain, *at;
    apr_size_t len;
    tls_socket_t s;
    es_sink_t *sink;
    int suite, type, i;

    for (suite = 0; suite < TLS_SUITES; suite++) {
        if (tls_suites[suite].version == ES_TLS_1_3) {
            continue;
        }
        tls_socket_open(&s, &tls_suites[suite], 0);
        tls_client_of(&client, &s.peer.session);
        sink = sink_for(&s);
        assert_int_equal(SSL_renegotiate(s.peer.client), 1);
        SSL_do_handshake(s.peer.client);
        assert_int_equal(sink->ops->drain(sink), APR_EOF);
        put_all(sink, "the end", 7);
        assert_int_equal(sink->ops->finish(sink), APR_SUCCESS);
        len = (apr_size_t)recv(s.fd, bytes, sizeof(bytes), 0);
        for (i = 0, at = bytes; i < 3; i++) {
            apr_size_t record = es_tls_session_record_len(at), plain_len;

            assert_true(at + record <= bytes + len);
            assert_int_equal(es_tls_session_open(&client, at, record, &type,
                                                 &plain, &plain_len),
                             APR_SUCCESS);
            assert_int_equal(type, wanted[i]);
            if (type == ES_TLS_ALERT) {
                assert_int_equal(plain[0], SSL3_AL_WARNING);
                assert_int_equal(plain[1], i == 0 ? SSL_AD_NO_RENEGOTIATION
                                                  : SSL_AD_CLOSE_NOTIFY);
            }
            at += record;
        }
        assert_ptr_equal(at, bytes + len);
        assert_int_equal(recv(s.fd, bytes, sizeof(bytes), 0), 0);
        sink->ops->close(sink);
        tls_socket_close(&s);
    }
}

/* The peer cannot read us any more: no byte more for it. */
FACTS(an_alert_of_the_peer_is_the_end)
{
    static const unsigned char alert[2] = {2, 20}; /* bad_record_mac */
    es_tls_session_t session, client;
    tls_record_t record;
    es_sink_t *sink;
    int pair[2];

    tls_server(&session, &tls_suites[0]);
    tls_client_of(&client, &session);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    sink = sink_of(&session, pair[1]);
    tls_seal(&client, ES_TLS_ALERT, alert, sizeof(alert), &record);
    assert_int_equal(send(pair[0], record.bytes, record.len, 0),
                     (ssize_t)record.len);
    assert_int_equal(sink->ops->drain(sink), APR_ECONNRESET);
    sink->ops->close(sink);
    close(pair[0]);
}

/* ---- another sink continues --------------------------------------------- */

/* Another sink goes on where this one is, with another descriptor of the
 * socket, as in another process. */
static es_sink_t *move(es_sink_t *sink)
{
    es_sink_tls_saved_t saved = saved_of(sink);
    es_sink_t *next =
        es_sink_tls_create(dup(es_sink_socket_fd(sink)), 1, 0, &saved);

    assert_non_null(next);
    sink->ops->close(sink);
    return next;
}

/* What had arrived when the first one was closed is the next one's. */
FACTS(the_one_before_reads_nothing_when_it_closes)
{
    tls_socket_t s;
    es_sink_t *sink;

    tls_socket_open(&s, &tls_suites[0], 0);
    sink = sink_for(&s);
    assert_int_equal(SSL_write(s.peer.client, "data", 4), 4);
    tls_socket_ask_update(&s);
    sink = move(sink);
    assert_int_equal(sink->ops->drain(sink), APR_SUCCESS);
    sink = move(sink); /* it owes a KeyUpdate */
    put_all(sink, "new keys", 8);
    end(sink, &s);
    assert_int_equal(s.updates, 1);
    assert_string_equal(s.got, "new keys");
    sink->ops->close(sink);
    tls_socket_close(&s);
}

FACTS(a_record_that_has_arrived_in_part_goes_on)
{
    unsigned char bytes[200];
    tls_socket_t s;
    es_sink_t *sink;
    BIO *bio = BIO_new(BIO_s_mem());
    int n, i;

    tls_socket_open(&s, &tls_suites[0], 0);
    sink = sink_for(&s);
    BIO_up_ref(bio);
    SSL_set0_wbio(s.peer.client, bio);
    assert_int_equal(SSL_write(s.peer.client, "data", 4), 4);
    n = BIO_read(bio, bytes, sizeof(bytes));
    assert_int_equal(SSL_shutdown(s.peer.client), 0);
    n += BIO_read(bio, bytes + n, (int)sizeof(bytes) - n);
    for (i = 0; i < n; i++) {
        assert_int_equal(send(s.fd, bytes + i, 1, 0), 1);
        assert_int_equal(sink->ops->drain(sink),
                         i == n - 1 ? APR_EOF : APR_SUCCESS);
        if (i < n - 1) {
            sink = move(sink);
        }
    }
    end(sink, &s);
    sink->ops->close(sink);
    BIO_free(bio);
    tls_socket_close(&s);
}

/* Nothing of what is saved is believed. */
FACTS(a_part_that_is_malformed_makes_no_sink)
{
    es_sink_tls_saved_t saved = {0};
    es_tls_session_t session;
    int pair[2];

    tls_server(&session, &tls_suites[0]);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    saved.session = &session;
    saved.part = es_slice("\x17\x03\x03\x00\x01x", 6); /* a whole record */
    assert_null(es_sink_tls_create(pair[1], 1, 0, &saved));
    assert_int_equal(fcntl(pair[1], F_GETFD), -1);
    close(pair[0]);
}

FACTS(a_plain_sink_is_no_tls_sink)
{
    es_sink_tls_saved_t saved;
    es_sink_t *sink;
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    sink = es_sink_socket_create(pair[1], 1, 0);
    assert_int_equal(es_sink_tls_save(sink, &saved), 0);
    sink->ops->close(sink);
    close(pair[0]);
}

/* ---- any order of all of it --------------------------------------------- */

/* One thing happens. @return plain bytes that were taken */
static apr_size_t happen(tls_socket_t *s, es_sink_t **sink, apr_size_t at,
                         int is_13)
{
    apr_size_t taken = 0, sent;
    apr_size_t len = (apr_size_t)rand() % (rand() % 4 ? 400 : 20000) + 1;
    struct iovec iov[3];
    apr_status_t rv;

    switch (rand() % 8) {
    case 0: *sink = move(*sink); break;
    case 1:
        if (is_13 && rand() % 4 == 0) {
            tls_socket_ask_update(s);
        }
        assert_int_equal((*sink)->ops->drain(*sink), APR_SUCCESS);
        break;
    case 2:
    case 3: tls_socket_read(s, (apr_size_t)rand() % 6000); break;
    case 4:
        rv = (*sink)->ops->flush(*sink, &sent);
        assert_true(rv == APR_SUCCESS || rv == APR_EAGAIN);
        break;
    default:
        iov[0].iov_base = text + at;
        iov[0].iov_len = len / 3;
        iov[1].iov_base = text + at + len / 3;
        iov[1].iov_len = len / 7;
        iov[2].iov_base = text + at + len / 3 + len / 7;
        iov[2].iov_len = len - len / 3 - len / 7;
        rv = (*sink)->ops->write(*sink, iov, 3, &taken);
        assert_true(rv == APR_SUCCESS || rv == APR_EAGAIN);
        assert_true(taken <= len && (rv != APR_SUCCESS || taken == len));
    }
    return taken;
}

FACTS(the_bytes_are_right_whatever_happens)
{
    apr_size_t at;
    tls_socket_t s;
    es_sink_t *sink;
    int round, i, suite;

    for (round = 0; round < 240; round++) {
        srand((unsigned)round);
        suite = round % 6; /* without those whose handshake takes long */
        es_tls_session_set_limit(suite < 3 && round % 2 ? 20
                                                        : ES_TLS_KEY_RECORDS);
        tls_socket_open(&s, &tls_suites[suite], 2048 + rand() % 20000);
        sink = sink_for(&s);
        at = 0;
        for (i = 0; i < 150 && at < TEXT - 20001; i++) {
            at += happen(&s, &sink, at, suite < 3);
        }
        end(sink, &s);
        assert_int_equal(s.len, at);
        assert_memory_equal(s.got, text, at);
        sink->ops->close(sink);
        tls_socket_close(&s);
    }
    es_tls_session_set_limit(ES_TLS_KEY_RECORDS);
}

/* ---- memory ------------------------------------------------------------- */

FACTS(an_idle_client_is_small)
{
    apr_size_t total;
    tls_socket_t s;
    es_sink_t *sink;

    tls_socket_open(&s, &tls_suites[0], 0);
    sink = sink_for(&s);
    total = malloc_usable_size(sink) + 8;
    assert_true(total <= 272); /* 240, or what malloc had */
    /* as malloc rounds: 16 bytes, 8 of them its own */
    total += (sizeof(es_client_t) + 8 + 15) / 16 * 16;
    total += (sizeof(es_conn_t) + 8 + 15) / 16 * 16;
    print_message("# bytes of an idle client of TLS: %d\n", (int)total);
    assert_true(total <= 674); /* with what malloc had */
    sink->ops->close(sink);
    tls_socket_close(&s);
}

static const struct CMUnitTest tests[] = {
    UNIT(each_suite_writes_and_ends),
    UNIT(a_write_of_nothing_makes_no_record),
    UNIT(a_large_write_makes_few_records),
    UNIT(a_full_socket_keeps_one_record),
    UNIT(a_record_that_did_not_leave_is_not_kept),
    UNIT(each_number_stands_on_the_wire_once),
    UNIT(a_client_that_asks_for_new_keys_gets_them),
    UNIT(keys_at_their_limit_are_changed_with_tls_1_3),
    UNIT(keys_at_their_limit_end_a_stream_with_tls_1_2),
    UNIT(what_the_peer_sends_is_dropped_up_to_a_limit),
    UNIT(a_peer_that_says_that_it_closes_is_at_its_end),
    UNIT(a_peer_that_has_gone_is_at_its_end),
    UNIT(junk_ends_the_stream_with_an_alert),
    UNIT(a_renegotiation_is_answered_before_the_end),
    UNIT(an_alert_of_the_peer_is_the_end),
    UNIT(the_one_before_reads_nothing_when_it_closes),
    UNIT(a_record_that_has_arrived_in_part_goes_on),
    UNIT(a_part_that_is_malformed_makes_no_sink),
    UNIT(a_plain_sink_is_no_tls_sink),
    UNIT(the_bytes_are_right_whatever_happens),
    UNIT(an_idle_client_is_small),
};

int main(void)
{
    int rc;

    fill_text();
    rc = cmocka_run_group_tests(tests, unit_start, unit_stop);
    es_tls_thread_end();
    return rc;
}
