/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/origin.c. */
#include "t/unit/unit.h"

#include "base/origin.h"

#define ANY "https://*.example.com"

/* The reason contains this. */
#define assert_refused(origin, words)               \
    do {                                            \
        const char *err_ = es_origin_check(origin); \
                                                    \
        assert_non_null(err_);                      \
        assert_non_null(strstr(err_, words));       \
    } while (0)

#define assert_taken(origin) assert_null(es_origin_check(origin))

/* ---- What browsers send ------------------------------------------------ */

FACTS(what_browsers_send_is_taken)
{
    assert_taken("https://www.example.com");
    assert_taken("http://localhost");
    assert_taken("http://localhost:3000");
    assert_taken("https://a_b.example:8443");
    assert_taken("https://xn--bcher-kva.example");
    assert_taken("http://127.0.0.1:8080");
    assert_taken("http://[::1]");
    assert_taken("http://[2001:db8::1]:8080");
    assert_taken("https://example.com:80");
}

FACTS(pages_of_extensions_and_apps_have_origins)
{
    assert_taken("chrome-extension://abcdefghijklmnop");
    assert_taken("moz-extension://0b5a1d7e-0000-4000-8000-00805f9b34fb");
    assert_taken("capacitor://localhost");
}

FACTS(upper_case_is_taken_since_case_does_not_matter)
{
    assert_taken("HTTPS://Www.Example.com");
}

FACTS(the_first_part_of_a_host_may_be_a_star)
{
    assert_taken(ANY);
    assert_taken("https://*.example.com:8443");
    assert_taken("http://*.localhost:3000");
}

/* ---- What no browser sends --------------------------------------------- */

FACTS(a_star_elsewhere_is_refused)
{
    assert_refused("https://a.*.example.com", "'*'");
    assert_refused("https://a*.example.com", "'*'");
    assert_refused("https://*example.com", "'*'");
    assert_refused("https://*.*.example.com", "'*'");
    assert_refused("https://example.*", "'*'");
    assert_refused("https://*", "'*'");
    assert_refused("https://*:8443", "'*'");
    assert_refused("https://example.com:*", "'*'");
    assert_refused("*://example.com", "scheme");
    assert_refused("*.example.com", "scheme");
    assert_refused("https://*.", "empty");
    assert_refused("https://*.127.0.0.1", "subdomains");
    assert_refused("https://*.[::1]", "host");
}

FACTS(a_user_is_refused)
{
    assert_refused("https://user@example.com", "'@'");
    assert_refused("https://user:secret@example.com", "port");
    assert_refused("https://user:1@example.com", "'@'");
}

FACTS(a_path_is_refused)
{
    assert_refused("https://example.com/", "path");
    assert_refused("https://example.com:8443/", "path");
    assert_refused("https://example.com/app", "path");
    assert_refused("https://example.com?a", "path");
    assert_refused("https://example.com#a", "path");
    assert_refused("http://[::1]/", "path");
    assert_refused("https://*.example.com/", "path");
}

FACTS(quotes_and_lists_are_refused)
{
    assert_refused("'https://example.com'", "scheme");
    assert_refused("https://'example.com'", "quotes");
    assert_refused("https://example.com\"", "quotes");
    assert_refused("https://a.example,https://b.example", "blanks");
    assert_refused("https://a.example https://b.example", "blanks");
}

FACTS(a_dot_too_many_is_refused)
{
    assert_refused("https://example.com.", "end with '.'");
    assert_refused("https://example.com.:8443", "end with '.'");
    assert_refused("https://.example.com", "empty");
    assert_refused("https://a..example.com", "empty");
}

FACTS(a_host_in_another_form_is_refused)
{
    assert_refused("https://", "empty");
    assert_refused("https://b\xc3\xbc"
                   "cher.example",
                   "xn--");
    assert_refused("https://{room}.example", "tokens");
    assert_refused("https://%{HTTP_HOST}", "tokens");
    assert_refused("https://a\\b", "name or an address");
    assert_refused("http://127.1", "address");
    assert_refused("http://1.2.3.256", "address");
    assert_refused("http://[::1", "address");
    assert_refused("http://[]", "address");
    assert_refused("http://[x]", "address");
    assert_refused("http://[::1]x", "host");
    assert_refused("http://1111111111111111111111111111111111111111111111111",
                   "address");
}

FACTS(a_port_that_browsers_leave_out_is_refused)
{
    assert_refused("https://example.com:443", "remove");
    assert_refused("HTTP://example.com:80", "remove");
    assert_refused("https://*.example.com:443", "remove");
}

