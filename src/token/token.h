/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Tokens of EventStreamToken: JSON Web Tokens (RFC 7519) that say who a request
 * is from, and which channels it may use. Knows no httpd.
 *
 *     text ─► form, header ─► keys of that alg and kid ─► signature ─► claims
 *
 * The key decides the algorithm; that of the token is compared with it. Nothing
 * that is returned here has a byte of a key or of a token: reasons are texts of
 * this room, which begin with the name of the claim or of the part.
 */
#ifndef ES_TOKEN_TOKEN_H
#define ES_TOKEN_TOKEN_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "base/slice.h"
#include "token/key_set.h"
#include "token/topic.h"

/** Most bytes of a token. */
#define ES_TOKEN_MAX 8192

/** Most entries of each list of channels. */
#define ES_TOKEN_TOPICS_MAX 256

/** Most bytes of sub and of jti. */
#define ES_TOKEN_NAME_MAX 255

/** Deepest nesting of the JSON in a token. */
#define ES_TOKEN_DEPTH_MAX 16

/** One line EventStreamToken: keys, and what their tokens must claim. */
typedef struct es_issuer_t {
    es_key_set_t keys;
    const char *iss;            /* NULL = not checked */
    const char *aud;            /* NULL = a token with an aud is refused */
    apr_interval_time_t leeway; /* how far the issuer's clock may differ */
} es_issuer_t;

/** A token that is valid; all text is in the pool of es_token_verify. */
typedef struct es_token_t {
    es_slice_t sub;     /* empty = none */
    es_slice_t jti;     /* empty = none */
    apr_time_t expires; /* exp and the leeway: it ends then; 0 = has no exp */
    const apr_array_header_t *subscribe; /* es_topic_t; never NULL */
    const apr_array_header_t *publish;   /* the same */
    int control;                         /* 1 = may close and read channels */
} es_token_t;

/** What a request does with a channel. */
typedef enum es_right_t {
    ES_RIGHT_SUBSCRIBE,
    ES_RIGHT_PUBLISH,
    ES_RIGHT_CONTROL /* close it, read its statistics and who is in it */
} es_right_t;

/**
 * Check a token.
 *
 * @param text     as it was sent, untrusted
 * @param issuers  const es_issuer_t *; one of them must have signed it
 * @param now      the time of day
 * @param why      on 0: what is wrong, such as "exp: the token has expired";
 *                 static, without quotes and backslashes (RFC 6750)
 * @return 1 if it is valid
 *
 * Context: ANY; computes only.
 */
int es_token_verify(es_token_t *out, es_slice_t text,
                    const apr_array_header_t *issuers, apr_time_t now,
                    const char **why, apr_pool_t *p);

/** Does the token have this right for some channel? */
int es_token_has(const es_token_t *token, es_right_t right);

/**
 * Does the token have this right for a channel? The right to control is that of
 * control, for the channels of subscribe and publish.
 */
int es_token_admits(const es_token_t *token, es_right_t right, es_slice_t name);

/** The same for all channels that there are: by "*". */
int es_token_admits_all(const es_token_t *token, es_right_t right);

#endif
