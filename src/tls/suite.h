/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The cipher suites whose records we seal: all have an AEAD. Pure.
 */
#ifndef ES_TLS_SUITE_H
#define ES_TLS_SUITE_H

#include <apr.h>

typedef enum es_tls_version_t {
    ES_TLS_1_2 = 12,
    ES_TLS_1_3 = 13
} es_tls_version_t;

/** The AEADs. */
typedef enum es_tls_aead_t {
    ES_TLS_AES_128_GCM,
    ES_TLS_AES_256_GCM,
    ES_TLS_CHACHA20_POLY1305
} es_tls_aead_t;
#define ES_TLS_AEADS 3

#define ES_TLS_KEY_MAX 32    /* bytes of a key */
#define ES_TLS_NONCE 12      /* bytes of a nonce */
#define ES_TLS_TAG 16        /* bytes of a tag */
#define ES_TLS_SECRET_MAX 48 /* bytes of a secret: of the hash, or master */

typedef struct es_tls_suite_t {
    apr_uint16_t number;       /* IANA's */
    es_tls_version_t version;  /* the only one in which it is used */
    es_tls_aead_t aead;        /**/
    apr_size_t key_len;        /* bytes */
    const char *hash;          /* of the key schedule, as OpenSSL names it */
    apr_size_t hash_len;       /* bytes */
    apr_size_t explicit_nonce; /* bytes of the nonce in each record: 8 or 0 */
} es_tls_suite_t;

/**
 * Find a suite by IANA's number.
 *
 * @return its index, which es_tls_suite_at takes; -1: records of that suite are
 *         not sealed here, or not in that version
 */
int es_tls_suite_find(es_tls_version_t version, apr_uint32_t number);

/**
 * A suite by its index. Processes send indexes to each other, so an index
 * means the same in all versions of the module.
 *
 * @return NULL: there is none
 */
const es_tls_suite_t *es_tls_suite_at(unsigned int index);

/** 0: records of that suite are not sealed here, or not in that version. */
int es_tls_suite_is_known(es_tls_version_t version, apr_uint32_t number);

#endif
