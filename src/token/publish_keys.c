/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A key consists of the characters of a bearer token (RFC 6750, section 2.1),
 * so that it needs no quotes in the header Authorization. A key that was given
 * as PEM or JWK is refused by that rule, too: the bytes of a line are the
 * secret, whatever they look like.
 */
#include "token/publish_keys.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "token/jwt.h"
#include "token/key_file.h"

#define LEEWAY (60 * APR_USEC_PER_SEC)

/* ---- The file ---------------------------------------------------------- */

static int is_token(es_slice_t line)
{
    apr_size_t i;

    for (i = 0; i < line.len; i++) {
        if (!apr_isascii(line.data[i]) ||
            (!apr_isalnum(line.data[i]) &&
             !memchr("-._~+/=", line.data[i], 7))) {
            return 0;
        }
    }
    return 1;
}

static const char *complain(const es_key_file_t *file, apr_pool_t *p,
                            int number, const char *what)
{
    return es_key_file_complain(
        file, p, apr_psprintf(p, "has %s in line %d", what, number));
}

static const char *add(es_publish_keys_t *keys, const es_key_file_t *file,
                       es_slice_t line, int number, apr_pool_t *p)
{
    es_key_t *key;

    if (!is_token(line)) {
        return complain(file, p, number,
                        "a character that is no letter, digit or one of "
                        "-._~+/=");
    }
    if (line.len < ES_PUBLISH_KEY_MIN) {
        return complain(file, p, number,
                        "a key of less than 16 bytes (openssl rand -hex 32 "
                        "makes one)");
    }
    if (line.len > ES_PUBLISH_KEY_MAX) {
        return complain(file, p, number, "a key of more than 1024 bytes");
    }
    if (keys->count == ES_PUBLISH_KEYS_MAX) {
        return complain(file, p, number, "a key too many: 16 are the most");
    }
    key = &keys->keys[keys->count++];
    key->kind = ES_KEY_SECRET;
    key->text = key->signs = key->checks = line;
    return NULL;
}

/* Remove the first line from rest, and its line end. */
static es_slice_t take_line(es_slice_t *rest)
{
    const char *end = memchr(rest->data, '\n', rest->len);
    es_slice_t line =
        es_slice(rest->data, end ? (apr_size_t)(end - rest->data) : rest->len);

    *rest = end ? es_slice(end + 1, rest->len - line.len - 1)
                : es_slice(rest->data, 0);
    if (line.len != 0 && line.data[line.len - 1] == '\r') {
        line.len--;
    }
    return line;
}

const char *es_publish_keys_load(es_publish_keys_t *keys, const char *path,
                                 const char *root, int *is_public,
                                 apr_pool_t *p)
{
    es_key_file_t file = {0};
    es_publish_keys_t all = *keys;
    const char *err = es_key_file_load(&file, path, root, p);
    es_slice_t rest = file.content;
    int number = 0;

    while (!err && rest.len != 0) {
        es_slice_t line = take_line(&rest);

        number++;
        if (line.len != 0 && line.data[0] != '#') {
            err = add(&all, &file, line, number, p);
        }
    }
    if (!err && all.count == keys->count) {
        err = es_key_file_complain(&file, p, "has no key");
    }
    if (!err) {
        *keys = all;
        *is_public = file.is_public;
    }
    return err;
}

/* ---- What a publisher sent --------------------------------------------- */

/* No branch depends on a byte of the key. */
static int is_key(const es_key_t *key, es_slice_t sent)
{
    const char *secret = key->text.data;
    volatile unsigned char differs = key->text.len != sent.len;
    apr_size_t i;

    for (i = 0; i < sent.len; i++) {
        differs |= (unsigned char)(sent.data[i] ^ secret[i % key->text.len]);
    }
    return !differs;
}

static int is_one(const es_publish_keys_t *keys, es_slice_t sent)
{
    int i, found = 0;

    for (i = 0; i < keys->count; i++) {
        found |= is_key(&keys->keys[i], sent);
    }
    return found;
}

/* The reason of a token that one of the keys has signed tells more than that of
 * the other keys. */
static int is_signed(const es_publish_keys_t *keys, const char *token,
                     apr_time_t now, const char **why, apr_pool_t *p)
{
    const char *reason = NULL;
    int i;

    *why = ES_JWT_OTHER_KEY;
    for (i = 0; i < keys->count; i++) {
        es_jwt_rule_t rule = {&keys->keys[i], NULL, LEEWAY};

        if (es_jwt_verify(token, &rule, now, &reason, p)) {
            return 1;
        }
        if (strcmp(reason, ES_JWT_OTHER_KEY) != 0) {
            *why = reason;
        }
    }
    return 0;
}

int es_publish_keys_match(const es_publish_keys_t *keys, const char *sent,
                          apr_time_t now, const char **why, apr_pool_t *p)
{
    es_slice_t all = es_slice_of(sent);

    *why = "it is longer than any key or token";
    if (all.len > ES_JWT_MAX) {
        return 0;
    }
    if (is_one(keys, all)) {
        return 1;
    }
    *why = "it is none of the keys, and no token";
    return strchr(sent, '.') && is_signed(keys, sent, now, why, p);
}
