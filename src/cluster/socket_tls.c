/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libssl reads and writes through a BIO of ours, since its own would raise
 * SIGPIPE. The context is made for each connection, so that new files of
 * certificates count from the next one on.
 */
#include "cluster/socket_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <apr_strings.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct es_cluster_tls_t {
    SSL_CTX *context;
    SSL *ssl;
    BIO_METHOD *method;
    int fd;
    short read_events, write_events;
    const char *reason; /* of libssl, static; NULL = nothing has failed */
};

/* ---- the BIO ------------------------------------------------------------- */

static int result_of(BIO *bio, ssize_t n, int retry)
{
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    }
    return (int)n;
}

static int on_read(BIO *bio, char *data, int size)
{
    const es_cluster_tls_t *tls = BIO_get_data(bio);

    return result_of(bio, recv(tls->fd, data, (size_t)size, 0), BIO_FLAGS_READ);
}

static int on_write(BIO *bio, const char *data, int size)
{
    const es_cluster_tls_t *tls = BIO_get_data(bio);

    return result_of(bio, send(tls->fd, data, (size_t)size, MSG_NOSIGNAL),
                     BIO_FLAGS_WRITE);
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int set_bio(es_cluster_tls_t *tls)
{
    BIO *bio;

    tls->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "eventstream");
    if (tls->method == NULL) {
        return 0;
    }
    BIO_meth_set_read(tls->method, on_read);
    BIO_meth_set_write(tls->method, on_write);
    BIO_meth_set_ctrl(tls->method, on_control);
    bio = BIO_new(tls->method);
    if (bio == NULL) {
        return 0;
    }
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    SSL_set_bio(tls->ssl, bio, bio); /* freed with it */
    return 1;
}

/* ---- making it ----------------------------------------------------------- */

/* libssl's reason, which names no key and no file. */
static apr_status_t fail(char *why, apr_size_t why_size, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());

    apr_snprintf(why, why_size, "%s: %s", what,
                 reason ? reason : "unknown error");
    ERR_clear_error();
    return APR_EGENERAL;
}

static apr_status_t load_files(SSL_CTX *context,
                               const es_cluster_link_params_t *params,
                               char *why, apr_size_t why_size)
{
    const char *key = params->key_file ? params->key_file : params->cert_file;

    if (params->ca_file
            ? SSL_CTX_load_verify_locations(context, params->ca_file, NULL) != 1
            : SSL_CTX_set_default_verify_paths(context) != 1) {
        return fail(why, why_size, "cannot load the CA certificates");
    }
    if (params->cert_file &&
        SSL_CTX_use_certificate_chain_file(context, params->cert_file) != 1) {
        return fail(why, why_size, "cannot load the certificate");
    }
    if (params->cert_file &&
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) {
        return fail(why, why_size, "cannot load the certificate's key");
    }
    return APR_SUCCESS;
}

/* SNI is for names only. */
static int set_host(SSL *ssl, const char *host)
{
    unsigned char ignored[sizeof(struct in6_addr)];

    if (host == NULL) {
        return 1;
    }
    if (inet_pton(AF_INET, host, ignored) == 1 ||
        inet_pton(AF_INET6, host, ignored) == 1) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    }
    return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

static apr_status_t make(es_cluster_tls_t *tls,
                         const es_cluster_link_params_t *params,
                         const char *host, char *why, apr_size_t why_size)
{
    apr_status_t rv;

    ERR_clear_error();
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context == NULL) {
        return fail(why, why_size, "no TLS");
    }
    SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(tls->context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(
        tls->context, params->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    rv = load_files(tls->context, params, why, why_size);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    tls->ssl = SSL_new(tls->context);
    if (tls->ssl == NULL || !set_bio(tls) ||
        (params->verify && !set_host(tls->ssl, host))) {
        return fail(why, why_size, "no TLS");
    }
    SSL_set_connect_state(tls->ssl);
    return APR_SUCCESS;
}

apr_status_t es_cluster_tls_create(es_cluster_tls_t **out, int fd,
                                   const es_cluster_link_params_t *params,
                                   const char *host, char *why,
                                   apr_size_t why_size)
{
    es_cluster_tls_t *tls = calloc(1, sizeof(*tls));
    apr_status_t rv;

    if (tls == NULL) {
        return APR_ENOMEM;
    }
    tls->fd = fd;
    tls->read_events = POLLIN;
    tls->write_events = POLLOUT;
    rv = make(tls, params, host, why, why_size);
    if (rv != APR_SUCCESS) {
        es_cluster_tls_destroy(tls);
        return rv;
    }
    *out = tls;
    return APR_SUCCESS;
}

void es_cluster_tls_destroy(es_cluster_tls_t *tls)
{
    if (tls == NULL) {
        return;
    }
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    free(tls);
}

/* ---- using it ------------------------------------------------------------ */

static apr_status_t status_of(es_cluster_tls_t *tls, int result, short *events)
{
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ: *events = POLLIN; return APR_EAGAIN;
    case SSL_ERROR_WANT_WRITE: *events = POLLOUT; return APR_EAGAIN;
    case SSL_ERROR_ZERO_RETURN: return APR_EOF;
    case SSL_ERROR_SYSCALL: return errno != 0 ? errno : APR_EOF;
    default:
        tls->reason = ERR_reason_error_string(ERR_peek_last_error());
        return APR_EGENERAL;
    }
}

static apr_status_t explain(es_cluster_tls_t *tls, char *why,
                            apr_size_t why_size)
{
    long verdict = SSL_get_verify_result(tls->ssl);

    if (verdict == X509_V_OK) {
        return fail(why, why_size, "the TLS handshake failed");
    }
    apr_snprintf(why, why_size, "its certificate is refused: %s",
                 X509_verify_cert_error_string(verdict));
    ERR_clear_error();
    return APR_EGENERAL;
}

apr_status_t es_cluster_tls_shake_hands(es_cluster_tls_t *tls, char *why,
                                        apr_size_t why_size)
{
    apr_status_t rv;
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_do_handshake(tls->ssl);
    if (result == 1) {
        return APR_SUCCESS;
    }
    rv = status_of(tls, result, &tls->read_events);
    if (rv == APR_EGENERAL) {
        return explain(tls, why, why_size);
    }
    if (rv != APR_EAGAIN) {
        apr_snprintf(why, why_size, "closed within the TLS handshake");
    }
    return rv;
}

apr_status_t es_cluster_tls_read(es_cluster_tls_t *tls, char *data,
                                 apr_size_t size, apr_size_t *done)
{
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_read_ex(tls->ssl, data, size, done);
    return result == 1 ? APR_SUCCESS
                       : status_of(tls, result, &tls->read_events);
}

apr_status_t es_cluster_tls_write(es_cluster_tls_t *tls, const char *data,
                                  apr_size_t size, apr_size_t *done)
{
    int result;

    ERR_clear_error();
    errno = 0;
    result = SSL_write_ex(tls->ssl, data, size, done);
    return result == 1 ? APR_SUCCESS
                       : status_of(tls, result, &tls->write_events);
}

const char *es_cluster_tls_reason(const es_cluster_tls_t *tls)
{
    return tls->reason ? tls->reason : "unknown error";
}

short es_cluster_tls_events(const es_cluster_tls_t *tls, int is_write)
{
    return is_write ? tls->write_events : tls->read_events;
}
