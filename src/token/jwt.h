/* SPDX-License-Identifier: Apache-2.0 */
/**
 * JSON Web Tokens as GRIP uses them; only jwt.c includes libjwt. The key
 * decides the algorithm (HS256, ES256, RS256). That of a token is compared with
 * it, and never used.
 */
#ifndef ES_TOKEN_JWT_H
#define ES_TOKEN_JWT_H

#include <apr_pools.h>
#include <apr_time.h>

#include "token/key.h"

/** Most bytes of a token; Pushpin's have some 120. */
#define ES_JWT_MAX 4096

/**
 * Make a token with the claims iss and exp.
 *
 * @param expires  the time of exp; fractions of a second are cut
 * @return the token in p, or NULL: key cannot sign, or no memory
 *
 * Context: ANY; computes only.
 */
const char *es_jwt_sign(const es_key_t *key, const char *iss,
                        apr_time_t expires, apr_pool_t *p);

/** Why a token is not valid whose form and algorithm are right. */
#define ES_JWT_OTHER_KEY "its signature was not made with the key"

/** What a token is checked with. */
typedef struct es_jwt_rule_t {
    const es_key_t *key;
    const char *iss; /* the claim must be equal; NULL = not checked */
    apr_interval_time_t leeway; /* how far the signer's clock may differ */
} es_jwt_rule_t;

/**
 * Check a token: form (three strict base64url parts, at most ES_JWT_MAX
 * bytes), algorithm, no crit in its header, signature, exp (there must be one)
 * after now, nbf not after now, iss. (libjwt compares HMACs in constant time
 * since 1.16, Debian's 1.10 since 1.10.2-1+deb12u1.)
 *
 * @param why  on 0: what is wrong, static
 * @return 1 if the token is valid
 *
 * Context: ANY; computes only.
 */
int es_jwt_verify(const char *token, const es_jwt_rule_t *rule, apr_time_t now,
                  const char **why, apr_pool_t *p);

#endif
