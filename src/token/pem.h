/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Asymmetric keys as PEM text, the form that libjwt takes: reads PEM, and makes
 * it from the numbers of a JWK. In this room pem.c and signer.c alone
 * include OpenSSL's libcrypto. Otherwise pure.
 */
#ifndef ES_TOKEN_PEM_H
#define ES_TOKEN_PEM_H

#include <apr_pools.h>

#include "base/slice.h"

typedef enum es_pem_kind_t {
    ES_PEM_EC_P256, /* for ES256 */
    ES_PEM_RSA,     /* for RS256; 2048 bits or more */
    ES_PEM_ED25519  /* for EdDSA; libjwt does not take it */
} es_pem_kind_t;

typedef struct es_pem_t {
    es_pem_kind_t kind;
    const char *private_text; /* PKCS #8; NULL = only the public key is known */
    const char *public_text;  /* SubjectPublicKeyInfo */
} es_pem_t;

/** 1 if text starts as PEM does. */
int es_pem_is(es_slice_t text);

/**
 * Read PEM: "PUBLIC KEY", "PRIVATE KEY", "EC PRIVATE KEY" or "RSA PRIVATE
 * KEY".
 *
 * @param out  texts in p
 * @return NULL, or what is wrong ("is …", "has …"), static and without a byte
 *         of the key
 */
const char *es_pem_read(es_pem_t *out, es_slice_t text, apr_pool_t *p);

/** PEM of the point (x, y) of P-256, 32 bytes each. @return as es_pem_read */
const char *es_pem_of_ec(es_pem_t *out, es_slice_t x, es_slice_t y,
                         apr_pool_t *p);

/** PEM of modulus n and exponent e, both big-endian. @return as es_pem_read */
const char *es_pem_of_rsa(es_pem_t *out, es_slice_t n, es_slice_t e,
                          apr_pool_t *p);

/** PEM of a public key of Ed25519, 32 bytes. @return as es_pem_read */
const char *es_pem_of_ed25519(es_pem_t *out, es_slice_t x, apr_pool_t *p);

#endif
