/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/publish_auth.c: the words of EventStreamPublishFrom. */
#include "t/unit/unit.h"

#include "http/publish_auth.c"
#include "t/unit/httpd_stub.h"

static request_rec *r;
static es_dir_t *conf;
static es_publish_from_t from;
static es_problem_t why;

/* Stands for http/publish_key.c. */
static int has_key;

int es_publish_key_admits(request_rec *req, const es_publish_keys_t *keys,
                          es_problem_t *problem)
{
    assert_ptr_equal(keys, conf->keys);
    return has_key ||
           es_problem_set(problem, req->pool, HTTP_UNAUTHORIZED, "no");
}

/* A request from this address, without EventStreamPublishFrom. */
static void request(const char *ip)
{
    r = stub_request(pool);
    conf = stub_conf(r);
    memset(&from, 0, sizeof(from));
    r->hostname = "localhost";
    r->connection->client_ip = apr_pstrdup(pool, ip);
    r->connection->client_addr = stub_address(ip, pool);
    r->useragent_ip = r->connection->client_ip;
    r->useragent_addr = r->connection->client_addr;
}

/* The same by way of a proxy that mod_remoteip trusts. */
static void request_via(const char *peer, const char *ip)
{
    request(peer);
    r->useragent_ip = apr_pstrdup(pool, ip);
    r->useragent_addr = stub_address(ip, pool);
}

/* A browser's request for a URL with this host name. */
static void browser(const char *host, const char *header)
{
    request("127.0.0.1");
    r->server->server_hostname = apr_pstrdup(pool, "app.example");
    r->method_number = M_POST;
    r->hostname = host;
    apr_table_setn(r->headers_in, header, "x");
}

/* EventStreamPublishFrom network */
static void allow_net(const char *network, const char *bits)
{
    apr_ipsubnet_t *net;

    assert_int_equal(apr_ipsubnet_create(&net, network, bits, pool), 0);
    if (!from.net) {
        from.net = apr_array_make(pool, 2, sizeof(apr_ipsubnet_t *));
    }
    APR_ARRAY_PUSH(from.net, apr_ipsubnet_t *) = net;
    conf->from = &from;
}

static int admits(void)
{
    assert_int_equal(es_publish_auth_look(r), DECLINED);
    return es_publish_auth_admits(r, conf, &why);
}

static int admits_from(const char *ip)
{
    request(ip);
    return admits();
}

/* ---- local, which is the preset ---------------------------------------- */

FACTS(this_host_may_publish)
{
    assert_true(admits_from("127.0.0.1"));
    assert_true(admits_from("127.255.0.9"));
    assert_true(admits_from("::1"));
    assert_true(admits_from("::ffff:127.0.0.1"));
}

FACTS(another_host_may_not_publish)
{
    assert_false(admits_from("192.0.2.1"));
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_string_equal(why.sentence, "Publishing is not allowed from here.");
    assert_false(admits_from("126.0.0.1"));
    assert_false(admits_from("128.0.0.1"));
    assert_false(admits_from("2001:db8::1"));
    assert_false(admits_from("::ffff:192.0.2.1"));
    assert_false(admits_from("::7f00:1")); /* no IPv4 in it */
}

FACTS(a_unix_socket_is_of_this_host)
{
    request("127.0.0.1");
    r->connection->client_addr->family = APR_UNIX;
    assert_true(admits());
}

FACTS(an_unknown_kind_of_address_is_not_of_this_host)
{
    request("127.0.0.1");
    r->connection->client_addr->family = APR_UNSPEC;
    assert_false(admits());
}

FACTS(both_the_peer_and_the_client_must_be_of_this_host)
{
    request_via("127.0.0.1", "192.0.2.1");
    assert_false(admits());
    request_via("192.0.2.1", "127.0.0.1");
    assert_false(admits());
}

FACTS(a_request_through_a_proxy_is_not_local)
{
    static const char *const headers[] = {"Grip-Sig",
                                          "Forwarded",
                                          "X-Forwarded-For",
                                          "X-Real-IP",
                                          "Via",
                                          "x-forwarded-proto",
                                          "X-Forwarded",
                                          "CF-Connecting-IP",
                                          "X-NginX-Proxy",
                                          "X-Real-Port",
                                          "X-ARR-LOG-ID",
                                          "Tailscale-User-Login",
                                          "X-Forward-For",
                                          "X-Originating-IP",
                                          "Incap-Client-IP"};
    size_t i;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        request("127.0.0.1");
        apr_table_setn(r->headers_in, headers[i], "");
        assert_false(admits());
        assert_non_null(strstr(why.remedy, headers[i]));
    }
}

