/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/publish_key.c: the header Authorization, and the challenge. */
#include "t/unit/unit.h"

#include "http/bearer.c"
#include "http/publish_key.c"
#include "t/unit/httpd_stub.h"

#define KEY "key-0123456789abcdef"

static request_rec *r;
static es_publish_keys_t keys;
static es_problem_t why;

static int admits(const char *header)
{
    es_key_t *key = &keys.keys[0];

    key->kind = ES_KEY_SECRET;
    key->text = key->signs = key->checks = S(KEY);
    keys.count = 1;
    r = stub_request(pool);
    memset(&why, 0, sizeof(why));
    if (header) {
        apr_table_setn(r->headers_in, "Authorization", header);
    }
    return es_publish_key_admits(r, &keys, &why);
}

static const char *challenge(void)
{
    return apr_table_get(r->err_headers_out, "WWW-Authenticate");
}

FACTS(the_key_is_taken_from_a_bearer_header)
{
    assert_true(admits("Bearer " KEY));
    assert_true(admits("bearer   " KEY));
    assert_null(challenge());
}

FACTS(without_a_key_the_answer_asks_for_one)
{
    static const char *const headers[] = {
        NULL,          "",           "Bearer",       "Bearer ",
        KEY,           "Basic YTpi", "BearerX " KEY, "Bearer\t" KEY,
        "Digest " KEY,
    };
    size_t i;

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        assert_false(admits(headers[i]));
        assert_int_equal(why.status, HTTP_UNAUTHORIZED);
        assert_string_equal(why.sentence, "Publishing needs a key.");
        assert_string_equal(challenge(), "Bearer realm=\"publish\"");
    }
}

FACTS(a_wrong_key_is_told_from_a_missing_one)
{
    assert_false(admits("Bearer " KEY ", Bearer " KEY));
    assert_int_equal(why.status, HTTP_UNAUTHORIZED);
    assert_string_equal(why.sentence, "This key is not valid here.");
    assert_string_equal(challenge(),
                        "Bearer realm=\"publish\", error=\"invalid_token\"");
}

FACTS(the_remedy_gives_the_reason_and_no_key)
{
    assert_false(admits(NULL));
    assert_non_null(strstr(why.remedy, "no header Authorization"));
    assert_false(admits("Basic YTpi"));
    assert_non_null(strstr(why.remedy, "not of the scheme Bearer"));
    assert_false(admits("Bearer secret-of-another"));
    assert_non_null(strstr(why.remedy, "none of the keys"));
    assert_null(strstr(why.remedy, "secret"));
    assert_null(strstr(why.remedy, KEY));
}

FACTS(the_remedy_names_an_auth_type_that_uses_the_header)
{
    char type[] = "Basic";

    assert_false(admits("Basic YTpi"));
    r->ap_auth_type = type;
    assert_false(es_publish_key_admits(r, &keys, &why));
    assert_non_null(strstr(why.remedy, "login of AuthType"));
}

static const struct CMUnitTest tests[] = {
    UNIT(the_key_is_taken_from_a_bearer_header),
    UNIT(without_a_key_the_answer_asks_for_one),
    UNIT(a_wrong_key_is_told_from_a_missing_one),
    UNIT(the_remedy_gives_the_reason_and_no_key),
    UNIT(the_remedy_names_an_auth_type_that_uses_the_header),
};

UNIT_MAIN(tests)
