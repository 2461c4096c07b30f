/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of token/token.c, claims.c, key_set.c and signer.c, with the tokens of
 * RFC 7515 and RFC 8037, and with what no issuer should send. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/channel.h"
#include "token/token.h"
#include "t/unit/token_keys.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define NOW_S APR_INT64_C(1700000000)

/* RFC 7515, A.1 to A.3: all three have the same claims. */
#define RFC_EXP 1300819380
#define RFC_CLAIMS                                                        \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGx" \
    "lLmNvbS9pc19yb290Ijp0cnVlfQ"
#define RFC_HS256                                              \
    "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." RFC_CLAIMS "." \
    "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define RFC_SECRET                                                 \
    "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-" \
    "EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}"
#define RFC_RS256                                                         \
    "eyJhbGciOiJSUzI1NiJ9." RFC_CLAIMS "."                                \
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAu" \
    "HIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRF" \
    "diuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_" \
    "eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6I" \
    "eYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUP" \
    "QGe77Rw"
#define RFC_RSA                                                           \
    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4" \
    "p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4" \
    "QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0L" \
    "OL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xs" \
    "mtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9" \
    "_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}"
#define RFC_ES256                                                         \
    "eyJhbGciOiJFUzI1NiJ9." RFC_CLAIMS "."                                \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmW" \
    "QxfKTUJqPP3-Kg6NU1Q"
#define RFC_EC                                                        \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe" \
    "1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCy" \
    "StikYjKIWI5a0\"}"
/* RFC 8037, A.1, A.2 and A.4 */
#define RFC_OKP                                            \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"ed\"," \
    "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"
#define RFC_EDDSA_TEXT \
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
#define RFC_EDDSA                                                        \
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhV" \
    "sPt9g7sVvpAr_MuM0KAg"

/* ---- Keys and tokens ----------------------------------------------------- */

/* The error of a file with this text; NULL = set is filled. */
static const char *load(es_key_set_t *set, es_slice_t text, int is_jwks,
                        unsigned kinds, mode_t mode)
{
    char path[] = "/tmp/es-unit-XXXXXX";
    int fd = mkstemp(path);
    es_key_set_params_t params = {path, "/", is_jwks, kinds};
    const char *err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.data, text.len), (ssize_t)text.len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
    err = es_key_set_load(set, &params, pool);
    unlink(path);
    return err;
}

#define ALL 15u

static es_issuer_t *issuer_of(const char *keys)
{
    es_issuer_t *issuer = apr_pcalloc(pool, sizeof(*issuer));
    const char *err = load(&issuer->keys, es_slice_of(keys), 0, ALL, 0600);

    if (err) {
        print_error("%s\n", err);
    }
    assert_null(err);
    return issuer;
}

static apr_array_header_t *issuers_of(const es_issuer_t *issuer)
{
    apr_array_header_t *issuers =
        apr_array_make(pool, 1, sizeof(const es_issuer_t *));

    APR_ARRAY_PUSH(issuers, const es_issuer_t *) = issuer;
    return issuers;
}

static es_slice_t part_of(es_slice_t text)
{
    return es_slice_of(es_base64_encode_url(text, pool));
}

/* A token that the first key of an issuer has signed. */
static es_slice_t sign(const es_issuer_t *issuer, es_slice_t header,
                       es_slice_t claims)
{
    const es_set_key_t *key =
        &APR_ARRAY_IDX(issuer->keys.keys, 0, const es_set_key_t);
    char *text = apr_pstrcat(pool, part_of(header).data, ".",
                             part_of(claims).data, NULL);
    es_slice_t signature;

    assert_true(
        es_signer_sign(&signature, key->signer, es_slice_of(text), pool));
    return es_slice_of(
        apr_pstrcat(pool, text, ".", part_of(signature).data, NULL));
}

static const char *error_at(es_slice_t token, const es_issuer_t *issuer,
                            apr_int64_t seconds)
{
    es_token_t out;
    const char *why = NULL;
    es_slice_t text = exact(token);
    int is_valid = es_token_verify(&out, text, issuers_of(issuer),
                                   apr_time_from_sec(seconds), &why, pool);

    exact_free(text);
    assert_true(is_valid == (why == NULL));
    return why;
}

