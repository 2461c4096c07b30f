/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/pattern.c. */
#include "t/unit/unit.h"

#include "base/pattern.h"

/* The parts as text: kind, text and column of each, for example L(a)1 T(b)2. */
static const char *parts_of(const char *pattern, int syntax)
{
    const apr_array_header_t *parts = NULL;
    const char *error = es_pattern_parse(&parts, pattern, syntax, pool);
    static const char kinds[] = "LTQE";
    const char *text = "";
    const es_pattern_part_t *part;
    int i;

    if (error != NULL) {
        return error;
    }
    for (i = 0; i < parts->nelts; i++) {
        part = &APR_ARRAY_IDX(parts, i, es_pattern_part_t);
        text = apr_psprintf(pool, "%s%s%c(%.*s)%d", text, i > 0 ? " " : "",
                            kinds[part->kind], (int)part->text.len,
                            part->text.data, part->column);
        if (part->kind != ES_PATTERN_LITERAL) {
            assert_int_equal(strlen(part->text.data), part->text.len);
        }
    }
    return text;
}

#define assert_template(pattern, parts) \
    assert_string_equal(parts_of(pattern, ES_PATTERN_TEMPLATE), parts)
#define assert_path(pattern, parts) \
    assert_string_equal(parts_of(pattern, ES_PATTERN_PATH), parts)

#define assert_allow(pattern, parts) \
    assert_string_equal(parts_of(pattern, ES_PATTERN_ALLOW), parts)

FACTS(an_empty_pattern_has_no_parts)
{
    assert_template("", "");
}

FACTS(each_kind_is_recognized)
{
    assert_template("news", "L(news)1");
    assert_template("{room}", "T(room)1");
    assert_template("{?topic}", "Q(topic)1");
    assert_template("%{REMOTE_USER}", "E(%{REMOTE_USER})1");
    assert_template("a-{b}-{?c}-%{d}-e",
                    "L(a-)1 T(b)3 L(-)6 Q(c)7 L(-)11 E(%{d})12 L(-e)16");
}

FACTS(doubled_braces_are_literal)
{
    assert_template("{{", "L({)1");
    assert_template("}}", "L(})1");
    assert_template("a{{b}}c", "L(a{b}c)1");
    assert_template("{{{room}}}", "L({)1 T(room)3 L(})9");
    assert_template("{{{{", "L({{)1");
}

FACTS(a_single_closing_brace_stands_for_itself)
{
    assert_template("a}b", "L(a}b)1");
    assert_template("}", "L(})1");
    assert_template("}}}", "L(}})1");
}

FACTS(a_percent_without_brace_is_a_percent)
{
    assert_template("100%", "L(100%)1");
    assert_template("%a%%", "L(%a%%)1");
    assert_template("%}", "L(%})1");
}

FACTS(braces_nest_in_expressions)
{
    assert_template("%{a:%{b}c}d", "E(%{a:%{b}c})1 L(d)11");
    assert_template("%{{}}", "E(%{{}})1");
    assert_template("%%{a}", "L(%)1 E(%{a})2");
}

FACTS(columns_count_characters)
{
    assert_template("k\xc3\xbc-{a}", "L(k\xc3\xbc-)1 T(a)4");
}

FACTS(open_braces_are_errors)
{
    assert_template("room-{room",
                    "\"room-{room\": column 6: "
                    "'{' is not closed; write {{ for a literal brace");
    assert_template("{", "\"{\": column 1: "
                         "'{' is not closed; write {{ for a literal brace");
    assert_template("a{?", "\"a{?\": column 2: "
                           "'{' is not closed; write {{ for a literal brace");
    assert_template("%{a{b}", "\"%{a{b}\": column 1: '%{' is not closed");
    assert_template("%{", "\"%{\": column 1: '%{' is not closed");
}

FACTS(empty_names_are_errors)
{
    assert_template("a{}", "\"a{}\": column 2: the braces hold no name");
    assert_template("a{?}", "\"a{?}\": column 2: the braces hold no name");
}

FACTS(names_with_other_characters_are_errors)
{
    assert_template("{a b}", "\"{a b}\": column 3: a name consists of "
                             "letters, digits, '_' and '-'");
    assert_template("{a{b}", "\"{a{b}\": column 3: a name consists of "
                             "letters, digits, '_' and '-'");
    assert_template("{?a{b}", "\"{?a{b}\": column 4: a name cannot contain "
                              "'{'");
    assert_template("{\xc3\xbc}", "\"{\xc3\xbc}\": column 2: a name consists "
                                  "of letters, digits, '_' and '-'");
}

FACTS(parameters_may_have_any_name)
{
    assert_template("{?topic[]}", "Q(topic[])1");
    assert_template("{?a b.c}", "Q(a b.c)1");
    assert_template("{??}", "Q(?)1");
}

FACTS(patterns_that_allow_have_no_parameters)
{
    assert_allow("room-{room}/%{env:A}*",
                 "L(room-)1 T(room)6 L(/)12 E(%{env:A})13 L(*)21");
    assert_allow("a{?q}",
                 "\"a{?q}\": column 2: the client chooses the value of a "
                 "parameter, so {?...} would allow anything; write *");
    assert_allow("{{}}", "L({})1");
}

FACTS(a_backslash_is_literal_with_the_byte_after_it)
{
    assert_allow("a\\{b}", "L(a\\{b})1");
    assert_allow("\\\\{b}", "L(\\\\)1 T(b)3");
    assert_allow("\\%\\{b}\\", "L(\\%\\{b}\\)1");
    assert_template("\\{b}", "L(\\)1 T(b)2");
    assert_path("\\{b}", "L(\\)1 T(b)2");
}

FACTS(paths_have_only_literals_and_tokens)
{
    assert_path("/a/{b_1-c}", "L(/a/)1 T(b_1-c)4");
    assert_path("/%{a}", "L(/%)1 T(a)3");
    assert_path("/{?a}", "\"/{?a}\": column 3: a name consists of letters, "
                         "digits, '_' and '-'");
}

static const struct CMUnitTest tests[] = {
    UNIT(an_empty_pattern_has_no_parts),
    UNIT(each_kind_is_recognized),
    UNIT(doubled_braces_are_literal),
    UNIT(a_single_closing_brace_stands_for_itself),
    UNIT(a_percent_without_brace_is_a_percent),
    UNIT(braces_nest_in_expressions),
    UNIT(columns_count_characters),
    UNIT(open_braces_are_errors),
    UNIT(empty_names_are_errors),
    UNIT(names_with_other_characters_are_errors),
    UNIT(parameters_may_have_any_name),
    UNIT(patterns_that_allow_have_no_parameters),
    UNIT(a_backslash_is_literal_with_the_byte_after_it),
    UNIT(paths_have_only_literals_and_tokens),
};

UNIT_MAIN(tests)