FACTS(a_header_whose_name_only_resembles_is_no_proxys)
{
    static const char *const headers[] = {"X-Forward",     "Vi", "Via-Header",
                                          "Forwarded-For", "CF", ""};
    size_t i;

    request("127.0.0.1");
    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        apr_table_setn(r->headers_in, headers[i], "");
    }
    assert_true(admits());
}

FACTS(http_1_0_is_not_local)
{
    request("127.0.0.1");
    r->proto_num = HTTP_VERSION(1, 0);
    assert_false(admits());
    assert_non_null(strstr(why.remedy, "HTTP/1.0, as proxies send it"));
    request("127.0.0.1");
    r->proto_num = HTTP_VERSION(2, 0);
    assert_true(admits());
}

FACTS(a_client_of_a_proxy_is_not_local_though_its_address_is)
{
    request_via("127.0.0.1", "127.0.0.1");
    assert_false(admits());
    assert_non_null(strstr(why.remedy, "client 127.0.0.1 by way of 127.0.0.1"));
}

FACTS(a_proxy_shows_in_a_header_or_by_another_client)
{
    request("192.0.2.1"); /* no look: the peer is another host */
    assert_int_equal(es_publish_auth_shows_proxy(r), 0);
    apr_table_setn(r->headers_in, "X-Forwarded-For", "192.0.2.9");
    assert_int_equal(es_publish_auth_shows_proxy(r), 1);
    request_via("192.0.2.1", "192.0.2.9");
    assert_int_equal(es_publish_auth_shows_proxy(r), 1);
    request("127.0.0.1");
    assert_int_equal(es_publish_auth_shows_proxy(r), 0);
    apr_table_setn(r->headers_in, "Via", "2 proxy");
    (void)es_publish_auth_look(r);
    apr_table_unset(r->headers_in, "Via");
    assert_int_equal(es_publish_auth_shows_proxy(r), 1);
}

FACTS(headers_count_as_they_were_received)
{
    request("127.0.0.1");
    apr_table_setn(r->headers_in, "Via", "");
    es_publish_auth_look(r);
    apr_table_unset(r->headers_in, "Via");
    assert_false(es_publish_auth_admits(r, conf, &why));
    assert_non_null(strstr(why.remedy, "a proxy's header Via"));

    request("127.0.0.1");
    es_publish_auth_look(r);
    apr_table_setn(r->headers_in, "Via", "");
    assert_true(es_publish_auth_admits(r, conf, &why));
}

/* An internal redirect of the request, or a subrequest for it. */
static request_rec *derived(void)
{
    request_rec *derived = apr_pmemdup(pool, r, sizeof(*r));

    derived->notes = apr_table_make(pool, 1);
    return derived;
}

FACTS(internal_redirects_and_subrequests_inherit_the_look)
{
    request_rec *redirect, *sub;

    request("127.0.0.1");
    apr_table_setn(r->headers_in, "Via", "");
    es_publish_auth_look(r);
    apr_table_unset(r->headers_in, "Via");
    redirect = derived();
    redirect->prev = r;
    es_publish_auth_look(redirect); /* httpd runs the hook again */
    assert_false(es_publish_auth_admits(redirect, conf, &why));
    sub = derived();
    sub->main = redirect;
    assert_false(es_publish_auth_admits(sub, conf, &why));
    apr_table_setn(r->notes, PROXY_NOTE, "");
    assert_true(es_publish_auth_admits(sub, conf, &why));
}

FACTS(a_request_without_a_look_is_not_local)
{
    request("127.0.0.1");
    assert_false(es_publish_auth_admits(r, conf, &why));
}

FACTS(a_browser_of_this_host_may_publish_to_a_name_of_this_server)
{
    browser("App.Example", "Origin");
    assert_true(admits());
    browser("localhost", "Origin");
    assert_true(admits());
    browser("127.0.0.5", "Sec-Fetch-Site");
    assert_true(admits());
    browser("::1", "Origin");
    assert_true(admits());
}