static void assert_why(const char *why, const char *part, int line)
{
    if (!part ? why != NULL : !why || strncmp(why, part, strlen(part)) != 0) {
        print_error("line %d: got \"%s\" instead of \"%s\"\n", line,
                    why ? why : "valid", part ? part : "valid");
        fail();
    }
    assert_true(!why || !strpbrk(why, "\"\\"));
}

/* What is wrong with claims, or with a header, that the secret has signed. */
#define assert_claims(json, part)                                            \
    assert_why(                                                              \
        error_at(sign(issuer_of(SECRET), S("{\"alg\":\"HS256\"}"), S(json)), \
                 issuer_of(SECRET), NOW_S),                                  \
        part, __LINE__)
#define assert_header(json, part)                                  \
    assert_why(error_at(sign(issuer_of(SECRET), S(json), S("{}")), \
                        issuer_of(SECRET), NOW_S),                 \
               part, __LINE__)
#define assert_text(text, part) \
    assert_why(error_at(text, issuer_of(SECRET), NOW_S), part, __LINE__)

/* ---- Signatures ---------------------------------------------------------- */

/* Another letter of base64url, whichever it was: signatures of ES256 differ
 * from run to run. */
static void other_letter(char *at)
{
    *at = *at == 'A' ? 'B' : 'A';
}

FACTS(the_tokens_of_rfc_7515_are_valid)
{
    assert_null(error_at(S(RFC_HS256), issuer_of(RFC_SECRET), RFC_EXP - 1));
    assert_null(error_at(S(RFC_RS256), issuer_of(RFC_RSA), RFC_EXP - 1));
    assert_null(error_at(S(RFC_ES256), issuer_of(RFC_EC), RFC_EXP - 1));
    assert_why(error_at(S(RFC_HS256), issuer_of(RFC_SECRET), RFC_EXP),
               "exp:", __LINE__);
    assert_why(error_at(S(RFC_HS256), issuer_of(SECRET), RFC_EXP - 1),
               "signature:", __LINE__);
    assert_why(error_at(S(RFC_RS256), issuer_of(RSA_PUBLIC), RFC_EXP - 1),
               "signature:", __LINE__);
    assert_why(error_at(S(RFC_ES256), issuer_of(EC_PUBLIC), RFC_EXP - 1),
               "signature:", __LINE__);
}

FACTS(the_signature_of_rfc_8037_is_valid)
{
    const es_issuer_t *issuer = issuer_of(RFC_OKP);
    const es_set_key_t *key =
        &APR_ARRAY_IDX(issuer->keys.keys, 0, const es_set_key_t);
    es_slice_t signature;

    assert_true(
        es_base64_decode(&signature, S(RFC_EDDSA), ES_BASE64_URL, pool));
    assert_true(es_signer_verifies(key->signer, S(RFC_EDDSA_TEXT), signature));
    assert_false(
        es_signer_verifies(key->signer, S(RFC_EDDSA_TEXT "x"), signature));
    assert_false(
        es_signer_verifies(key->signer, S(RFC_EDDSA_TEXT),
                           es_slice(signature.data, signature.len - 1)));
}

FACTS(what_a_key_signs_it_verifies)
{
    static const char *const keys[] = {SECRET, RSA_PRIVATE, EC_PRIVATE};
    static const char *const headers[] = {
        "{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}", "{\"alg\":\"ES256\"}"};
    int i;

    for (i = 0; i < 3; i++) {
        const es_issuer_t *issuer = issuer_of(keys[i]);
        es_slice_t token = sign(issuer, es_slice_of(headers[i]), S("{}"));

        assert_null(error_at(token, issuer, NOW_S));
        other_letter((char *)(uintptr_t)token.data + token.len - 4);
        assert_why(error_at(token, issuer, NOW_S), "signature:", __LINE__);
    }
}

