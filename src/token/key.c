/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base64: or file: is resolved once, then the first bytes of the text decide
 * what it is. A text that begins like PEM or JWK and cannot be read as one is
 * an error and never a secret: otherwise a mistyped public key would become a
 * password that everyone knows.
 */
#include "token/key.h"

#include <apr_strings.h>
#include <jansson.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "token/key_file.h"
#include "token/pem.h"

/* ---- JWK --------------------------------------------------------------- */

/* A JSON Web Key (RFC 7517; RFC 7518, section 6): a secret or a public key. */
typedef struct jwk_t {
    int is_secret;
    es_slice_t secret; /* of "oct" */
    es_pem_t pem;      /* of EC and RSA */
} jwk_t;

static json_t *load_json(es_slice_t text)
{
    return json_loadb(text.len ? text.data : "", text.len,
                      JSON_REJECT_DUPLICATES, NULL);
}

static const char *text_of(const json_t *jwk, const char *name)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text ? text : "";
}

/* @return empty if the member is missing or not base64url */
static es_slice_t bytes_of(const json_t *jwk, const char *name, apr_pool_t *p)
{
    es_slice_t bytes = {NULL, 0};

    es_base64_decode(&bytes, es_slice_of(text_of(jwk, name)), ES_BASE64_URL, p);
    return bytes;
}

/* Other texts that start with a brace are secrets. */
static int is_jwk(es_slice_t text)
{
    json_t *jwk;
    int is;

    if (text.len == 0 || text.data[0] != '{') {
        return 0;
    }
    jwk = load_json(text);
    is = json_is_string(json_object_get(jwk, "kty"));
    json_decref(jwk);
    return is;
}

static const char *read_members(jwk_t *out, const json_t *jwk, apr_pool_t *p)
{
    const char *type = text_of(jwk, "kty");

    out->is_secret = !strcmp(type, "oct");
    if (out->is_secret) {
        out->secret = bytes_of(jwk, "k", p);
        return out->secret.len ? NULL : "is a JWK whose k is not base64url";
    }
    if (json_object_get(jwk, "d")) {
        return "is a private JWK; give a private key as PEM";
    }
    if (!strcmp(type, "OKP")) {
        return strcmp(text_of(jwk, "crv"), "Ed25519")
                   ? "is a JWK of a curve other than Ed25519 and P-256"
                   : es_pem_of_ed25519(&out->pem, bytes_of(jwk, "x", p), p);
    }
    if (!strcmp(type, "RSA")) {
        return es_pem_of_rsa(&out->pem, bytes_of(jwk, "n", p),
                             bytes_of(jwk, "e", p), p);
    }
    if (strcmp(type, "EC") != 0) {
        return "is a JWK with a kty other than EC, RSA, OKP and oct";
    }
    if (strcmp(text_of(jwk, "crv"), "P-256") != 0) {
        return "is a JWK of a curve other than Ed25519 and P-256";
    }
    return es_pem_of_ec(&out->pem, bytes_of(jwk, "x", p), bytes_of(jwk, "y", p),
                        p);
}

static const char *read_jwk(jwk_t *out, es_slice_t text, apr_pool_t *p)
{
    json_t *jwk = load_json(text);
    const char *err;

    if (!jwk) {
        return "is not JSON";
    }
    err = read_members(out, jwk, p);
    json_decref(jwk);
    return err;
}

/* ---- forms ------------------------------------------------------------- */

static void take_pem(es_key_t *key, const es_pem_t *pem)
{
    key->kind = pem->kind == ES_PEM_RSA       ? ES_KEY_RSA
                : pem->kind == ES_PEM_ED25519 ? ES_KEY_ED25519
                                              : ES_KEY_EC;
    key->signs = es_slice_of(pem->private_text);
    key->checks = es_slice_of(pem->public_text);
}

static void take_secret(es_key_t *key, es_slice_t secret)
{
    key->kind = ES_KEY_SECRET;
    key->signs = key->checks = secret;
}