FACTS(all_names_of_the_server_are_its_own)
{
    server_addr_rec address = {0};

    browser("WWW.app.example", "Origin");
    assert_false(admits());
    r->server->names = apr_array_make(pool, 1, sizeof(char *));
    APR_ARRAY_PUSH(r->server->names, const char *) = "www.app.example";
    assert_true(admits());
    r->hostname = "shop.app.example";
    assert_false(admits());
    r->server->wild_names = apr_array_make(pool, 1, sizeof(char *));
    APR_ARRAY_PUSH(r->server->wild_names, const char *) = "*.app.example";
    assert_true(admits());
    r->hostname = "192.0.2.1"; /* of <VirtualHost 192.0.2.1:80> */
    assert_false(admits());
    address.virthost = apr_pstrdup(pool, "192.0.2.1");
    r->server->addrs = &address;
    assert_true(admits());
}

FACTS(a_page_that_rebound_its_name_may_not_publish)
{
    browser("evil.example", "Origin");
    assert_false(admits());
    browser("evil.example", "Sec-Fetch-Site");
    assert_false(admits());
    browser("127.0.0.1.evil.example", "Origin");
    assert_false(admits());
    browser("192.0.2.1", "Origin");
    assert_false(admits());
    browser(NULL, "Origin");
    assert_false(admits());
}

/* Over plain HTTP a page's GET has no header that shows a browser. */
FACTS(a_get_names_a_host_of_this_server_whoever_sends_it)
{
    request("127.0.0.1");
    r->server->server_hostname = apr_pstrdup(pool, "app.example");
    r->hostname = "evil.example";
    assert_false(admits());
    assert_non_null(strstr(why.remedy, "GET or HEAD of the host evil.example"));
    r->hostname = "app.example";
    assert_true(admits());
    r->hostname = "127.0.0.1";
    assert_true(admits());
}

FACTS(a_program_of_this_host_may_post_to_any_name)
{
    request("127.0.0.1");
    r->method_number = M_POST;
    r->hostname = "evil.example";
    assert_true(admits());
    r->method_number = M_DELETE;
    assert_true(admits());
}

/* ---- The other words --------------------------------------------------- */

FACTS(with_the_directive_local_is_admitted_only_if_it_is_written)
{
    request("127.0.0.1");
    conf->from = &from;
    assert_false(admits());
    from.local = 1;
    assert_true(admits());
}

FACTS(any_admits_all)
{
    request("192.0.2.1");
    conf->from = &from;
    from.any = 1;
    apr_table_setn(r->headers_in, "Via", "1.1 p");
    assert_true(admits());
}

FACTS(user_admits_an_authenticated_user)
{
    request("192.0.2.1");
    conf->from = &from;
    from.user = 1;
    assert_false(admits());
    r->user = "alice";
    assert_true(admits());
}

FACTS(an_empty_name_is_no_user)
{
    request("192.0.2.1");
    conf->from = &from;
    from.user = 1;
    r->user = "";
    assert_false(admits());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_non_null(strstr(why.remedy, ", a user with an empty name."));
}

FACTS(a_user_is_not_enough_without_the_word)
{
    request("192.0.2.1");
    r->user = "alice";
    assert_false(admits());
}

FACTS(a_network_admits_its_addresses)
{
    request("192.0.2.77");
    allow_net("198.51.100.0", "24");
    assert_false(admits());
    allow_net("192.0.2.0", "24"); /* any of them is enough */
    assert_true(admits());
    request("2001:db8:1::9");
    allow_net("2001:db8:1::", "48");
    assert_true(admits());
    request("2001:db8:2::9");
    allow_net("2001:db8:1::", "48");
    assert_false(admits());
}

FACTS(a_network_is_of_clients_not_of_peers)
{
    request_via("192.0.2.1", "203.0.113.9");
    allow_net("192.0.2.0", "24");
    assert_false(admits());
    request_via("192.0.2.1", "203.0.113.9");
    allow_net("203.0.113.0", "24");
    assert_true(admits());
}

FACTS(a_page_that_rebound_its_name_is_of_no_network)
{
    request("192.0.2.77");
    allow_net("192.0.2.0", "24");
    r->hostname = "evil.example";
    assert_false(admits());
    assert_non_null(strstr(why.remedy, "GET or HEAD of the host evil.example"));
    r->method_number = M_POST;
    assert_true(admits()); /* of a program */
    apr_table_setn(r->headers_in, "Origin", "http://evil.example");
    assert_false(admits());
    r->hostname = "198.51.100.4"; /* of this host, behind a forwarded port */
    assert_true(admits());
    r->hostname = "2001:db8::4";
    assert_true(admits());
    r->hostname = "198.51.100.4.evil.example";
    assert_false(admits());
    r->hostname = NULL;
    assert_false(admits());
    r->hostname = "evil.example";
    from.any = 1;
    assert_true(admits());
}

