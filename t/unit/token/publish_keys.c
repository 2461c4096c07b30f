/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of token/publish_keys.c and token/key_file.c. */
#include "t/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "token/jwt.h"
#include "token/publish_keys.h"
#include "t/unit/token_keys.h"

#define OLD "old-0123456789abcdef"
#define NEW "new-0123456789abcdef"
#define NOW apr_time_from_sec(APR_INT64_C(1790000000))
#define MINUTES(n) ((n)*60 * APR_USEC_PER_SEC)

static es_publish_keys_t keys;
static int is_public;
static const char *why;

static const char *load(es_slice_t content, int mode)
{
    char *path = apr_pstrdup(pool, "/tmp/keys.XXXXXX");
    int fd = mkstemp(path);
    const char *err;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content.data, content.len),
                     (ssize_t)content.len);
    assert_int_equal(fchmod(fd, (mode_t)mode), 0);
    close(fd);
    err = es_publish_keys_load(&keys, path + 5, "/tmp", &is_public, pool);
    unlink(path);
    return err;
}

static void keys_of(const char *content)
{
    memset(&keys, 0, sizeof(keys));
    assert_null(load(es_slice_of(content), 0600));
}

static void assert_refused(const char *content, const char *part)
{
    const char *err;

    memset(&keys, 0, sizeof(keys));
    err = load(es_slice_of(content), 0600);
    assert_non_null(err);
    if (!strstr(err, part)) {
        print_error("got \"%s\" without \"%s\"\n", err, part);
        fail();
    }
    assert_null(strstr(err, "0123456789"));
    assert_int_equal(keys.count, 0);
}

static int match(const char *sent)
{
    why = NULL;
    return es_publish_keys_match(&keys, sent, NOW, &why, pool);
}

/* A token with this iss that expires at this time. */
static const char *token(const char *key, apr_time_t expires)
{
    const char *text = es_jwt_sign(key_of(key), "app", expires, pool);

    assert_non_null(text);
    return text;
}

/* ---- The file ---------------------------------------------------------- */

FACTS(a_file_has_a_key_in_each_line)
{
    keys_of("# comment\n\n" NEW "\r\n" OLD "\n\n");
    assert_int_equal(keys.count, 2);
    assert_slice(keys.keys[0].text, NEW);
    assert_slice(keys.keys[1].text, OLD);
    keys_of(NEW);
    assert_int_equal(keys.count, 1);
    assert_slice(keys.keys[0].text, NEW);
}

FACTS(files_add_up)
{
    keys_of(NEW);
    assert_null(load(S(OLD "\n"), 0600));
    assert_int_equal(keys.count, 2);
    assert_true(match(NEW));
    assert_true(match(OLD));
}

FACTS(a_file_without_a_key_is_refused)
{
    assert_refused("", "has no key");
    assert_refused("\n\r\n", "has no key");
    assert_refused("# " NEW "\n", "has no key");
}

FACTS(a_line_that_is_no_key_is_refused)
{
    assert_refused("0123456789abcde\n", "less than 16 bytes");
    assert_refused(NEW "\nshort\n", "in line 2");
    assert_refused("0123456789 abcdef\n", "no letter, digit");
    assert_refused(NEW " \n", "no letter, digit");
    assert_refused("0123456789,abcdef\n", "no letter, digit");
    assert_refused("0123456789\xc3\xa9"
                   "bcdef\n",
                   "no letter, digit");
    assert_refused("-----BEGIN PRIVATE KEY-----\n", "no letter, digit");
    assert_refused("{\"kty\":\"oct\",\"k\":\"0123456789\"}", "no letter");
    memset(&keys, 0, sizeof(keys));
    assert_non_null(load(S("0123456789\0abcdef\n"), 0600));
}

FACTS(what_is_no_regular_file_is_refused_at_once)
{
    char dir[] = "/tmp/keys.XXXXXX";
    const char *fifo, *err;

    assert_non_null(mkdtemp(dir));
    fifo = apr_pstrcat(pool, dir, "/fifo", NULL);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    memset(&keys, 0, sizeof(keys));
    alarm(120); /* an open that waits for a writer would never return */
    err = es_publish_keys_load(&keys, fifo, "/", &is_public, pool);
    assert_non_null(strstr(err, "is not a regular file"));
    err = es_publish_keys_load(&keys, dir, "/", &is_public, pool);
    assert_non_null(strstr(err, "is not a regular file"));
    alarm(0);
    unlink(fifo);
    rmdir(dir);
}

FACTS(a_key_and_the_number_of_keys_have_limits)
{
    const char *most = "";
    int i;

    keys_of(apr_pstrmemdup(pool, repeat('k', 1024).data, 1024));
    assert_refused(apr_pstrmemdup(pool, repeat('k', 1025).data, 1025),
                   "more than 1024 bytes");
    for (i = 0; i < ES_PUBLISH_KEYS_MAX; i++) {
        most = apr_pstrcat(pool, most, NEW "\n", NULL);
    }
    keys_of(most);
    assert_non_null(load(S(OLD), 0600));
    assert_int_equal(keys.count, ES_PUBLISH_KEYS_MAX);
}

