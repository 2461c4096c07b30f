/* SPDX-License-Identifier: Apache-2.0 */
/* jansson refuses duplicate names, NUL, bytes that are not UTF-8, and numbers
 * out of range. What nests deeper than any token does is refused before it. */
#include "token/claims.h"

#include <apr_strings.h>
#include <jansson.h>

struct es_claims_t {
    json_t *json;
};

/* A time far from now (the year 9999), so that no arithmetic overflows. */
#define SECONDS_MAX APR_INT64_C(253402300799)

static int fail(const char **why, const char *what)
{
    *why = what;
    return 0;
}

/* ---- JSON ---------------------------------------------------------------- */

/* The deepest nesting of brackets outside of strings. */
static int depth_of(es_slice_t json)
{
    int depth = 0, deepest = 0, in_string = 0;
    apr_size_t i;

    for (i = 0; i < json.len; i++) {
        char c = json.data[i];

        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        }
        else if (c == '"') {
            in_string = 1;
        }
        else if (c == '{' || c == '[') {
            deepest = ++depth > deepest ? depth : deepest;
        }
        else {
            depth -= c == '}' || c == ']';
        }
    }
    return deepest;
}

static apr_status_t release(void *json)
{
    json_decref(json);
    return APR_SUCCESS;
}

/* @return NULL: it is not an object; it lives as long as p */
static json_t *parse(es_slice_t text, json_error_t *error, apr_pool_t *p)
{
    json_t *json = NULL;

    memset(error, 0, sizeof(*error));
    if (depth_of(text) <= ES_TOKEN_DEPTH_MAX) {
        json = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, error);
    }
    if (json) {
        apr_pool_cleanup_register(p, json, release, apr_pool_cleanup_null);
    }
    return json_is_object(json) ? json : NULL;
}

static es_slice_t text_of(const json_t *value)
{
    return es_slice(json_string_value(value), json_string_length(value));
}

/* ---- The header ---------------------------------------------------------- */

static int is_type(const json_t *typ)
{
    const char *text = json_string_value(typ);

    if (!typ) {
        return 1;
    }
    if (text && !strncasecmp(text, "application/", 12)) {
        text += 12;
    }
    return text && (!strcasecmp(text, "JWT") || !strcasecmp(text, "at+jwt"));
}

static const char *check_header(const json_t *header)
{
    if (json_object_get(header, "enc")) {
        return "header: the token is encrypted (JWE), not signed";
    }
    if (json_object_get(header, "crit")) {
        return "crit: the header has extensions that are not known here";
    }
    if (json_object_get(header, "zip")) {
        return "zip: the token is compressed";
    }
    if (json_object_get(header, "b64")) {
        return "b64: the header has this member";
    }
    if (!is_type(json_object_get(header, "typ"))) {
        return "typ: it is neither JWT nor at+jwt";
    }
    return NULL;
}

int es_claims_header(es_claims_header_t *out, es_slice_t text, const char **why,
                     apr_pool_t *p)
{
    json_error_t error;
    json_t *header = parse(text, &error, p);
    const json_t *kid = json_object_get(header, "kid");

    if (!header) {
        return fail(why, "header: it is not a JSON object, or one with "
                         "duplicate names");
    }
    *why = check_header(header);
    if (*why) {
        return 0;
    }
    if (!es_key_kind_of_alg(&out->kind,
                            text_of(json_object_get(header, "alg")))) {
        return fail(why, "alg: it is none of HS256, RS256, ES256 and EdDSA");
    }
    if (kid && (!json_is_string(kid) || json_string_length(kid) == 0 ||
                json_string_length(kid) > ES_KEY_KID_MAX)) {
        return fail(why, "kid: it is no text of 1 to 255 bytes");
    }
    out->has_kid = kid != NULL;
    out->kid = text_of(kid);
    return 1;
}

/* ---- Times --------------------------------------------------------------- */

/* The reasons of a claim. */
typedef struct time_claim_t {
    const char *name;
    const char *not_whole;
    const char *too_early; /* NULL = the claim may be later than now */
} time_claim_t;

static const time_claim_t exp_claim = {
    "exp", "exp: it is not a whole number of seconds", NULL};
static const time_claim_t nbf_claim = {
    "nbf", "nbf: it is not a whole number of seconds",
    "nbf: the token is not valid yet"};
static const time_claim_t iat_claim = {
    "iat", "iat: it is not a whole number of seconds",
    "iat: the token was issued in the future"};

/* @param seconds  -1 = there is no such claim */
static int read_time(apr_int64_t *seconds, const json_t *claims,
                     const time_claim_t *claim, const char **why)
{
    const json_t *value = json_object_get(claims, claim->name);

    *seconds = -1;
    if (!value) {
        return 1;
    }
    *seconds = json_integer_value(value);
    return (json_is_integer(value) && *seconds >= 0 &&
            *seconds <= SECONDS_MAX) ||
           fail(why, claim->not_whole);
}

/* nbf and iat */
static int check_begin(const json_t *claims, const time_claim_t *claim,
                       apr_time_t latest, const char **why)
{
    apr_int64_t seconds;

    return read_time(&seconds, claims, claim, why) &&
           (seconds < 0 || apr_time_from_sec(seconds) <= latest ||
            fail(why, claim->too_early));
}

