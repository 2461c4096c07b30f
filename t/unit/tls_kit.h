/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Sessions for tests, without a handshake: a server's with fixed secrets, and
 * its client's, which is the same with the directions exchanged.
 */
#ifndef T_UNIT_TLS_KIT_H
#define T_UNIT_TLS_KIT_H

#include "tls/incoming.h"
#include "tls/key_schedule.h"
#include "tls/session.h"

/** IANA's numbers of all suites, in both versions. */
static const struct tls_suite {
    es_tls_version_t version;
    apr_uint16_t number;
    const char *name; /* as OpenSSL has it */
    const char *auth; /* the kind of the server's key */
} tls_suites[] = {
    {ES_TLS_1_3, 0x1301, "TLS_AES_128_GCM_SHA256", "EC"},
    {ES_TLS_1_3, 0x1302, "TLS_AES_256_GCM_SHA384", "EC"},
    {ES_TLS_1_3, 0x1303, "TLS_CHACHA20_POLY1305_SHA256", "EC"},
    {ES_TLS_1_2, 0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256", "EC"},
    {ES_TLS_1_2, 0xC02C, "ECDHE-ECDSA-AES256-GCM-SHA384", "EC"},
    {ES_TLS_1_2, 0xCCA9, "ECDHE-ECDSA-CHACHA20-POLY1305", "EC"},
    {ES_TLS_1_2, 0xC02F, "ECDHE-RSA-AES128-GCM-SHA256", "RSA"},
    {ES_TLS_1_2, 0xC030, "ECDHE-RSA-AES256-GCM-SHA384", "RSA"},
    {ES_TLS_1_2, 0xCCA8, "ECDHE-RSA-CHACHA20-POLY1305", "RSA"},
    {ES_TLS_1_2, 0x009E, "DHE-RSA-AES128-GCM-SHA256", "RSA"},
    {ES_TLS_1_2, 0x009F, "DHE-RSA-AES256-GCM-SHA384", "RSA"},
    {ES_TLS_1_2, 0xCCAA, "DHE-RSA-CHACHA20-POLY1305", "RSA"},
};
#define TLS_SUITES ((int)(sizeof(tls_suites) / sizeof(tls_suites[0])))

typedef struct tls_record_t {
    unsigned char bytes[ES_TLS_READ_MAX];
    apr_size_t len;
} tls_record_t;

/** 1 if each byte of the session is zero. */
static inline int tls_is_zero(const es_tls_session_t *s)
{
    const unsigned char *bytes = (const unsigned char *)s;
    apr_size_t i;

    for (i = 0; i < sizeof(*s); i++) {
        if (bytes[i]) {
            return 0;
        }
    }
    return 1;
}

/** A server's session with secrets that are made of the suite's number. */
static inline void tls_server(es_tls_session_t *s,
                              const struct tls_suite *suite)
{
    unsigned char secrets[2][ES_TLS_SECRET_MAX], randoms[2][32];
    int index = es_tls_suite_find(suite->version, suite->number);
    apr_status_t rv;

    assert_true(index >= 0);
    memset(secrets[0], suite->number & 0xff, sizeof(secrets[0]));
    memset(secrets[1], suite->number >> 8, sizeof(secrets[1]));
    memset(randoms, 7, sizeof(randoms));
    rv = suite->version == ES_TLS_1_3
             ? es_tls_session_init_13(
                   s, suite->number, secrets[0], secrets[1],
                   es_tls_suite_at((unsigned int)index)->hash_len, 0, 0)
             : es_tls_session_init_12(s, suite->number, secrets[0], randoms[0],
                                      randoms[1], 1, 1, 41);
    assert_int_equal(rv, APR_SUCCESS);
}

/** The session of the client at the other end of s. */
static inline void tls_client_of(es_tls_session_t *client,
                                 const es_tls_session_t *s)
{
    memset(client, 0, sizeof(*client));
    client->version = s->version;
    client->suite = s->suite;
    client->write.number = s->read.number;
    client->read.number = s->write.number;
    if (s->version == ES_TLS_1_3) {
        memcpy(client->write.secret, s->read.secret, ES_TLS_SECRET_MAX);
        memcpy(client->read.secret, s->write.secret, ES_TLS_SECRET_MAX);
        assert_int_equal(es_tls_key_schedule_keys(
                             es_tls_suite_at(s->suite), client->write.key,
                             client->write.iv, client->write.secret),
                         APR_SUCCESS);
        return;
    }
    memcpy(client->write.key, s->read.secret, ES_TLS_KEY_MAX);
    memcpy(client->write.iv, s->read.secret + ES_TLS_KEY_MAX, ES_TLS_NONCE);
    memcpy(client->read.secret, s->write.key, ES_TLS_KEY_MAX);
    memcpy(client->read.secret + ES_TLS_KEY_MAX, s->write.iv, ES_TLS_NONCE);
}

/** Seal bytes as one record. */
static inline void tls_seal(es_tls_session_t *s, int type, const void *bytes,
                            apr_size_t len, tls_record_t *record)
{
    struct iovec iov = {(void *)bytes, len};

    assert_int_equal(es_tls_session_seal(s, type, &iov, 1, 0, len,
                                         record->bytes, &record->len),
                     APR_SUCCESS);
    assert_true(record->len <= len + ES_TLS_OVERHEAD);
}

/** Open a copy of the record; it must have these bytes. */
static inline void tls_open(es_tls_session_t *s, const tls_record_t *record,
                            int type, const void *bytes, apr_size_t len)
{
    tls_record_t copy = *record;
    unsigned char *plain = NULL;
    apr_size_t plain_len = 0;
    int is = 0;

    assert_int_equal(
        es_tls_session_open(s, copy.bytes, copy.len, &is, &plain, &plain_len),
        APR_SUCCESS);
    assert_int_equal(is, type);
    assert_int_equal(plain_len, len);
    assert_true(plain >= copy.bytes &&
                plain + plain_len <= copy.bytes + copy.len);
    assert_true(len == 0 || memcmp(plain, bytes, len) == 0);
}

/** A copy of the record does not open, and s is as before. */
static inline void tls_does_not_open(es_tls_session_t *s,
                                     const unsigned char *record,
                                     apr_size_t len)
{
    unsigned char *copy = malloc(len + (len == 0)), *plain;
    es_tls_session_t before = *s;
    apr_size_t plain_len;
    int type;

    assert_non_null(copy);
    if (len) {
        memcpy(copy, record, len);
    }
    assert_int_equal(
        es_tls_session_open(s, copy, len, &type, &plain, &plain_len),
        APR_EINVAL);
    assert_memory_equal(s, &before, sizeof(*s));
    free(copy);
}

#endif
