/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/grip_sig.c: which requests came through a GRIP proxy. */
#include "t/unit/token_keys.h"
#include "t/unit/unit.h"

#include "token/jwt.h"
#include "http/grip_sig.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

static request_rec *r;
static es_grip_t grip;
static int is_proxied;
static es_problem_t why;

static const es_proxy_t *proxy_of(const char *text)
{
    const es_proxy_t *proxy;
    es_grip_url_t url;

    assert_null(es_grip_url_parse(&url, text, pool));
    assert_null(es_proxy_make(&proxy, &url, "/", pool));
    return proxy;
}

/* A request without Grip-Sig to a hub with one proxy. */
static void hub(const char *proxy)
{
    r = stub_request(pool);
    memset(&grip, 0, sizeof(grip));
    memset(&why, 0, sizeof(why));
    grip.proxies = apr_array_make(pool, 2, sizeof(es_proxy_t *));
    APR_ARRAY_PUSH(grip.proxies, const es_proxy_t *) = proxy_of(proxy);
    is_proxied = -1;
}

static void sign(const char *key, apr_interval_time_t lifetime)
{
    apr_table_setn(
        r->headers_in, "Grip-Sig",
        es_jwt_sign(key_of(key), "x", apr_time_now() + lifetime, pool));
}

static int finds(void)
{
    return es_grip_sig_find(r, &grip, &is_proxied, &why);
}

FACTS(a_request_without_signature_is_direct)
{
    hub("http://a/");
    assert_true(finds());
    assert_int_equal(is_proxied, 0);
    hub("http://a/?verify-key=one");
    assert_true(finds());
    assert_int_equal(is_proxied, 0);
}

FACTS(a_direct_request_is_refused_if_grip_is_required)
{
    hub("http://a/");
    grip.is_required = 1;
    assert_false(finds());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_string_equal(why.sentence, "GRIP Signature Required.");
    assert_non_null(strstr(why.remedy, "EventStreamGripRequired"));
}

FACTS(a_signature_of_a_known_key_is_that_of_a_proxy)
{
    hub("http://a/?verify-key=one");
    grip.is_required = 1;
    sign("one", apr_time_from_sec(60));
    assert_true(finds());
    assert_int_equal(is_proxied, 1);
}

FACTS(a_signature_of_another_key_is_refused)
{
    hub("http://a/?verify-key=one");
    sign("two", apr_time_from_sec(60));
    assert_false(finds());
    assert_int_equal(why.status, HTTP_FORBIDDEN);
    assert_string_equal(why.sentence, "GRIP Signature Invalid.");
    assert_non_null(strstr(why.remedy, "is not valid: "));
    assert_non_null(strstr(why.remedy, "verify-key="));
}

FACTS(a_signature_that_has_expired_is_refused)
{
    hub("http://a/?verify-key=one");
    sign("one", -apr_time_from_sec(60));
    assert_false(finds());
}

FACTS(an_empty_signature_is_refused)
{
    hub("http://a/?verify-key=one");
    apr_table_setn(r->headers_in, "Grip-Sig", "");
    assert_false(finds());
}

FACTS(without_keys_every_signature_is_accepted)
{
    hub("http://a/");
    apr_table_setn(r->headers_in, "Grip-Sig", "x");
    assert_true(finds());
    assert_int_equal(is_proxied, 1);
}

FACTS(if_grip_is_off_every_request_is_direct)
{
    hub("http://a/");
    apr_table_setn(r->headers_in, "Grip-Sig", "x");
    assert_true(es_grip_sig_find(r, NULL, &is_proxied, &why));
    assert_int_equal(is_proxied, 0);
}

/* ---- The warning ------------------------------------------------------- */

static void add_hub(const char *name, const es_grip_t *of)
{
    es_settings_t *global = es_settings_of(r->server);
    es_hub_conf_t *conf;

    if (!global->hubs) {
        global->hubs = apr_array_make(pool, 3, sizeof(es_hub_conf_t));
    }
    conf = apr_array_push(global->hubs);
    memset(conf, 0, sizeof(*conf));
    conf->name = name;
    conf->grip = of;
}

FACTS(a_hub_without_any_key_is_logged)
{
    hub("http://a/");
    add_hub("off", NULL);
    add_hub("open", &grip);
    es_grip_sig_warn(r->server);
    assert_int_equal(httpd_stub.logs, 1);
    assert_int_equal(httpd_stub.log_level, APLOG_WARNING);
    assert_non_null(strstr(httpd_stub.logged, "ES0601: hub open: no proxy"));
}

FACTS(a_hub_with_one_key_is_not_logged)
{
    hub("http://a/");
    APR_ARRAY_PUSH(grip.proxies, const es_proxy_t *) =
        proxy_of("http://b/?verify-key=two");
    add_hub("checked", &grip);
    es_grip_sig_warn(r->server);
    assert_int_equal(httpd_stub.logs, 0);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_request_without_signature_is_direct),
    UNIT(a_direct_request_is_refused_if_grip_is_required),
    UNIT(a_signature_of_a_known_key_is_that_of_a_proxy),
    UNIT(a_signature_of_another_key_is_refused),
    UNIT(a_signature_that_has_expired_is_refused),
    UNIT(an_empty_signature_is_refused),
    UNIT(without_keys_every_signature_is_accepted),
    UNIT(if_grip_is_off_every_request_is_direct),
    UNIT(a_hub_without_any_key_is_logged),
    UNIT(a_hub_with_one_key_is_not_logged),
};

UNIT_MAIN(tests)