FACTS(the_key_decides_the_algorithm)
{
    es_issuer_t *rsa = issuer_of(RSA_PUBLIC);
    /* key confusion: the public key, which everyone has, as a secret */
    es_key_t secret = {ES_KEY_SECRET, S(RSA_PUBLIC), S(RSA_PUBLIC),
                       S(RSA_PUBLIC)};
    const es_signer_t *signer = es_signer_create(&secret, pool);
    char *text = apr_pstrcat(pool, part_of(S("{\"alg\":\"HS256\"}")).data, ".",
                             part_of(S("{}")).data, NULL);
    es_slice_t signature;

    assert_true(es_signer_sign(&signature, signer, es_slice_of(text), pool));
    assert_why(error_at(es_slice_of(apr_pstrcat(pool, text, ".",
                                                part_of(signature).data, NULL)),
                        rsa, NOW_S),
               "kid:", __LINE__);
    assert_why(
        error_at(sign(issuer_of(EC_PRIVATE), S("{\"alg\":\"RS256\"}"), S("{}")),
                 rsa, NOW_S),
        "signature:", __LINE__);
}

/* ---- Form ---------------------------------------------------------------- */

FACTS(what_is_no_token_is_refused)
{
    const char *good =
        sign(issuer_of(SECRET), S("{\"alg\":\"HS256\"}"), S("{}")).data;

    assert_text(es_slice_of(good), NULL);
    assert_text(S(""), "form:");
    assert_text(S("a"), "form:");
    assert_text(S(".."), "form:");
    assert_text(S("..."), "form:");
    assert_text(S("a.b.c.d.e"), "form: the token has five parts");
    assert_text(es_slice_of(apr_pstrcat(pool, good, ".", NULL)), "form:");
    assert_text(es_slice_of(apr_pstrcat(pool, good, "=", NULL)), "form:");
    assert_text(es_slice_of(apr_pstrcat(pool, good, " ", NULL)), "form:");
    assert_text(es_slice_of(apr_pstrcat(pool, " ", good, NULL)), "form:");
    assert_text(es_slice(good, strlen(good) - 1), "form:");
    assert_text(es_slice(good, strlen(good) - 3), "signature:");
    assert_text(es_slice(good, strlen(good) - 43), "form: the token is not s");
    assert_text(es_slice(good, strlen(good) + 1), "form:");
    assert_text(repeat('a', 100000), "form: the token is longer");
    assert_text(repeat('.', ES_TOKEN_MAX), "form:");
}

FACTS(headers_that_are_refused)
{
    assert_header("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", NULL);
    assert_header("{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}", NULL);
    assert_header("{\"alg\":\"HS256\",\"typ\":\"application/AT+JWT\"}", NULL);
    assert_header("{\"alg\":\"HS256\",\"x\":{\"y\":[1]}}", NULL);
    assert_header("", "header:");
    assert_header("[]", "header:");
    assert_header("\"HS256\"", "header:");
    assert_header("null", "header:");
    assert_header("{\"alg\":\"HS256\"", "header:");
    assert_header("{\"alg\":\"HS256\"} x", "header:");
    assert_header("{\"alg\":\"HS256\"}\0", "header:");
    assert_header("\xef\xbb\xbf{\"alg\":\"HS256\"}", "header:");
    assert_header("{\"alg\":\"HS256\",\"alg\":\"none\"}", "header:");
    assert_header("{\"alg\":\"HS256\",\"k\":\"\xff\"}", "header:");
    assert_header("{\"alg\":\"HS256\",\"k\":\"\\u0000\"}", "header:");
    assert_header("{}", "alg:");
    assert_header("{\"alg\":\"none\"}", "alg:");
    assert_header("{\"alg\":\"None\"}", "alg:");
    assert_header("{\"alg\":\"\"}", "alg:");
    assert_header("{\"alg\":null}", "alg:");
    assert_header("{\"alg\":[\"HS256\"]}", "alg:");
    assert_header("{\"alg\":\"hs256\"}", "alg:");
    assert_header("{\"alg\":\"HS512\"}", "alg:");
    assert_header("{\"alg\":\"RS256\"}", "kid:");
    assert_header("{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
                  "crit");
    assert_header("{\"alg\":\"HS256\",\"crit\":[]}", "crit:");
    assert_header("{\"alg\":\"HS256\",\"b64\":false}", "b64:");
    assert_header("{\"alg\":\"HS256\",\"zip\":\"DEF\"}", "zip:");
    assert_header("{\"alg\":\"dir\",\"enc\":\"A128GCM\"}",
                  "header: the token is");
    assert_header("{\"alg\":\"HS256\",\"typ\":\"logout+jwt\"}", "typ:");
    assert_header("{\"alg\":\"HS256\",\"typ\":null}", "typ:");
    assert_header("{\"alg\":\"HS256\",\"typ\":7}", "typ:");
    assert_header("{\"alg\":\"HS256\",\"kid\":7}", "kid:");
    assert_header("{\"alg\":\"HS256\",\"kid\":\"\"}", "kid:");
}

