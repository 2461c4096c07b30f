/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcrypto does the work, since libjwt takes the algorithm from the token,
 * refuses tokens with a "typ" other than JWT, and in many versions knows no
 * EdDSA; it also parses the key again for each token.
 *
 * A signature of ES256 is the two numbers r and s with 32 bytes each (RFC 7518,
 * section 3.4), while libcrypto has them as DER.
 */
#include "token/signer.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "token/pem_priv.h"

#define NUMBER_BYTES 32 /* of r and of s */
#define DER_MAX 80
#define SIGNATURE_MAX 2048 /* of RSA with 16,384 bits */

struct es_signer_t {
    const es_key_t *key;
    EVP_PKEY *checks; /* NULL for a secret */
    EVP_PKEY *signs;  /* NULL for a secret and for a public key */
};

static const unsigned char *bytes_of(es_slice_t text)
{
    return (const unsigned char *)text.data;
}

/* ---- Keys -------------------------------------------------------------- */

static apr_status_t free_key(void *key)
{
    EVP_PKEY_free(key);
    return APR_SUCCESS;
}

static EVP_PKEY *parse(es_slice_t text, int is_private, apr_pool_t *p)
{
    EVP_PKEY *key = es_pem_parse(text, is_private);

    if (key) {
        apr_pool_cleanup_register(p, key, free_key, apr_pool_cleanup_null);
    }
    return key;
}

const es_signer_t *es_signer_create(const es_key_t *key, apr_pool_t *p)
{
    es_signer_t *signer = apr_pcalloc(p, sizeof(*signer));

    signer->key = key;
    if (key->kind == ES_KEY_SECRET) {
        return signer;
    }
    signer->checks = parse(key->checks, 0, p);
    if (signer->checks && key->signs.len != 0) {
        signer->signs = parse(key->signs, 1, p);
    }
    ERR_clear_error();
    return signer->checks ? signer : NULL;
}

/* ---- HS256 ------------------------------------------------------------- */

static int hash(unsigned char *out, const es_key_t *key, es_slice_t text)
{
    unsigned int len = 0;

    return key->checks.len <= APR_INT32_MAX &&
           HMAC(EVP_sha256(), key->checks.data, (int)key->checks.len,
                bytes_of(text), text.len, out, &len) != NULL &&
           len == NUMBER_BYTES;
}

/* ---- ES256: numbers and DER -------------------------------------------- */

/* @return the length of DER, at most DER_MAX; 0 = no memory */
static int write_der(unsigned char *der, es_slice_t numbers)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(bytes_of(numbers), NUMBER_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(bytes_of(numbers) + NUMBER_BYTES, NUMBER_BYTES, NULL);
    int len = 0;

    if (pair && r && s && ECDSA_SIG_set0(pair, r, s)) {
        r = s = NULL; /* of pair */
        len = i2d_ECDSA_SIG(pair, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    return len > 0 ? len : 0;
}

static int read_der(unsigned char *numbers, const unsigned char *der, long len)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, len);
    int done = 0;

    if (pair) {
        done =
            BN_bn2binpad(ECDSA_SIG_get0_r(pair), numbers, NUMBER_BYTES) > 0 &&
            BN_bn2binpad(ECDSA_SIG_get0_s(pair), numbers + NUMBER_BYTES,
                         NUMBER_BYTES) > 0;
        ECDSA_SIG_free(pair);
    }
    return done;
}

/* ---- Public keys ------------------------------------------------------- */

static const EVP_MD *digest_of(const es_signer_t *signer)
{
    return signer->key->kind == ES_KEY_ED25519 ? NULL : EVP_sha256();
}

static int verify(const es_signer_t *signer, es_slice_t text,
                  const unsigned char *signature, size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int is_valid = context &&
                   EVP_DigestVerifyInit(context, NULL, digest_of(signer), NULL,
                                        signer->checks) == 1 &&
                   EVP_DigestVerify(context, signature, len, bytes_of(text),
                                    text.len) == 1;

    EVP_MD_CTX_free(context);
    ERR_clear_error(); /* httpd logs what it finds in this queue */
    return is_valid;
}

int es_signer_verifies(const es_signer_t *signer, es_slice_t text,
                       es_slice_t signature)
{
    unsigned char made[EVP_MAX_MD_SIZE], der[DER_MAX];
    int len;

    switch (signer->key->kind) {
    case ES_KEY_SECRET:
        return signature.len == NUMBER_BYTES && hash(made, signer->key, text) &&
               CRYPTO_memcmp(made, signature.data, NUMBER_BYTES) == 0;
    case ES_KEY_EC:
        if (signature.len != NUMBER_BYTES * 2) {
            return 0;
        }
        len = write_der(der, signature);
        return len != 0 && verify(signer, text, der, (size_t)len);
    default:
        return signature.len != 0 &&
               verify(signer, text, bytes_of(signature), signature.len);
    }
}

/* ---- sign -------------------------------------------------------------- */

/* @return the length; 0 = it cannot sign */
static size_t sign(const es_signer_t *signer, es_slice_t text,
                   unsigned char *out)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = SIGNATURE_MAX;
    int done =
        context && signer->signs &&
        EVP_DigestSignInit(context, NULL, digest_of(signer), NULL,
                           signer->signs) == 1 &&
        EVP_DigestSign(context, out, &len, bytes_of(text), text.len) == 1;

    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return done ? len : 0;
}

int es_signer_sign(es_slice_t *out, const es_signer_t *signer, es_slice_t text,
                   apr_pool_t *p)
{
    unsigned char *made = apr_palloc(p, SIGNATURE_MAX);
    unsigned char *numbers;
    size_t len;

    if (signer->key->kind == ES_KEY_SECRET) {
        *out = es_slice((const char *)made, NUMBER_BYTES);
        return hash(made, signer->key, text);
    }
    len = sign(signer, text, made);
    if (len != 0 && signer->key->kind == ES_KEY_EC) {
        numbers = apr_palloc(p, NUMBER_BYTES * 2);
        len = read_der(numbers, made, (long)len) ? NUMBER_BYTES * 2 : 0;
        made = numbers;
    }
    *out = es_slice((const char *)made, len);
    return len != 0;
}
