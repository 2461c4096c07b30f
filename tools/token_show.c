/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown comes from anywhere: jansson writes control characters as
 * \uXXXX, so that nothing acts on the terminal. */
#include "tools/token_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <apr_strings.h>
#include <jansson.h>

#include "base/base64.h"

/* ---- Parts --------------------------------------------------------------- */

/* The part of a token with this number, from 0. @return NULL: there is none */
static json_t *part_of(es_slice_t token, int number, apr_pool_t *p)
{
    const char *end = token.data + token.len;
    const char *at = token.data, *dot = NULL;
    es_slice_t json;
    int i;

    for (i = 0; i <= number && at; i++) {
        dot = memchr(at, '.', (size_t)(end - at));
        if (i < number) {
            at = dot ? dot + 1 : NULL;
        }
    }
    if (!at || !es_base64_decode(
                   &json, es_slice(at, (apr_size_t)((dot ? dot : end) - at)),
                   ES_BASE64_URL, p)) {
        return NULL;
    }
    return json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
}

static void print_part(const char *name, const json_t *part)
{
    char *text = part ? json_dumps(part, JSON_INDENT(2) | JSON_ENSURE_ASCII |
                                             JSON_PRESERVE_ORDER)
                      : NULL;

    printf("%s: %s\n", name, text ? text : "(no JSON)");
    free(text);
}

static void print_time(const json_t *claims, const char *name)
{
    const json_t *value = json_object_get(claims, name);
    time_t seconds = (time_t)json_integer_value(value);
    char text[64];
    struct tm parts;

    if (!json_is_integer(value) || !gmtime_r(&seconds, &parts) ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
        return;
    }
    printf("%s: %s\n", name, text);
}

/* ---- The result ---------------------------------------------------------- */

/* What to do, by the first word of the reason. */
static const struct {
    const char *word;
    const char *advice;
} advices[] = {
    {"form:", "Send the token as its issuer made it: three parts with dots in "
              "between, no quotes, no line ends."},
    {"header:", "The issuer must make a signed token (JWS)."},
    {"typ:", "This is a token for another purpose, as for logouts."},
    {"alg:", "The issuer must sign with one of these."},
    {"crit:", "The issuer must make tokens without extensions."},
    {"b64:", "The issuer must make tokens without extensions."},
    {"zip:", "The issuer must make tokens without extensions."},
    {"kid:", "The key of the issuer is another one, or of another kind: get "
             "its keys again (jwks), or compare alg with the key."},
    {"signature:", "The key is another one than the issuer's."},
    {"claims:", "The issuer must make JSON with each name once."},
    {"exp:", "Get a new token; or the clock of the server is wrong."},
    {"nbf:", "The clocks of issuer and server differ: correct them, or raise "
             "leeway=."},
    {"iat:", "The clocks of issuer and server differ: correct them, or raise "
             "leeway=."},
    {"aud:", "Set aud= to what the token has, if it is meant for this server."},
    {"iss:", "Set iss= to what the token has, if that is your issuer."},
    {"eventstream:", "The claim is {\"subscribe\": [\"room-*\"], \"publish\": "
                     "[], \"control\": false}."},
    {"mercure:", "The claim is {\"subscribe\": [\"*\"], \"publish\": []}."},
    {"sub:", "The name must be a text of up to 255 bytes."},
    {"jti:", "The name must be a text of up to 255 bytes."},
};

static void print_advice(const char *why)
{
    size_t i;

    for (i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
        if (!strncmp(why, advices[i].word, strlen(advices[i].word))) {
            puts(advices[i].advice);
        }
    }
}

/* Names are shown as the JSON that they came in, above. */
static void print_rights(const es_token_t *token)
{
    if (token->subscribe->nelts == 0 && token->publish->nelts == 0) {
        puts("It grants no channel.");
    }
    if (token->expires == 0) {
        puts("It has no exp: it is valid until its key is removed.");
    }
    if (token->sub.len == 0) {
        puts("It has no sub: there is no user.");
    }
}

int et_token_show(es_slice_t token, const es_issuer_t *issuer, apr_pool_t *p)
{
    apr_array_header_t *issuers =
        apr_array_make(p, 1, sizeof(const es_issuer_t *));
    json_t *header = part_of(token, 0, p), *claims = part_of(token, 1, p);
    es_token_t checked;
    const char *why = NULL;

    print_part("header", header);
    print_part("claims", claims);
    print_time(claims, "iat");
    print_time(claims, "nbf");
    print_time(claims, "exp");
    json_decref(header);
    json_decref(claims);
    if (!issuer) {
        puts("not checked: there is no --key");
        return 1;
    }
    APR_ARRAY_PUSH(issuers, const es_issuer_t *) = issuer;
    if (!es_token_verify(&checked, token, issuers, apr_time_now(), &why, p)) {
        printf("refused: %s\n", why);
        print_advice(why);
        return 0;
    }
    puts("valid");
    print_rights(&checked);
    return 1;
}