static int check_times(es_token_t *out, const json_t *claims,
                       apr_interval_time_t leeway, apr_time_t now,
                       const char **why)
{
    apr_int64_t exp;

    if (!read_time(&exp, claims, &exp_claim, why) ||
        !check_begin(claims, &nbf_claim, now + leeway, why) ||
        !check_begin(claims, &iat_claim, now + leeway, why)) {
        return 0;
    }
    out->expires = exp < 0 ? 0 : apr_time_from_sec(exp) + leeway;
    return exp < 0 || now < out->expires ||
           fail(why, "exp: the token has expired");
}

/* ---- Who it is from, and for --------------------------------------------- */

static int is_text(const json_t *value, const char *text)
{
    return json_is_string(value) && !strcmp(json_string_value(value), text);
}

static int has_audience(const json_t *aud, const char *audience)
{
    size_t i;

    for (i = 0; i < json_array_size(aud); i++) {
        if (is_text(json_array_get(aud, i), audience)) {
            return 1;
        }
    }
    return is_text(aud, audience);
}

/* RFC 7519, section 4.1.3: who is not named by aud must refuse the token. */
static int check_audience(const json_t *claims, const es_issuer_t *issuer,
                          const char **why)
{
    const json_t *aud = json_object_get(claims, "aud");

    if (!issuer->aud) {
        return !aud || fail(why, "aud: the token has one, and "
                                 "EventStreamToken has no aud=");
    }
    if (!aud) {
        return fail(why, "aud: the token has none");
    }
    return has_audience(aud, issuer->aud) ||
           fail(why, "aud: it is not the one of EventStreamToken");
}

static int check_issuer(const json_t *claims, const es_issuer_t *issuer,
                        const char **why)
{
    return !issuer->iss ||
           is_text(json_object_get(claims, "iss"), issuer->iss) ||
           fail(why, "iss: it is not the one of EventStreamToken");
}

static int is_name(es_slice_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f) {
            return 0;
        }
    }
    return text.len <= ES_TOKEN_NAME_MAX;
}

static int read_name(es_slice_t *out, const json_t *value)
{
    *out = text_of(value);
    return !value || (json_is_string(value) && is_name(*out));
}

/* ---- Channels ------------------------------------------------------------ */

static int add_topics(apr_array_header_t *topics, const json_t *list,
                      int is_selector)
{
    size_t i;

    if (list && !json_is_array(list)) {
        return 0;
    }
    for (i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        es_topic_t *topic;

        if (!json_is_string(value) ||
            json_string_length(value) > ES_TOPIC_MAX ||
            topics->nelts == ES_TOKEN_TOPICS_MAX) {
            return 0;
        }
        topic = apr_array_push(topics);
        topic->text = text_of(value);
        topic->is_selector = is_selector;
    }
    return 1;
}

static int read_lists(apr_array_header_t *subscribe,
                      apr_array_header_t *publish, const json_t *claim,
                      int is_selector)
{
    return !claim || (json_is_object(claim) &&
                      add_topics(subscribe, json_object_get(claim, "subscribe"),
                                 is_selector) &&
                      add_topics(publish, json_object_get(claim, "publish"),
                                 is_selector));
}

static int read_grants(es_token_t *out, const json_t *claims, const char **why,
                       apr_pool_t *p)
{
    const json_t *own = json_object_get(claims, "eventstream");
    const json_t *control = json_object_get(own, "control");
    apr_array_header_t *subscribe = apr_array_make(p, 4, sizeof(es_topic_t));
    apr_array_header_t *publish = apr_array_make(p, 4, sizeof(es_topic_t));

    out->subscribe = subscribe;
    out->publish = publish;
    out->control = json_is_true(control);
    if (!read_lists(subscribe, publish, own, 0)) {
        return fail(why, "eventstream: subscribe and publish are not arrays of "
                         "up to 256 patterns");
    }
    if (control && !json_is_boolean(control)) {
        return fail(why, "eventstream: control is neither true nor false");
    }
    return read_lists(subscribe, publish, json_object_get(claims, "mercure"),
                      1) ||
           fail(why, "mercure: subscribe and publish are not arrays of up to "
                     "256 topic selectors");
}

/* ---- All ----------------------------------------------------------------- */

const es_claims_t *es_claims_parse(es_slice_t text, const char **why,
                                   apr_pool_t *p)
{
    json_error_t error;
    json_t *json = parse(text, &error, p);
    es_claims_t *claims;

    if (!json) {
        *why = json_error_code(&error) == json_error_numeric_overflow
                   ? "claims: a number is too large"
                   : "claims: they are not a JSON object, or one with "
                     "duplicate names";
        return NULL;
    }
    claims = apr_palloc(p, sizeof(*claims));
    claims->json = json;
    return claims;
}

int es_claims_check(es_token_t *out, const es_claims_t *claims,
                    const es_issuer_t *issuer, apr_time_t now, const char **why,
                    apr_pool_t *p)
{
    const json_t *json = claims->json;

    memset(out, 0, sizeof(*out));
    return check_issuer(json, issuer, why) &&
           check_audience(json, issuer, why) &&
           check_times(out, json, issuer->leeway, now, why) &&
           (read_name(&out->sub, json_object_get(json, "sub")) ||
            fail(why, "sub: it is no text of up to 255 bytes")) &&
           (read_name(&out->jti, json_object_get(json, "jti")) ||
            fail(why, "jti: it is no text of up to 255 bytes")) &&
           read_grants(out, json, why, p);
}