FACTS(json_that_nests_is_refused)
{
    char *deep =
        apr_pstrcat(pool, "{\"alg\":\"HS256\",\"x\":", repeat('[', 2000).data,
                    repeat(']', 2000).data, "}", NULL);
    char *claims = apr_pstrcat(pool, "{\"x\":", repeat('[', 2000).data, NULL);

    assert_text(sign(issuer_of(SECRET), es_slice_of(deep), S("{}")), "header:");
    assert_text(
        sign(issuer_of(SECRET), S("{\"alg\":\"HS256\"}"), es_slice_of(claims)),
        "claims:");
    assert_claims("{\"x\":[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]}", NULL);
    assert_claims("{\"x\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", "claims:");
    assert_claims("{\"x\":\"[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"}", NULL);
}

/* ---- Claims -------------------------------------------------------------- */

FACTS(claims_that_are_no_object_are_refused)
{
    assert_claims("{}", NULL);
    assert_claims("", "claims:");
    assert_claims("[]", "claims:");
    assert_claims("{\"sub\":\"a\",\"sub\":\"b\"}", "claims:");
    assert_claims("{\"eventstream\":{\"publish\":[],\"publish\":[\"*\"]}}",
                  "claims:");
    assert_claims("{\"sub\":\"\\u0000\"}", "claims:");
    assert_claims("{\"sub\":\"a\0\"}", "claims:");
    assert_claims("{\"sub\":\"\xc3\x28\"}", "claims:");
    assert_claims("{\"sub\":\"\\ud800\"}", "claims:");
}

FACTS(times_are_whole_numbers)
{
    assert_claims("{\"exp\":1700000001}", NULL);
    assert_claims("{\"exp\":1700000000}", "exp: the token has expired");
    assert_claims("{\"exp\":\"1700000001\"}", "exp:");
    assert_claims("{\"exp\":1700000001.5}", "exp:");
    assert_claims("{\"exp\":1.7e10}", "exp:");
    assert_claims("{\"exp\":-1}", "exp:");
    assert_claims("{\"exp\":0}", "exp: the token has expired");
    assert_claims("{\"exp\":null}", "exp:");
    assert_claims("{\"exp\":true}", "exp:");
    assert_claims("{\"exp\":253402300799}", NULL);
    assert_claims("{\"exp\":253402300800}", "exp:");
    assert_claims("{\"exp\":9223372036854775807}", "exp:");
    assert_claims("{\"exp\":9223372036854775808}", "claims: a number is too");
    assert_claims("{\"exp\":1e400}", "claims: a number is too");
    assert_claims("{\"nbf\":1700000000}", NULL);
    assert_claims("{\"nbf\":1700000001}", "nbf:");
    assert_claims("{\"nbf\":\"\"}", "nbf:");
    assert_claims("{\"iat\":1700000000}", NULL);
    assert_claims("{\"iat\":1700000001}", "iat:");
    assert_claims("{\"iat\":1.5}", "iat:");
}

