/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A key: the value of key= or verify-key= of a GRIP proxy, in any of the forms
 * that GRIP libraries and Pushpin take:
 *
 *   base64:…           decoded first, then read as one of those below
 *   file:…             the file's content is read as one of those below
 *   -----BEGIN …       PEM: RSA or EC P-256, public or private
 *   {"kty": …}         JWK: EC P-256, RSA (public), oct
 *   anything else      a secret for HMAC, its bytes as they are; not if it has
 *                      PEM in it, or is a set of JWKs
 *
 * Blanks and a byte order mark before PEM and JWK do not count.
 *
 * The kind of the key alone decides the algorithm. No error that is returned
 * here contains a byte of a key.
 */
#ifndef ES_TOKEN_KEY_H
#define ES_TOKEN_KEY_H

#include <apr_pools.h>

#include "base/slice.h"

typedef enum es_key_kind_t {
    ES_KEY_SECRET, /* HS256 */
    ES_KEY_EC,     /* ES256 */
    ES_KEY_RSA,    /* RS256 */
    ES_KEY_ED25519 /* EdDSA; not of GRIP */
} es_key_kind_t;

#define ES_KEY_KINDS 4

typedef struct es_key_t {
    es_key_kind_t kind;
    es_slice_t text;   /* as given, file: and base64: resolved; never empty */
    es_slice_t signs;  /* secret or PEM, to sign with; empty = a public key */
    es_slice_t checks; /* secret or PEM, to verify with */
} es_key_t;

/**
 * Read a key.
 *
 * A file is refused if others than its owner can write to it; or if users that
 * are neither owner nor group can read it, unless it has a public key.
 *
 * @param value  from the directive or the URL, percent-decoded
 * @param root   relative paths of file: start here
 * @param p      the key lives here
 * @return NULL, or what is wrong ("is …", "cannot …"), in p or static; it may
 *         name a file
 *
 * Context: PARENT; reads files.
 */
const char *es_key_read(const es_key_t **out, const char *value,
                        const char *root, apr_pool_t *p);

/**
 * Read a key of EventStreamToken: the content of a file, without base64: and
 * file:. Takes Ed25519, too, as PEM or JWK (OKP).
 *
 * @param text  kept in key
 * @return as es_key_read
 */
const char *es_key_parse(es_key_t *key, es_slice_t text, apr_pool_t *p);

/** The alg of tokens that a key of this kind signs, such as "HS256". */
const char *es_key_alg(es_key_kind_t kind);

/** @return 1; 0: no kind of key has this alg */
int es_key_kind_of_alg(es_key_kind_t *out, es_slice_t alg);

#endif
