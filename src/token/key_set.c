/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text that begins with a brace is JSON, and nothing else is tried: a JWK Set
 * with a mistake in it is often readable by everyone, and must not become a
 * secret.
 */
#include "token/key_set.h"

#include <stdlib.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <jansson.h>

#include "base/utf8.h"
#include "token/key_file.h"
#include "token/pem.h"

typedef struct reader_t {
    es_key_set_t *set;
    const es_key_set_params_t *params;
    apr_pool_t *p;
} reader_t;

/* ---- A key ------------------------------------------------------------- */

static const char *check(const es_key_t *key)
{
    return key->kind == ES_KEY_SECRET && key->checks.len < ES_KEY_SECRET_MIN
               ? "is a secret of less than 32 bytes (openssl rand -hex 32 "
                 "makes one)"
               : NULL;
}

/* @return NULL, or why there is no such key */
static const char *add(reader_t *reader, es_slice_t text, es_slice_t kid)
{
    es_set_key_t *added;
    es_key_t *key = apr_palloc(reader->p, sizeof(*key));
    const char *err = es_key_parse(key, text, reader->p);
    const es_signer_t *signer;

    err = err ? err : check(key);
    if (err) {
        return err;
    }
    if (!(reader->params->kinds & 1u << key->kind)) {
        return apr_psprintf(reader->p, "is for %s, which alg= does not name",
                            es_key_alg(key->kind));
    }
    signer = es_signer_create(key, reader->p);
    if (!signer) {
        return "cannot be used as a key";
    }
    added = apr_array_push(reader->set->keys);
    added->key = *key;
    added->signer = signer;
    added->kid = kid;
    return NULL;
}

/* ---- JSON -------------------------------------------------------------- */

static int has_operation(const json_t *operations, const char *name)
{
    size_t i;

    for (i = 0; i < json_array_size(operations); i++) {
        const char *one = json_string_value(json_array_get(operations, i));

        if (one && !strcmp(one, name)) {
            return 1;
        }
    }
    return 0;
}

/* A key is for what its members say: RFC 7517, section 4. */
static const char *check_use(const json_t *jwk)
{
    const char *use = json_string_value(json_object_get(jwk, "use"));
    const json_t *operations = json_object_get(jwk, "key_ops");
    const char *alg = json_string_value(json_object_get(jwk, "alg"));
    es_key_kind_t kind;

    if (use && strcmp(use, "sig") != 0) {
        return "is not for signatures (use)";
    }
    if (operations && !has_operation(operations, "verify")) {
        return "is not for verification (key_ops)";
    }
    if (alg && !es_key_kind_of_alg(&kind, es_slice_of(alg))) {
        return "has an alg other than HS256, RS256, ES256 and EdDSA";
    }
    return NULL;
}

static const char *read_kid(es_slice_t *kid, const json_t *jwk, apr_pool_t *p)
{
    const json_t *value = json_object_get(jwk, "kid");
    const char *text = json_string_value(value);

    *kid = es_slice_of(text ? apr_pstrdup(p, text) : NULL);
    if (value && (kid->len == 0 || kid->len > ES_KEY_KID_MAX)) {
        return "has a kid that is no text of 1 to 255 bytes";
    }
    return NULL;
}

static const char *check_alg(reader_t *reader, const json_t *jwk)
{
    const char *alg = json_string_value(json_object_get(jwk, "alg"));
    const es_set_key_t *added = &APR_ARRAY_IDX(
        reader->set->keys, reader->set->keys->nelts - 1, const es_set_key_t);

    if (!alg || !strcmp(alg, es_key_alg(added->key.kind))) {
        return NULL;
    }
    apr_array_pop(reader->set->keys);
    return "has an alg that does not fit its kty";
}

static const char *add_jwk(reader_t *reader, const json_t *jwk)
{
    es_slice_t kid;
    const char *err = check_use(jwk);
    char *text;

    err = err ? err : read_kid(&kid, jwk, reader->p);
    if (err) {
        return err;
    }
    if (!json_is_string(json_object_get(jwk, "kty"))) {
        return "has no kty";
    }
    text = json_dumps(jwk, JSON_COMPACT);
    if (!text) {
        return "cannot be used as a key";
    }
    err = add(reader, es_slice_of(apr_pstrdup(reader->p, text)), kid);
    free(text);
    return err ? err : check_alg(reader, jwk);
}

static void lose(reader_t *reader, int number, const char *why)
{
    APR_ARRAY_PUSH(reader->set->lost, const char *) =
        apr_psprintf(reader->p, "key %d %s", number, why);
}

static const char *add_jwks(reader_t *reader, const json_t *keys)
{
    size_t i;

    for (i = 0; i < json_array_size(keys); i++) {
        const char *why;

        if (reader->set->keys->nelts == ES_KEY_SET_MAX) {
            return "has more than 16 keys";
        }
        why = add_jwk(reader, json_array_get(keys, i));
        if (why) {
            lose(reader, (int)i + 1, why);
        }
    }
    if (reader->set->keys->nelts > 0) {
        return NULL;
    }
    return reader->set->lost->nelts == 0
               ? "has no key"
               : apr_pstrcat(reader->p, "has no key that can be used: ",
                             APR_ARRAY_IDX(reader->set->lost, 0, const char *),
                             NULL);
}

static const char *read_json(reader_t *reader, es_slice_t text)
{
    json_t *json =
        json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *keys = json_object_get(json, "keys");
    const char *err;

    if (!json) {
        return "begins with a brace and is not JSON";
    }
    err = json_is_array(keys) ? add_jwks(reader, keys) : add_jwk(reader, json);
    json_decref(json);
    return err;
}

/* ---- The file ---------------------------------------------------------- */

/* What begins as PEM or JSON does may have blanks, or a text, before it. */
static es_slice_t find_start(es_slice_t text)
{
    apr_size_t i, blanks;

    text = es_utf8_without_mark(text);
    for (i = 0; i < text.len; i++) {
        es_slice_t rest = es_slice(text.data + i, text.len - i);

        if (es_pem_is(rest)) {
            return rest;
        }
    }
    for (blanks = 0; blanks < text.len && apr_isspace(text.data[blanks]);
         blanks++) {
    }
    return blanks < text.len && text.data[blanks] == '{'
               ? es_slice(text.data + blanks, text.len - blanks)
               : text;
}

static const char *read_text(reader_t *reader, es_slice_t content)
{
    es_slice_t text = find_start(content);

    if (text.len == 0) {
        return "is empty";
    }
    if (text.data[0] == '{') {
        return read_json(reader, text);
    }
    if (reader->params->is_jwks) {
        return "is not JSON";
    }
    return add(reader, text, es_slice(NULL, 0));
}

static int has_secret(const es_key_set_t *set)
{
    int i;

    for (i = 0; i < set->keys->nelts; i++) {
        if (APR_ARRAY_IDX(set->keys, i, es_set_key_t).key.signs.len != 0) {
            return 1;
        }
    }
    return 0;
}

const char *es_key_set_load(es_key_set_t *set,
                            const es_key_set_params_t *params, apr_pool_t *p)
{
    reader_t reader = {set, params, p};
    es_key_file_t file = {0};
    const char *err = es_key_file_load(&file, params->path, params->root, p);

    set->keys = apr_array_make(p, 1, sizeof(es_set_key_t));
    set->lost = apr_array_make(p, 1, sizeof(const char *));
    if (err) {
        return err;
    }
    err = read_text(&reader, file.content);
    if (!err && file.is_public && has_secret(set)) {
        err = "is readable by all users (chmod o-rwx)";
    }
    return err ? es_key_file_complain(&file, p, err) : NULL;
}
