/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of token/jwt.c. Tokens that es_jwt_sign never makes are made here by
 * hand, with HMAC, since libjwt would not sign them.
 */
#include "t/unit/unit.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "token/jwt.h"
#include "t/unit/token_keys.h"

#define AT(seconds) apr_time_from_sec(APR_INT64_C(seconds))
#define HS256 "{\"typ\":\"JWT\",\"alg\":\"HS256\"}"

static const char *why;

static int verify(const char *token, const char *key, const char *iss,
                  apr_time_t now)
{
    es_jwt_rule_t rule = {key_of(key), iss, 0};

    why = NULL;
    return es_jwt_verify(token, &rule, now, &why, pool);
}

static const char *encode(const void *bytes, size_t len)
{
    char *text = apr_palloc(pool, len / 3 * 4 + 5), *at;

    EVP_EncodeBlock((unsigned char *)text, bytes, (int)len);
    for (at = text; *at; at++) {
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
    }
    at = strchr(text, '=');
    if (at) {
        *at = '\0';
    }
    return text;
}

static const char *make(const char *header, const char *claims,
                        const char *secret)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const char *head = apr_pstrcat(pool, encode(header, strlen(header)), ".",
                                   encode(claims, strlen(claims)), NULL);

    HMAC(EVP_sha256(), secret, (int)strlen(secret), (const unsigned char *)head,
         strlen(head), mac, &len);
    return apr_pstrcat(pool, head, ".", encode(mac, len), NULL);
}

FACTS(a_token_of_fastly_is_valid)
{
    assert_true(verify(FASTLY_TOKEN, FASTLY, NULL, AT(FASTLY_EXP - 1)));
    assert_true(verify(FASTLY_TOKEN, FASTLY, "fastly", AT(FASTLY_EXP - 1)));
    assert_false(verify(FASTLY_TOKEN, FASTLY, "fastly:x", AT(FASTLY_EXP - 1)));
    assert_string_equal(why, "its iss is not the one expected");
    assert_false(verify(FASTLY_TOKEN, FASTLY, NULL, AT(FASTLY_EXP)));
    assert_string_equal(why, "it has expired");
    assert_false(verify(FASTLY_TOKEN, EC_PUBLIC, NULL, AT(FASTLY_EXP - 1)));
    assert_string_equal(why, "its signature was not made with the key");
}

FACTS(a_token_that_was_signed_here_is_valid)
{
    static const char *const pairs[][2] = {{"secret", "secret"},
                                           {EC_PRIVATE, EC_PUBLIC},
                                           {RSA_PRIVATE, RSA_PUBLIC}};
    int i, k;

    for (i = 0; i < 3; i++) {
        const char *token =
            es_jwt_sign(key_of(pairs[i][0]), "me", AT(1000), pool);

        assert_non_null(token);
        for (k = 0; k < 3; k++) {
            assert_int_equal(verify(token, pairs[k][1], "me", AT(999)), i == k);
        }
        assert_false(verify(token, pairs[i][1], NULL, AT(1000)));
    }
}

FACTS(a_public_key_cannot_sign)
{
    assert_null(es_jwt_sign(key_of(EC_PUBLIC), "me", AT(1000), pool));
}

FACTS(a_public_key_is_not_an_hmac_secret)
{
    const char *token = make(HS256, "{\"exp\":1000}", EC_PUBLIC);

    assert_false(verify(token, EC_PUBLIC, NULL, AT(1)));
    assert_string_equal(why, "its algorithm is not that of the key");
}

FACTS(the_key_decides_the_algorithm)
{
    assert_false(verify(make("{\"alg\":\"none\"}", "{\"exp\":1000}", "k"), "k",
                        NULL, AT(1)));
    assert_false(
        verify("eyJhbGciOiJub25lIn0.eyJleHAiOjEwMDB9.", "k", NULL, AT(1)));
    assert_false(verify(make("{\"alg\":\"HS512\"}", "{\"exp\":1000}", "k"), "k",
                        NULL, AT(1)));
    assert_false(verify(make("{\"alg\":\"hs256\"}", "{\"exp\":1000}", "k"), "k",
                        NULL, AT(1)));
    assert_false(verify(make("{\"typ\":\"JWT\"}", "{\"exp\":1000}", "k"), "k",
                        NULL, AT(1)));
    assert_true(verify(make("{\"alg\":\"HS256\"}", "{\"exp\":1000}", "k"), "k",
                       NULL, AT(1)));
}

static int claims_pass(const char *claims, const char *iss)
{
    return verify(make(HS256, claims, "k"), "k", iss, AT(500));
}

