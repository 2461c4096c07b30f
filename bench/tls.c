/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections are many and mostly idle, so libssl releases its buffers between
 * two records. libssl caches no session: unless eb_conn_resume() is called,
 * each client makes a whole handshake.
 */
#include "bench/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CERTIFICATE_SECONDS 86400

static eb_tls_t *complain(eb_tls_t *tls, const char *what)
{
    fprintf(stderr, "TLS: %s\n", what);
    SSL_CTX_free(tls);
    return NULL;
}

static eb_tls_t *make(const SSL_METHOD *method)
{
    eb_tls_t *tls = SSL_CTX_new(method);

    if (tls == NULL) {
        return NULL;
    }
    signal(SIGPIPE, SIG_IGN); /* libssl calls write() */
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    /* one system call for the head of a record and the rest of it */
    SSL_CTX_set_read_ahead(tls, 1);
    return tls;
}

eb_tls_t *eb_tls_client(eb_tls_version_t version, const char *cipher)
{
    int number = version == EB_TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
    eb_tls_t *tls = make(TLS_client_method());
    int rc = 1;

    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, number) != 1 ||
        SSL_CTX_set_max_proto_version(tls, number) != 1) {
        return complain(tls, "this version is not possible here");
    }
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    if (cipher != NULL) {
        rc = version == EB_TLS_1_2 ? SSL_CTX_set_cipher_list(tls, cipher)
                                   : SSL_CTX_set_ciphersuites(tls, cipher);
    }
    return rc == 1 ? tls : complain(tls, "no cipher of this name");
}

/* Returns 1, or 0: failed. */
static int sign(X509 *certificate, EVP_PKEY *key)
{
    static const unsigned char NAME[] = "localhost";
    X509_NAME *name = X509_get_subject_name(certificate);

    return X509_set_version(certificate, 2) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate),
                           CERTIFICATE_SECONDS) != NULL &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, NAME, -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_sign(certificate, key, EVP_sha256()) != 0;
}

eb_tls_t *eb_tls_server(void)
{
    eb_tls_t *tls = make(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    int is_ok;

    is_ok = tls != NULL && key != NULL && certificate != NULL &&
            sign(certificate, key) &&
            SSL_CTX_use_certificate(tls, certificate) == 1 &&
            SSL_CTX_use_PrivateKey(tls, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return is_ok ? tls : complain(tls, "cannot make a certificate");
}

static int on_alpn(SSL *session, const unsigned char **name, unsigned char *len,
                   const unsigned char *offered, unsigned int offered_len,
                   void *arg)
{
    const char *protocol = arg;
    size_t wanted = strlen(protocol);
    unsigned int at;

    (void)session;
    for (at = 0; at + 1 + wanted <= offered_len; at += 1u + offered[at]) {
        if (offered[at] == wanted &&
            memcmp(offered + at + 1, protocol, wanted) == 0) {
            *name = offered + at + 1;
            *len = offered[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

int eb_tls_agree(eb_tls_t *tls, const char *protocol)
{
    unsigned char list[1 + 31];
    size_t len = strlen(protocol);

    SSL_CTX_set_alpn_select_cb(tls, on_alpn, (void *)protocol);
    if (len >= sizeof(list)) {
        return -1;
    }
    list[0] = (unsigned char)len;
    memcpy(list + 1, protocol, len);
    if (SSL_CTX_set_alpn_protos(tls, list, (unsigned int)len + 1) != 0) {
        fprintf(stderr, "TLS: no memory\n");
        return -1;
    }
    return 0;
}

void eb_tls_close(eb_tls_t *tls)
{
    SSL_CTX_free(tls);
}

void eb_tls_ticket_free(eb_tls_ticket_t *ticket)
{
    SSL_SESSION_free(ticket);
}
