/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libjwt decodes leniently and takes the algorithm from the token: a token of
 * HS256 whose "secret" is a public key would be valid, and everyone who has the
 * public key could make one. So the form is checked before libjwt parses the
 * token, and the algorithm before libjwt gets the key.
 */
#include "token/jwt.h"

#include <errno.h>
#include <stdlib.h>

#include <apr_strings.h>
#include <jwt.h>

#include "base/base64.h"

static jwt_alg_t alg_of(const es_key_t *key)
{
    switch (key->kind) {
    case ES_KEY_EC: return JWT_ALG_ES256;
    case ES_KEY_RSA: return JWT_ALG_RS256;
    case ES_KEY_SECRET: return JWT_ALG_HS256;
    default: return JWT_ALG_TERM; /* a key that GRIP does not have */
    }
}

static const unsigned char *bytes_of(es_slice_t key)
{
    return (const unsigned char *)key.data;
}

/* ---- sign -------------------------------------------------------------- */

const char *es_jwt_sign(const es_key_t *key, const char *iss,
                        apr_time_t expires, apr_pool_t *p)
{
    const char *token = NULL;
    char *text = NULL;
    jwt_t *jwt;

    if (key->signs.len == 0 || jwt_new(&jwt) != 0) {
        return NULL;
    }
    if (jwt_add_grant(jwt, "iss", iss) == 0 &&
        jwt_add_grant_int(jwt, "exp", (long)apr_time_sec(expires)) == 0 &&
        jwt_set_alg(jwt, alg_of(key), bytes_of(key->signs),
                    (int)key->signs.len) == 0) {
        text = jwt_encode_str(jwt);
    }
    if (text) {
        token = apr_pstrdup(p, text);
        free(text);
    }
    jwt_free(jwt);
    return token;
}

/* ---- verify ------------------------------------------------------------ */

static int is_well_formed(const char *token, apr_pool_t *p)
{
    apr_size_t len = strlen(token);
    const char *first, *second;
    es_slice_t part;

    if (len > ES_JWT_MAX) {
        return 0;
    }
    first = strchr(token, '.');
    second = first ? strchr(first + 1, '.') : NULL;
    if (!second) {
        return 0;
    }
    return es_base64_decode(&part, es_slice(token, (apr_size_t)(first - token)),
                            ES_BASE64_URL, p) &&
           part.len != 0 &&
           es_base64_decode(
               &part, es_slice(first + 1, (apr_size_t)(second - first - 1)),
               ES_BASE64_URL, p) &&
           part.len != 0 &&
           es_base64_decode(&part, es_slice_of(second + 1), ES_BASE64_URL, p) &&
           part.len != 0;
}

/* RFC 7515, section 4.1.11: who does not know an extension that "crit" names
 * must refuse the token. Here no extension is known. */
static int has_crit(jwt_t *jwt)
{
    char *crit = jwt_get_headers_json(jwt, "crit");

    free(crit);
    return crit != NULL;
}

/* @return NULL, or what is wrong */
static const char *check_header(const char *token, jwt_alg_t alg)
{
    jwt_t *jwt = NULL;
    const char *name, *err = NULL;

    /* without a key libjwt verifies nothing; only the header is used */
    if (jwt_decode(&jwt, token, NULL, 0) != 0) {
        return "its algorithm is not that of the key";
    }
    name = jwt_get_header(jwt, "alg");
    if (!name || strcmp(name, jwt_alg_str(alg)) != 0) {
        err = "its algorithm is not that of the key";
    }
    else if (has_crit(jwt)) {
        err = "its header has crit";
    }
    jwt_free(jwt);
    return err;
}

/*
 * @return 1; 0: there is no such claim; -1: it is not a whole number, for which
 * libjwt returns 0
 */
static int read_time(jwt_t *jwt, const char *claim, apr_int64_t *seconds)
{
    errno = 0;
    *seconds = jwt_get_grant_int(jwt, claim);
    if (errno != 0) {
        return errno == ENOENT ? 0 : -1;
    }
    return *seconds != 0 ? 1 : -1;
}

static const char *check_claims(jwt_t *jwt, const es_jwt_rule_t *rule,
                                apr_time_t now)
{
    apr_int64_t exp, nbf, leeway = apr_time_sec(rule->leeway);
    apr_int64_t seconds = apr_time_sec(now);
    const char *iss;
    int rc;

    if (read_time(jwt, "exp", &exp) != 1) {
        return "it has no exp that is a whole number";
    }
    if (exp <= seconds - leeway) {
        return "it has expired";
    }
    rc = read_time(jwt, "nbf", &nbf);
    if (rc != 0 && (rc != 1 || nbf > seconds + leeway)) {
        return "it is not valid yet";
    }
    iss = rule->iss ? jwt_get_grant(jwt, "iss") : NULL;
    if (rule->iss && (!iss || strcmp(iss, rule->iss) != 0)) {
        return "its iss is not the one expected";
    }
    return NULL;
}

int es_jwt_verify(const char *token, const es_jwt_rule_t *rule, apr_time_t now,
                  const char **why, apr_pool_t *p)
{
    const es_key_t *key = rule->key;
    jwt_t *jwt = NULL;

    if (!is_well_formed(token, p)) {
        *why = "it is not a token";
        return 0;
    }
    *why = check_header(token, alg_of(key));
    if (*why) {
        return 0;
    }
    if (jwt_decode(&jwt, token, bytes_of(key->checks), (int)key->checks.len) !=
        0) {
        *why = ES_JWT_OTHER_KEY;
        return 0;
    }
    *why = check_claims(jwt, rule, now);
    jwt_free(jwt);
    return *why == NULL;
}