FACTS(a_leeway_counts_for_all_times)
{
    es_issuer_t *issuer = issuer_of(SECRET);
    es_slice_t header = S("{\"alg\":\"HS256\"}");
    es_token_t token;
    const char *why;

    issuer->leeway = apr_time_from_sec(10);
    assert_null(error_at(sign(issuer, header, S("{\"exp\":1699999991}")),
                         issuer, NOW_S));
    assert_why(error_at(sign(issuer, header, S("{\"exp\":1699999990}")), issuer,
                        NOW_S),
               "exp:", __LINE__);
    assert_null(error_at(sign(issuer, header, S("{\"nbf\":1700000010}")),
                         issuer, NOW_S));
    assert_why(error_at(sign(issuer, header, S("{\"iat\":1700000011}")), issuer,
                        NOW_S),
               "iat:", __LINE__);
    assert_true(es_token_verify(
        &token, sign(issuer, header, S("{\"exp\":1699999995}")),
        issuers_of(issuer), apr_time_from_sec(NOW_S), &why, pool));
    assert_int_equal(apr_time_sec(token.expires), 1700000005);
}

FACTS(an_audience_and_an_issuer_are_compared)
{
    es_issuer_t *issuer = issuer_of(SECRET);
    es_slice_t header = S("{\"alg\":\"HS256\"}");

    assert_claims("{\"aud\":\"x\"}", "aud: the token has one");
    issuer->aud = "x";
    assert_null(
        error_at(sign(issuer, header, S("{\"aud\":\"x\"}")), issuer, 0));
    assert_null(error_at(sign(issuer, header, S("{\"aud\":[\"y\",\"x\"]}")),
                         issuer, 0));
    assert_why(error_at(sign(issuer, header, S("{}")), issuer, 0),
               "aud:", __LINE__);
    assert_why(error_at(sign(issuer, header, S("{\"aud\":[1,{}]}")), issuer, 0),
               "aud:", __LINE__);
    issuer->aud = NULL;
    issuer->iss = "me";
    assert_null(
        error_at(sign(issuer, header, S("{\"iss\":\"me\"}")), issuer, 0));
    assert_why(
        error_at(sign(issuer, header, S("{\"iss\":\"you\"}")), issuer, 0),
        "iss:", __LINE__);
    assert_why(
        error_at(sign(issuer, header, S("{\"iss\":[\"me\"]}")), issuer, 0),
        "iss:", __LINE__);
}

FACTS(names_and_lists_have_a_form)
{
    assert_claims("{\"sub\":\"ann\",\"jti\":\"1\"}", NULL);
    assert_claims("{\"sub\":\"\"}", NULL);
    assert_claims("{\"sub\":7}", "sub:");
    assert_claims("{\"sub\":\"a\\nb\"}", "sub:");
    assert_claims("{\"jti\":[]}", "jti:");
    assert_claims("{\"eventstream\":[]}", "eventstream:");
    assert_claims("{\"eventstream\":{\"subscribe\":\"*\"}}", "eventstream:");
    assert_claims("{\"eventstream\":{\"publish\":[1]}}", "eventstream:");
    assert_claims("{\"eventstream\":{\"control\":1}}", "eventstream: control");
    assert_claims("{\"mercure\":{\"publish\":{}}}", "mercure:");
    assert_text(sign(issuer_of(SECRET), S("{\"alg\":\"HS256\"}"),
                     es_slice_of(apr_psprintf(
                         pool, "{\"eventstream\":{\"subscribe\":[\"%s\"]}}",
                         repeat('*', ES_TOPIC_MAX + 1).data))),
                "eventstream:");
}

/* ---- Keys ---------------------------------------------------------------- */

#define OCT(kid, k) "{\"kty\":\"oct\",\"kid\":\"" kid "\",\"k\":\"" k "\"}"
#define K1 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
#define K2 "MTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjA"

FACTS(a_kid_chooses_the_key)
{
    es_issuer_t *issuer =
        issuer_of("{\"keys\":[" OCT("one", K1) "," OCT("two", K2) "]}");

    assert_null(
        error_at(sign(issuer, S("{\"alg\":\"HS256\"}"), S("{}")), issuer, 0));
    assert_null(error_at(
        sign(issuer, S("{\"alg\":\"HS256\",\"kid\":\"one\"}"), S("{}")), issuer,
        0));
    assert_why(error_at(sign(issuer, S("{\"alg\":\"HS256\",\"kid\":\"two\"}"),
                             S("{}")),
                        issuer, 0),
               "signature:", __LINE__);
    assert_why(
        error_at(sign(issuer,
                      S("{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}"),
                      S("{}")),
                 issuer, 0),
        "kid:", __LINE__);
    assert_why(
        error_at(sign(issuer, S("{\"alg\":\"HS256\",\"kid\":\"' OR 1=1 --\"}"),
                      S("{}")),
                 issuer, 0),
        "kid:", __LINE__);
    /* a key without kid is for any */
    assert_header("{\"alg\":\"HS256\",\"kid\":\"any\"}", NULL);
}

