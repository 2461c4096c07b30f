/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The signature of a token (RFC 7515): made and checked with one key, which
 * alone decides the algorithm. It knows nothing of what is signed.
 */
#ifndef ES_TOKEN_SIGNER_H
#define ES_TOKEN_SIGNER_H

#include <apr_pools.h>

#include "base/slice.h"
#include "token/key.h"

/** A key that is ready for use. Any number of threads may share one. */
typedef struct es_signer_t es_signer_t;

/**
 * @param key  outlives the result
 * @param p    the result lives here
 * @return NULL: the key cannot be used, or no memory
 *
 * Context: PARENT.
 */
const es_signer_t *es_signer_create(const es_key_t *key, apr_pool_t *p);

/**
 * Was signature made over text with this key? The time that it takes does not
 * depend on a byte of a secret.
 *
 * Context: ANY; computes only.
 */
int es_signer_verifies(const es_signer_t *signer, es_slice_t text,
                       es_slice_t signature);

/**
 * Sign a text.
 *
 * @param out  the signature, in p
 * @return 1; 0: the key is public, or cannot sign
 *
 * Context: ANY; computes only.
 */
int es_signer_sign(es_slice_t *out, const es_signer_t *signer, es_slice_t text,
                   apr_pool_t *p);

#endif
