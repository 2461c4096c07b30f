/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventstream-token: make a token of EventStreamToken in a shell, or show one
 * and tell why httpd would refuse it. It reads keys and checks tokens by the
 * same code as the module.
 */
#include <stdio.h>
#include <stdlib.h>

#include <apr_file_info.h>
#include <apr_general.h>
#include <apr_strings.h>
#include <jansson.h>

#include "base/base64.h"
#include "token/token.h"
#include "tools/token_options.h"
#include "tools/token_show.h"

#define EXPIRES_PRESET apr_time_from_sec(3600)
#define ALL_KINDS ((1u << ES_KEY_KINDS) - 1)

/* ---- Keys ---------------------------------------------------------------- */

static int load(es_key_set_t *set, const et_token_options_t *options,
                apr_pool_t *p)
{
    char *root = NULL;
    es_key_set_params_t params = {options->key, NULL, options->is_jwks,
                                  ALL_KINDS};
    const char *err;

    apr_filepath_get(&root, APR_FILEPATH_NATIVE, p);
    params.root = root;
    err = es_key_set_load(set, &params, p);
    if (err) {
        et_token_options_complain("the key %s", err);
    }
    return err == NULL;
}

/* ---- Claims -------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *value)
{
    if (value) {
        json_object_set_new(object, name, json_string(value));
    }
}

static json_t *list_of(const apr_array_header_t *texts)
{
    json_t *list = json_array();
    int i;

    for (i = 0; i < texts->nelts; i++) {
        json_array_append_new(
            list, json_string(APR_ARRAY_IDX(texts, i, const char *)));
    }
    return list;
}

static void set_list(json_t *object, const char *name,
                     const apr_array_header_t *texts)
{
    if (texts->nelts > 0) {
        json_object_set_new(object, name, list_of(texts));
    }
}

static json_t *grants_of(const et_token_options_t *options)
{
    json_t *grants = json_object();

    set_list(grants, "subscribe", options->subscribe);
    set_list(grants, "publish", options->publish);
    if (options->control) {
        json_object_set_new(grants, "control", json_true());
    }
    return grants;
}

static void set_times(json_t *claims, apr_interval_time_t expires, int has_end)
{
    apr_int64_t now = apr_time_sec(apr_time_now());

    json_object_set_new(claims, "iat", json_integer(now));
    if (has_end) {
        json_object_set_new(claims, "exp",
                            json_integer(now + apr_time_sec(expires)));
    }
}

/* @return NULL: a time is none */
static json_t *claims_of(const et_token_options_t *options)
{
    apr_interval_time_t expires = EXPIRES_PRESET;
    int has_end = !options->expires || strcmp(options->expires, "none");
    json_t *claims;

    if (options->expires && has_end &&
        !et_token_options_time(&expires, options->expires)) {
        et_token_options_complain("--expires takes a time such as 30s, 5min, "
                                  "1h or 7d, or none");
        return NULL;
    }
    claims = json_object();
    set_text(claims, "iss", options->iss);
    set_text(claims, "sub", options->user);
    set_text(claims, "jti", options->jti);
    if (options->aud->nelts == 1) {
        set_text(claims, "aud", APR_ARRAY_IDX(options->aud, 0, const char *));
    }
    else {
        set_list(claims, "aud", options->aud);
    }
    set_times(claims, expires, has_end);
    json_object_set_new(claims, options->is_mercure ? "mercure" : "eventstream",
                        grants_of(options));
    return claims;
}

/* ---- The token ----------------------------------------------------------- */

/* Frees json. @return NULL: no memory */
static const char *encode(json_t *json, apr_pool_t *p)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);
    const char *part = text ? es_base64_encode_url(es_slice_of(text), p) : NULL;

    free(text);
    json_decref(json);
    return part;
}

