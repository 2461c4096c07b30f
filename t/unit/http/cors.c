/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/cors.c: which pages may read, and which may publish. */
#include "t/unit/unit.h"

#include "http/cors.c"
#include "t/unit/httpd_stub.h"

#define SHOP "https://shop.example"
#define OTHER "https://other.example"

static request_rec *r;
static es_dir_t *conf;
static es_problem_t why;

/* A request with an Origin, NULL = none. EventStreamAllowOrigin is not set. */
static void request(const char *origin)
{
    r = stub_request(pool);
    conf = stub_conf(r);
    if (origin) {
        apr_table_setn(r->headers_in, "Origin", origin);
    }
}

/* EventStreamAllowOrigin */
static void allow(const char *origin)
{
    if (!conf->origins) {
        conf->origins = apr_array_make(pool, 2, sizeof(const char *));
    }
    APR_ARRAY_PUSH(conf->origins, const char *) = origin;
}

static const char *marked(const char *header)
{
    return apr_table_get(r->err_headers_out, header);
}

/* The answer to Origin: origin at a Location that allows listed. */
static void mark(const char *origin, const char *listed)
{
    request(origin);
    allow(listed);
    es_cors_add_headers(r, conf);
}

#define assert_may_read(origin, credentials)                                 \
    do {                                                                     \
        assert_string_equal(marked("Access-Control-Allow-Origin"), origin);  \
        assert_int_equal(marked("Access-Control-Allow-Credentials") != NULL, \
                         credentials);                                       \
    } while (0)

/* ---- Reading ----------------------------------------------------------- */

FACTS(without_the_directive_nothing_is_marked)
{
    request(SHOP);
    es_cors_add_headers(r, conf);
    assert_true(apr_is_empty_table(r->err_headers_out));
}

FACTS(a_listed_page_may_read_with_credentials)
{
    mark(SHOP, SHOP);
    assert_may_read(SHOP, 1);
    assert_string_equal(marked("Vary"), "Origin");
}

FACTS(the_case_of_an_origin_does_not_matter)
{
    mark("HTTPS://Shop.Example", SHOP);
    assert_may_read("HTTPS://Shop.Example", 1);
}

FACTS(a_page_that_is_not_listed_may_not_read)
{
    mark(OTHER, SHOP);
    assert_null(marked("Access-Control-Allow-Origin"));
    assert_string_equal(marked("Vary"), "Origin");
}

FACTS(a_prefix_of_a_listed_origin_is_another_origin)
{
    mark("https://shop.example.evil", SHOP);
    assert_null(marked("Access-Control-Allow-Origin"));
}

FACTS(an_answer_to_no_page_varies_too)
{
    mark(NULL, SHOP);
    assert_string_equal(marked("Vary"), "Origin");
    assert_null(marked("Access-Control-Allow-Origin"));
}

FACTS(pages_of_all_subdomains_may_read_with_credentials)
{
    mark("https://a.b.shop.example", "https://*.shop.example");
    assert_may_read("https://a.b.shop.example", 1);
}

FACTS(the_domain_of_listed_subdomains_is_not_listed)
{
    mark(SHOP, "https://*.shop.example");
    assert_null(marked("Access-Control-Allow-Origin"));
    assert_string_equal(marked("Vary"), "Origin");
}

FACTS(a_star_lets_all_pages_read_without_credentials)
{
    mark(OTHER, "*");
    assert_may_read("*", 0);
}

FACTS(a_star_does_not_take_credentials_from_a_listed_page)
{
    request(SHOP);
    allow("*");
    allow(SHOP);
    es_cors_add_headers(r, conf);
    assert_may_read(SHOP, 1);
}

FACTS(a_sandboxed_page_never_gets_credentials)
{
    mark("null", "null");
    assert_may_read("null", 0);
}

FACTS(an_origin_that_is_a_star_names_no_page)
{
    mark("*", "*");
    assert_may_read("*", 0);
}

FACTS(a_vary_of_another_module_is_kept)
{
    request(SHOP);
    allow(SHOP);
    apr_table_setn(r->err_headers_out, "Vary", "Accept");
    es_cors_add_headers(r, conf);
    assert_string_equal(marked("Vary"), "Accept, Origin");
}

