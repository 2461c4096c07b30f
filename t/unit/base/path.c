/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/path.c. */
#include "t/unit/unit.h"

#include "base/path.h"

static const es_path_t *parse(const char *pattern)
{
    const es_path_t *path = NULL;

    assert_null(es_path_parse(&path, pattern, pool));
    return path;
}

static const char *error_of(const char *pattern)
{
    const es_path_t *path = NULL;

    return es_path_parse(&path, pattern, pool);
}

/* The values, separated by '|'; NULL if the pattern does not match. */
static const char *match(const char *pattern, es_slice_t subject)
{
    const es_path_t *path = parse(pattern);
    es_slice_t bytes = exact(subject);
    es_slice_t values[10];
    const char *all = "";
    int i;

    memset(values, 0, sizeof(values));
    if (!es_path_match(path, bytes, values)) {
        exact_free(bytes);
        return NULL;
    }
    for (i = 0; i < es_path_count(path); i++) {
        all = apr_psprintf(pool, "%s%s%.*s", all, i > 0 ? "|" : "",
                           (int)values[i].len, values[i].data);
    }
    exact_free(bytes);
    return all;
}

FACTS(a_pattern_without_tokens_matches_its_text)
{
    assert_string_equal(match("/events", S("/events")), "");
    assert_null(match("/events", S("/events/")));
    assert_null(match("/events", S("/event")));
    assert_null(match("/events", S("/Events")));
    assert_null(match("/events", S("")));
    assert_null(match("/", es_slice(NULL, 0)));
}

FACTS(each_token_takes_a_segment)
{
    assert_string_equal(match("/events/{room}", S("/events/kitchen")),
                        "kitchen");
    assert_string_equal(match("/{a}/{b}/x", S("/1/22/x")), "1|22");
}

FACTS(a_token_is_never_empty)
{
    assert_null(match("/events/{room}", S("/events/")));
    assert_null(match("/{a}/{b}", S("//x")));
    assert_null(match("/{a}/x", S("//x")));
    assert_null(match("/{a}-{b}", S("/-b")));
    assert_null(match("/{a}-{b}", S("/a-")));
    assert_null(match("/{a}.x", S("/.x")));
}

FACTS(a_token_never_takes_a_slash)
{
    assert_null(match("/events/{room}", S("/events/a/b")));
    assert_null(match("/events/{room}", S("/events/a/")));
    assert_null(match("/{a}/x", S("/1/2/x")));
    assert_null(match("/{a}-{b}", S("/1/2-3")));
    assert_null(match("/{a}-{b}", S("/1-2/3")));
}

FACTS(a_token_may_be_part_of_a_segment)
{
    assert_string_equal(match("/room-{a}.json", S("/room-1.json")), "1");
    assert_null(match("/room-{a}.json", S("/room-1.xml")));
    assert_string_equal(match("/{a}.{b}/{c}", S("/x.y/z")), "x|y|z");
}

FACTS(the_earlier_token_takes_less)
{
    assert_string_equal(match("/{a}-{b}", S("/1-2-3")), "1|2-3");
    assert_string_equal(match("/{a}-{b}-{c}", S("/1-2-3-4")), "1|2|3-4");
    assert_string_equal(match("/{a}--{b}", S("/1---2")), "1|-2");
}

FACTS(a_literal_at_the_end_matches_its_last_occurrence)
{
    assert_string_equal(match("/{a}.x", S("/1.x.x")), "1.x");
    assert_string_equal(match("/{a}-{b}.x", S("/1-2.x-3.x")), "1|2.x-3");
}

FACTS(a_token_may_start_with_what_follows_it)
{
    assert_string_equal(match("/{a}-{b}", S("/--1")), "-|1");
    assert_string_equal(match("/{a}.x", S("/.x.x")), ".x");
}

FACTS(literals_that_contain_a_slash_are_found)
{
    assert_string_equal(match("/{a}-e/s-{b}", S("/1-e/s-2")), "1|2");
    assert_string_equal(match("/{a}-e/s-{b}", S("/1-e-e/s-2")), "1-e|2");
    assert_null(match("/{a}-e/s-{b}", S("/1-f/s-2")));
    assert_null(match("/{a}/x/{b}", S("/1/2/x/3")));
    assert_string_equal(match("/{a}/x/", S("/1/x/")), "1");
}

FACTS(a_path_may_contain_any_bytes)
{
    assert_string_equal(match("/{a}", S("/%2F")), "%2F");
    assert_string_equal(match("/{a}", S("/..")), "..");
    assert_string_equal(match("/{a}", S("/{b}")), "{b}");
    assert_string_equal(match("/{a}", S("/k\xc3\xbc")), "k\xc3\xbc");
}

