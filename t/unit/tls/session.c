/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of tls/session.c and tls/aead.c with sessions of both ends; those with
 * OpenSSL's client are in session_peer.c.
 */
#include "t/unit/unit.h"

#include "t/unit/tls_kit.h"

#define DATA ES_TLS_APPLICATION_DATA

/* Run facts for each suite, with both ends. */
#define EACH_SUITE(name)                                                       \
    static void name##_of(es_tls_session_t *server, es_tls_session_t *client); \
    FACTS(name)                                                                \
    {                                                                          \
        es_tls_session_t server, client;                                       \
        int suite;                                                             \
                                                                               \
        for (suite = 0; suite < TLS_SUITES; suite++) {                         \
            tls_server(&server, &tls_suites[suite]);                           \
            tls_client_of(&client, &server);                                   \
            name##_of(&server, &client);                                       \
        }                                                                      \
    }                                                                          \
    static void name##_of(es_tls_session_t *server UNUSED_HERE,                \
                          es_tls_session_t *client UNUSED_HERE)
#define UNUSED_HERE __attribute__((unused))

static unsigned char text[ES_TLS_PLAIN_MAX + 1];

EACH_SUITE(records_of_any_size_open)
{
    static const apr_size_t sizes[] = {0, 1, 15, 16, 17, 200, 16383, 16384};
    tls_record_t record;
    int i;

    for (i = 0; i < 8; i++) {
        tls_seal(server, DATA, text, sizes[i], &record);
        tls_open(client, &record, DATA, text, sizes[i]);
        tls_seal(client, DATA, text, sizes[i], &record);
        tls_open(server, &record, DATA, text, sizes[i]);
    }
    tls_seal(server, ES_TLS_ALERT, text, 2, &record);
    tls_open(client, &record, ES_TLS_ALERT, text, 2);
    tls_seal(server, ES_TLS_HANDSHAKE, text, 5, &record);
    tls_open(client, &record, ES_TLS_HANDSHAKE, text, 5);
}

/* An allocation of exactly what sealing may write. */
EACH_SUITE(a_record_has_at_most_the_overhead)
{
    unsigned char *record = malloc(ES_TLS_RECORD_MAX);
    struct iovec iov = {text, ES_TLS_PLAIN_MAX};
    apr_size_t len;

    assert_int_equal(es_tls_session_seal(server, DATA, &iov, 1, 0,
                                         ES_TLS_PLAIN_MAX, record, &len),
                     APR_SUCCESS);
    assert_true(len <= ES_TLS_RECORD_MAX);
    assert_int_equal(len, es_tls_session_record_len(record));
    free(record);
}

FACTS(plain_bytes_come_from_any_part_of_an_iovec)
{
    struct iovec iov[4] = {
        {text, 3}, {text + 3, 0}, {text + 3, 7}, {text + 10, 90}};
    es_tls_session_t server, client;
    tls_record_t record;
    apr_size_t from, len;

    tls_server(&server, &tls_suites[0]);
    tls_client_of(&client, &server);
    for (from = 0; from <= 100; from++) {
        for (len = 0; from + len <= 100; len += 1 + len / 3) {
            assert_int_equal(es_tls_session_seal(&server, DATA, iov, 4, from,
                                                 len, record.bytes,
                                                 &record.len),
                             APR_SUCCESS);
            tls_open(&client, &record, DATA, text + from, len);
        }
    }
}

EACH_SUITE(what_cannot_be_sealed_changes_nothing)
{
    struct iovec iov = {text, ES_TLS_PLAIN_MAX + 1};
    es_tls_session_t before = *server;
    tls_record_t record;

    assert_int_equal(es_tls_session_seal(server, DATA, &iov, 1, 0,
                                         ES_TLS_PLAIN_MAX + 1, record.bytes,
                                         &record.len),
                     APR_EINVAL);
    assert_int_equal(es_tls_session_seal(server, DATA, &iov, 1,
                                         ES_TLS_PLAIN_MAX, 2, record.bytes,
                                         &record.len),
                     APR_EINVAL);
    assert_int_equal(es_tls_session_seal(server, DATA, NULL, 0, 0, 1,
                                         record.bytes, &record.len),
                     APR_EINVAL);
    assert_memory_equal(server, &before, sizeof(before));
    server->write.number = APR_UINT64_MAX;
    assert_int_equal(es_tls_session_seal(server, DATA, &iov, 1, 0, 1,
                                         record.bytes, &record.len),
                     APR_EGENERAL);
}

EACH_SUITE(a_number_that_was_taken_back_is_used_again)
{
    tls_record_t first, second, again;

    tls_seal(server, DATA, "one", 3, &first);
    es_tls_session_take_back(server);
    tls_seal(server, DATA, "two", 3, &second);
    tls_open(client, &second, DATA, "two", 3);
    es_tls_session_take_back(server);
    tls_seal(server, DATA, "one", 3, &again);
    assert_memory_equal(first.bytes, again.bytes, first.len);
    tls_seal(server, DATA, "three", 5, &second);
    tls_open(client, &second, DATA, "three", 5);
}

