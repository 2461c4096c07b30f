/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of tls/key_schedule.c and tls/suite.c. The secrets, keys and records
 * are those of RFC 8448 3, a handshake with TLS_AES_128_GCM_SHA256.
 */
#include "t/unit/unit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "t/unit/tls_kit.h"
#include "t/unit/rfc8448.h"

static const es_tls_suite_t *aes_128;

static void init(es_tls_session_t *s, apr_uint64_t written)
{
    assert_int_equal(es_tls_session_init_13(s, 0x1301, rfc8448_server_secret,
                                            rfc8448_client_secret, 32, written,
                                            0),
                     APR_SUCCESS);
}

FACTS(traffic_keys_are_those_of_rfc_8448)
{
    unsigned char key[ES_TLS_KEY_MAX], iv[ES_TLS_NONCE];

    assert_int_equal(
        es_tls_key_schedule_keys(aes_128, key, iv, rfc8448_server_secret),
        APR_SUCCESS);
    assert_memory_equal(key, rfc8448_server_key, 16);
    assert_memory_equal(iv, rfc8448_server_iv, 12);
    assert_int_equal(
        es_tls_key_schedule_keys(aes_128, key, iv, rfc8448_client_secret),
        APR_SUCCESS);
    assert_memory_equal(key, rfc8448_client_key, 16);
    assert_memory_equal(iv, rfc8448_client_iv, 12);
}

/* The server has sent a NewSessionTicket before. */
FACTS(records_are_those_of_rfc_8448)
{
    static const unsigned char close_notify[] = {1, 0};
    es_tls_session_t s;
    tls_record_t record;

    init(&s, 1);
    tls_seal(&s, ES_TLS_APPLICATION_DATA, rfc8448_text, sizeof(rfc8448_text),
             &record);
    assert_int_equal(record.len, sizeof(rfc8448_server_record));
    assert_memory_equal(record.bytes, rfc8448_server_record, record.len);
    tls_seal(&s, ES_TLS_ALERT, close_notify, 2, &record);
    assert_int_equal(record.len, sizeof(rfc8448_server_alert));
    assert_memory_equal(record.bytes, rfc8448_server_alert, record.len);

    record.len = sizeof(rfc8448_client_record);
    memcpy(record.bytes, rfc8448_client_record, record.len);
    tls_open(&s, &record, ES_TLS_APPLICATION_DATA, rfc8448_text,
             sizeof(rfc8448_text));
    record.len = sizeof(rfc8448_client_alert);
    memcpy(record.bytes, rfc8448_client_alert, record.len);
    tls_open(&s, &record, ES_TLS_ALERT, close_notify, 2);
}

/* RFC 8446 7.1 and 7.2: HMAC(secret, info, 1), cut to the hash's length. */
static void expand_next(unsigned char *next, const EVP_MD *hash,
                        const unsigned char *secret)
{
    unsigned int len = (unsigned int)EVP_MD_get_size(hash);
    unsigned char info[] = "\0\0\x11tls13 traffic upd\0\x01";

    info[1] = (unsigned char)len;
    assert_non_null(
        HMAC(hash, secret, (int)len, info, sizeof(info) - 1, next, &len));
}

FACTS(the_next_secret_is_that_of_rfc_8446)
{
    unsigned char secret[ES_TLS_SECRET_MAX], next[ES_TLS_SECRET_MAX];
    int i;

    for (i = 0; i < 3; i++) {
        const es_tls_suite_t *suite = es_tls_suite_at((unsigned int)i);

        memset(secret, 'a' + i, sizeof(secret));
        expand_next(next, suite->hash_len == 48 ? EVP_sha384() : EVP_sha256(),
                    secret);
        assert_int_equal(es_tls_key_schedule_next(suite, secret), APR_SUCCESS);
        assert_memory_equal(secret, next, suite->hash_len);
    }
}

/* A published vector of P_SHA256 would be of another label; TLS1-PRF is tested
 * against OpenSSL's client in session_peer.c. */
FACTS(a_key_block_depends_on_all_that_is_given)
{
    unsigned char master[48] = {1}, randoms[64] = {0}, block[2][56];

    assert_int_equal(
        es_tls_key_schedule_block(aes_128, block[0], 56, master, randoms),
        APR_SUCCESS);
    randoms[63] = 1;
    assert_int_equal(
        es_tls_key_schedule_block(aes_128, block[1], 56, master, randoms),
        APR_SUCCESS);
    assert_memory_not_equal(block[0], block[1], 56);
    randoms[63] = 0;
    master[47] = 1;
    assert_int_equal(
        es_tls_key_schedule_block(aes_128, block[1], 56, master, randoms),
        APR_SUCCESS);
    assert_memory_not_equal(block[0], block[1], 56);
}

FACTS(a_suite_is_known_in_its_version_only)
{
    int i;

    for (i = 0; i < TLS_SUITES; i++) {
        es_tls_version_t version = tls_suites[i].version;
        es_tls_version_t other =
            version == ES_TLS_1_2 ? ES_TLS_1_3 : ES_TLS_1_2;

        assert_true(es_tls_suite_is_known(version, tls_suites[i].number));
        assert_false(es_tls_suite_is_known(other, tls_suites[i].number));
    }
    assert_null(es_tls_suite_at(TLS_SUITES));
    assert_false(es_tls_suite_is_known(ES_TLS_1_2, 0xC027)); /* CBC */
    assert_false(es_tls_suite_is_known(ES_TLS_1_3, 0x1304)); /* CCM */
    assert_false(es_tls_suite_is_known(ES_TLS_1_3, 0x11301));
}

/* Children of two versions of the module send these to each other. */
FACTS(the_index_of_a_suite_never_changes)
{
    int i;

    for (i = 0; i < TLS_SUITES; i++) {
        assert_int_equal(
            es_tls_suite_find(tls_suites[i].version, tls_suites[i].number), i);
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(traffic_keys_are_those_of_rfc_8448),
    UNIT(records_are_those_of_rfc_8448),
    UNIT(the_next_secret_is_that_of_rfc_8446),
    UNIT(a_key_block_depends_on_all_that_is_given),
    UNIT(a_suite_is_known_in_its_version_only),
    UNIT(the_index_of_a_suite_never_changes),
};

int main(void)
{
    aes_128 = es_tls_suite_at(0);
    return cmocka_run_group_tests(tests, unit_start, unit_stop);
}
