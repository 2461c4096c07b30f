/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handler of HTTP/2 keeps its worker: mod_http2 ends the stream when it
 * returns. So mod_http2's workers bound how many clients can be held. But a
 * client whose stream is reset with HTTP_1_1_REQUIRED (RFC 9113, section 7)
 * repeats its request over HTTP/1.1. mod_http2 resets a stream so in place of
 * an answer 403 whose request has a note of mod_ssl, RESET_NOTE.
 *
 *   stream over HTTP/2 ──► held? ──► known to understand? ──► asked just now?
 *                           │ yes     │ no                     │ yes    │ no
 *                           ▼         ▼                        ▼        ▼
 *                          held    in turns                in turns    asked
 *
 *   Chromium and its kin      use HTTP/1.1 for the whole host then, with six
 *                             connections
 *   Firefox, curl             use HTTP/1.1 for this request
 *
 * A client that does not understand would come over HTTP/2 again and again. So
 * the note of who was asked (shm/asks.h) comes before the ask. A proxy passes
 * its client's headers on, and answers a reset with an error of its own, on
 * which an EventSource stops for good. So who comes through one is not asked.
 *
 * Six streams over HTTP/1.1 would take all six connections of Chromium, and
 * then no page of the host loads. So the streams of a browser that was asked
 * are counted, over all children. What is a browser? Its tabs have no name in
 * common, so it is who has the same address, User-Agent and user; several
 * people behind one address may be one browser in this sense.
 */
#include "http/http2.h"

#include <ap_mpm.h>
#include <apr_optional.h>
#include <http_log.h>
#include <http_protocol.h>
#include <mod_http2.h>

#include "base/clock.h"
#include "base/context.h"
#include "server/log.h"
#include "server/runtime.h"
#include "http/budget.h"
#include "http/publish.h"
#include "http/reply.h"
#include "http/tls_server.h"

#define RESET_NOTE "ssl-renegotiate-forbidden"

/* ---- Who it is ----------------------------------------------------------- */

/* "h2" is HTTP/2 over TLS, whoever does the TLS; without TLS it is "h2c", and
 * browsers do not use it. */
static int is_http2_over_tls(const request_rec *r)
{
    conn_rec *master = r->connection->master;

    return master && !strcmp(ap_get_protocol(master), "h2");
}

/* Browsers have sent this header since 2019 (Chrome 76), 2021 (Firefox 90) and
 * 2023 (Safari 16.4), over TLS only. No script can set it. */
static int is_browser(const request_rec *r)
{
    return apr_table_get(r->headers_in, "Sec-Fetch-Dest") != NULL;
}

static int is_known(const request_rec *r)
{
    const char *agent = apr_table_get(r->headers_in, "User-Agent");

    return is_browser(r) || (agent && !strncmp(agent, "curl/", 5));
}

/* FNV-1a, whose upper bits change less than the lower ones; see number_of. */
static apr_uint64_t hash(apr_uint64_t number, const void *bytes, apr_size_t len)
{
    const unsigned char *at = bytes;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        number = (number ^ at[i]) * APR_UINT64_C(0x100000001b3);
    }
    return number;
}

static apr_uint64_t hash_text(apr_uint64_t number, const char *text)
{
    return text ? hash(number, text, strlen(text) + 1) : number;
}

/*
 * A number for the browser at this host: what HTTP/1.1 and HTTP/2 have in
 * common. The port tells http: from https:.
 */
static apr_uint64_t number_of(const request_rec *r)
{
    const conn_rec *c = r->connection;
    const apr_sockaddr_t *from = r->useragent_addr;
    apr_port_t port = c->local_addr ? c->local_addr->port : 0;
    apr_uint64_t number = APR_UINT64_C(0xcbf29ce484222325);

    number = hash(number, from->ipaddr_ptr, (apr_size_t)from->ipaddr_len);
    number = hash(number, &port, sizeof(port));
    number = hash_text(number, r->hostname);
    number = hash_text(number, apr_table_get(r->headers_in, "User-Agent"));
    number = hash_text(number, r->user);
    number ^= number >> 32; /* each half has to select by itself */
    number *= APR_UINT64_C(0xc4ceb9fe1a85ec53);
    return number ^ (number >> 29);
}

static apr_uint32_t browser_of(apr_uint64_t number)
{
    apr_uint32_t browser = (apr_uint32_t)(number >> 32);

    return browser != 0 ? browser : 1;
}