FACTS(one_word_that_fits_is_enough)
{
    request("192.0.2.1");
    allow_net("198.51.100.0", "24");
    from.user = 1;
    from.local = 1;
    assert_false(admits());
    r->user = "alice";
    assert_true(admits());
}

/* ---- The remedy -------------------------------------------------------- */

FACTS(the_remedy_describes_the_request)
{
    request("192.0.2.1");
    assert_false(admits());
    assert_string_equal(
        why.remedy,
        "EventStreamPublishFrom local (the preset) does not "
        "admit the request: client 192.0.2.1, no proxy's header, no "
        "user.");
    request_via("127.0.0.1", "192.0.2.1");
    conf->from = &from;
    r->user = "alice";
    apr_table_setn(r->headers_in, "Via", "1.1 p");
    assert_false(admits());
    assert_string_equal(
        why.remedy,
        "EventStreamPublishFrom of this Location does not "
        "admit the request: client 192.0.2.1 by way of 127.0.0.1, a "
        "proxy's header Via, a user.");
}

FACTS(the_remedy_names_the_host_of_a_page_that_rebound_it)
{
    browser("evil.example", "Origin");
    assert_false(admits());
    assert_non_null(strstr(why.remedy, "page of the host evil.example, which "
                                       "is no ServerName"));
    browser(NULL, "Origin");
    assert_false(admits());
    assert_non_null(strstr(why.remedy, "page of the host (none), which"));
}

/* ---- none -------------------------------------------------------------- */

FACTS(none_closes_to_all_and_the_log_names_it)
{
    request("127.0.0.1");
    r->user = apr_pstrdup(pool, "ann");
    from.none = 1;
    conf->from = &from;
    assert_false(admits());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_non_null(strstr(why.remedy, "EventStreamPublishFrom none"));
}

/* ---- Control ------------------------------------------------------------ */

static es_publish_from_t control;

/* A user's request from this address, to a Location with EventStreamPublishFrom
 * and no EventStreamControlFrom yet. */
static void user_request(const char *ip)
{
    request(ip);
    r->user = apr_pstrdup(pool, "ann");
    conf->from = &from;
    memset(&control, 0, sizeof(control));
}

static int controls(void)
{
    memset(&why, 0, sizeof(why));
    assert_int_equal(es_publish_auth_look(r), DECLINED);
    assert_int_equal(es_publish_auth_admits_control(r, conf, &why),
                     es_publish_auth_controls(r, conf));
    return es_publish_auth_controls(r, conf);
}

FACTS(without_directives_this_host_may_control)
{
    request("127.0.0.1");
    assert_true(controls());
    request("192.0.2.1");
    assert_false(controls());
}

FACTS(a_visitor_that_may_publish_may_not_control)
{
    user_request("192.0.2.1");
    from.user = 1;
    assert_true(admits());
    assert_false(controls());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_string_equal(
        why.remedy,
        "EventStreamControlFrom (preset: local and the addresses of "
        "EventStreamPublishFrom, without user and any) does not admit the "
        "request: client 192.0.2.1, no proxy's header, a user.");
    from.any = 1;
    assert_false(controls());
}

FACTS(a_machine_that_may_publish_may_control)
{
    user_request("127.0.0.1");
    from.any = 1;
    assert_false(controls());
    from.local = 1;
    assert_true(controls());
    user_request("10.1.2.3");
    allow_net("10.1.0.0", "16");
    assert_true(controls());
}

FACTS(the_directive_replaces_the_preset)
{
    user_request("192.0.2.1");
    conf->control = &control;
    control.user = 1;
    from.local = 1;
    assert_true(controls());
    assert_false(admits());
    r->user = NULL;
    assert_false(controls());
    assert_non_null(strstr(why.remedy, "EventStreamControlFrom of this"));
    user_request("127.0.0.1");
    conf->control = &control;
    control.none = 1;
    from.local = 1;
    assert_false(controls());
    assert_true(admits());
}

FACTS(publish_from_none_closes_to_control_unless_it_is_opened)
{
    user_request("127.0.0.1");
    from.none = 1;
    assert_false(controls());
    assert_non_null(strstr(why.remedy, "EventStreamPublishFrom none"));
    conf->control = &control;
    control.local = 1;
    assert_true(controls());
    assert_false(admits());
}

