/* SPDX-License-Identifier: Apache-2.0 */
/*
 *   post_config     mod_ssl makes a context for each server with TLS and calls
 *                   init_server; ours follows, tests, and sets the key log
 *                   callback of those contexts
 *   pre_handshake   a capture in the pool of the connection, also if its first
 *                   server has EventStreamDetachTLS off: by its name (SNI) the
 *                   client may choose another one
 *   the request     before the head: read what else the client has sent, until
 *                   the socket has no more; so nothing is left in mod_ssl, in
 *                   OpenSSL, or in the filters below. Nothing is read after
 *                   that, and the head ends with a flush.
 *
 * Contexts are made anew at each restart, as is all that stands here, but for
 * the indexes. httpd unloads the module then, so nothing that outlives the
 * configuration may point into its code.
 */
#include "http/tls_server.h"

#include <string.h>

#include <apr_optional.h>
#include <apr_optional_hooks.h>
#include <apr_strings.h>
#include <http_config.h>
#include <http_connection.h>
#include <mod_ssl_openssl.h>
#include <util_filter.h>

#include "base/context.h"
#include "server/advice.h"
#include "server/log.h"
#include "server/stats.h"
#include "http/tls_capture.h"
#include "http/subscribe.h"
#include "http/tls_selftest.h"

typedef char
    assert_obstacles_fit[ES_TLS_OBSTACLES <= ES_STATS_OBSTACLES ? 1 : -1];

#define INDEXES "mod_eventstream-tls-indexes" /* retained data */
#define DRAIN_READ 8192
#define DRAIN_MAX (64 * 1024) /* of what a client sends after its request */

typedef struct tls_host_t {
    server_rec *server;
    SSL_CTX *ctx;
} tls_host_t;

static apr_array_header_t *hosts; /* tls_host_t; NULL = none */
static int is_capturing;          /* for any host */
static unsigned int passed;       /* set of ES_TLS_SELFTEST_BIT */
static APR_OPTIONAL_FN_TYPE(ssl_is_https) *has_ssl;
static unsigned char is_logged[ES_TLS_OBSTACLES];

/* ---- hooks of mod_ssl --------------------------------------------------- */

static apr_status_t forget_hosts(void *unused)
{
    (void)unused;
    hosts = NULL;
    is_capturing = 0;
    return APR_SUCCESS;
}

static int on_init_server(server_rec *s, apr_pool_t *p, int is_proxy,
                          SSL_CTX *ctx)
{
    tls_host_t *host;

    if (is_proxy) {
        return OK;
    }
    if (!hosts) {
        hosts = apr_array_make(p, 4, sizeof(tls_host_t));
        apr_pool_cleanup_register(p, NULL, forget_hosts, apr_pool_cleanup_null);
    }
    host = apr_array_push(hosts);
    host->server = s;
    host->ctx = ctx;
    return OK;
}

static apr_status_t wipe(void *capture)
{
    es_tls_capture_wipe(capture);
    return APR_SUCCESS;
}

static int on_pre_handshake(conn_rec *c, SSL *ssl, int is_proxy)
{
    es_tls_capture_t *capture;

    if (is_proxy || !is_capturing) {
        return OK;
    }
    capture = apr_palloc(c->pool, sizeof(*capture));
    es_tls_capture_begin(capture, ssl);
    ap_set_module_config(c->conn_config, &eventstream_module, capture);
    apr_pool_cleanup_register(c->pool, capture, wipe, apr_pool_cleanup_null);
    return OK;
}

void es_tls_server_register(void)
{
    APR_OPTIONAL_HOOK(ssl, init_server, on_init_server, NULL, NULL,
                      APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ssl, pre_handshake, on_pre_handshake, NULL, NULL,
                      APR_HOOK_MIDDLE);
}

/* ---- start -------------------------------------------------------------- */

/* As mod_ssl writes it: "OpenSSL/3.0.19", of "OpenSSL 3.0.19 27 Jan 2026". */
static const char *own_library(apr_pool_t *p)
{
    char *text = apr_pstrdup(p, OpenSSL_version(OPENSSL_VERSION));
    char *blank = strchr(text, ' ');

    if (blank) {
        *blank = '/';
        blank = strchr(blank, ' ');
    }
    if (blank) {
        *blank = '\0';
    }
    return text;
}

static const char *library_of_mod_ssl(apr_pool_t *ptemp, server_rec *s)
{
    APR_OPTIONAL_FN_TYPE(ssl_var_lookup) *lookup =
        APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);

    return lookup ? lookup(ptemp, s, NULL, NULL, (char *)"SSL_VERSION_LIBRARY")
                  : "";
}

static int are_hosts_ours(void)
{
    int i;

    for (i = 0; i < hosts->nelts; i++) {
        if (!es_tls_capture_is_ours(APR_ARRAY_IDX(hosts, i, tls_host_t).ctx)) {
            return 0;
        }
    }
    return 1;
}

