/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of token/key.c and token/pem.c. */
#include "t/unit/unit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t/unit/token_keys.h"

static const char *error_of(const char *value)
{
    const es_key_t *key;

    return es_key_read(&key, value, "/", pool);
}

static void assert_error(const char *value, const char *part)
{
    const char *err = error_of(value);

    assert_non_null(err);
    if (!strstr(err, part)) {
        print_error("got \"%s\" without \"%s\"\n", err, part);
        fail();
    }
}

FACTS(any_other_text_is_a_secret)
{
    const es_key_t *key = key_of("change me");

    assert_int_equal(key->kind, ES_KEY_SECRET);
    assert_slice(key->signs, "change me");
    assert_slice(key->checks, "change me");
    assert_slice(key_of("{not a JWK}")->signs, "{not a JWK}");
    assert_slice(key_of("{\"a\":1}")->signs, "{\"a\":1}");
    assert_error("", "is empty");
}

FACTS(base64_is_decoded_once)
{
    assert_slice(key_of("base64:c2VjcmV0")->signs, "secret");
    assert_slice(key_of("base64:_-8=")->signs, "\xff\xef");
    /* a '+' that was not escaped in a URL */
    assert_slice(key_of("base64: +8=")->signs, "\xfb\xef");
    assert_slice(key_of("base64:YmFzZTY0OlpnPT0=")->signs, "base64:Zg==");
    assert_error("base64:c2VjcmV0*", "not base64");
    assert_error("base64:", "is empty");
}

FACTS(pem_has_a_kind)
{
    assert_int_equal(key_of(EC_PUBLIC)->kind, ES_KEY_EC);
    assert_int_equal(key_of(EC_PUBLIC)->signs.len, 0);
    assert_int_equal(key_of(RSA_PUBLIC)->kind, ES_KEY_RSA);
    assert_int_equal(key_of(RSA_PUBLIC)->signs.len, 0);
    assert_int_equal(key_of(RSA_PRIVATE)->kind, ES_KEY_RSA);
    assert_int_not_equal(key_of(RSA_PRIVATE)->signs.len, 0);
}

FACTS(a_private_key_has_its_public_key)
{
    assert_slice(key_of(EC_PRIVATE)->checks, EC_PUBLIC);
    assert_slice(key_of(EC_PRIVATE)->signs, EC_PRIVATE);
    assert_slice(key_of(EC_SEC1)->checks, EC_PUBLIC);
    assert_slice(key_of(RSA_PRIVATE)->checks, RSA_PUBLIC);
}

FACTS(bad_pem_never_becomes_a_secret)
{
    assert_error("-----BEGIN PUBLIC KEY-----", "is PEM that is neither");
    assert_error("-----BEGIN CERTIFICATE-----\nAAAA\n", "is PEM that");
    assert_error(RSA_SHORT, "less than 2048 bits");
    assert_error(EC_P384, "P-256");
}

FACTS(what_stands_before_a_key_makes_no_secret_of_it)
{
    assert_slice(key_of("\xef\xbb\xbf\r\n" EC_PUBLIC)->checks, EC_PUBLIC);
    assert_int_equal(key_of(" \n\t" FASTLY)->kind, ES_KEY_EC);
    assert_error("a comment\n" EC_PUBLIC, "has keys in it");
    assert_error("{\"keys\":[" FASTLY "]}", "has keys in it");
    assert_error(" \n", "is empty");
    assert_slice(key_of(" secret")->signs, " secret");
}

/* The public part of another key: all that it signs would be refused. */
FACTS(a_private_key_that_was_damaged_is_refused)
{
    const char *private_der = "MHcCAQEEIJ5UtHcwQ1xA8QwImyWW51tDwxocVfblwjX5";
    char *damaged = apr_pstrdup(pool, EC_SEC1);
    char *at = strstr(damaged, private_der);

    assert_non_null(at);
    at[strlen(private_der) - 5] ^= 1;
    assert_error(damaged, "do not belong together");
}

FACTS(jwk_of_an_elliptic_curve)
{
    const es_key_t *key = key_of(FASTLY);

    assert_int_equal(key->kind, ES_KEY_EC);
    assert_int_equal(key->signs.len, 0);
    assert_slice(
        key->checks,
        "-----BEGIN PUBLIC KEY-----\n"
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAECKo5A1ebyFcnmVV8SE5On+8G81Jy\n"
        "BjSvcrx4VLetWCjuDAmppTo3xM/zz763COTCgHfp/6lPdCyYjjqc+GM7sw==\n"
        "-----END PUBLIC KEY-----\n");
}

