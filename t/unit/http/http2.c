/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/http2.c: who is asked to use HTTP/1.1, and what is counted. */
#include "t/unit/unit.h"

#include "http/tls_server.h"

/* Are clients over TLS detached? A build without mod_ssl's header has no such
 * function to replace. */
static int is_detached;

static int detaches(const server_rec *s)
{
    (void)s;
    return is_detached;
}

static const char *describe(void)
{
    return NULL;
}

#define es_tls_server_detaches detaches
#define es_tls_server_describe describe

#include "http/http2.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

#define CHILDREN 2

static request_rec *r;
static es_dir_t *conf;
static conn_rec master;
static const char *protocol;         /* of the connection */
static const char *not_allowed = ""; /* of Protocols */
static int has_room;
static int is_proxied;

const char *ap_get_protocol(conn_rec *c)
{
    assert_ptr_equal(c, &master);
    return protocol;
}

int ap_is_allowed_protocol(conn_rec *c, request_rec *of, server_rec *s,
                           const char *name)
{
    (void)c, (void)of, (void)s;
    return strcmp(name, not_allowed) != 0;
}

int es_budget_has_room(const conn_rec *c)
{
    assert_ptr_equal(c, r->connection);
    return has_room;
}

int es_publish_auth_shows_proxy(const request_rec *of)
{
    assert_ptr_equal(of, r);
    return is_proxied;
}

int es_reply_problem(request_rec *of, const es_problem_t *why)
{
    of->status = why->status;
    return OK;
}

/* A child without room, that has asked no browser yet. */
static int open_child(void **state)
{
    void *mem = apr_pcalloc(pool, es_client_count_size(CHILDREN));

    (void)state;
    memset(&runtime_stub, 0, sizeof(runtime_stub));
    runtime_stub.client_count = es_client_count_attach(mem, CHILDREN, pool);
    runtime_stub.asks = es_asks_attach(apr_pcalloc(pool, es_asks_size()));
    has_room = 0;
    is_detached = 1;
    is_proxied = 0;
    not_allowed = "";
    return 0;
}

/* A request of Chromium, over HTTP/2 and TLS. */
static void browser(void)
{
    r = stub_request(pool);
    conf = stub_conf(r);
    conf->http2 = ES_HTTP2_AUTO;
    protocol = "h2";
    r->connection->master = &master;
    r->useragent_addr = stub_address("192.0.2.1", pool);
    r->hostname = "www.example.com";
    apr_table_setn(r->headers_in, "User-Agent", "Mozilla/5.0 Chrome/156");
    apr_table_setn(r->headers_in, "Sec-Fetch-Dest", "empty");
}

/* The same over HTTP/1.1. */
static void browser_h1(void)
{
    browser();
    r->connection->master = NULL;
}

static void program(const char *agent)
{
    browser();
    apr_table_unset(r->headers_in, "Sec-Fetch-Dest");
    apr_table_setn(r->headers_in, "User-Agent", agent);
}

static int asks(void)
{
    return es_http2_asks(r, conf);
}

static apr_uint32_t counted(void)
{
    return es_http2_browser(r, conf);
}

FACTS(a_browser_beyond_the_budget_is_asked_once)
{
    browser();
    assert_int_equal(asks(), 1);
    browser();
    assert_int_equal(asks(), 0);
}

FACTS(a_browser_within_the_budget_is_not_asked)
{
    browser();
    has_room = 1;
    assert_int_equal(asks(), 0);
    has_room = 0;
    assert_int_equal(asks(), 1);
}

FACTS(a_browser_that_would_be_held_over_http_1_1_too_is_not_asked)
{
    browser();
    is_detached = 0;
    assert_int_equal(asks(), 0);
    conf->http2 = ES_HTTP2_HTTP11;
    assert_int_equal(asks(), 1);
}

FACTS(a_browser_that_has_complied_may_be_asked_again)
{
    browser();
    assert_int_equal(asks(), 1);
    browser_h1();
    assert_int_not_equal(counted(), 0);
    browser();
    assert_int_equal(asks(), 1);
    assert_int_equal(asks(), 0);
}

FACTS(who_may_not_understand_is_not_asked)
{
    program("Mozilla/5.0 (Safari of 2022)");
    assert_int_equal(asks(), 0);
    program("python-httpx/0.27");
    assert_int_equal(asks(), 0);
    program("not curl/8.5.0");
    assert_int_equal(asks(), 0);
    browser();
    apr_table_unset(r->headers_in, "Sec-Fetch-Dest");
    apr_table_unset(r->headers_in, "User-Agent");
    assert_int_equal(asks(), 0);
    program("curl/8.5.0");
    assert_int_equal(asks(), 1);
}

FACTS(who_comes_through_a_proxy_is_not_asked)
{
    browser();
    is_proxied = 1;
    assert_int_equal(asks(), 0);
}

FACTS(without_tls_or_over_http_1_none_is_asked)
{
    browser();
    protocol = "h2c";
    assert_int_equal(asks(), 0);
    browser_h1();
    assert_int_equal(asks(), 0);
}

FACTS(none_is_asked_where_the_host_has_no_http_1)
{
    browser();
    not_allowed = "http/1.1";
    assert_int_equal(asks(), 0);
}

FACTS(a_HEAD_is_answered)
{
    browser();
    r->header_only = 1;
    assert_int_equal(asks(), 0);
}

FACTS(hold_asks_none)
{
    browser();
    conf->http2 = ES_HTTP2_HOLD;
    assert_int_equal(asks(), 0);
}