FACTS(doubled_braces_are_literal)
{
    assert_string_equal(match("/{{{a}}}", S("/{1}")), "1");
    assert_string_equal(match("/{{a}}", S("/{a}")), "");
}

FACTS(a_percent_is_literal)
{
    assert_string_equal(match("/100%{a}", S("/100%x")), "x");
}

FACTS(tokens_are_counted_and_named)
{
    const es_path_t *path = parse("/{room}/{Topic}");

    assert_int_equal(es_path_count(path), 2);
    assert_string_equal(es_path_token(path, 0), "room");
    assert_string_equal(es_path_token(path, 1), "Topic");
    assert_int_equal(es_path_count(parse("/")), 0);
}

FACTS(tokens_are_found_in_any_case)
{
    const es_path_t *path = parse("/{room}/{Topic}");

    assert_int_equal(es_path_find(path, "room"), 0);
    assert_int_equal(es_path_find(path, "ROOM"), 0);
    assert_int_equal(es_path_find(path, "topic"), 1);
    assert_int_equal(es_path_find(path, "roo"), -1);
    assert_int_equal(es_path_find(path, ""), -1);
}

FACTS(errors_name_their_column)
{
    assert_string_equal(error_of("/a/{b"),
                        "\"/a/{b\": column 4: "
                        "'{' is not closed; write {{ for a literal brace");
    assert_string_equal(error_of(""),
                        "\"\": column 1: a path must start with '/'");
    assert_string_equal(error_of("a/{b}"),
                        "\"a/{b}\": column 1: a path must start with '/'");
    assert_string_equal(error_of("{b}"),
                        "\"{b}\": column 1: a path must start with '/'");
    assert_string_equal(error_of("/{a}{b}"),
                        "\"/{a}{b}\": column 5: two tokens need a literal "
                        "between them");
    assert_string_equal(error_of("/{a}/{A}"),
                        "\"/{a}/{A}\": column 6: an earlier token has the "
                        "same name");
}

/* The simplest matcher: it tries all lengths of each token. */
static int simple_match(const char *subject, const char *pattern)
{
    if (*pattern == '\0') {
        return *subject == '\0';
    }
    if (*pattern == '{') {
        while (*subject != '\0' && *subject != '/') {
            subject++;
            if (simple_match(subject, pattern + 3)) {
                return 1;
            }
        }
        return 0;
    }
    return *subject == *pattern && simple_match(subject + 1, pattern + 1);
}

FACTS(paths_match_as_with_a_simple_matcher)
{
    static const char *const patterns[] = {
        "/{x}a{y}",   "/{x}a{y}a", "/{x}/{y}",   "/{x}aa{y}a{z}", "/{x}a/a{y}",
        "/{x}a/{y}a", "/a{x}/a",   "/{x}/a{y}/", "/{x}a{y}/{z}a",
    };
    char subject[9] = "/";
    es_slice_t values[10];
    apr_size_t p;
    int n;
    int i;
    int rest;

    for (p = 0; p < sizeof(patterns) / sizeof(patterns[0]); p++) {
        for (n = 0; n < 2187; n++) {
            for (rest = n, i = 1; i < 8; i++, rest /= 3) {
                subject[i] = "ab/"[rest % 3];
            }
            if (es_path_match(parse(patterns[p]), es_slice_of(subject),
                              values) != simple_match(subject, patterns[p])) {
                fail_msg("%s with %s", subject, patterns[p]);
            }
        }
        apr_pool_clear(pool);
    }
}

static const struct CMUnitTest tests[] = {
    UNIT(a_pattern_without_tokens_matches_its_text),
    UNIT(each_token_takes_a_segment),
    UNIT(a_token_is_never_empty),
    UNIT(a_token_never_takes_a_slash),
    UNIT(a_token_may_be_part_of_a_segment),
    UNIT(the_earlier_token_takes_less),
    UNIT(a_literal_at_the_end_matches_its_last_occurrence),
    UNIT(a_token_may_start_with_what_follows_it),
    UNIT(literals_that_contain_a_slash_are_found),
    UNIT(a_path_may_contain_any_bytes),
    UNIT(doubled_braces_are_literal),
    UNIT(a_percent_is_literal),
    UNIT(tokens_are_counted_and_named),
    UNIT(tokens_are_found_in_any_case),
    UNIT(errors_name_their_column),
    UNIT(paths_match_as_with_a_simple_matcher),
};

UNIT_MAIN(tests)
