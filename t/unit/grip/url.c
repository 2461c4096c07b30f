/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of grip/url.c. */
#include "t/unit/unit.h"

#include "grip/url.h"

static es_grip_url_t url;

static void parse(const char *text)
{
    const char *err = es_grip_url_parse(&url, text, pool);

    if (err) {
        print_error("%s: %s\n", text, err);
        fail();
    }
}

static void assert_error(const char *text, const char *part)
{
    const char *err = es_grip_url_parse(&url, text, pool);

    assert_non_null(err);
    if (!strstr(err, part)) {
        print_error("%s: got \"%s\" without \"%s\"\n", text, err, part);
        fail();
    }
    assert_null(strstr(err, "hidden")); /* the secret of these tests */
}

FACTS(the_publish_uri_is_below_the_path)
{
    parse("http://localhost:5561");
    assert_string_equal(url.publish_uri, "http://localhost:5561/publish/");
    parse("http://localhost:5561/");
    assert_string_equal(url.publish_uri, "http://localhost:5561/publish/");
    parse("http://h/a/b/");
    assert_string_equal(url.publish_uri, "http://h/a/b/publish/");
    parse("http://h/a/b");
    assert_string_equal(url.publish_uri, "http://h/a/b/publish/");
    parse("http://h/a//");
    assert_string_equal(url.publish_uri, "http://h/a/publish/");
    parse("https://[::1]:8443/x");
    assert_string_equal(url.publish_uri, "https://[::1]:8443/x/publish/");
}

FACTS(other_parameters_are_not_changed)
{
    parse("http://h/a?z=1&key=k&y=%20&iss=i");
    assert_string_equal(url.control_uri, "http://h/a?z=1&y=%20");
    assert_string_equal(url.publish_uri, "http://h/a/publish/?z=1&y=%20");
    assert_string_equal(url.key, "k");
    assert_string_equal(url.iss, "i");
}

FACTS(the_four_parameters_are_decoded)
{
    parse("https://api.fastly.com/service/SID?key=T%2Fk&verify-iss=fastly:SID"
          "&verify-key=%7B%22kty%22%3A%22EC%22%7D");
    assert_string_equal(url.control_uri, "https://api.fastly.com/service/SID");
    assert_string_equal(url.publish_uri,
                        "https://api.fastly.com/service/SID/publish/");
    assert_string_equal(url.key, "T/k");
    assert_string_equal(url.verify_iss, "fastly:SID");
    assert_string_equal(url.verify_key, "{\"kty\":\"EC\"}");
    assert_null(url.iss);
    assert_null(url.user);
    /* a '+' that is not escaped; key.c restores it in base64 */
    parse("http://h/?key=base64:a+b");
    assert_string_equal(url.key, "base64:a b");
}

FACTS(user_and_password)
{
    parse("http://me:hidden%40:+@h:81/");
    assert_string_equal(url.user, "me");
    assert_string_equal(url.password, "hidden@:+");
    assert_string_equal(url.control_uri, "http://h:81/");
    parse("http://me@h/");
    assert_string_equal(url.password, "");
    assert_error("http://me%3ayou:hidden@h/", "colon");
    assert_error("http://me:hidden%4@h/", "percent");
}

FACTS(errors_name_the_part_and_show_no_secret)
{
    assert_error("", "neither http:// nor https://");
    assert_error("ftp://hidden@h/", "neither http:// nor https://");
    assert_error("hidden", "neither http:// nor https://");
    assert_error("http://", "no host");
    assert_error("http:///x?key=hidden", "no host");
    assert_error("http://h:hidden/", "no host, or a bad port");
    assert_error("http://h/?key=hidden more", "blank");
    assert_error("http://h/?key=hidden\n", "blank");
    assert_error("http://h/?key=hidden#more", "fragment");
    assert_error("http://h/?key=", "key= is empty");
    assert_error("http://h/?key", "key= is empty");
    assert_error("http://h/?iss=&key=hidden", "iss= is empty");
    assert_error("http://h/?key=hidden&key=hidden", "key= is given twice");
    assert_error("http://h/?verify-key=a%00hidden", "verify-key= has a NUL");
}

FACTS(a_directive_sets_the_four_parameters_by_name)
{
    parse("http://h/?key=a&iss=b");
    assert_null(es_grip_url_set(&url, "key=c=d", pool));
    assert_null(es_grip_url_set(&url, "verify-iss=v", pool));
    assert_null(es_grip_url_set(&url, "verify-key=w", pool));
    assert_string_equal(url.key, "c=d");
    assert_string_equal(url.iss, "b");
    assert_string_equal(url.verify_iss, "v");
    assert_string_equal(url.verify_key, "w");
    assert_string_equal(es_grip_url_set(&url, "iss=", pool), "iss= is empty");
    assert_non_null(es_grip_url_set(&url, "kye=hidden", pool));
    assert_null(strstr(es_grip_url_set(&url, "kye=hidden", pool), "hidden"));
    assert_null(strstr(es_grip_url_set(&url, "hidden", pool), "hidden"));
}

static const struct CMUnitTest tests[] = {
    UNIT(the_publish_uri_is_below_the_path),
    UNIT(other_parameters_are_not_changed),
    UNIT(the_four_parameters_are_decoded),
    UNIT(user_and_password),
    UNIT(errors_name_the_part_and_show_no_secret),
    UNIT(a_directive_sets_the_four_parameters_by_name),
};

UNIT_MAIN(tests)