FACTS(headers_are_added_once)
{
    request(SHOP);
    allow(SHOP);
    es_cors_add_headers(r, conf);
    es_cors_add_headers(r, conf);
    assert_string_equal(marked("Vary"), "Origin");
}

/* ---- Preflight --------------------------------------------------------- */

static void preflight(const char *origin, const char *listed)
{
    request(origin);
    allow(listed);
    r->method_number = M_OPTIONS;
    apr_table_setn(r->headers_in, "Access-Control-Request-Method", "POST");
}

FACTS(a_preflight_is_from_a_page_that_may_read)
{
    preflight(SHOP, SHOP);
    assert_true(es_cors_is_preflight(r, conf));
    preflight(OTHER, "*");
    assert_true(es_cors_is_preflight(r, conf));
    preflight(OTHER, SHOP);
    assert_false(es_cors_is_preflight(r, conf));
    preflight(NULL, "*");
    assert_false(es_cors_is_preflight(r, conf));
}

FACTS(a_preflight_is_options)
{
    preflight(SHOP, SHOP);
    r->method_number = M_POST;
    assert_false(es_cors_is_preflight(r, conf));
}

FACTS(a_preflight_states_a_method)
{
    preflight(SHOP, SHOP);
    apr_table_unset(r->headers_in, "Access-Control-Request-Method");
    assert_false(es_cors_is_preflight(r, conf));
}

static const char *answered(const char *header)
{
    return apr_table_get(r->headers_out, header);
}

FACTS(options_is_answered_with_the_methods)
{
    request(NULL);
    r->method_number = M_OPTIONS;
    assert_int_equal(es_cors_options(r, conf, "GET, OPTIONS"), OK);
    assert_int_equal(r->status, HTTP_NO_CONTENT);
    assert_string_equal(answered("Allow"), "GET, OPTIONS");
    assert_null(answered("Access-Control-Allow-Methods"));
    assert_null(answered("Access-Control-Max-Age"));
}

FACTS(a_preflight_is_answered_with_what_is_allowed)
{
    preflight(SHOP, SHOP);
    apr_table_setn(r->headers_in, "Access-Control-Request-Headers", "x-a, x-b");
    assert_int_equal(es_cors_options(r, conf, "POST"), OK);
    assert_string_equal(answered("Access-Control-Allow-Methods"), "POST");
    assert_string_equal(answered("Access-Control-Max-Age"), "600");
    assert_string_equal(answered("Access-Control-Allow-Headers"), "x-a, x-b");
}

FACTS(headers_are_allowed_only_to_a_page_that_names_some)
{
    preflight(SHOP, SHOP);
    es_cors_options(r, conf, "POST");
    assert_null(answered("Access-Control-Allow-Headers"));
    preflight(OTHER, SHOP);
    apr_table_setn(r->headers_in, "Access-Control-Request-Headers", "x-a");
    es_cors_options(r, conf, "POST");
    assert_null(answered("Access-Control-Allow-Headers"));
}

/* ---- Publishing -------------------------------------------------------- */

/* May a request with these headers publish to the host here:8080? */
static int may_publish(const char *origin, const char *fetch_site)
{
    request(origin);
    apr_table_setn(r->headers_in, "Host", "here:8080");
    if (fetch_site) {
        apr_table_setn(r->headers_in, "Sec-Fetch-Site", fetch_site);
    }
    return es_cors_may_publish(r, conf, &why);
}

FACTS(a_program_may_publish)
{
    assert_true(may_publish(NULL, NULL));
}

FACTS(a_page_of_our_own_may_publish)
{
    assert_true(may_publish("http://here:8080", NULL));
    assert_true(may_publish("http://here:8080", "same-origin"));
    assert_true(may_publish(NULL, "Same-Origin"));
}

FACTS(the_scheme_of_our_own_page_does_not_matter)
{
    assert_true(may_publish("https://HERE:8080", NULL));
}

FACTS(a_user_may_publish_by_a_bookmark)
{
    assert_true(may_publish(NULL, "none"));
}

FACTS(a_page_of_another_site_may_not_publish)
{
    assert_false(may_publish(OTHER, NULL));
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_string_equal(why.sentence, "Pages of other sites may not publish.");
    assert_non_null(strstr(why.remedy, "The page is of " OTHER ";"));
}

