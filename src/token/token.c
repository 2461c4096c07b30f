/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All is parsed before the signature is checked, since a reason that is found
 * early costs least; nothing that was parsed counts before the signature is
 * right. A text has at most 8 KB, and so few keys fit its alg and kid that the
 * time for a wrong one is bounded.
 */
#include "token/token.h"

#include "base/base64.h"
#include "token/claims.h"

/* A token in its parts. */
typedef struct parts_t {
    es_slice_t signed_text; /* header.claims, as they were sent */
    es_slice_t header;      /* decoded, as the next two */
    es_slice_t claims;
    es_slice_t signature;
} parts_t;

/* ---- Form ---------------------------------------------------------------- */

static int count_dots(es_slice_t text)
{
    int dots = 0;
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        dots += text.data[i] == '.';
    }
    return dots;
}

/* Takes what is before the next dot off the text. */
static int take_part(es_slice_t *out, es_slice_t *text, apr_pool_t *p)
{
    const char *dot = memchr(text->data, '.', text->len);
    es_slice_t part =
        es_slice(text->data, dot ? (apr_size_t)(dot - text->data) : text->len);
    apr_size_t used = part.len + (dot != NULL);

    *text = es_slice(text->data + used, text->len - used);
    return es_base64_decode(out, part, ES_BASE64_URL, p);
}

static const char *split(parts_t *parts, es_slice_t text, apr_pool_t *p)
{
    es_slice_t rest = text;
    int dots;

    if (text.len == 0) {
        return "form: the token is empty";
    }
    if (text.len > ES_TOKEN_MAX) {
        return "form: the token is longer than 8192 bytes";
    }
    dots = count_dots(text);
    if (dots == 4) {
        return "form: the token has five parts (JWE); it must be signed, not "
               "encrypted";
    }
    if (dots != 2) {
        return "form: the token has not three parts";
    }
    if (!take_part(&parts->header, &rest, p) ||
        !take_part(&parts->claims, &rest, p)) {
        return "form: a part of the token is not base64url";
    }
    parts->signed_text =
        es_slice(text.data, (apr_size_t)(rest.data - text.data) - 1);
    if (rest.len == 0) {
        return "form: the token is not signed";
    }
    return take_part(&parts->signature, &rest, p)
               ? NULL
               : "form: a part of the token is not base64url";
}

/* ---- Keys ---------------------------------------------------------------- */

typedef struct check_t {
    const es_claims_header_t *header;
    const parts_t *parts;
    const es_claims_t *claims;
    apr_time_t now;
    const char *why;
    int is_signed; /* by a key, so why tells of a claim */
    apr_pool_t *p;
} check_t;

static int fits(const es_set_key_t *key, const es_claims_header_t *header)
{
    return key->key.kind == header->kind &&
           (!header->has_kid || key->kid.len == 0 ||
            es_slice_equal(key->kid, header->kid));
}

static int is_signed_with(check_t *check, const es_issuer_t *issuer)
{
    int i;

    for (i = 0; i < issuer->keys.keys->nelts; i++) {
        const es_set_key_t *key =
            &APR_ARRAY_IDX(issuer->keys.keys, i, const es_set_key_t);

        if (!fits(key, check->header)) {
            continue;
        }
        if (es_signer_verifies(key->signer, check->parts->signed_text,
                               check->parts->signature)) {
            return 1;
        }
        if (!check->is_signed) {
            check->why = "signature: it was not made with a key of "
                         "EventStreamToken";
        }
    }
    return 0;
}

/* Several issuers may have one key, and differ in iss. */
static int find_issuer(es_token_t *out, check_t *check,
                       const apr_array_header_t *issuers)
{
    int i;

    check->why = "kid: no key of EventStreamToken has this alg and kid";
    for (i = 0; i < issuers->nelts; i++) {
        const es_issuer_t *issuer =
            APR_ARRAY_IDX(issuers, i, const es_issuer_t *);

        if (!is_signed_with(check, issuer)) {
            continue;
        }
        check->is_signed = 1;
        if (es_claims_check(out, check->claims, issuer, check->now, &check->why,
                            check->p)) {
            return 1;
        }
    }
    return 0;
}

/* ---- The token ----------------------------------------------------------- */

int es_token_verify(es_token_t *out, es_slice_t text,
                    const apr_array_header_t *issuers, apr_time_t now,
                    const char **why, apr_pool_t *p)
{
    parts_t parts;
    es_claims_header_t header;
    check_t check = {.header = &header, .parts = &parts, .now = now, .p = p};

    *why = split(&parts, text, p);
    if (*why || !es_claims_header(&header, parts.header, why, p)) {
        return 0;
    }
    check.claims = es_claims_parse(parts.claims, why, p);
    if (!check.claims) {
        return 0;
    }
    if (!find_issuer(out, &check, issuers)) {
        *why = check.why;
        return 0;
    }
    return 1;
}

static int matches(const apr_array_header_t *topics, es_slice_t name)
{
    int i;

    for (i = 0; i < topics->nelts; i++) {
        if (es_topic_matches(&APR_ARRAY_IDX(topics, i, const es_topic_t),
                             name)) {
            return 1;
        }
    }
    return 0;
}

int es_token_has(const es_token_t *token, es_right_t right)
{
    switch (right) {
    case ES_RIGHT_SUBSCRIBE: return token->subscribe->nelts > 0;
    case ES_RIGHT_PUBLISH: return token->publish->nelts > 0;
    default: return token->control;
    }
}

int es_token_admits(const es_token_t *token, es_right_t right, es_slice_t name)
{
    switch (right) {
    case ES_RIGHT_SUBSCRIBE: return matches(token->subscribe, name);
    case ES_RIGHT_PUBLISH: return matches(token->publish, name);
    default:
        return token->control && (matches(token->publish, name) ||
                                  matches(token->subscribe, name));
    }
}

static int has_all(const apr_array_header_t *topics)
{
    int i;

    for (i = 0; i < topics->nelts; i++) {
        if (es_slice_is(APR_ARRAY_IDX(topics, i, es_topic_t).text, "*")) {
            return 1;
        }
    }
    return 0;
}

int es_token_admits_all(const es_token_t *token, es_right_t right)
{
    switch (right) {
    case ES_RIGHT_SUBSCRIBE: return has_all(token->subscribe);
    case ES_RIGHT_PUBLISH: return has_all(token->publish);
    default:
        return token->control &&
               (has_all(token->publish) || has_all(token->subscribe));
    }
}
