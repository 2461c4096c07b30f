/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A JSON Web Key (RFC 7517, 7518 section 6): EC of the curve P-256, RSA, oct.
 * Public keys and secrets only; a private EC or RSA key is to be given as
 * PEM.
 */
#ifndef ES_GRIP_JWK_H
#define ES_GRIP_JWK_H

#include <apr_pools.h>

#include "grip/pem.h"

typedef struct es_jwk_t {
    int is_secret;
    es_slice_t secret; /* of "oct" */
    es_pem_t pem;      /* of the others */
} es_jwk_t;

/**
 * 1 when text is meant as a JWK: a JSON object with "kty". Other texts that
 * start with a brace are secrets.
 */
int es_jwk_is(es_slice_t text);

/**
 * Read a JWK.
 *
 * @param out  its bytes are in p
 * @return NULL, or what is wrong ("is …", "has …"), static and without a byte
 *         of the key
 */
const char *es_jwk_read(es_jwk_t *out, es_slice_t text, apr_pool_t *p);

#endif
