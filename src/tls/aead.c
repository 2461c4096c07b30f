/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A context for each client would save the key's expansion, some 0.2 us for
 * each record, and cost more than 1 KB for each client.
 */
#include "tls/aead.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>

static const char *const names[ES_TLS_AEADS] = {
    "AES-128-GCM",
    "AES-256-GCM",
    "ChaCha20-Poly1305",
};

/* The context has a reference to its cipher. */
static __thread EVP_CIPHER_CTX *kept[ES_TLS_AEADS];

static EVP_CIPHER_CTX *make_context(es_tls_aead_t aead)
{
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[aead], NULL);
    EVP_CIPHER_CTX *ctx = cipher ? EVP_CIPHER_CTX_new() : NULL;

    if (ctx && !EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, 1, NULL)) {
        EVP_CIPHER_CTX_free(ctx);
        ctx = NULL;
    }
    EVP_CIPHER_free(cipher);
    kept[aead] = ctx;
    return ctx;
}

/* Errors stay in OpenSSL's queue of this thread, where they would be taken for
 * errors of another connection. */
static apr_status_t fail(apr_status_t rv)
{
    ERR_clear_error();
    return rv;
}

/* @return NULL: it cannot be keyed */
static EVP_CIPHER_CTX *begin(const es_tls_aead_input_t *in, int is_sealed)
{
    EVP_CIPHER_CTX *ctx = kept[in->aead];
    int n;

    if (!ctx) {
        ctx = make_context(in->aead);
    }
    if (!ctx ||
        !EVP_CipherInit_ex2(ctx, NULL, in->key, in->nonce, is_sealed, NULL) ||
        !EVP_CipherUpdate(ctx, NULL, &n, in->data, (int)in->data_len)) {
        return NULL;
    }
    return ctx;
}

/* @return 0: it failed, or the tag is wrong */
static int finish(EVP_CIPHER_CTX *ctx, unsigned char *text, apr_size_t len)
{
    int n = 0, rest = 0;

    /* an update without bytes would end a GCM text early */
    return (len == 0 || EVP_CipherUpdate(ctx, text, &n, text, (int)len)) &&
           EVP_CipherFinal_ex(ctx, text + n, &rest);
}

apr_status_t es_tls_aead_seal(const es_tls_aead_input_t *in,
                              unsigned char *text, apr_size_t len,
                              unsigned char *tag)
{
    EVP_CIPHER_CTX *ctx = begin(in, 1);
    OSSL_PARAM params[2];

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                                  tag, ES_TLS_TAG);
    params[1] = OSSL_PARAM_construct_end();
    if (!ctx || !finish(ctx, text, len) ||
        !EVP_CIPHER_CTX_get_params(ctx, params)) {
        return fail(APR_EGENERAL);
    }
    return APR_SUCCESS;
}

apr_status_t es_tls_aead_open(const es_tls_aead_input_t *in,
                              unsigned char *text, apr_size_t len,
                              const unsigned char *tag)
{
    EVP_CIPHER_CTX *ctx = begin(in, 0);
    OSSL_PARAM params[2];

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG,
                                                  (void *)tag, ES_TLS_TAG);
    params[1] = OSSL_PARAM_construct_end();
    if (!ctx || !EVP_CIPHER_CTX_set_params(ctx, params)) {
        return fail(APR_EGENERAL);
    }
    return finish(ctx, text, len) ? APR_SUCCESS : fail(APR_EINVAL);
}

void es_tls_aead_forget(es_tls_aead_t aead)
{
    static const unsigned char zeros[ES_TLS_KEY_MAX];
    EVP_CIPHER_CTX *ctx = kept[aead];

    if (ctx && !EVP_CipherInit_ex2(ctx, NULL, zeros, zeros, 1, NULL)) {
        ERR_clear_error();
        EVP_CIPHER_CTX_free(ctx); /* wipes the key */
        kept[aead] = NULL;
    }
}

void es_tls_aead_thread_end(void)
{
    int i;

    for (i = 0; i < ES_TLS_AEADS; i++) {
        EVP_CIPHER_CTX_free(kept[i]);
        kept[i] = NULL;
    }
}
