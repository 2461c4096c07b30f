/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/proxy.c. */
#include "t/unit/unit.h"

#include "token/jwt.h"
#include "grip/proxy.h"
#include "t/unit/token_keys.h"

#define NOW apr_time_from_sec(5000)

static const char *make(const es_proxy_t **out, const char *text)
{
    es_grip_url_t url;

    assert_null(es_grip_url_parse(&url, text, pool));
    return es_proxy_make(out, &url, "/", pool);
}

static const es_proxy_t *proxy_of(const char *text)
{
    const es_proxy_t *proxy = NULL;

    assert_null(make(&proxy, text));
    return proxy;
}

static const char *authorization(const char *text)
{
    const char *value;

    assert_true(es_proxy_authorization(&value, proxy_of(text), NOW, pool));
    return value;
}

FACTS(the_parameters_decide_the_authorization)
{
    const char *value = authorization("http://u:p@h/?iss=me&key=k");
    es_jwt_rule_t rule = {key_of("k"), "me", 0};
    const char *why;

    assert_memory_equal(value, "Bearer ", 7);
    assert_true(es_jwt_verify(value + 7, &rule, NOW + apr_time_from_sec(599),
                              &why, pool));
    assert_false(es_jwt_verify(value + 7, &rule, NOW + apr_time_from_sec(600),
                               &why, pool));
    assert_string_equal(authorization("http://u:p@h/?key=the-token"),
                        "Bearer the-token");
    assert_string_equal(authorization("http://u:p@h/"), "Basic dTpw");
    assert_null(authorization("http://h/"));
}

FACTS(the_name_shows_no_secret)
{
    assert_string_equal(
        proxy_of("http://me:hidden@h:5561/x?token=hidden&key=hidden")->name,
        "http://h:5561/x");
}

FACTS(the_verify_key)
{
    /* the secret that signs our tokens */
    assert_slice(proxy_of("http://h/?iss=a&key=b")->verify_key->checks, "b");
    assert_null(proxy_of("http://h/?iss=a&key=b")->verify_iss);
    /* never a key that is sent as it is */
    assert_null(proxy_of("http://h/?key=b")->verify_key);
    assert_slice(
        proxy_of("http://h/?iss=a&key=b&verify-key=c")->verify_key->checks,
        "c");
}

FACTS(combinations_that_make_no_sense_are_refused)
{
    const es_proxy_t *proxy;

    assert_string_equal(make(&proxy, "http://h/?iss=a"),
                        "iss= needs a key= to sign with");
    assert_null(proxy);
    assert_string_equal(make(&proxy, "http://h/?verify-iss=a"),
                        "verify-iss= needs a verify-key=");
    assert_string_equal(
        make(&proxy, "http://h/?key=a%20b"),
        "key= without iss= is sent as it is, and must not contain "
        "blanks or control characters");
    assert_string_equal(make(&proxy, "http://h/?key=base64:*"),
                        "key= is not base64 after base64:");
    assert_string_equal(make(&proxy, "http://h/?verify-key=base64:*"),
                        "verify-key= is not base64 after base64:");
}

static const char *make_with_key(const char *text, const char *key)
{
    es_grip_url_t url;
    const es_proxy_t *proxy;

    assert_null(es_grip_url_parse(&url, text, pool));
    assert_null(
        es_grip_url_set(&url, apr_pstrcat(pool, "key=", key, NULL), pool));
    return es_proxy_make(&proxy, &url, "/", pool);
}

FACTS(asymmetric_keys_sign_and_do_not_verify)
{
    assert_null(make_with_key("http://h/?iss=a", EC_PRIVATE));
    assert_string_equal(make_with_key("http://h/?iss=a", EC_PUBLIC),
                        "key= is a public key, which cannot sign");
    assert_string_equal(
        make_with_key("http://h/", EC_PRIVATE),
        "key= is an asymmetric key, and needs an iss= to sign for");
    /* it is not a verify key for verify-iss= */
    assert_non_null(make_with_key("http://h/?iss=a&verify-iss=b", EC_PRIVATE));
}

/* ---- Grip-Sig ---------------------------------------------------------- */

static es_grip_t *grip_of(const char *first, const char *second)
{
    es_grip_t *grip = apr_pcalloc(pool, sizeof(*grip));

    grip->proxies = apr_array_make(pool, 2, sizeof(es_proxy_t *));
    APR_ARRAY_PUSH(grip->proxies, const es_proxy_t *) = proxy_of(first);
    if (second) {
        APR_ARRAY_PUSH(grip->proxies, const es_proxy_t *) = proxy_of(second);
    }
    return grip;
}

static es_proxy_sig_t prove(const es_grip_t *grip, const char *key)
{
    const char *why;
    const char *token =
        es_jwt_sign(key_of(key), "x", NOW + apr_time_from_sec(60), pool);

    return es_proxy_verify(grip, token, NOW, &why, pool);
}

FACTS(a_signature_is_good_if_one_key_fits)
{
    const es_grip_t *both =
        grip_of("http://a/?verify-key=one", "http://b/?verify-key=two");

    assert_int_equal(prove(both, "one"), ES_PROOF_GOOD);
    assert_int_equal(prove(both, "two"), ES_PROOF_GOOD);
    assert_int_equal(prove(both, "three"), ES_PROOF_BAD);
}

FACTS(without_any_key_all_signatures_are_accepted)
{
    assert_int_equal(prove(grip_of("http://a/", "http://b/"), "one"),
                     ES_PROOF_NONE);
}

FACTS(a_proxy_without_key_does_not_weaken_the_others)
{
    const es_grip_t *some = grip_of("http://a/", "http://b/?verify-key=two");

    assert_int_equal(prove(some, "two"), ES_PROOF_GOOD);
    assert_int_equal(prove(some, "one"), ES_PROOF_BAD);
}

static const struct CMUnitTest tests[] = {
    UNIT(the_parameters_decide_the_authorization),
    UNIT(the_name_shows_no_secret),
    UNIT(the_verify_key),
    UNIT(combinations_that_make_no_sense_are_refused),
    UNIT(asymmetric_keys_sign_and_do_not_verify),
    UNIT(a_signature_is_good_if_one_key_fits),
    UNIT(without_any_key_all_signatures_are_accepted),
    UNIT(a_proxy_without_key_does_not_weaken_the_others),
};

UNIT_MAIN(tests)