/* Objects of another libssl than ours must not be touched. One of the same
 * version may be another copy, whose indexes and callbacks are its own. */
static int shares_library(apr_pool_t *ptemp, server_rec *s)
{
    const char *own = own_library(ptemp);
    const char *its = library_of_mod_ssl(ptemp, s);
    const char *copy = "";

    if (strcmp(own, its) == 0) {
        if (are_hosts_ours()) {
            return 1;
        }
        copy = "another copy of ";
    }
    es_advise(APLOG_NOTICE, s, "ES0021",
              "mod_ssl uses %s and mod_eventstream %s: clients over TLS are "
              "held; build mod_eventstream with the OpenSSL of httpd",
              apr_pstrcat(ptemp, copy, its, NULL), own);
    return 0;
}

static es_tls_indexes_t *retained_indexes(void)
{
    es_tls_indexes_t *indexes = ap_retained_data_get(INDEXES);

    return indexes ? indexes
                   : ap_retained_data_create(INDEXES, sizeof(*indexes));
}

static int is_on(const server_rec *s)
{
    const es_dir_t *dir =
        ap_get_module_config(s->lookup_defaults, &eventstream_module);

    return dir->detaches_tls != 0;
}

static unsigned int bit_of(const SSL_CIPHER *cipher)
{
    apr_uint32_t number = SSL_CIPHER_get_protocol_id(cipher);
    int index = es_tls_suite_find(ES_TLS_1_3, number);
    const es_tls_suite_t *suite;

    if (index < 0) {
        index = es_tls_suite_find(ES_TLS_1_2, number);
    }
    suite = index < 0 ? NULL : es_tls_suite_at((unsigned int)index);
    return suite ? ES_TLS_SELFTEST_BIT(suite->version, suite->aead) : 0;
}

/* What the context can negotiate, of what we seal. */
static unsigned int offers_of(SSL_CTX *ctx)
{
    unsigned int offers = 0;
    SSL *ssl = SSL_new(ctx);
    STACK_OF(SSL_CIPHER) *ciphers =
        ssl ? SSL_get1_supported_ciphers(ssl) : NULL;
    int i;

    for (i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        offers |= bit_of(sk_SSL_CIPHER_value(ciphers, i));
    }
    sk_SSL_CIPHER_free(ciphers);
    SSL_free(ssl);
    return offers;
}

static void run_selftest(server_rec *s, unsigned int offers)
{
    const char *failed[ES_TLS_SELFTEST_BITS];
    apr_time_t begun = apr_time_now();
    int bit;

    passed = es_tls_selftest_run(failed);
    if (passed != 0) {
        es_slog(APLOG_INFO, 0, s, "ES0022",
                "clients over TLS are detached; the self-test took "
                "%" APR_TIME_T_FMT " us",
                apr_time_now() - begun);
    }
    for (bit = 0; bit < ES_TLS_SELFTEST_BITS; bit++) {
        if (failed[bit] && (offers & 1U << bit)) {
            es_advise(
                APLOG_NOTICE, s, "ES0023",
                "the self-test of %s has failed (%s): clients with it are "
                "held",
                es_tls_selftest_name(bit), failed[bit]);
        }
    }
}

void es_tls_server_start(apr_pool_t *ptemp, server_rec *s)
{
    unsigned int offers = 0;
    const tls_host_t *host;
    int i, count = 0;

    passed = 0;
    is_capturing = 0;
    has_ssl = APR_RETRIEVE_OPTIONAL_FN(ssl_is_https);
    if (!hosts || !has_ssl || !shares_library(ptemp, s) ||
        !es_tls_capture_init(retained_indexes())) {
        return;
    }
    for (i = 0; i < hosts->nelts; i++) {
        host = &APR_ARRAY_IDX(hosts, i, tls_host_t);
        if (is_on(host->server)) {
            es_tls_capture_install(host->ctx);
            offers |= offers_of(host->ctx);
            count++;
        }
    }
    if (count > 0) {
        run_selftest(s, offers);
        is_capturing = 1;
    }
}

int es_tls_server_detaches(const server_rec *s)
{
    return is_capturing && passed != 0 && is_on(s);
}

const char *es_tls_server_describe(void)
{
    int i, count = 0;

    if (!hosts) {
        return NULL;
    }
    for (i = 0; i < hosts->nelts; i++) {
        count +=
            es_tls_server_detaches(APR_ARRAY_IDX(hosts, i, tls_host_t).server);
    }
    if (count == 0) {
        return "over HTTP/1.1 they are held, the others served in turns";
    }
    return count == hosts->nelts
               ? "over HTTP/1.1 they are detached"
               : "over HTTP/1.1 they are detached by some servers, and held by "
                 "others";
}

