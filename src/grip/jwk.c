/* SPDX-License-Identifier: Apache-2.0 */
/* JSON by jansson, numbers by base64url, the rest is pem's. */
#include "grip/jwk.h"

#include <jansson.h>

#include "base/base64.h"

static json_t *load(es_slice_t text)
{
    return json_loadb(text.len ? text.data : "", text.len,
                      JSON_REJECT_DUPLICATES, NULL);
}

static const char *text_of(const json_t *jwk, const char *name)
{
    const char *text = json_string_value(json_object_get(jwk, name));

    return text ? text : "";
}

/* An empty slice for a member that is missing or no base64url. */
static es_slice_t bytes_of(const json_t *jwk, const char *name, apr_pool_t *p)
{
    es_slice_t bytes = {NULL, 0};

    es_base64_decode(&bytes, es_slice_of(text_of(jwk, name)), ES_BASE64_URL, p);
    return bytes;
}

int es_jwk_is(es_slice_t text)
{
    json_t *jwk;
    int is;

    if (text.len == 0 || text.data[0] != '{') {
        return 0;
    }
    jwk = load(text);
    is = json_is_string(json_object_get(jwk, "kty"));
    json_decref(jwk);
    return is;
}

static const char *read_members(es_jwk_t *out, const json_t *jwk, apr_pool_t *p)
{
    const char *type = text_of(jwk, "kty");

    out->is_secret = !strcmp(type, "oct");
    if (out->is_secret) {
        out->secret = bytes_of(jwk, "k", p);
        return out->secret.len ? NULL : "is a JWK whose k is no base64url";
    }
    if (json_object_get(jwk, "d")) {
        return "is a private JWK; write a private key as PEM";
    }
    if (!strcmp(type, "RSA")) {
        return es_pem_of_rsa(&out->pem, bytes_of(jwk, "n", p),
                             bytes_of(jwk, "e", p), p);
    }
    if (strcmp(type, "EC") != 0) {
        return "is a JWK with a kty other than EC, RSA and oct";
    }
    if (strcmp(text_of(jwk, "crv"), "P-256") != 0) {
        return "is a JWK of a curve other than P-256";
    }
    return es_pem_of_ec(&out->pem, bytes_of(jwk, "x", p), bytes_of(jwk, "y", p),
                        p);
}

const char *es_jwk_read(es_jwk_t *out, es_slice_t text, apr_pool_t *p)
{
    json_t *jwk = load(text);
    const char *err;

    if (!jwk) {
        return "is no JSON";
    }
    err = read_members(out, jwk, p);
    json_decref(jwk);
    return err;
}