FACTS(a_page_of_another_port_or_of_no_host_may_not_publish)
{
    assert_false(may_publish("http://here:8081", NULL));
    assert_false(may_publish("http://here", NULL));
    assert_false(may_publish("null", NULL));
}

FACTS(without_our_own_name_no_page_may_publish)
{
    request("http://here:8080");
    assert_false(es_cors_may_publish(r, conf, &why));
    apr_table_setn(r->headers_in, "Host", "");
    assert_false(es_cors_may_publish(r, conf, &why));
    request("http://");
    apr_table_setn(r->headers_in, "Host", "");
    assert_false(es_cors_may_publish(r, conf, &why));
}

FACTS(sec_fetch_site_wins_over_the_origin)
{
    assert_false(may_publish("http://here:8080", "cross-site"));
    assert_false(may_publish("http://here:8080", "same-site"));
    assert_true(may_publish(OTHER, "same-origin"));
}

FACTS(a_cross_site_request_without_origin_may_not_publish)
{
    assert_false(may_publish(NULL, "cross-site"));
    assert_non_null(strstr(why.remedy, "a site that sent no Origin"));
}

FACTS(a_listed_page_may_publish)
{
    request(SHOP);
    allow(SHOP);
    apr_table_setn(r->headers_in, "Sec-Fetch-Site", "cross-site");
    assert_true(es_cors_may_publish(r, conf, &why));
}

FACTS(a_star_lets_no_page_publish)
{
    request(OTHER);
    allow("*");
    assert_false(es_cors_may_publish(r, conf, &why));
    request("*");
    allow("*");
    assert_false(es_cors_may_publish(r, conf, &why));
}

FACTS(a_sandboxed_page_may_not_publish_even_if_it_is_listed)
{
    request("NULL");
    allow("null");
    assert_false(es_cors_may_publish(r, conf, &why));
}

FACTS(the_remedy_shows_no_control_characters)
{
    assert_false(may_publish("http://a\x1b[1m", NULL));
    assert_null(strchr(why.remedy, '\x1b'));
}

static const struct CMUnitTest tests[] = {
    UNIT(without_the_directive_nothing_is_marked),
    UNIT(a_listed_page_may_read_with_credentials),
    UNIT(the_case_of_an_origin_does_not_matter),
    UNIT(a_page_that_is_not_listed_may_not_read),
    UNIT(a_prefix_of_a_listed_origin_is_another_origin),
    UNIT(an_answer_to_no_page_varies_too),
    UNIT(pages_of_all_subdomains_may_read_with_credentials),
    UNIT(the_domain_of_listed_subdomains_is_not_listed),
    UNIT(a_star_lets_all_pages_read_without_credentials),
    UNIT(a_star_does_not_take_credentials_from_a_listed_page),
    UNIT(a_sandboxed_page_never_gets_credentials),
    UNIT(an_origin_that_is_a_star_names_no_page),
    UNIT(a_vary_of_another_module_is_kept),
    UNIT(headers_are_added_once),
    UNIT(a_preflight_is_from_a_page_that_may_read),
    UNIT(a_preflight_is_options),
    UNIT(a_preflight_states_a_method),
    UNIT(options_is_answered_with_the_methods),
    UNIT(a_preflight_is_answered_with_what_is_allowed),
    UNIT(headers_are_allowed_only_to_a_page_that_names_some),
    UNIT(a_program_may_publish),
    UNIT(a_page_of_our_own_may_publish),
    UNIT(the_scheme_of_our_own_page_does_not_matter),
    UNIT(a_user_may_publish_by_a_bookmark),
    UNIT(a_page_of_another_site_may_not_publish),
    UNIT(a_page_of_another_port_or_of_no_host_may_not_publish),
    UNIT(without_our_own_name_no_page_may_publish),
    UNIT(sec_fetch_site_wins_over_the_origin),
    UNIT(a_cross_site_request_without_origin_may_not_publish),
    UNIT(a_listed_page_may_publish),
    UNIT(a_star_lets_no_page_publish),
    UNIT(a_sandboxed_page_may_not_publish_even_if_it_is_listed),
    UNIT(the_remedy_shows_no_control_characters),
};

UNIT_MAIN(tests)