/* ---- Keys -------------------------------------------------------------- */

FACTS(where_publishers_have_keys_the_key_decides)
{
    static es_publish_keys_t keys = {.count = 1};

    request("192.0.2.1");
    conf->keys = &keys;
    has_key = 1;
    assert_true(admits());
    has_key = 0;
    assert_false(admits());
    assert_int_equal(why.status, HTTP_UNAUTHORIZED);
    request("127.0.0.1"); /* no other word applies */
    conf->keys = &keys;
    conf->from = &from;
    from.any = from.local = 1;
    assert_false(admits());
}

FACTS(the_key_decides_about_control_unless_a_directive_does)
{
    static es_publish_keys_t keys = {.count = 1};

    user_request("127.0.0.1");
    conf->keys = &keys;
    from.local = 1;
    has_key = 0;
    assert_false(controls());
    assert_int_equal(why.status, HTTP_UNAUTHORIZED);
    has_key = 1;
    assert_true(controls());
    conf->control = &control;
    control.none = 1;
    assert_false(controls());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    has_key = 0;
    control.none = 0;
    control.local = 1;
    assert_true(controls());
}

FACTS(none_closes_to_keys_too)
{
    static es_publish_keys_t keys = {.count = 1};

    request("127.0.0.1");
    conf->keys = &keys;
    conf->from = &from;
    from.none = 1;
    has_key = 1;
    assert_false(admits());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
}

FACTS(no_keys_take_inherited_ones_away)
{
    static es_publish_keys_t keys = {.count = 0};

    request("127.0.0.1");
    conf->keys = &keys;
    has_key = 0;
    assert_true(admits());
    request("192.0.2.1");
    conf->keys = &keys;
    assert_false(admits());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
}

static const struct CMUnitTest tests[] = {
    UNIT(this_host_may_publish),
    UNIT(another_host_may_not_publish),
    UNIT(a_unix_socket_is_of_this_host),
    UNIT(an_unknown_kind_of_address_is_not_of_this_host),
    UNIT(both_the_peer_and_the_client_must_be_of_this_host),
    UNIT(a_request_through_a_proxy_is_not_local),
    UNIT(a_header_whose_name_only_resembles_is_no_proxys),
    UNIT(http_1_0_is_not_local),
    UNIT(a_client_of_a_proxy_is_not_local_though_its_address_is),
    UNIT(a_proxy_shows_in_a_header_or_by_another_client),
    UNIT(headers_count_as_they_were_received),
    UNIT(internal_redirects_and_subrequests_inherit_the_look),
    UNIT(a_request_without_a_look_is_not_local),
    UNIT(a_browser_of_this_host_may_publish_to_a_name_of_this_server),
    UNIT(all_names_of_the_server_are_its_own),
    UNIT(a_page_that_rebound_its_name_may_not_publish),
    UNIT(a_get_names_a_host_of_this_server_whoever_sends_it),
    UNIT(a_program_of_this_host_may_post_to_any_name),
    UNIT(with_the_directive_local_is_admitted_only_if_it_is_written),
    UNIT(any_admits_all),
    UNIT(user_admits_an_authenticated_user),
    UNIT(an_empty_name_is_no_user),
    UNIT(a_user_is_not_enough_without_the_word),
    UNIT(a_network_admits_its_addresses),
    UNIT(a_network_is_of_clients_not_of_peers),
    UNIT(a_page_that_rebound_its_name_is_of_no_network),
    UNIT(one_word_that_fits_is_enough),
    UNIT(the_remedy_describes_the_request),
    UNIT(the_remedy_names_the_host_of_a_page_that_rebound_it),
    UNIT(none_closes_to_all_and_the_log_names_it),
    UNIT(without_directives_this_host_may_control),
    UNIT(a_visitor_that_may_publish_may_not_control),
    UNIT(a_machine_that_may_publish_may_control),
    UNIT(the_directive_replaces_the_preset),
    UNIT(publish_from_none_closes_to_control_unless_it_is_opened),
    UNIT(where_publishers_have_keys_the_key_decides),
    UNIT(the_key_decides_about_control_unless_a_directive_does),
    UNIT(none_closes_to_keys_too),
    UNIT(no_keys_take_inherited_ones_away),
};

UNIT_MAIN(tests)