FACTS(keys_that_cannot_be_used_are_left_out)
{
    es_key_set_t set;

    assert_null(load(
        &set,
        S("{\"keys\":[" OCT(
            "one", K1) ",{\"kty\":\"RSA\",\"use\":"
                       "\"enc\"},{\"kty\":\"EC\",\"crv\":\"P-521\"},{\"kty\":"
                       "\"oct\",\"alg\":\"HS512\"},7,{\"kty\":\"oct\",\"key_"
                       "ops\":[\"sign\"]}," RFC_OKP "]}"),
        1, ALL, 0600));
    assert_int_equal(set.keys->nelts, 2);
    assert_int_equal(set.lost->nelts, 5);
    assert_non_null(
        strstr(APR_ARRAY_IDX(set.lost, 0, const char *), "key 2 is not for s"));
    assert_null(load(&set, S("{\"keys\":[" OCT("one", K1) "," RFC_OKP "]}"), 1,
                     1u << ES_KEY_ED25519, 0600));
    assert_int_equal(set.keys->nelts, 1);
}

FACTS(files_of_keys_that_are_refused)
{
    es_key_set_t set;
    const char *alg = "{\"kty\":\"oct\",\"alg\":\"RS256\",\"k\":\"" K1 "\"}";

    assert_non_null(load(&set, S(""), 0, ALL, 0600));
    assert_non_null(load(&set, S("0123456789abcdef"), 0, ALL, 0600));
    assert_non_null(load(&set, S(SECRET), 1, ALL, 0600));
    assert_non_null(load(&set, S(SECRET), 0, ALL, 0644));
    assert_non_null(load(&set, S(EC_PRIVATE), 0, ALL, 0644));
    assert_null(load(&set, S(EC_PUBLIC), 0, ALL, 0644));
    assert_null(load(&set, S(RFC_OKP), 0, ALL, 0644));
    assert_non_null(load(&set, es_slice_of(alg), 0, ALL, 0600));
    assert_int_equal(set.keys->nelts, 0);
    assert_non_null(load(&set, S("{\"keys\":[]}"), 0, ALL, 0600));
    /* what begins as JSON or PEM never becomes a secret */
    assert_non_null(load(&set, S("{\"keys\":[" RFC_OKP "],}"), 0, ALL, 0600));
    assert_non_null(load(&set, S("\n {\"keys\":[" RFC_OKP), 0, ALL, 0600));
    assert_non_null(
        load(&set, S("\xef\xbb\xbf{\"keys\":[" RFC_OKP), 0, ALL, 0600));
    assert_non_null(load(
        &set, S("a key: -----BEGIN PUBLIC KEY-----\nxxxxxxxxx"), 0, ALL, 0600));
    assert_null(load(&set, S("some text\n" EC_PUBLIC), 0, ALL, 0644));
    assert_int_equal(APR_ARRAY_IDX(set.keys, 0, const es_set_key_t).key.kind,
                     ES_KEY_EC);
}

/* ---- Rights -------------------------------------------------------------- */

