/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that an issuer has signed. The lines are its header, its claims and a
 * channel. One that is valid has a plain header by another reader of JSON, and
 * text and times within bounds; with any other bit it is not valid, nor is one
 * that was not signed. The whole is read as a token, too.
 */
#include "fuzz.h"

#include <jansson.h>

#include "base/base64.h"
#include "token/token.h"

#define NOW apr_time_from_sec(1700000000)
#define SECRET "a secret of the issuer with 32 bytes or more"
#define OTHER "another secret, of another issuer, as long as it"

/* An issuer with one secret. */
static const es_issuer_t *issuer_of(const char *secret, apr_pool_t *p)
{
    es_issuer_t *issuer = apr_pcalloc(p, sizeof(*issuer));
    es_set_key_t *key;

    issuer->keys.keys = apr_array_make(p, 1, sizeof(es_set_key_t));
    key = apr_array_push(issuer->keys.keys);
    memset(key, 0, sizeof(*key));
    PROMISE(es_key_parse(&key->key, es_slice_of(secret), p) == NULL);
    key->signer = es_signer_create(&key->key, p);
    key->kid = es_slice_of("one");
    issuer->leeway = APR_USEC_PER_SEC;
    return issuer;
}

static const char *part_of(es_slice_t bytes, apr_pool_t *p)
{
    return es_base64_encode_url(bytes, p);
}

static char *signed_by(const es_issuer_t *issuer, es_slice_t header,
                       es_slice_t claims, apr_pool_t *p)
{
    const char *text =
        apr_pstrcat(p, part_of(header, p), ".", part_of(claims, p), NULL);
    const es_set_key_t *key =
        &APR_ARRAY_IDX(issuer->keys.keys, 0, es_set_key_t);
    es_slice_t signature;

    PROMISE(es_signer_sign(&signature, key->signer, es_slice_of(text), p));
    return apr_pstrcat(p, text, ".", part_of(signature, p), NULL);
}

static int verify(es_token_t *token, const char *text,
                  const es_issuer_t *issuer, apr_pool_t *p)
{
    apr_array_header_t *issuers = apr_array_make(p, 1, sizeof(es_issuer_t *));
    const char *why = NULL, *at;

    APR_ARRAY_PUSH(issuers, const es_issuer_t *) = issuer;
    if (es_token_verify(token, fuzz_exact(es_slice_of(text), p), issuers, NOW,
                        &why, p)) {
        return 1;
    }
    PROMISE(why != NULL && strchr(why, ':') != NULL);
    for (at = why; *at; at++) {
        PROMISE(*at >= 0x20 && *at < 0x7f && *at != '"' && *at != '\\');
    }
    return 0;
}

/* As another reader has them. */
static void check_json(es_slice_t header, es_slice_t claims,
                       const es_token_t *token)
{
    json_t *one =
        json_loadb(header.data, header.len, JSON_REJECT_DUPLICATES, NULL);
    json_t *two =
        json_loadb(claims.data, claims.len, JSON_REJECT_DUPLICATES, NULL);
    const char *alg = json_string_value(json_object_get(one, "alg"));
    const char *sub = json_string_value(json_object_get(two, "sub"));
    const json_t *exp = json_object_get(two, "exp");

    PROMISE(json_is_object(one) && json_is_object(two));
    PROMISE(alg && !strcmp(alg, "HS256"));
    PROMISE(!json_object_get(one, "crit"));
    PROMISE(!json_object_get(two, "aud"));
    PROMISE(es_slice_is(token->sub, sub ? sub : ""));
    PROMISE(!exp ||
            (json_is_integer(exp) &&
             apr_time_from_sec(json_integer_value(exp)) + APR_USEC_PER_SEC ==
                 token->expires));
    PROMISE(exp || token->expires == 0);
    json_decref(one);
    json_decref(two);
}

static void check_token(const es_token_t *token, es_slice_t name)
{
    es_slice_t none = {NULL, 0};
    int right;

    PROMISE(token->sub.len <= ES_TOKEN_NAME_MAX);
    PROMISE(token->jti.len <= ES_TOKEN_NAME_MAX);
    PROMISE(es_utf8_is_valid(token->sub) && es_utf8_is_valid(token->jti));
    PROMISE(token->expires == 0 || token->expires > NOW);
    PROMISE(token->subscribe->nelts <= ES_TOKEN_TOPICS_MAX);
    PROMISE(token->publish->nelts <= ES_TOKEN_TOPICS_MAX);
    for (right = ES_RIGHT_SUBSCRIBE; right <= ES_RIGHT_CONTROL; right++) {
        PROMISE(!es_token_admits(token, right, name) ||
                es_token_has(token, right));
        PROMISE(!es_token_admits(token, right, none));
    }
    PROMISE(!es_token_admits(token, ES_RIGHT_CONTROL, name) ||
            es_token_admits(token, ES_RIGHT_SUBSCRIBE, name) ||
            es_token_admits(token, ES_RIGHT_PUBLISH, name));
}

/* One bit of a byte that is chosen by what was sent. */
static void check_changed(const char *text, apr_size_t seed,
                          const es_issuer_t *issuer, apr_pool_t *p)
{
    char *changed = apr_pstrdup(p, text);
    es_token_t token;

    changed[seed % strlen(text)] ^= 1 << seed % 5;
    PROMISE(!verify(&token, changed, issuer, p));
    changed = apr_pstrdup(p, text);
    strrchr(changed, '.')[1] = '\0';
    PROMISE(!verify(&token, changed, issuer, p));
}

FUZZ(text, p)
{
    const es_issuer_t *issuer = issuer_of(SECRET, p);
    const es_issuer_t *other = issuer_of(OTHER, p);
    const char *raw = fuzz_string(text, p), *sent;
    apr_size_t seed = text.len;
    es_slice_t header = fuzz_exact(fuzz_line(&text), p);
    es_slice_t claims = fuzz_exact(fuzz_line(&text), p);
    es_slice_t name = fuzz_exact(text, p);
    es_token_t token;

    PROMISE(!verify(&token, raw, issuer, p));
    sent = signed_by(issuer, header, claims, p);
    if (verify(&token, sent, issuer, p)) {
        PROMISE(strlen(sent) <= ES_TOKEN_MAX);
        check_json(header, claims, &token);
        check_token(&token, name);
        check_changed(sent, seed + name.len, issuer, p);
        PROMISE(!verify(&token, sent, other, p));
    }
}
