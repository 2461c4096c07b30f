/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suites of TLS 1.2 differ in how the master secret was agreed on and who has
 * signed it; what follows the handshake is the same for each AEAD.
 */
#include "tls/suite.h"

#define AES_128(number, version, nonce)                              \
    {                                                                \
        number, version, ES_TLS_AES_128_GCM, 16, "SHA256", 32, nonce \
    }
#define AES_256(number, version, nonce)                              \
    {                                                                \
        number, version, ES_TLS_AES_256_GCM, 32, "SHA384", 48, nonce \
    }
#define CHACHA20(number, version)                                      \
    {                                                                  \
        number, version, ES_TLS_CHACHA20_POLY1305, 32, "SHA256", 32, 0 \
    }

/* A new suite is added at the end: see es_tls_suite_at. */
static const es_tls_suite_t suites[] = {
    AES_128(0x1301, ES_TLS_1_3, 0),
    AES_256(0x1302, ES_TLS_1_3, 0),
    CHACHA20(0x1303, ES_TLS_1_3),
    AES_128(0xC02B, ES_TLS_1_2, 8), /* ECDHE-ECDSA */
    AES_256(0xC02C, ES_TLS_1_2, 8),
    CHACHA20(0xCCA9, ES_TLS_1_2),
    AES_128(0xC02F, ES_TLS_1_2, 8), /* ECDHE-RSA */
    AES_256(0xC030, ES_TLS_1_2, 8),
    CHACHA20(0xCCA8, ES_TLS_1_2),
    AES_128(0x009E, ES_TLS_1_2, 8), /* DHE-RSA */
    AES_256(0x009F, ES_TLS_1_2, 8),
    CHACHA20(0xCCAA, ES_TLS_1_2),
};
#define SUITES ((int)(sizeof(suites) / sizeof(suites[0])))

int es_tls_suite_find(es_tls_version_t version, apr_uint32_t number)
{
    int i;

    for (i = 0; i < SUITES; i++) {
        if (suites[i].number == number && suites[i].version == version) {
            return i;
        }
    }
    return -1;
}

const es_tls_suite_t *es_tls_suite_at(unsigned int index)
{
    return index < SUITES ? &suites[index] : NULL;
}

int es_tls_suite_is_known(es_tls_version_t version, apr_uint32_t number)
{
    return es_tls_suite_find(version, number) >= 0;
}
