/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/media_type.c. */
#include "t/unit/unit.h"

#include "base/media_type.h"

/* The elements of the list, joined with '|'. */
static const char *elements(es_slice_t text)
{
    es_slice_t list = exact(text);
    es_slice_t rest = list;
    es_slice_t element;
    const char *all = "";

    while (es_media_type_next(&element, &rest)) {
        all =
            apr_psprintf(pool, "%s%.*s|", all, (int)element.len, element.data);
    }
    exact_free(list);
    return all;
}

/* The parameter's value; "none" if there is none. */
static es_slice_t param(es_slice_t element, const char *name)
{
    es_slice_t value = S("none");

    (void)es_media_type_param(&value, element, name, pool);
    return value;
}

FACTS(a_list_is_cut_at_commas)
{
    assert_string_equal(elements(S("a/b")), "a/b|");
    assert_string_equal(elements(S(" a/b ,\tc/d;x=y ")), "a/b|c/d;x=y|");
    assert_string_equal(elements(S("")), "");
    assert_string_equal(elements(S(" , ,,a/b,")), "a/b|");
}

FACTS(a_comma_within_quotes_is_no_end)
{
    assert_string_equal(elements(S("a/b; x=\"1,2\", c/d")),
                        "a/b; x=\"1,2\"|c/d|");
    assert_string_equal(elements(S("a/b; x=\"1\\\",2\", c/d")),
                        "a/b; x=\"1\\\",2\"|c/d|");
    assert_string_equal(elements(S("a/b; x=\"1,2")), "a/b; x=\"1,2|");
    assert_string_equal(elements(S("a/b; x=\"1\\")), "a/b; x=\"1\\|");
}

FACTS(the_name_ends_at_the_parameters)
{
    assert_slice(es_media_type_name(S("a/b")), "a/b");
    assert_slice(es_media_type_name(S("a/b;x=y")), "a/b");
    assert_slice(es_media_type_name(S("a/b ; x=y")), "a/b");
    assert_slice(es_media_type_name(S("")), "");
}

FACTS(a_parameter_is_found_by_its_name)
{
    assert_slice(param(S("a/b; x=1; y=2"), "x"), "1");
    assert_slice(param(S("a/b; x=1 ;Y = 2 "), "y"), "2");
    assert_slice(param(S("a/b; xx=1"), "x"), "none");
    assert_slice(param(S("x=1"), "x"), "none");
    assert_slice(param(S("a/b; x"), "x"), "");
    assert_slice(param(S("a/b; x=1=2"), "x"), "1=2");
    assert_slice(param(S(""), "x"), "none");
}

FACTS(quotes_are_removed)
{
    assert_slice(param(S("a/b; x=\"1; y=2\"; y=3"), "x"), "1; y=2");
    assert_slice(param(S("a/b; x=\"1; y=2\"; y=3"), "y"), "3");
    assert_slice(param(S("a/b; x=\"a\\\"b\\\\\""), "x"), "a\"b\\");
    assert_slice(param(S("a/b; x=\"\""), "x"), "");
    assert_slice(param(S("a/b; x=\"open"), "x"), "open");
}

FACTS(letters_of_both_cases_match)
{
    assert_true(es_media_type_is(S("A/b"), "a/b"));
    assert_false(es_media_type_is(S("a/bc"), "a/b"));
    assert_false(es_media_type_is(S("a/"), "a/b"));
    assert_true(es_media_type_is(es_slice(NULL, 0), ""));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_list_is_cut_at_commas),
    UNIT(a_comma_within_quotes_is_no_end),
    UNIT(the_name_ends_at_the_parameters),
    UNIT(a_parameter_is_found_by_its_name),
    UNIT(quotes_are_removed),
    UNIT(letters_of_both_cases_match),
};

UNIT_MAIN(tests)