FACTS(http_1_asks_within_the_budget_too)
{
    browser();
    has_room = 1;
    conf->http2 = ES_HTTP2_HTTP11;
    assert_int_equal(asks(), 1);
    assert_int_equal(asks(), 0);
}

FACTS(without_the_table_none_is_asked)
{
    browser();
    runtime_stub.asks = NULL;
    assert_int_equal(asks(), 0);
    assert_int_equal(counted(), 0);
}

FACTS(a_browser_is_an_address_an_agent_a_user_and_a_host)
{
    browser();
    assert_int_equal(asks(), 1);
    browser();
    r->useragent_addr = stub_address("192.0.2.2", pool);
    assert_int_equal(asks(), 1);
    browser();
    apr_table_setn(r->headers_in, "User-Agent", "Mozilla/5.0 Firefox/153");
    assert_int_equal(asks(), 1);
    browser();
    r->user = "alice";
    assert_int_equal(asks(), 1);
    browser();
    r->hostname = "events.example.com";
    assert_int_equal(asks(), 1);
    browser();
    assert_int_equal(asks(), 0);
}

FACTS(the_streams_of_a_browser_are_counted_from_its_ask_on)
{
    apr_uint32_t number;

    browser_h1();
    assert_int_equal(counted(), 0);
    browser();
    assert_int_equal(counted(), 0);
    assert_int_equal(asks(), 1);
    assert_int_equal(counted(), 0);
    browser_h1();
    number = counted();
    assert_int_not_equal(number, 0);
    browser_h1();
    r->useragent_addr = stub_address("192.0.2.2", pool);
    assert_int_equal(counted(), 0);
    browser_h1();
    conf->http2 = ES_HTTP2_HTTP11; /* a host name of its own has no pages */
    assert_int_equal(counted(), 0);
    conf->http2 = ES_HTTP2_HOLD;
    assert_int_equal(counted(), 0);
}

FACTS(the_streams_of_curl_are_not_counted)
{
    program("curl/8.5.0");
    assert_int_equal(asks(), 1);
    r->connection->master = NULL;
    assert_int_equal(counted(), 0);
}

FACTS(a_browser_with_enough_streams_is_not_asked)
{
    static const es_client_limits_t none = {0};
    es_counted_t streams[ES_HTTP2_BROWSER_STREAMS];
    int i;

    browser();
    assert_int_equal(asks(), 1);
    browser_h1();
    for (i = 0; i < ES_HTTP2_BROWSER_STREAMS; i++) {
        es_client_count_add(runtime_stub.client_count, 1,
                            es_client_count_with_browser(0, counted()), &none,
                            &streams[i]);
    }
    browser();
    assert_int_equal(asks(), 0);
    es_client_count_remove(&streams[0]);
    assert_int_equal(asks(), 1);
}

FACTS(the_ask_is_a_reset_by_a_note_on_a_403)
{
    browser();
    assert_int_equal(es_http2_ask(r), OK);
    assert_int_equal(r->status, HTTP_FORBIDDEN);
    assert_non_null(apr_table_get(r->notes, "ssl-renegotiate-forbidden"));
}

FACTS(the_start_line_tells_the_directive)
{
    browser();
    r->server->lookup_defaults = r->per_dir_config;
    httpd_stub.is_threaded = AP_MPMQ_STATIC;
    es_http2_log_start(r->server);
    assert_int_equal(httpd_stub.log_level, APLOG_NOTICE);
    assert_non_null(strstr(httpd_stub.logged, "beyond that asked to use"));
    is_detached = 0;
    es_http2_log_start(r->server);
    assert_non_null(strstr(httpd_stub.logged, "others served in turns"));
    is_detached = 1;
    conf->http2 = ES_HTTP2_HOLD;
    es_http2_log_start(r->server);
    assert_non_null(strstr(httpd_stub.logged, "others served in turns"));
    conf->http2 = ES_HTTP2_HTTP11;
    es_http2_log_start(r->server);
    assert_non_null(strstr(httpd_stub.logged, "browsers are asked to use"));
    assert_int_equal(httpd_stub.logs, 4);
    not_allowed = "h2";
    es_http2_log_start(r->server);
    assert_int_equal(httpd_stub.logs, 4);
}

#define CHILD(fact) \
    cmocka_unit_test_setup_teardown(fact, open_child, unit_after_each)

static const struct CMUnitTest tests[] = {
    CHILD(a_browser_beyond_the_budget_is_asked_once),
    CHILD(a_browser_within_the_budget_is_not_asked),
    CHILD(a_browser_that_would_be_held_over_http_1_1_too_is_not_asked),
    CHILD(a_browser_that_has_complied_may_be_asked_again),
    CHILD(who_may_not_understand_is_not_asked),
    CHILD(who_comes_through_a_proxy_is_not_asked),
    CHILD(without_tls_or_over_http_1_none_is_asked),
    CHILD(none_is_asked_where_the_host_has_no_http_1),
    CHILD(a_HEAD_is_answered),
    CHILD(hold_asks_none),
    CHILD(http_1_asks_within_the_budget_too),
    CHILD(without_the_table_none_is_asked),
    CHILD(a_browser_is_an_address_an_agent_a_user_and_a_host),
    CHILD(the_streams_of_a_browser_are_counted_from_its_ask_on),
    CHILD(the_streams_of_curl_are_not_counted),
    CHILD(a_browser_with_enough_streams_is_not_asked),
    CHILD(the_ask_is_a_reset_by_a_note_on_a_403),
    CHILD(the_start_line_tells_the_directive),
};

UNIT_MAIN(tests)
