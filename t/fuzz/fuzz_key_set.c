/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file of EventStreamToken. The first byte chooses what it is read as, the
 * rest is the file: PEM, a JWK, a set of them, a secret. Each key of it can be
 * used, and is of a kind that was asked for; what is JSON or PEM is no secret.
 */
#include "fuzz.h"

#include <sys/stat.h>
#include <unistd.h>

#include "token/key_set.h"

static char path[] = "/tmp/es-fuzz-XXXXXX";

static void on_exit_unlink(void)
{
    unlink(path);
}

static void write_file(es_slice_t text)
{
    static int fd = -1;

    if (fd < 0) {
        fd = mkstemp(path);
        PROMISE(fd >= 0 && atexit(on_exit_unlink) == 0);
    }
    PROMISE(ftruncate(fd, 0) == 0);
    PROMISE(pwrite(fd, text.data, text.len, 0) == (ssize_t)text.len);
}

static int has(es_slice_t text, const char *part)
{
    return text.len > 0 && memmem(text.data, text.len, part, strlen(part));
}

static void check_key(const es_set_key_t *key, unsigned kinds, es_slice_t text)
{
    es_slice_t none = es_slice_of("x");

    PROMISE(key->signer != NULL);
    PROMISE(kinds & 1u << key->key.kind);
    PROMISE(key->kid.len <= ES_KEY_KID_MAX);
    PROMISE(es_utf8_is_valid(key->kid));
    PROMISE(key->key.checks.len > 0);
    PROMISE(key->key.kind != ES_KEY_SECRET ||
            key->key.checks.len >= ES_KEY_SECRET_MIN);
    PROMISE(key->key.kind != ES_KEY_SECRET || has(text, "oct") ||
            !has(text, "-----BEGIN "));
    PROMISE(!es_signer_verifies(key->signer, none, none));
}

FUZZ(text, p)
{
    es_key_set_params_t params = {path, "/", 0, 0};
    es_key_set_t set;
    const char *err;
    int i;

    if (text.len < 2 || text.len > 4096) {
        return;
    }
    params.is_jwks = text.data[0] & 16;
    params.kinds = text.data[0] & 15 ? text.data[0] & 15u : 15u;
    text = es_slice(text.data + 1, text.len - 1);
    write_file(text);
    err = es_key_set_load(&set, &params, p);
    PROMISE(err != NULL || set.keys->nelts > 0);
    PROMISE(err == NULL || strstr(err, path) != NULL);
    PROMISE(set.keys->nelts <= ES_KEY_SET_MAX);
    for (i = 0; i < set.keys->nelts; i++) {
        check_key(&APR_ARRAY_IDX(set.keys, i, es_set_key_t), params.kinds,
                  text);
    }
    for (i = 0; i < set.lost->nelts; i++) {
        PROMISE(!strncmp(APR_ARRAY_IDX(set.lost, i, const char *), "key ", 4));
    }
}