EACH_SUITE(each_record_has_another_nonce)
{
    tls_record_t records[3];
    int i, j;

    for (i = 0; i < 3; i++) {
        tls_seal(server, DATA, text, 64, &records[i]);
    }
    for (i = 0; i < 3; i++) {
        for (j = 0; j < i; j++) {
            assert_memory_not_equal(records[i].bytes + ES_TLS_HEAD,
                                    records[j].bytes + ES_TLS_HEAD, 64);
        }
    }
}

FACTS(explicit_nonces_follow_the_last_one)
{
    static const unsigned char secret[48], random[32];
    static const unsigned char nonces[3][8] = {
        {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0}, {[7] = 1}};
    es_tls_session_t s;
    tls_record_t record;
    int i;

    assert_int_equal(es_tls_session_init_12(&s, 0xC02F, secret, random, random,
                                            5, 3, APR_UINT64_MAX - 1),
                     APR_SUCCESS);
    assert_int_equal(s.write.number, 5);
    assert_int_equal(s.read.number, 3);
    for (i = 0; i < 3; i++) {
        tls_seal(&s, DATA, text, 10, &record);
        assert_memory_equal(record.bytes + ES_TLS_HEAD, nonces[i], 8);
    }
}

/* ---- what does not open ------------------------------------------------ */

EACH_SUITE(a_forged_record_does_not_open)
{
    tls_record_t record;
    apr_size_t i;

    tls_seal(client, DATA, "hello", 5, &record);
    for (i = 0; i < record.len; i++) {
        record.bytes[i] ^= 1 << (i % 8);
        tls_does_not_open(server, record.bytes, record.len);
        record.bytes[i] ^= 1 << (i % 8);
    }
    tls_open(server, &record, DATA, "hello", 5);
}

EACH_SUITE(a_part_of_a_record_does_not_open)
{
    tls_record_t record;
    apr_size_t len;

    tls_seal(client, DATA, "hello", 5, &record);
    for (len = 0; len < record.len; len++) {
        tls_does_not_open(server, record.bytes, len);
        if (len >= ES_TLS_HEAD) { /* the head says so, too */
            tls_record_t cut = record;

            cut.bytes[3] = 0;
            cut.bytes[4] = (unsigned char)(len - ES_TLS_HEAD);
            tls_does_not_open(server, cut.bytes, len);
        }
    }
    record.bytes[record.len] = 0;
    tls_does_not_open(server, record.bytes, record.len + 1);
}

EACH_SUITE(records_open_in_their_order_only)
{
    tls_record_t first, second;

    tls_seal(client, DATA, "one", 3, &first);
    tls_seal(client, DATA, "two", 3, &second);
    tls_does_not_open(server, second.bytes, second.len);
    tls_open(server, &first, DATA, "one", 3);
    tls_does_not_open(server, first.bytes, first.len);
    tls_open(server, &second, DATA, "two", 3);
    tls_does_not_open(server, second.bytes, second.len);
}

EACH_SUITE(a_record_of_the_server_does_not_open_as_the_clients)
{
    tls_record_t record;

    tls_seal(server, DATA, "hello", 5, &record);
    tls_does_not_open(server, record.bytes, record.len);
}

/* The longest that TLS 1.3 allows: 16384 bytes, type, padding up to 256 more
 * than that. The text below goes out as application data with its own type. */
FACTS(padding_is_cut_and_a_text_that_is_too_long_does_not_open)
{
    unsigned char *record = calloc(1, ES_TLS_READ_MAX + 1);
    es_tls_session_t server, client;
    tls_record_t padded;

    tls_server(&server, &tls_suites[0]);
    tls_client_of(&client, &server);
    /* its type stands before the padding; the one that is sealed is padding */
    tls_seal(&client, 0, "hello\x17\0\0\0", 9, &padded);
    tls_open(&server, &padded, DATA, "hello", 5);
    tls_seal(&client, 0, "\0\0\0", 3, &padded); /* no type at all */
    tls_does_not_open(&server, padded.bytes, padded.len);
    tls_seal(&client, 0, "", 0, &padded);
    tls_does_not_open(&server, padded.bytes, padded.len);

    record[0] = DATA;
    record[1] = record[2] = 3;
    record[3] = (ES_TLS_READ_MAX - ES_TLS_HEAD + 1) >> 8;
    record[4] = (ES_TLS_READ_MAX - ES_TLS_HEAD + 1) & 0xff;
    tls_does_not_open(&server, record, ES_TLS_READ_MAX + 1);
    free(record);
}

FACTS(tls_13_opens_application_data_only)
{
    static const unsigned char change[] = {20, 3, 3, 0, 1, 1};
    static const unsigned char alert[] = {21, 3, 3, 0, 2, 1, 0};
    es_tls_session_t server;

    tls_server(&server, &tls_suites[0]);
    tls_does_not_open(&server, change, sizeof(change));
    tls_does_not_open(&server, alert, sizeof(alert));
}