FACTS(jwk_of_rsa_and_of_a_secret)
{
    assert_slice(
        key_of("{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" RSA_N "\"}")->checks,
        RSA_PUBLIC);
    assert_slice(key_of("{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}")->signs,
                 "secret");
}

FACTS(bad_jwk_never_becomes_a_secret)
{
    assert_error("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AA\"}",
                 "32 bytes");
    assert_error("{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AA\"}", "curve");
    assert_error("{\"kty\":\"AKP\",\"pub\":\"AA\"}", "kty");
    assert_error("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":"
                 "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
                 "GRIP");
    assert_error("{\"kty\":\"EC\",\"crv\":\"P-384\"}", "curve");
    assert_error("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
                 "32 bytes");
    assert_error("{\"kty\":\"EC\",\"crv\":\"P-256\","
                 "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
                 "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
                 "do not make a public key");
    assert_error("{\"kty\":\"EC\",\"d\":\"AA\"}", "private JWK");
    assert_error("{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "n or e");
    assert_error("{\"kty\":\"oct\",\"k\":\"***\"}", "k is not base64url");
}

/* ---- files ------------------------------------------------------------- */

static const char *file_with(const char *content, int mode)
{
    char *path = apr_pstrdup(pool, "/tmp/key.XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)),
                     (ssize_t)strlen(content));
    assert_int_equal(fchmod(fd, (mode_t)mode), 0);
    close(fd);
    return path;
}

static const char *read_file(const es_key_t **key, const char *path)
{
    const char *err =
        es_key_read(key, apr_pstrcat(pool, "file:", path, NULL), "/", pool);

    unlink(path);
    return err;
}

FACTS(a_file_may_have_a_key_of_any_form)
{
    const es_key_t *key;

    assert_null(read_file(&key, file_with("secret\r\n", 0600)));
    assert_slice(key->signs, "secret");
    assert_null(read_file(&key, file_with(EC_PRIVATE, 0640)));
    assert_slice(key->signs, EC_PRIVATE);
    assert_null(read_file(&key, file_with(FASTLY "\n", 0644)));
    assert_int_equal(key->kind, ES_KEY_EC);
}

FACTS(a_relative_file_is_found_from_the_root)
{
    const es_key_t *key;
    const char *path = file_with("secret", 0600);
    const char *err = es_key_read(
        &key, apr_pstrcat(pool, "file:", path + 5, NULL), "/tmp", pool);

    unlink(path);
    assert_null(err);
    assert_slice(key->signs, "secret");
}

FACTS(a_file_that_others_can_read_or_write_is_refused)
{
    const es_key_t *key;
    const char *err = read_file(&key, file_with("secret", 0604));

    assert_null(key);
    assert_non_null(strstr(err, "readable by all"));
    err = read_file(&key, file_with("secret", 0660));
    assert_non_null(strstr(err, "writable by others"));
    err = read_file(&key, file_with(EC_PUBLIC, 0646));
    assert_non_null(strstr(err, "writable by others"));
    err = read_file(&key, file_with(EC_PRIVATE, 0644));
    assert_non_null(strstr(err, "readable by all"));
}

FACTS(files_that_have_no_key)
{
    assert_error("file:/tmp", "not a regular file");
    assert_error("file:/tmp/key/there/is/none", "/there/is/none");
    assert_error("file:/dev/zero", "not a regular file");
}

static const struct CMUnitTest tests[] = {
    UNIT(any_other_text_is_a_secret),
    UNIT(base64_is_decoded_once),
    UNIT(pem_has_a_kind),
    UNIT(a_private_key_has_its_public_key),
    UNIT(bad_pem_never_becomes_a_secret),
    UNIT(what_stands_before_a_key_makes_no_secret_of_it),
    UNIT(a_private_key_that_was_damaged_is_refused),
    UNIT(jwk_of_an_elliptic_curve),
    UNIT(jwk_of_rsa_and_of_a_secret),
    UNIT(bad_jwk_never_becomes_a_secret),
    UNIT(a_file_may_have_a_key_of_any_form),
    UNIT(a_relative_file_is_found_from_the_root),
    UNIT(a_file_that_others_can_read_or_write_is_refused),
    UNIT(files_that_have_no_key),
};

UNIT_MAIN(tests)
