/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libssl reports the traffic secret of a connection to its key log callback;
 * key and iv follow from it (RFC 8446, 7.3), and the nonce is the iv xor the
 * number of the record.
 */
#include "bench/sealer.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 48
#define IV_LEN 12
#define TAG_LEN 16

struct eb_sealer {
    EVP_CIPHER_CTX *cipher; /* ours */
    uint64_t number;        /* of the next record */
    unsigned char iv[IV_LEN];
};

typedef struct {
    unsigned char bytes[SECRET_MAX];
    size_t len;
} secret_t;

/* ---- the secret ---------------------------------------------------------- */

/* "SERVER_TRAFFIC_SECRET_0 RANDOM SECRET", in hex */
static void on_key_log(const SSL *session, const char *line)
{
    static const char LABEL[] = "SERVER_TRAFFIC_SECRET_0 ";
    secret_t *secret = SSL_get_app_data(session);
    const char *hex = strrchr(line, ' ');
    unsigned int byte;

    if (strncmp(line, LABEL, sizeof(LABEL) - 1) != 0 || secret != NULL) {
        return;
    }
    secret = calloc(1, sizeof(*secret));
    if (secret == NULL) {
        return;
    }
    for (hex++; secret->len < SECRET_MAX && sscanf(hex, "%2x", &byte) == 1;
         hex += 2) {
        secret->bytes[secret->len++] = (unsigned char)byte;
    }
    SSL_set_app_data((SSL *)session, secret);
}

void eb_sealer_prepare(eb_tls_t *tls)
{
    SSL_CTX_set_num_tickets(tls, 0);
    SSL_CTX_set_keylog_callback(tls, on_key_log);
}

/* HKDF-Expand-Label(secret, label, "", len). Returns 1, or 0: failed. */
static int expand(unsigned char *out, size_t len, const secret_t *secret,
                  const EVP_MD *digest, const char *label)
{
    unsigned char info[32];
    OSSL_PARAM params[5];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    size_t label_len = strlen(label);
    int rc;

    info[0] = 0;
    info[1] = (unsigned char)len;
    info[2] = (unsigned char)(6 + label_len);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, label_len);
    info[9 + label_len] = 0;
    params[0] = OSSL_PARAM_construct_utf8_string(
        OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(digest), 0);
    params[1] = OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode);
    params[2] = OSSL_PARAM_construct_octet_string(
        OSSL_KDF_PARAM_KEY, (void *)secret->bytes, secret->len);
    params[3] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info,
                                                  10 + label_len);
    params[4] = OSSL_PARAM_construct_end();
    rc = context != NULL ? EVP_KDF_derive(context, out, len, params) : 0;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    return rc == 1;
}

/* ---- records ------------------------------------------------------------- */

/* Returns 1, or 0: failed. */
static int set_key(eb_sealer_t *sealer, const SSL *session,
                   const secret_t *secret)
{
    const SSL_CIPHER *suite = SSL_get_current_cipher(session);
    const EVP_MD *digest = SSL_CIPHER_get_handshake_digest(suite);
    const EVP_CIPHER *cipher =
        EVP_get_cipherbynid(SSL_CIPHER_get_cipher_nid(suite));
    unsigned char key[EVP_MAX_KEY_LENGTH];

    return cipher != NULL && digest != NULL &&
           expand(key, (size_t)EVP_CIPHER_get_key_length(cipher), secret,
                  digest, "key") &&
           expand(sealer->iv, IV_LEN, secret, digest, "iv") &&
           EVP_EncryptInit_ex(sealer->cipher, cipher, NULL, key, NULL) == 1;
}

eb_sealer_t *eb_sealer_create(eb_tls_session_t *session)
{
    secret_t *secret = SSL_get_app_data(session);
    eb_sealer_t *sealer = calloc(1, sizeof(*sealer));

    if (sealer != NULL) {
        sealer->cipher = EVP_CIPHER_CTX_new();
    }
    if (sealer == NULL || sealer->cipher == NULL || secret == NULL ||
        !set_key(sealer, session, secret)) {
        eb_sealer_free(sealer);
        sealer = NULL;
    }
    SSL_set_app_data(session, NULL);
    free(secret);
    return sealer;
}

size_t eb_sealer_seal(eb_sealer_t *sealer, const char *bytes, size_t len,
                      char *record)
{
    unsigned char *out = (unsigned char *)record;
    unsigned char nonce[IV_LEN];
    size_t body = len + 1 + TAG_LEN;
    int done;
    int i;

    memcpy(nonce, sealer->iv, sizeof(nonce));
    for (i = 0; i < 8; i++) {
        nonce[IV_LEN - 1 - i] ^= (unsigned char)(sealer->number >> (8 * i));
    }
    sealer->number++;
    out[0] = EB_SEALER_TYPE;
    out[1] = 3;
    out[2] = 3;
    out[3] = (unsigned char)(body >> 8);
    out[4] = (unsigned char)body;
    if (EVP_EncryptInit_ex(sealer->cipher, NULL, NULL, NULL, nonce) != 1 ||
        EVP_EncryptUpdate(sealer->cipher, NULL, &done, out, 5) != 1 ||
        EVP_EncryptUpdate(sealer->cipher, out + 5, &done,
                          (const unsigned char *)bytes, (int)len + 1) != 1 ||
        EVP_EncryptFinal_ex(sealer->cipher, out + 6 + len, &done) != 1 ||
        EVP_CIPHER_CTX_ctrl(sealer->cipher, EVP_CTRL_AEAD_GET_TAG, TAG_LEN,
                            out + 6 + len) != 1) {
        abort(); /* its peer would wait for ever */
    }
    return 5 + body;
}

void eb_sealer_free(eb_sealer_t *sealer)
{
    if (sealer != NULL) {
        EVP_CIPHER_CTX_free(sealer->cipher);
    }
    free(sealer);
}
