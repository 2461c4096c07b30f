/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The JSON of a token: its header, and its claims. Both come from outside. Of
 * duplicate names, of NUL and of what is not UTF-8 no reading is safe, so such
 * JSON is refused.
 */
#ifndef ES_TOKEN_CLAIMS_H
#define ES_TOKEN_CLAIMS_H

#include "token/token.h"

/** The header of a token. */
typedef struct es_claims_header_t {
    es_key_kind_t kind; /* the only one that its alg allows */
    es_slice_t kid;     /* empty = none */
    int has_kid;
} es_claims_header_t;

/**
 * Read a header: RFC 7515, section 4. It must have no crit, no zip and no b64
 * of false, and be of the type JWT or at+jwt (RFC 9068), or of none.
 *
 * @param why  as es_token_verify
 * @return 1, or 0 with why
 */
int es_claims_header(es_claims_header_t *out, es_slice_t json, const char **why,
                     apr_pool_t *p);

/** Claims that were parsed and not checked. */
typedef struct es_claims_t es_claims_t;

/** Parse claims. They live as long as p. @return NULL with why */
const es_claims_t *es_claims_parse(es_slice_t json, const char **why,
                                   apr_pool_t *p);

/**
 * Check the claims of RFC 7519 for an issuer, and take what a token grants.
 *
 * @return 1, or 0 with why
 */
int es_claims_check(es_token_t *out, const es_claims_t *claims,
                    const es_issuer_t *issuer, apr_time_t now, const char **why,
                    apr_pool_t *p);

#endif