FACTS(a_port_that_is_none_is_refused)
{
    assert_refused("https://example.com:", "1 to 65535");
    assert_refused("https://example.com:0", "1 to 65535");
    assert_refused("https://example.com:0443", "1 to 65535");
    assert_refused("https://example.com:65536", "1 to 65535");
    assert_refused("https://example.com:99999999999999999999", "1 to 65535");
    assert_refused("https://example.com:x", "a number");
}

FACTS(a_scheme_that_no_page_has_is_refused)
{
    assert_refused("example.com", "scheme");
    assert_refused("//example.com", "scheme");
    assert_refused("://example.com", "scheme");
    assert_refused("1a://example.com", "scheme");
    assert_refused("https:/example.com", "scheme");
    assert_refused("wss://example.com", "page");
    assert_refused("WS://example.com", "page");
    assert_refused("null", "scheme");
    assert_refused("", "scheme");
}

/* ---- Matching ---------------------------------------------------------- */

FACTS(an_origin_matches_itself_in_any_case)
{
    assert_true(es_origin_matches("https://a.example", "HTTPS://A.example"));
    assert_false(es_origin_matches("https://a.example", "http://a.example"));
    assert_false(es_origin_matches("https://a.example", "https://x.a.example"));
    assert_false(
        es_origin_matches("https://a.example", "https://a.example:8443"));
    assert_true(es_origin_matches("null", "null"));
    assert_true(es_origin_matches("*", "*"));
    assert_false(es_origin_matches("*", "https://a.example"));
}

FACTS(a_star_stands_for_subdomains_of_any_depth)
{
    assert_true(es_origin_matches(ANY, "https://a.example.com"));
    assert_true(es_origin_matches(ANY, "https://c.b-2.a_1.example.com"));
    assert_true(es_origin_matches(ANY, "HTTPS://A.Example.COM"));
}

FACTS(a_star_does_not_stand_for_the_domain_itself)
{
    assert_false(es_origin_matches(ANY, "https://example.com"));
    assert_false(es_origin_matches(ANY, "https://.example.com"));
    assert_false(es_origin_matches(ANY, "https://aexample.com"));
    assert_false(es_origin_matches(ANY, ""));
    assert_false(es_origin_matches(ANY, "null"));
    assert_false(es_origin_matches(ANY, "*"));
}

FACTS(a_star_stands_for_nothing_but_a_host)
{
    assert_false(es_origin_matches(ANY, "https://evil.com/.example.com"));
    assert_false(es_origin_matches(ANY, "https://evil.com:1.example.com"));
    assert_false(es_origin_matches(ANY, "https://u@a.example.com"));
    assert_false(es_origin_matches(ANY, "https://a..example.com"));
    assert_false(es_origin_matches(ANY, "https://..example.com"));
    assert_false(es_origin_matches(ANY, ANY));
    assert_false(es_origin_matches(ANY, "https://evil.com, a.example.com"));
    assert_false(es_origin_matches(ANY, "https://a.example.com.evil.com"));
}

FACTS(scheme_and_port_are_compared_with_a_star_too)
{
    assert_false(es_origin_matches(ANY, "http://a.example.com"));
    assert_false(es_origin_matches(ANY, "https://a.example.com:8443"));
    assert_true(es_origin_matches("https://*.example.com:8443",
                                  "https://a.example.com:8443"));
    assert_false(es_origin_matches("https://*.example.com:8443",
                                   "https://a.example.com"));
}

static const struct CMUnitTest tests[] = {
    UNIT(what_browsers_send_is_taken),
    UNIT(pages_of_extensions_and_apps_have_origins),
    UNIT(upper_case_is_taken_since_case_does_not_matter),
    UNIT(the_first_part_of_a_host_may_be_a_star),
    UNIT(a_star_elsewhere_is_refused),
    UNIT(a_user_is_refused),
    UNIT(a_path_is_refused),
    UNIT(quotes_and_lists_are_refused),
    UNIT(a_dot_too_many_is_refused),
    UNIT(a_host_in_another_form_is_refused),
    UNIT(a_port_that_browsers_leave_out_is_refused),
    UNIT(a_port_that_is_none_is_refused),
    UNIT(a_scheme_that_no_page_has_is_refused),
    UNIT(an_origin_matches_itself_in_any_case),
    UNIT(a_star_stands_for_subdomains_of_any_depth),
    UNIT(a_star_does_not_stand_for_the_domain_itself),
    UNIT(a_star_stands_for_nothing_but_a_host),
    UNIT(scheme_and_port_are_compared_with_a_star_too),
};

UNIT_MAIN(tests)