FACTS(an_extension_that_must_be_known_is_refused)
{
    static const char *const heads[] = {
        "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"crit\":\"x\"}",
    };
    size_t i;

    for (i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        assert_false(
            verify(make(heads[i], "{\"exp\":99}", "s"), "s", NULL, AT(1)));
        assert_string_equal(why, "its header has crit");
    }
    assert_true(verify(make("{\"alg\":\"HS256\",\"x\":1}", "{\"exp\":99}", "s"),
                       "s", NULL, AT(1)));
}

FACTS(exp_must_be_a_number)
{
    assert_true(claims_pass("{\"exp\":501}", NULL));
    assert_false(claims_pass("{\"exp\":500}", NULL));
    assert_false(claims_pass("{}", NULL));
    assert_false(claims_pass("{\"exp\":\"501\"}", NULL));
    assert_false(claims_pass("{\"exp\":null}", NULL));
    assert_false(claims_pass("{\"exp\":-1}", NULL));
    assert_false(claims_pass("{\"exp\":501.5}", NULL));
}

FACTS(nbf_is_checked)
{
    assert_true(claims_pass("{\"exp\":501,\"nbf\":500}", NULL));
    assert_false(claims_pass("{\"exp\":501,\"nbf\":501}", NULL));
    assert_false(claims_pass("{\"exp\":501,\"nbf\":\"1\"}", NULL));
}

FACTS(iss_is_checked_if_the_rule_has_one)
{
    assert_true(claims_pass("{\"exp\":501,\"iss\":\"a\"}", NULL));
    assert_true(claims_pass("{\"exp\":501,\"iss\":\"a\"}", "a"));
    assert_false(claims_pass("{\"exp\":501,\"iss\":\"b\"}", "a"));
    assert_false(claims_pass("{\"exp\":501,\"iss\":[\"a\"]}", "a"));
    assert_false(claims_pass("{\"exp\":501}", "a"));
}

FACTS(leeway_allows_for_clocks_that_differ)
{
    es_jwt_rule_t rule = {key_of("k"), NULL, AT(10)};

    assert_true(es_jwt_verify(make(HS256, "{\"exp\":500}", "k"), &rule, AT(509),
                              &why, pool));
    assert_false(es_jwt_verify(make(HS256, "{\"exp\":500}", "k"), &rule,
                               AT(510), &why, pool));
    assert_true(es_jwt_verify(make(HS256, "{\"exp\":999,\"nbf\":500}", "k"),
                              &rule, AT(490), &why, pool));
}

FACTS(the_form_is_strict)
{
    const char *good = make(HS256, "{\"exp\":1000}", "k");
    const char *bad[] = {"",
                         "a",
                         "a.b",
                         "..",
                         apr_pstrcat(pool, good, ".", NULL),
                         apr_pstrcat(pool, good, "=", NULL),
                         apr_pstrcat(pool, " ", good, NULL),
                         apr_pstrcat(pool, good, "\n", NULL),
                         apr_pstrcat(pool, good, ".YQ", NULL),
                         apr_pstrcat(pool, good, ", ", good, NULL)};
    size_t i;

    assert_true(verify(good, "k", NULL, AT(1)));
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(verify(bad[i], "k", NULL, AT(1)));
        assert_string_equal(why, "it is not a token");
    }
    /* a good signature of what is not JSON */
    assert_false(verify(make(HS256, "[1]", "k"), "k", NULL, AT(1)));
    assert_false(verify(make(HS256, "{", "k"), "k", NULL, AT(1)));
    assert_false(verify(make("[]", "{\"exp\":1000}", "k"), "k", NULL, AT(1)));
}

FACTS(the_length_is_limited)
{
    const char *claims = apr_psprintf(pool, "{\"exp\":1000,\"x\":\"%s\"}",
                                      repeat('x', ES_JWT_MAX).data);

    assert_false(verify(make(HS256, claims, "k"), "k", NULL, AT(1)));
    assert_string_equal(why, "it is not a token");
}

static const struct CMUnitTest tests[] = {
    UNIT(a_token_of_fastly_is_valid),
    UNIT(a_token_that_was_signed_here_is_valid),
    UNIT(a_public_key_cannot_sign),
    UNIT(a_public_key_is_not_an_hmac_secret),
    UNIT(the_key_decides_the_algorithm),
    UNIT(an_extension_that_must_be_known_is_refused),
    UNIT(exp_must_be_a_number),
    UNIT(nbf_is_checked),
    UNIT(iss_is_checked_if_the_rule_has_one),
    UNIT(leeway_allows_for_clocks_that_differ),
    UNIT(the_form_is_strict),
    UNIT(the_length_is_limited),
};

UNIT_MAIN(tests)