FACTS(permissions_are_checked)
{
    keys_of(NEW);
    assert_false(is_public);
    assert_null(load(S(NEW), 0640));
    assert_false(is_public);
    assert_null(load(S(NEW), 0644));
    assert_true(is_public);
    assert_non_null(strstr(load(S(NEW), 0660), "writable by others"));
    assert_non_null(strstr(load(S(NEW), 0602), "writable by others"));
}

FACTS(a_missing_file_is_named)
{
    const char *err =
        es_publish_keys_load(&keys, "there/is/none", "/tmp", &is_public, pool);

    assert_non_null(strstr(err, "cannot be read from /tmp/there/is/none"));
    assert_non_null(es_publish_keys_load(&keys, "/tmp", "/", &is_public, pool));
}

/* ---- A key ------------------------------------------------------------- */

FACTS(each_key_matches_as_it_is)
{
    keys_of(NEW "\n" OLD "\n");
    assert_true(match(NEW));
    assert_true(match(OLD));
}

FACTS(anything_else_does_not_match)
{
    static const char *const others[] = {
        "",      "n",          NEW "x",      "x" NEW, "new-0123456789abcde",
        NEW NEW, NEW "\n",     NEW ", " NEW, " " NEW, "New-0123456789abcdef",
        "*",     NEW "\n" OLD, NEW "." NEW,  "..",    "new-0123456789abcdeg",
    };
    size_t i;

    keys_of(NEW "\n" OLD "\n");
    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_false(match(others[i]));
        assert_non_null(why);
    }
}

FACTS(a_key_that_repeats_itself_is_no_shorter_key)
{
    keys_of("abcdabcdabcdabcd");
    assert_false(match("abcd"));
    assert_false(match("abcdabcdabcdabcdabcdabcdabcdabcd"));
    assert_true(match("abcdabcdabcdabcd"));
}

FACTS(what_is_longer_than_a_token_is_refused_unread)
{
    keys_of(NEW);
    assert_false(match(apr_pstrmemdup(pool, repeat('.', 65536).data, 65536)));
    assert_string_equal(why, "it is longer than any key or token");
}

/* ---- A token ----------------------------------------------------------- */

FACTS(a_token_of_any_of_the_keys_matches)
{
    keys_of(NEW "\n" OLD "\n");
    assert_true(match(token(NEW, NOW + MINUTES(10))));
    assert_true(match(token(OLD, NOW + MINUTES(10))));
}

FACTS(a_token_of_another_key_does_not_match)
{
    keys_of(NEW "\n" OLD "\n");
    assert_false(match(token(NEW "x", NOW + MINUTES(10))));
    assert_string_equal(why, ES_JWT_OTHER_KEY);
}

FACTS(a_token_expires_with_a_minute_of_leeway)
{
    keys_of(NEW "\n" OLD "\n");
    assert_true(match(token(NEW, NOW - MINUTES(1) + APR_USEC_PER_SEC)));
    assert_false(match(token(NEW, NOW - MINUTES(1))));
    assert_string_equal(why, "it has expired");
    assert_false(match(token(OLD, NOW - MINUTES(1))));
    assert_string_equal(why, "it has expired");
}

FACTS(another_algorithm_does_not_match)
{
    /* {"alg":"none"} with {"iss":"app","exp":4000000000} */
    const char *none = "eyJhbGciOiJub25lIn0."
                       "eyJpc3MiOiJhcHAiLCJleHAiOjQwMDAwMDAwMDB9.";

    keys_of(NEW);
    assert_false(match(none));
    assert_false(match(apr_pstrcat(pool, none, "AAAA", NULL)));
    assert_false(match(token(EC_PRIVATE, NOW + MINUTES(10))));
    assert_string_equal(why, "its algorithm is not that of the key");
}

FACTS(a_key_that_looks_like_a_token_is_a_key)
{
    const char *text = token(NEW, NOW - MINUTES(100));

    keys_of(text);
    assert_true(match(text));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_file_has_a_key_in_each_line),
    UNIT(files_add_up),
    UNIT(a_file_without_a_key_is_refused),
    UNIT(a_line_that_is_no_key_is_refused),
    UNIT(what_is_no_regular_file_is_refused_at_once),
    UNIT(a_key_and_the_number_of_keys_have_limits),
    UNIT(permissions_are_checked),
    UNIT(a_missing_file_is_named),
    UNIT(each_key_matches_as_it_is),
    UNIT(anything_else_does_not_match),
    UNIT(a_key_that_repeats_itself_is_no_shorter_key),
    UNIT(what_is_longer_than_a_token_is_refused_unread),
    UNIT(a_token_of_any_of_the_keys_matches),
    UNIT(a_token_of_another_key_does_not_match),
    UNIT(a_token_expires_with_a_minute_of_leeway),
    UNIT(another_algorithm_does_not_match),
    UNIT(a_key_that_looks_like_a_token_is_a_key),
};

UNIT_MAIN(tests)
