/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each key is parsed into an EVP_PKEY and written again by OpenSSL. So libjwt
 * later reads only text that was parsed here.
 */
#include "token/pem_priv.h"

#include <apr_strings.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#define BEGIN "-----BEGIN "
#define RSA_BITS_MIN 2048
#define P256_BYTES 32

int es_pem_is(es_slice_t text)
{
    return text.len > strlen(BEGIN) && !memcmp(text.data, BEGIN, strlen(BEGIN));
}

/* ---- write ------------------------------------------------------------- */

static const char *text_of(BIO *bio, apr_pool_t *p)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    return len > 0 ? apr_pstrmemdup(p, data, (apr_size_t)len) : NULL;
}

static const char *write_key(EVP_PKEY *key, int is_private, apr_pool_t *p)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const char *text = NULL;
    int done;

    if (!bio) {
        return NULL;
    }
    done = is_private ? PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0,
                                                      NULL, NULL)
                      : PEM_write_bio_PUBKEY(bio, key);
    if (done) {
        text = text_of(bio, p);
    }
    BIO_free(bio);
    return text;
}

static const char *check_kind(es_pem_t *out, EVP_PKEY *key)
{
    char group[32] = "";

    if (EVP_PKEY_is_a(key, "RSA")) {
        out->kind = ES_PEM_RSA;
        return EVP_PKEY_get_bits(key) < RSA_BITS_MIN
                   ? "is an RSA key of less than 2048 bits"
                   : NULL;
    }
    if (EVP_PKEY_is_a(key, "ED25519")) {
        out->kind = ES_PEM_ED25519;
        return NULL;
    }
    out->kind = ES_PEM_EC_P256;
    if (!EVP_PKEY_is_a(key, "EC") ||
        !EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) ||
        strcmp(group, "prime256v1") != 0) {
        return "is neither an RSA key nor a key of P-256 or Ed25519";
    }
    return NULL;
}

/* A private key that was damaged would sign what nobody accepts. */
static int is_pair(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    int is = context && EVP_PKEY_pairwise_check(context) == 1;

    EVP_PKEY_CTX_free(context);
    return is;
}

/* Frees key. */
static const char *write_pem(es_pem_t *out, EVP_PKEY *key, int is_private,
                             apr_pool_t *p)
{
    const char *err = check_kind(out, key);

    if (!err && is_private && !is_pair(key)) {
        err = "has a private and a public part that do not belong together";
    }
    if (!err) {
        out->public_text = write_key(key, 0, p);
        out->private_text = is_private ? write_key(key, 1, p) : NULL;
        if (!out->public_text || (is_private && !out->private_text)) {
            err = "cannot be used as a key";
        }
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
    return err;
}

/* ---- read -------------------------------------------------------------- */

/* Without this callback OpenSSL asks for a password on the terminal. */
static int no_password(char *dst, int size, int writes, void *unused)
{
    (void)dst;
    (void)size;
    (void)writes;
    (void)unused;
    return -1;
}

EVP_PKEY *es_pem_parse(es_slice_t text, int is_private)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *key = NULL;

    if (bio) {
        key = is_private ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL)
                         : PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL);
        BIO_free(bio);
    }
    return key;
}

const char *es_pem_read(es_pem_t *out, es_slice_t text, apr_pool_t *p)
{
    int is_private = 0;
    EVP_PKEY *key = NULL;

    if (text.len <= APR_INT32_MAX) {
        key = es_pem_parse(text, 0);
        if (!key) {
            is_private = 1;
            key = es_pem_parse(text, 1);
        }
    }
    if (!key) {
        ERR_clear_error();
        return "is PEM that is neither a public key nor a private key "
               "without a password";
    }
    return write_pem(out, key, is_private, p);
}

/* Frees params, which may be NULL. */
static const char *make_pem(es_pem_t *out, const char *type, OSSL_PARAM *params,
                            apr_pool_t *p)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (context && params && EVP_PKEY_fromdata_init(context) == 1) {
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
    }
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(params);
    if (!key) {
        ERR_clear_error();
        return "has numbers that do not make a public key";
    }
    return write_pem(out, key, 0, p);
}

const char *es_pem_of_ec(es_pem_t *out, es_slice_t x, es_slice_t y,
                         apr_pool_t *p)
{
    unsigned char point[1 + 2 * P256_BYTES];
    OSSL_PARAM_BLD *build;
    OSSL_PARAM *params = NULL;

    if (x.len != P256_BYTES || y.len != P256_BYTES) {
        return "has an x or y that is not 32 bytes";
    }
    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x.data, P256_BYTES);
    memcpy(point + 1 + P256_BYTES, y.data, P256_BYTES);
    build = OSSL_PARAM_BLD_new();
    if (build &&
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
                                        "prime256v1", 0) &&
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point,
                                         sizeof(point))) {
        params = OSSL_PARAM_BLD_to_param(build);
    }
    OSSL_PARAM_BLD_free(build);
    return make_pem(out, "EC", params, p);
}

const char *es_pem_of_rsa(es_pem_t *out, es_slice_t n, es_slice_t e,
                          apr_pool_t *p)
{
    BIGNUM *modulus, *exponent;
    OSSL_PARAM_BLD *build;
    OSSL_PARAM *params = NULL;

    if (n.len < RSA_BITS_MIN / 8 || n.len > 2048 || e.len == 0 || e.len > 8) {
        return "has an n or e that is too short or too long";
    }
    modulus = BN_bin2bn((const unsigned char *)n.data, (int)n.len, NULL);
    exponent = BN_bin2bn((const unsigned char *)e.data, (int)e.len, NULL);
    build = OSSL_PARAM_BLD_new();
    if (build && modulus && exponent &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent)) {
        params = OSSL_PARAM_BLD_to_param(build);
    }
    OSSL_PARAM_BLD_free(build);
    BN_free(modulus);
    BN_free(exponent);
    return make_pem(out, "RSA", params, p);
}

const char *es_pem_of_ed25519(es_pem_t *out, es_slice_t x, apr_pool_t *p)
{
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, NULL, (const unsigned char *)x.data, x.len);

    if (!key) {
        ERR_clear_error();
        return "has an x that is not 32 bytes";
    }
    return write_pem(out, key, 0, p);
}