/* Without what an editor or a copy has left before a key. */
static es_slice_t start_of(es_slice_t text)
{
    text = es_utf8_without_mark(text);
    while (text.len > 0 && memchr(" \t\r\n", text.data[0], 4)) {
        text = es_slice(text.data + 1, text.len - 1);
    }
    return text;
}

/* A public key behind a comment, or a set of them, as a secret would be one
 * that everyone knows. */
static int has_key(es_slice_t text)
{
    static const char begin[] = "-----BEGIN";
    json_t *set = NULL;
    int has = memmem(text.data, text.len, begin, strlen(begin)) != NULL;

    if (!has && text.data[0] == '{') {
        set = load_json(text);
        has = json_is_array(json_object_get(set, "keys"));
        json_decref(set);
    }
    return has;
}

const char *es_key_parse(es_key_t *key, es_slice_t text, apr_pool_t *p)
{
    es_slice_t start = start_of(text);
    jwk_t jwk;
    es_pem_t pem;
    const char *err = NULL;

    memset(key, 0, sizeof(*key));
    key->text = text;
    if (start.len == 0) {
        return "is empty";
    }
    if (es_pem_is(start)) {
        err = es_pem_read(&pem, start, p);
        if (!err) {
            take_pem(key, &pem);
        }
    }
    else if (is_jwk(start)) {
        err = read_jwk(&jwk, start, p);
        if (!err && jwk.is_secret) {
            take_secret(key, jwk.secret);
        }
        else if (!err) {
            take_pem(key, &jwk.pem);
        }
    }
    else if (has_key(start)) {
        err = "is not one key, but has keys in it";
    }
    else {
        take_secret(key, text);
    }
    return err;
}

/* A '+' of base64 that was not escaped in a URL has been decoded to a blank. */
static const char *decode(es_slice_t *out, const char *text, apr_pool_t *p)
{
    char *plus = apr_pstrdup(p, text), *at;

    for (at = plus; *at; at++) {
        if (*at == ' ') {
            *at = '+';
        }
    }
    return es_base64_decode(out, es_slice_of(plus), ES_BASE64_ANY, p)
               ? NULL
               : "is not base64 after base64:";
}

const char *es_key_read(const es_key_t **out, const char *value,
                        const char *root, apr_pool_t *p)
{
    es_key_t *key = apr_pcalloc(p, sizeof(*key));
    es_key_file_t file = {0};
    es_slice_t text = es_slice_of(value);
    const char *err = NULL;

    if (!strncmp(value, "base64:", 7)) {
        err = decode(&text, value + 7, p);
    }
    else if (!strncmp(value, "file:", 5)) {
        err = es_key_file_load(&file, value + 5, root, p);
        text = file.content;
    }
    err = err ? err : es_key_parse(key, text, p);
    if (!err && key->kind == ES_KEY_ED25519) {
        err = "is a key of Ed25519; GRIP has RSA, P-256 and secrets";
    }
    if (!err && file.path && key->signs.len != 0 && file.is_public) {
        err = es_key_file_complain(&file, p,
                                   "is readable by all users (chmod o-rwx)");
    }
    *out = err ? NULL : key;
    return err;
}

/* ---- algorithms -------------------------------------------------------- */

const char *es_key_alg(es_key_kind_t kind)
{
    switch (kind) {
    case ES_KEY_EC: return "ES256";
    case ES_KEY_RSA: return "RS256";
    case ES_KEY_ED25519: return "EdDSA";
    default: return "HS256";
    }
}

int es_key_kind_of_alg(es_key_kind_t *out, es_slice_t alg)
{
    int kind;

    for (kind = 0; kind < ES_KEY_KINDS; kind++) {
        if (es_slice_is(alg, es_key_alg(kind))) {
            *out = kind;
            return 1;
        }
    }
    return 0;
}
