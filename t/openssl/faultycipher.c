/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider of OpenSSL with a fault that libssl does not meet: its AES-128-GCM
 * keeps the first key that a context has got. libssl makes a context for each
 * key, and the module keys one anew for each record. All else is the cipher of
 * the default provider.
 */
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#define EXPORT __attribute__((visibility("default")))

typedef struct cipher_t {
    EVP_CIPHER_CTX *ctx;
    int is_keyed;
} cipher_t;

static OSSL_LIB_CTX *own; /* has the default provider */
static EVP_CIPHER *real;

EXPORT OSSL_provider_init_fn OSSL_provider_init;

/* ---- a context ----------------------------------------------------------- */

static void free_cipher(void *vcipher)
{
    cipher_t *cipher = vcipher;

    EVP_CIPHER_CTX_free(cipher->ctx);
    OPENSSL_free(cipher);
}

static void *new_cipher(void *provider)
{
    cipher_t *cipher = OPENSSL_zalloc(sizeof(*cipher));

    (void)provider;
    if (cipher != NULL) {
        cipher->ctx = EVP_CIPHER_CTX_new();
        if (cipher->ctx == NULL ||
            !EVP_CipherInit_ex2(cipher->ctx, real, NULL, NULL, 1, NULL)) {
            free_cipher(cipher);
            return NULL;
        }
    }
    return cipher;
}

static int init(cipher_t *cipher, const unsigned char *key,
                const unsigned char *iv, int is_sealed,
                const OSSL_PARAM params[])
{
    if (cipher->is_keyed) {
        key = NULL; /* the fault */
    }
    cipher->is_keyed |= key != NULL;
    return EVP_CipherInit_ex2(cipher->ctx, NULL, key, iv, is_sealed, params);
}

static int init_to_seal(void *cipher, const unsigned char *key, size_t key_len,
                        const unsigned char *iv, size_t iv_len,
                        const OSSL_PARAM params[])
{
    (void)key_len, (void)iv_len;
    return init(cipher, key, iv, 1, params);
}

static int init_to_open(void *cipher, const unsigned char *key, size_t key_len,
                        const unsigned char *iv, size_t iv_len,
                        const OSSL_PARAM params[])
{
    (void)key_len, (void)iv_len;
    return init(cipher, key, iv, 0, params);
}

/* ---- what it does as the real one ---------------------------------------- */

static int update(void *cipher, unsigned char *out, size_t *out_len,
                  size_t room, const unsigned char *in, size_t len)
{
    int n = 0;
    int rc = EVP_CipherUpdate(((cipher_t *)cipher)->ctx, out, &n, in, (int)len);

    (void)room;
    *out_len = (size_t)n;
    return rc;
}

static int finish(void *cipher, unsigned char *out, size_t *out_len,
                  size_t room)
{
    int n = 0;
    int rc = EVP_CipherFinal_ex(((cipher_t *)cipher)->ctx, out, &n);

    (void)room;
    *out_len = (size_t)n;
    return rc;
}

/* A record of TLS 1.2 as a whole. */
static int whole(void *cipher, unsigned char *out, size_t *out_len, size_t room,
                 const unsigned char *in, size_t len)
{
    int n = EVP_Cipher(((cipher_t *)cipher)->ctx, out, in, (unsigned int)len);

    (void)room;
    *out_len = n < 0 ? 0 : (size_t)n;
    return n >= 0;
}

static int get_params(OSSL_PARAM params[])
{
    return EVP_CIPHER_get_params(real, params);
}

static int get_ctx_params(void *cipher, OSSL_PARAM params[])
{
    return EVP_CIPHER_CTX_get_params(((cipher_t *)cipher)->ctx, params);
}

static int set_ctx_params(void *cipher, const OSSL_PARAM params[])
{
    return EVP_CIPHER_CTX_set_params(((cipher_t *)cipher)->ctx, params);
}

static const OSSL_PARAM *gettable_params(void *provider)
{
    (void)provider;
    return EVP_CIPHER_gettable_params(real);
}

static const OSSL_PARAM *gettable_ctx_params(void *cipher, void *provider)
{
    (void)cipher, (void)provider;
    return EVP_CIPHER_gettable_ctx_params(real);
}

static const OSSL_PARAM *settable_ctx_params(void *cipher, void *provider)
{
    (void)cipher, (void)provider;
    return EVP_CIPHER_settable_ctx_params(real);
}

/* ---- the provider -------------------------------------------------------- */

#define FUNCTION(id, function)         \
    {                                  \
        id, (void (*)(void))(function) \
    }

static const OSSL_DISPATCH functions[] = {
    FUNCTION(OSSL_FUNC_CIPHER_NEWCTX, new_cipher),
    FUNCTION(OSSL_FUNC_CIPHER_FREECTX, free_cipher),
    FUNCTION(OSSL_FUNC_CIPHER_ENCRYPT_INIT, init_to_seal),
    FUNCTION(OSSL_FUNC_CIPHER_DECRYPT_INIT, init_to_open),
    FUNCTION(OSSL_FUNC_CIPHER_UPDATE, update),
    FUNCTION(OSSL_FUNC_CIPHER_FINAL, finish),
    FUNCTION(OSSL_FUNC_CIPHER_CIPHER, whole),
    FUNCTION(OSSL_FUNC_CIPHER_GET_PARAMS, get_params),
    FUNCTION(OSSL_FUNC_CIPHER_GET_CTX_PARAMS, get_ctx_params),
    FUNCTION(OSSL_FUNC_CIPHER_SET_CTX_PARAMS, set_ctx_params),
    FUNCTION(OSSL_FUNC_CIPHER_GETTABLE_PARAMS, gettable_params),
    FUNCTION(OSSL_FUNC_CIPHER_GETTABLE_CTX_PARAMS, gettable_ctx_params),
    FUNCTION(OSSL_FUNC_CIPHER_SETTABLE_CTX_PARAMS, settable_ctx_params),
    {0, NULL},
};

static const OSSL_ALGORITHM ciphers[] = {
    {"AES-128-GCM:id-aes128-GCM:2.16.840.1.101.3.4.1.6",
     "provider=faultycipher", functions, NULL},
    {NULL, NULL, NULL, NULL},
};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_CIPHER ? ciphers : NULL;
}

static const OSSL_DISPATCH provider_functions[] = {
    FUNCTION(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
    {0, NULL},
};

int OSSL_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **out, void **context)
{
    (void)handle, (void)in;
    own = OSSL_LIB_CTX_new();
    if (own == NULL || OSSL_PROVIDER_load(own, "default") == NULL) {
        return 0;
    }
    real = EVP_CIPHER_fetch(own, "AES-128-GCM", NULL);
    *out = provider_functions;
    *context = own;
    return real != NULL;
}