const char *es_tls_server_obstacle(unsigned int obstacle, const char **text)
{
    if (obstacle >= ES_TLS_OBSTACLES) {
        return NULL;
    }
    *text = es_tls_capture_describe((es_tls_obstacle_t)obstacle);
    return es_tls_capture_key((es_tls_obstacle_t)obstacle);
}

/* ---- a request ---------------------------------------------------------- */

/* The connection's capture, if mod_ssl still has its SSL object. */
static es_tls_capture_t *capture_of(const request_rec *r)
{
    conn_rec *c = r->connection;
    es_tls_capture_t *capture =
        ap_get_module_config(c->conn_config, &eventstream_module);

    return capture && capture->ssl && has_ssl(c) ? capture : NULL;
}

static int has_passed(const SSL *ssl)
{
    return (bit_of(SSL_get_current_cipher(ssl)) & passed) != 0;
}

static es_tls_obstacle_t obstacle_of(const request_rec *r)
{
    es_tls_capture_t *capture = capture_of(r);
    es_tls_obstacle_t obstacle;

    if (!es_settings_dir(r)->detaches_tls) {
        return ES_TLS_SWITCHED_OFF;
    }
    if (!capture) {
        return ES_TLS_UNKNOWN_TLS;
    }
    obstacle = es_tls_capture_obstacle(capture, capture->ssl);
    return obstacle == ES_TLS_NO_OBSTACLE && !has_passed(capture->ssl)
               ? ES_TLS_NOT_TESTED
               : obstacle;
}

/* Two workers at once may log the same reason. */
static int is_clear(const request_rec *r, es_tls_obstacle_t obstacle)
{
    if (obstacle != ES_TLS_NO_OBSTACLE && !is_logged[obstacle]) {
        is_logged[obstacle] = 1;
        es_rlog(APLOG_INFO, 0, r, "ES0405",
                "a client over TLS is not detached, since %s; further ones are "
                "not logged",
                es_tls_capture_describe(obstacle));
    }
    return obstacle == ES_TLS_NO_OBSTACLE;
}

/* dropped: filled, bytes of the client
 * @return 1: the socket has no more; 0: the connection ends, or the client
 * sends too much */
static int drain(request_rec *r, apr_off_t *dropped)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);
    apr_off_t len = 0;
    apr_status_t rv;

    *dropped = 0;
    do {
        rv = ap_get_brigade(c->input_filters, bb, AP_MODE_READBYTES,
                            APR_NONBLOCK_READ, DRAIN_READ);
        apr_brigade_length(bb, 1, &len);
        apr_brigade_cleanup(bb);
        *dropped += len;
    } while (rv == APR_SUCCESS && len > 0 && *dropped <= DRAIN_MAX);
    apr_brigade_destroy(bb);
    return rv == APR_SUCCESS ? len == 0 : APR_STATUS_IS_EAGAIN(rv);
}

int es_tls_server_prepare(request_rec *r)
{
    es_tls_obstacle_t obstacle = obstacle_of(r);
    apr_off_t dropped = 0;

    ES_CONTEXT(ES_WORKER);
    /* what is left for the client's next request, or a record in parts */
    if (obstacle == ES_TLS_NO_OBSTACLE || obstacle == ES_TLS_INPUT_LEFT ||
        obstacle == ES_TLS_NOT_SETTLED) {
        int is_empty = drain(r, &dropped);

        obstacle = obstacle_of(r);
        if (obstacle == ES_TLS_NO_OBSTACLE && !is_empty) {
            obstacle = ES_TLS_INPUT_LEFT;
        }
    }
    return is_clear(r, obstacle) || dropped > 0;
}

static es_tls_obstacle_t make_session(request_rec *r, es_tls_session_t *session)
{
    es_tls_obstacle_t obstacle = obstacle_of(r);

    memset(session, 0, sizeof(*session));
    if (obstacle == ES_TLS_NO_OBSTACLE) {
        es_tls_capture_t *capture = capture_of(r);

        obstacle = es_tls_capture_session(capture, capture->ssl, session);
    }
    return obstacle;
}

int es_tls_server_take(request_rec *r, es_tls_session_t *session)
{
    es_tls_obstacle_t obstacle = make_session(r, session);

    if (obstacle != ES_TLS_NO_OBSTACLE) {
        const char *why;

        es_stats_count_obstacle(obstacle);
        if (es_tls_server_obstacle(obstacle, &why)) {
            apr_table_setn(r->notes, ES_NOT_DETACHED_NOTE, why);
        }
    }
    if (!is_clear(r, obstacle)) {
        return 0;
    }
    SSL_set_shutdown(capture_of(r)->ssl,
                     SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return 1;
}

void es_tls_server_give_back(request_rec *r)
{
    es_tls_capture_t *capture = capture_of(r);

    if (capture) {
        SSL_set_shutdown(capture->ssl, 0);
    }
}

void es_tls_server_forget(request_rec *r)
{
    es_tls_capture_t *capture = capture_of(r);

    if (capture) {
        es_tls_capture_wipe(capture);
    }
}