/* ---- keys -------------------------------------------------------------- */

EACH_SUITE(keys_move_on)
{
    tls_record_t record;
    int i;

    if (server->version == ES_TLS_1_2) {
        assert_int_equal(es_tls_session_update_write(server), APR_ENOTIMPL);
        assert_int_equal(es_tls_session_update_read(server), APR_ENOTIMPL);
        return;
    }
    for (i = 0; i < 3; i++) {
        tls_seal(server, DATA, "old", 3, &record);
        tls_open(client, &record, DATA, "old", 3);
        assert_int_equal(es_tls_session_update_write(server), APR_SUCCESS);
        assert_int_equal(server->write.number, 0);
        tls_seal(server, DATA, "new", 3, &record);
        tls_does_not_open(client, record.bytes, record.len);
        assert_int_equal(es_tls_session_update_read(client), APR_SUCCESS);
        tls_open(client, &record, DATA, "new", 3);
    }
}

EACH_SUITE(a_key_is_at_its_limit_after_so_many_records)
{
    tls_record_t record;
    int i;

    server->write.number = ES_TLS_KEY_RECORDS - 2;
    client->read.number = ES_TLS_KEY_RECORDS - 2;
    for (i = 0; i < 4; i++) {
        assert_int_equal(es_tls_session_is_at_limit(server), i >= 2);
        tls_seal(server, DATA, "on", 2, &record);
        tls_open(client, &record, DATA, "on", 2);
    }
    es_tls_session_set_limit(10);
    server->write.number = 9;
    assert_false(es_tls_session_is_at_limit(server));
    server->write.number = 10;
    assert_true(es_tls_session_is_at_limit(server));
    es_tls_session_set_limit(ES_TLS_KEY_RECORDS);
    if (es_tls_session_update_write(server) == APR_SUCCESS) {
        assert_false(es_tls_session_is_at_limit(server));
    }
}

EACH_SUITE(a_session_is_wiped)
{
    assert_false(tls_is_zero(server));
    es_tls_session_wipe(server);
    assert_true(tls_is_zero(server));
}

FACTS(what_cannot_start_leaves_zeros)
{
    static const unsigned char secret[48] = {1}, random[32] = {2};
    es_tls_session_t s;

    assert_int_equal(
        es_tls_session_init_13(&s, 0x1304, secret, secret, 32, 1, 1),
        APR_ENOTIMPL);
    assert_true(tls_is_zero(&s));
    assert_int_equal(
        es_tls_session_init_13(&s, 0x1301, secret, secret, 48, 1, 1),
        APR_EINVAL);
    assert_true(tls_is_zero(&s));
    assert_int_equal(
        es_tls_session_init_12(&s, 0x1301, secret, random, random, 1, 1, 1),
        APR_ENOTIMPL);
    assert_true(tls_is_zero(&s));
}

EACH_SUITE(a_session_of_another_process_is_checked)
{
    assert_true(es_tls_session_is_valid(server));
    server->version = server->version == ES_TLS_1_2 ? ES_TLS_1_3 : ES_TLS_1_2;
    assert_false(es_tls_session_is_valid(server));
    server->version = ES_TLS_1_3;
    server->suite = TLS_SUITES;
    assert_false(es_tls_session_is_valid(server));
    es_tls_session_wipe(server);
    assert_false(es_tls_session_is_valid(server));
}

EACH_SUITE(a_thread_goes_on_after_its_end)
{
    tls_record_t record;

    tls_seal(server, DATA, "one", 3, &record);
    es_tls_thread_end();
    tls_open(client, &record, DATA, "one", 3);
    es_tls_thread_end();
    es_tls_thread_end();
}

/* ------------------------------------------------------------------------ */

static const struct CMUnitTest tests[] = {
    UNIT(records_of_any_size_open),
    UNIT(a_record_has_at_most_the_overhead),
    UNIT(plain_bytes_come_from_any_part_of_an_iovec),
    UNIT(what_cannot_be_sealed_changes_nothing),
    UNIT(a_number_that_was_taken_back_is_used_again),
    UNIT(each_record_has_another_nonce),
    UNIT(explicit_nonces_follow_the_last_one),
    UNIT(a_forged_record_does_not_open),
    UNIT(a_part_of_a_record_does_not_open),
    UNIT(records_open_in_their_order_only),
    UNIT(a_record_of_the_server_does_not_open_as_the_clients),
    UNIT(padding_is_cut_and_a_text_that_is_too_long_does_not_open),
    UNIT(tls_13_opens_application_data_only),
    UNIT(keys_move_on),
    UNIT(a_key_is_at_its_limit_after_so_many_records),
    UNIT(a_session_is_wiped),
    UNIT(what_cannot_start_leaves_zeros),
    UNIT(a_session_of_another_process_is_checked),
    UNIT(a_thread_goes_on_after_its_end),
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