FACTS(a_token_admits_to_its_channels)
{
    es_issuer_t *issuer = issuer_of(SECRET);
    es_token_t token;
    const char *why;

    assert_true(es_token_verify(
        &token,
        sign(issuer, S("{\"alg\":\"HS256\"}"),
             S("{\"sub\":\"ann\",\"jti\":\"7\",\"eventstream\":{\"subscribe\":["
               "\"room-*\"],\"publish\":[\"chat\"],\"control\":true},"
               "\"mercure\":{\"subscribe\":[\"/x/{id}\"]}}")),
        issuers_of(issuer), 0, &why, pool));
    assert_slice(token.sub, "ann");
    assert_slice(token.jti, "7");
    assert_int_equal(token.expires, 0);
    assert_true(es_token_admits(&token, ES_RIGHT_SUBSCRIBE, S("room-1")));
    assert_true(es_token_admits(&token, ES_RIGHT_SUBSCRIBE, S("/x/7")));
    assert_false(es_token_admits(&token, ES_RIGHT_SUBSCRIBE, S("chat")));
    assert_false(es_token_admits(&token, ES_RIGHT_PUBLISH, S("room-1")));
    assert_true(es_token_admits(&token, ES_RIGHT_PUBLISH, S("chat")));
    assert_true(es_token_admits(&token, ES_RIGHT_CONTROL, S("chat")));
    assert_true(es_token_admits(&token, ES_RIGHT_CONTROL, S("room-1")));
    assert_false(es_token_admits(&token, ES_RIGHT_CONTROL, S("other")));
    assert_true(es_token_has(&token, ES_RIGHT_CONTROL));
}

static int selects(const char *selector, const char *name)
{
    es_topic_t topic = {es_slice_of(selector), 1};

    return es_topic_matches(&topic, es_slice_of(name));
}

FACTS(topic_selectors_of_mercure)
{
    assert_true(selects("*", "anything"));
    assert_true(selects("a", "a"));
    assert_false(selects("a*", "ab"));
    assert_true(selects("/a/{id}", "/a/1"));
    assert_true(selects("/a/{id}", "/a/"));
    assert_false(selects("/a/{id}", "/a/1/2"));
    assert_true(selects("/a/{+id}", "/a/1/2"));
    assert_true(selects("/a/{id}/b{x}", "/a/1/b"));
    assert_false(selects("/a/{id}/b{x}", "/a/1/c"));
    assert_true(selects("{a}{b}{c}{d}", "x"));
    assert_false(selects("{a}{b}{c}{d}{e}", "x"));
    assert_true(selects("{a}{b}{c}{d}{e}", "{a}{b}{c}{d}{e}"));
    assert_false(selects("{?a}", "x"));
    assert_false(selects("{a,b}", "x"));
    assert_false(selects("{a:3}", "abc"));
    assert_false(selects("{", "x"));
    assert_false(selects("{}", "x"));
    assert_true(selects("{", "{"));
    assert_false(selects("", "x"));
    assert_false(selects("*", ""));
}

/* Backtracking would take longer than the universe has. */
FACTS(hostile_topics_end_soon)
{
    const char *name = repeat('a', ES_CHANNEL_NAME_MAX).data;
    es_topic_t stars = {
        es_slice_of(
            apr_pstrcat(pool, repeat('*', ES_TOPIC_MAX - 1).data, "b", NULL)),
        0};
    int i;

    for (i = 0; i < 1000; i++) {
        assert_false(selects("{a}a{b}a{c}a{d}b", name));
        assert_false(selects("{+a}aa{+b}aa{+c}aa{+d}aab", name));
        assert_false(es_topic_matches(&stars, es_slice_of(name)));
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(the_tokens_of_rfc_7515_are_valid),
    UNIT(the_signature_of_rfc_8037_is_valid),
    UNIT(what_a_key_signs_it_verifies),
    UNIT(the_key_decides_the_algorithm),
    UNIT(what_is_no_token_is_refused),
    UNIT(headers_that_are_refused),
    UNIT(json_that_nests_is_refused),
    UNIT(claims_that_are_no_object_are_refused),
    UNIT(times_are_whole_numbers),
    UNIT(a_leeway_counts_for_all_times),
    UNIT(an_audience_and_an_issuer_are_compared),
    UNIT(names_and_lists_have_a_form),
    UNIT(a_kid_chooses_the_key),
    UNIT(keys_that_cannot_be_used_are_left_out),
    UNIT(files_of_keys_that_are_refused),
    UNIT(a_token_admits_to_its_channels),
    UNIT(topic_selectors_of_mercure),
    UNIT(hostile_topics_end_soon),
};

UNIT_MAIN(tests)
