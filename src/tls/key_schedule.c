/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HKDF-Expand-Label is HKDF-Expand with an info that is made here. OpenSSL's
 * TLS13-KDF would make it, but not every build of OpenSSL has that one.
 */
#include "tls/key_schedule.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#define LABEL_PREFIX "tls13 "
#define INFO_MAX 32 /* length, label of at most 27 bytes, empty context */

static OSSL_PARAM bytes_param(const char *name, const unsigned char *bytes,
                              apr_size_t len)
{
    return OSSL_PARAM_construct_octet_string(name, (void *)bytes, len);
}

static OSSL_PARAM digest_param(const es_tls_suite_t *suite)
{
    return OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                            (char *)suite->hash, 0);
}

static EVP_KDF_CTX *make_context(const char *name)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, name, NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;

    EVP_KDF_free(kdf); /* ctx has a reference */
    return ctx;
}

/* See fail() in tls/aead.c. */
static apr_status_t status_of(int is_done)
{
    if (!is_done) {
        ERR_clear_error();
        return APR_EGENERAL;
    }
    return APR_SUCCESS;
}

/* RFC 8446 7.1, with an empty context: @return bytes of info */
static apr_size_t write_info(unsigned char *info, const char *label,
                             apr_size_t out_len)
{
    apr_size_t prefix_len = strlen(LABEL_PREFIX), len = strlen(label);

    info[0] = (unsigned char)(out_len >> 8);
    info[1] = (unsigned char)out_len;
    info[2] = (unsigned char)(prefix_len + len);
    memcpy(info + 3, LABEL_PREFIX, prefix_len);
    memcpy(info + 3 + prefix_len, label, len);
    info[3 + prefix_len + len] = 0;
    return 3 + prefix_len + len + 1;
}

static int expand(EVP_KDF_CTX *ctx, const es_tls_suite_t *suite,
                  unsigned char *out, apr_size_t len,
                  const unsigned char *secret, const char *label)
{
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    unsigned char info[INFO_MAX];
    apr_size_t info_len = write_info(info, label, len);
    OSSL_PARAM params[5];

    params[0] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[1] = digest_param(suite);
    params[2] = bytes_param(OSSL_KDF_PARAM_KEY, secret, suite->hash_len);
    params[3] = bytes_param(OSSL_KDF_PARAM_INFO, info, info_len);
    params[4] = OSSL_PARAM_construct_end();
    EVP_KDF_CTX_reset(ctx); /* else infos are joined */
    return EVP_KDF_derive(ctx, out, len, params) > 0;
}

apr_status_t es_tls_key_schedule_keys(const es_tls_suite_t *suite,
                                      unsigned char *key, unsigned char *iv,
                                      const unsigned char *secret)
{
    EVP_KDF_CTX *ctx = make_context("HKDF");
    int is_done = ctx &&
                  expand(ctx, suite, key, suite->key_len, secret, "key") &&
                  expand(ctx, suite, iv, ES_TLS_NONCE, secret, "iv");

    EVP_KDF_CTX_free(ctx);
    return status_of(is_done);
}

apr_status_t es_tls_key_schedule_next(const es_tls_suite_t *suite,
                                      unsigned char *secret)
{
    unsigned char next[ES_TLS_SECRET_MAX];
    EVP_KDF_CTX *ctx = make_context("HKDF");
    int is_done =
        ctx && expand(ctx, suite, next, suite->hash_len, secret, "traffic upd");

    if (is_done) {
        memcpy(secret, next, suite->hash_len);
    }
    OPENSSL_cleanse(next, sizeof(next));
    EVP_KDF_CTX_free(ctx);
    return status_of(is_done);
}

apr_status_t es_tls_key_schedule_block(const es_tls_suite_t *suite,
                                       unsigned char *block, apr_size_t len,
                                       const unsigned char *master,
                                       const unsigned char *randoms)
{
    static const unsigned char label[] = "key expansion";
    EVP_KDF_CTX *ctx = make_context("TLS1-PRF");
    OSSL_PARAM params[5];
    int is_done;

    params[0] = digest_param(suite);
    params[1] = bytes_param(OSSL_KDF_PARAM_SECRET, master, 48);
    params[2] = bytes_param(OSSL_KDF_PARAM_SEED, label, sizeof(label) - 1);
    params[3] = bytes_param(OSSL_KDF_PARAM_SEED, randoms, 64); /* joined */
    params[4] = OSSL_PARAM_construct_end();
    is_done = ctx && EVP_KDF_derive(ctx, block, len, params) > 0;
    EVP_KDF_CTX_free(ctx);
    return status_of(is_done);
}
