/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key, as a directive or a file has it. What begins as PEM or as a JWK is
 * never a secret; in base64 it is the same key; no error repeats it. What a key
 * signs is valid by this key and by no other one, whatever the token says of
 * its algorithm.
 */
#include "fuzz.h"

#include <jansson.h>

#include "base/base64.h"
#include "token/jwt.h"
#include "token/key.h"

#define NOW apr_time_from_sec(1700000000)
#define OTHER "another secret, which nobody has"

static int is_valid(const char *token, const es_key_t *key, apr_pool_t *p)
{
    es_jwt_rule_t rule = {key, "me", 0};
    const char *why = NULL;
    int is = es_jwt_verify(token, &rule, NOW, &why, p);

    PROMISE(is || (why != NULL && *why != '\0'));
    return is;
}

static const es_key_t *secret_of(const char *text, apr_pool_t *p)
{
    const es_key_t *key;

    PROMISE(es_key_read(&key, text, "/", p) == NULL);
    return key;
}

static void check_tokens(const es_key_t *key, apr_pool_t *p)
{
    const es_key_t *other = secret_of(OTHER, p);
    const char *token, *forged;
    es_key_t as_secret = *key;
    char *changed;

    /* one made by an HMAC with the text of a public key */
    as_secret.kind = ES_KEY_SECRET;
    as_secret.signs = as_secret.checks;
    forged = es_jwt_sign(&as_secret, "me", NOW + APR_USEC_PER_SEC, p);
    PROMISE(key->kind == ES_KEY_SECRET || !forged || !is_valid(forged, key, p));
    token = key->kind != ES_KEY_RSA
                ? es_jwt_sign(key, "me", NOW + APR_USEC_PER_SEC, p)
                : NULL; /* takes a millisecond */
    if (token == NULL) {
        return;
    }
    PROMISE(is_valid(token, key, p));
    PROMISE(!is_valid(token, other, p) || es_slice_is(key->checks, OTHER));
    changed = apr_pstrdup(p, token);
    changed[strlen(token) / 2] ^= 1;
    PROMISE(!is_valid(changed, key, p));
}

/* What may stand before a key. */
static es_slice_t start_of(es_slice_t text)
{
    text = es_utf8_without_mark(text);
    while (text.len > 0 && memchr(" \t\r\n", text.data[0], 4)) {
        text = es_slice(text.data + 1, text.len - 1);
    }
    return text;
}

/* The kind that a reader of JSON finds, "" if it is no JWK. */
static const char *type_of(es_slice_t text, apr_pool_t *p)
{
    json_t *json =
        json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *type = json_string_value(json_object_get(json, "kty"));

    type = type ? apr_pstrdup(p, type) : "";
    json_decref(json);
    return type;
}

static void check_kind(const es_key_t *key, apr_pool_t *p)
{
    es_slice_t start = start_of(key->text);
    const char *type = type_of(start, p);

    PROMISE(key->checks.len > 0);
    if (memmem(key->text.data, key->text.len, "-----BEGIN", 10)) {
        PROMISE(key->kind != ES_KEY_SECRET);
    }
    else if (start.data[0] == '{' && *type) {
        PROMISE((key->kind == ES_KEY_SECRET) == !strcmp(type, "oct"));
        PROMISE(key->kind != ES_KEY_EC || !strcmp(type, "EC"));
        PROMISE(key->kind != ES_KEY_RSA || !strcmp(type, "RSA"));
        PROMISE(key->kind == ES_KEY_SECRET || key->signs.len == 0);
    }
    else {
        PROMISE(key->kind == ES_KEY_SECRET);
        PROMISE(es_slice_equal(key->checks, key->text));
    }
}

static void check_base64(const es_key_t *key, apr_pool_t *p)
{
    const es_key_t *again;

    PROMISE(es_key_read(&again,
                        apr_pstrcat(p, "base64:",
                                    es_base64_encode_url(key->text, p), NULL),
                        "/", p) == NULL);
    PROMISE(again->kind == key->kind);
    PROMISE(es_slice_equal(again->checks, key->checks));
}

FUZZ(text, p)
{
    const char *value = fuzz_string(text, p), *err;
    const es_key_t *key;

    if (strncmp(value, "file:", 5) == 0) {
        return;
    }
    err = es_key_read(&key, value, "/", p);
    PROMISE((err == NULL) == (key != NULL));
    if (err != NULL) {
        PROMISE(*err && (strlen(value) < 16 || !strstr(err, value)));
        return;
    }
    check_kind(key, p);
    check_base64(key, p);
    if (key->kind != ES_KEY_EC || text.len % 16 == 0) { /* takes long */
        check_tokens(key, p);
    }
}