static const char *header_of(const et_token_options_t *options,
                             const es_set_key_t *key, apr_pool_t *p)
{
    json_t *header = json_object();

    set_text(header, "alg", es_key_alg(key->key.kind));
    set_text(header, "typ", "JWT");
    if (options->kid) {
        set_text(header, "kid", options->kid);
    }
    else if (key->kid.len != 0) {
        set_text(header, "kid", apr_pstrmemdup(p, key->kid.data, key->kid.len));
    }
    return encode(header, p);
}

static int print_signed(const es_set_key_t *key, const char *header,
                        const char *claims, apr_pool_t *p)
{
    const char *text = apr_pstrcat(p, header, ".", claims, NULL);
    es_slice_t signature;
    apr_size_t size;

    if (!es_signer_sign(&signature, key->signer, es_slice_of(text), p)) {
        et_token_options_complain("the key is a public one, and cannot sign");
        return ET_TOKEN_USAGE;
    }
    text = apr_pstrcat(p, text, ".", es_base64_encode_url(signature, p), NULL);
    size = strlen(text);
    if (size > ES_TOKEN_MAX) {
        et_token_options_complain("the token would have %lu bytes; 8192 are "
                                  "the most",
                                  (unsigned long)size);
        return ET_TOKEN_USAGE;
    }
    puts(text);
    return ET_TOKEN_OK;
}

static int make(const et_token_options_t *options, apr_pool_t *p)
{
    es_key_set_t set;
    const es_set_key_t *key;
    const char *header, *claims;
    json_t *json;

    if (!load(&set, options, p)) {
        return ET_TOKEN_USAGE;
    }
    key = &APR_ARRAY_IDX(set.keys, 0, const es_set_key_t);
    json = claims_of(options);
    if (!json) {
        return ET_TOKEN_USAGE;
    }
    header = header_of(options, key, p);
    claims = encode(json, p);
    if (!header || !claims) {
        et_token_options_complain("no memory");
        return ET_TOKEN_USAGE;
    }
    return print_signed(key, header, claims, p);
}

/* ---- Showing ------------------------------------------------------------- */

/* @return 0: complained */
static int read_rule(es_issuer_t *issuer, const et_token_options_t *options,
                     apr_pool_t *p)
{
    memset(issuer, 0, sizeof(*issuer));
    issuer->iss = options->iss;
    issuer->aud = options->aud->nelts > 0
                      ? APR_ARRAY_IDX(options->aud, 0, const char *)
                      : NULL;
    issuer->leeway = apr_time_from_sec(10);
    if (options->leeway &&
        !et_token_options_time(&issuer->leeway, options->leeway)) {
        et_token_options_complain("--leeway takes a time such as 10s");
        return 0;
    }
    return !options->key || load(&issuer->keys, options, p);
}

static const char *read_token(const et_token_options_t *options, apr_pool_t *p)
{
    char line[ES_TOKEN_MAX * 2];
    size_t len;

    if (options->token) {
        return options->token;
    }
    len = fread(line, 1, sizeof(line) - 1, stdin);
    while (len > 0 && strchr(" \t\r\n", line[len - 1])) {
        len--;
    }
    return apr_pstrmemdup(p, line, len);
}

static int show(const et_token_options_t *options, apr_pool_t *p)
{
    es_issuer_t issuer;

    if (!read_rule(&issuer, options, p)) {
        return ET_TOKEN_USAGE;
    }
    return et_token_show(es_slice_of(read_token(options, p)),
                         options->key ? &issuer : NULL, p)
               ? ET_TOKEN_OK
               : ET_TOKEN_REFUSED;
}

int main(int argc, char **argv)
{
    et_token_options_t options;
    apr_pool_t *pool;
    int status;

    if (apr_initialize() != APR_SUCCESS) {
        et_token_options_complain("cannot start");
        return ET_TOKEN_USAGE;
    }
    atexit(apr_terminate);
    apr_pool_create(&pool, NULL);
    if (et_token_options_read(&options, argc, argv, pool, &status)) {
        status = options.shows ? show(&options, pool) : make(&options, pool);
    }
    return status;
}