apr_uint32_t es_http2_browser(const request_rec *r, const es_dir_t *conf)
{
    es_asks_t *asks = es_runtime_asks();
    apr_uint64_t number;

    ES_CONTEXT(ES_WORKER);
    if (!asks || conf->http2 == ES_HTTP2_HOLD || r->connection->master ||
        !is_browser(r)) {
        return 0;
    }
    number = number_of(r);
    if (!es_asks_note_seen(asks, number, es_clock_now())) {
        return 0;
    }
    return conf->http2 == ES_HTTP2_AUTO ? browser_of(number) : 0;
}

/* ---- Asking ---------------------------------------------------------------*/

/* Over HTTP/1.1 it would only be served briefly. */
static int has_enough_streams(apr_uint64_t number)
{
    es_client_limits_t limits;
    const es_client_count_t *client_count = es_runtime_client_count(&limits);

    return es_client_count_of_browser(client_count, browser_of(number)) >=
           ES_HTTP2_BROWSER_STREAMS;
}

/* Does the directive say so of a client that could be asked? */
static int is_wanted(const request_rec *r, const es_dir_t *conf,
                     apr_uint64_t number)
{
    switch (conf->http2) {
    case ES_HTTP2_HTTP11: return 1;
    case ES_HTTP2_AUTO:
        /* if it were held over HTTP/1.1, too, it would gain nothing */
        return es_tls_server_detaches(r->server) &&
               !es_budget_has_room(r->connection) &&
               !has_enough_streams(number);
    default: return 0;
    }
}

int es_http2_asks(request_rec *r, const es_dir_t *conf)
{
    es_asks_t *asks = es_runtime_asks();
    apr_uint64_t number;

    ES_CONTEXT(ES_WORKER);
    if (!asks || r->header_only || !is_http2_over_tls(r) || !is_known(r) ||
        es_publish_auth_shows_proxy(r) ||
        !ap_is_allowed_protocol(r->connection, r, NULL, "http/1.1")) {
        return 0;
    }
    number = number_of(r);
    return is_wanted(r, conf, number) &&
           es_asks_take(asks, number, es_clock_now());
}

int es_http2_ask(request_rec *r)
{
    es_problem_t why = {0};

    es_rlog(APLOG_DEBUG, 0, r, "ES0412",
            "the client is asked to use HTTP/1.1 (EventStreamHttp2)");
    apr_table_setn(r->notes, RESET_NOTE, "EventStreamHttp2");
    es_problem_set(&why, r->pool, HTTP_FORBIDDEN,
                   "Use HTTP/1.1 for this stream.");
    return es_reply_problem(r, &why);
}

/* ---- The start ----------------------------------------------------------- */

/* The first server that offers the protocol; NULL = none does. */
static const server_rec *offers(server_rec *s, const char *protocol)
{
    while (s && !ap_is_allowed_protocol(NULL, NULL, s, protocol)) {
        s = s->next;
    }
    return s;
}

/* Under prefork mod_http2 speaks no HTTP/2 over TLS, whatever is offered. */
static int is_prefork(void)
{
    int is_threaded = AP_MPMQ_DYNAMIC;

    ap_mpm_query(AP_MPMQ_IS_THREADED, &is_threaded);
    return is_threaded == AP_MPMQ_NOT_SUPPORTED;
}

/* What becomes of clients over HTTP/2 by the settings outside of sections. */
static const char *describe_http2(const server_rec *s)
{
    const es_dir_t *dir =
        ap_get_module_config(s->lookup_defaults, &eventstream_module);

    if (dir->http2 == ES_HTTP2_HTTP11) {
        return "; over HTTP/2 browsers are asked to use HTTP/1.1";
    }
    return dir->http2 == ES_HTTP2_AUTO && es_tls_server_detaches(s)
               ? "; over HTTP/2 they are held, and browsers beyond that asked "
                 "to use HTTP/1.1"
               : "; over HTTP/2 they are held, the others served in turns";
}

void es_http2_log_start(server_rec *s)
{
    const char *http1 = es_tls_server_describe();
    const server_rec *offering = is_prefork() ? NULL : offers(s, "h2");

    if (http1 || offering) {
        es_slog(APLOG_NOTICE, 0, s, "ES0115",
                "clients over TLS: %s%s (see EventStreamDetachTLS, "
                "EventStreamHttp2 and EventStreamMaxHeld)",
                http1 ? http1 : "over HTTP/1.1 they are held",
                offering ? describe_http2(offering) : "");
    }
}
