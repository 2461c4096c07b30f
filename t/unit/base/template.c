/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/template.c. */
#include "t/unit/unit.h"

#include "base/query.h"
#include "base/template.h"

/* The source of the values: a query string, and a few that are fixed. */
typedef struct source_t {
    const char *query;
    int expressions; /* number of evaluations */
} source_t;

static es_problem_t why;

static void *compile(void *baton, const char *text, const char **err)
{
    if (baton != NULL) {
        *(int *)baton += 1;
    }
    if (strcmp(text, "%{wrong}") == 0) {
        *err = "no such variable";
        return NULL;
    }
    if (strcmp(text, "%{silent}") == 0) {
        return NULL;
    }
    return apr_pstrdup(pool, text);
}

static es_slice_t token(void *baton, const char *name)
{
    (void)baton;
    if (strcmp(name, "room") == 0) {
        return S("kitchen");
    }
    if (strcmp(name, "evil") == 0) {
        return S("{room}%{user}{?a}{{");
    }
    if (strcmp(name, "blank") == 0) {
        return S("office ");
    }
    if (strcmp(name, "wild") == 0) {
        return S("*\\*{room}");
    }
    return es_slice(NULL, 0);
}

static const apr_array_header_t *query(void *baton, const char *name)
{
    source_t *source = baton;

    return es_query_values(es_slice_of(source->query), name, pool);
}

static es_slice_t expression(void *baton, void *compiled)
{
    source_t *source = baton;

    source->expressions++;
    if (strcmp(compiled, "%{blank}") == 0) {
        return S(" joe");
    }
    return strcmp(compiled, "%{user}") == 0 ? S("joe") : es_slice(NULL, 0);
}

static const es_template_t *parse(const char *text)
{
    const es_template_t *template = NULL;

    assert_null(es_template_parse(&template, text, compile, NULL, pool));
    assert_string_equal(es_template_text(template), text);
    return template;
}

static const char *error_of(const char *text)
{
    const es_template_t *template = NULL;

    return es_template_parse(&template, text, compile, NULL, pool);
}

static apr_status_t expand_into(es_channel_set_t *set, const char *text,
                                const char *query_string)
{
    source_t source = {query_string, 0};
    es_template_values_t values = {&source, token, query, expression};

    memset(&why, 0, sizeof(why));
    return es_template_expand(parse(text), &values, set, pool, &why);
}

static const char *join(const es_channel_set_t *set)
{
    const char *all = "";
    int i;

    for (i = 0; i < es_channel_set_count(set); i++) {
        all = apr_psprintf(pool, "%s%s%.*s", all, i > 0 ? " " : "",
                           (int)es_channel_set_names(set)[i].len,
                           es_channel_set_names(set)[i].data);
    }
    return all;
}

/* The names, separated by blanks. */
static const char *expand(const char *text, const char *query_string)
{
    es_channel_set_t *set = es_channel_set_create(pool, 100);

    assert_int_equal(expand_into(set, text, query_string), APR_SUCCESS);
    return join(set);
}

FACTS(literal_text_is_the_name)
{
    assert_string_equal(expand("news", ""), "news");
    assert_string_equal(expand("{{a}}%", ""), "{a}%");
    assert_string_equal(expand("", ""), "");
}

FACTS(literal_text_is_trimmed)
{
    assert_string_equal(expand(" news\t", ""), "news");
    assert_string_equal(expand("\t {?a} ", "a=b"), "b");
    assert_string_equal(expand("room {none}", ""), "room");
    assert_string_equal(expand(" {none} ", ""), "");
}

static void assert_blank(const char *text, const char *query_string,
                         const char *name)
{
    es_channel_set_t *set = es_channel_set_create(pool, 100);

    assert_int_equal(expand_into(set, text, query_string), APR_EINVAL);
    assert_int_equal(why.status, 400);
    assert_string_equal(why.sentence,
                        apr_psprintf(pool,
                                     "The channel name '%s' has a value that "
                                     "begins or ends with a blank.",
                                     name));
    assert_string_equal(join(set), "");
}

FACTS(a_value_with_a_blank_at_an_end_is_refused)
{
    assert_blank("{blank}", "", "office ");
    assert_blank("%{blank}", "", " joe");
    assert_blank("{?a}", "a=+b", " b");
    assert_blank("{?a}", "a=b%09", "b?");
    assert_blank("{?a}", "a=+", " ");
    assert_blank(" {?a} ", "a=b+", " b  ");
    assert_blank("{blank}-{?a}", "a=b", "office -b"); /* wherever it stands */
    assert_blank("x-%{blank}", "", "x- joe");
}

FACTS(one_bad_value_of_a_parameter_ends_the_expansion)
{
    es_channel_set_t *set = es_channel_set_create(pool, 100);

    assert_int_equal(expand_into(set, "{?a}", "a=1&a=2+&a=3"), APR_EINVAL);
    assert_string_equal(join(set), "1");
}

FACTS(blanks_within_a_value_are_kept)
{
    assert_string_equal(expand("{?a}", "a=b+c"), "b c");
}

FACTS(tokens_get_their_value)
{
    assert_string_equal(expand("room-{room}", ""), "room-kitchen");
    assert_string_equal(expand("{room}{room}", ""), "kitchenkitchen");
}

FACTS(a_token_without_value_gives_nothing)
{
    assert_string_equal(expand("room-{none}", ""), "room-");
    assert_string_equal(expand("{none}", ""), "");
}

FACTS(expressions_get_their_value)
{
    assert_string_equal(expand("user-%{user}", ""), "user-joe");
}

FACTS(an_expression_without_value_removes_the_channel)
{
    assert_string_equal(expand("user-%{none}", ""), "");
    assert_string_equal(expand("{?a}-%{none}", "a=1&a=2"), "");
}

FACTS(an_expression_is_evaluated_once)
{
    source_t source = {"a=1&a=2&a=3", 0};
    es_template_values_t values = {&source, token, query, expression};
    es_channel_set_t *set = es_channel_set_create(pool, 10);

    es_template_expand(parse("{?a}%{user}"), &values, set, pool, &why);
    assert_int_equal(source.expressions, 1);
    assert_int_equal(es_channel_set_count(set), 3);
}

FACTS(each_value_of_a_parameter_gives_a_name)
{
    assert_string_equal(expand("t-{?a}", "a=1&b=9&a=2"), "t-1 t-2");
}

FACTS(two_parameters_give_all_combinations)
{
    assert_string_equal(expand("{?a}-{?b}", "a=1&a=2&b=x&b=y&b=z"),
                        "1-x 1-y 1-z 2-x 2-y 2-z");
}

FACTS(the_same_parameter_twice_has_the_same_value)
{
    assert_string_equal(expand("{?a}-{?a}", "a=1&a=2"), "1-1 2-2");
    assert_string_equal(expand("{?a}{?b}{?a}", "a=1&a=2&b=x&b=y"),
                        "1x1 1y1 2x2 2y2");
}

FACTS(a_parameter_without_value_gives_nothing)
{
    assert_string_equal(expand("t-{?a}", ""), "t-");
    assert_string_equal(expand("t-{?a}", "a="), "t-");
    assert_string_equal(expand("{?a}", ""), "");
    assert_string_equal(expand("{?a}-{?b}", "b=1&b=2"), "-1 -2");
}

FACTS(a_duplicate_is_added_once)
{
    assert_string_equal(expand("{?a}", "a=1&a=2&a=1"), "1 2");
    assert_string_equal(expand("{?a}{?b}", "a=1&a=11&b=1&b=11"), "11 111 1111");
}

FACTS(values_are_never_expanded_again)
{
    assert_string_equal(expand("{evil}", ""), "{room}%{user}{?a}{{");
    assert_string_equal(expand("{?a}", "a={room}&a=%25{user}"),
                        "{room} %{user}");
}

FACTS(several_templates_share_a_set)
{
    es_channel_set_t *set = es_channel_set_create(pool, 10);

    expand_into(set, "{room}", "");
    expand_into(set, "{?a}", "a=kitchen&a=hall");
    assert_string_equal(join(set), "kitchen hall");
}

FACTS(names_stay_valid_after_later_duplicates)
{
    assert_string_equal(expand("{?a}", "a=long&a=long&a=x&a=long&a=longer"),
                        "long x longer");
}

FACTS(just_as_many_as_fit_are_no_error)
{
    es_channel_set_t *set = es_channel_set_create(pool, 4);

    assert_int_equal(expand_into(set, "{?a}{?b}", "a=1&a=2&b=1&b=2"),
                     APR_SUCCESS);
    assert_int_equal(es_channel_set_count(set), 4);
}

FACTS(one_name_too_many_is_refused)
{
    es_channel_set_t *set = es_channel_set_create(pool, 3);

    assert_int_equal(expand_into(set, "{?a}{?b}", "a=1&a=2&b=1&b=2"),
                     APR_ENOSPC);
    assert_int_equal(es_channel_set_count(set), 3);
}

/* "a=<0>&a=<1>…" for each of the names. */
static const char *many(const char *names, int count, int distinct)
{
    apr_array_header_t *pairs = apr_array_make(pool, 100, sizeof(char *));
    const char *name;
    int i;

    for (name = names; *name != '\0'; name++) {
        for (i = 0; i < count; i++) {
            APR_ARRAY_PUSH(pairs, const char *) =
                apr_psprintf(pool, "%c=%d", *name, distinct ? i : 0);
        }
    }
    return apr_array_pstrcat(pool, pairs, '&');
}

FACTS(many_combinations_stop_when_the_set_is_full)
{
    es_channel_set_t *set = es_channel_set_create(pool, 50);

    assert_int_equal(
        expand_into(set, "{?a}-{?b}-{?c}-{?d}", many("abcd", 1000, 1)),
        APR_ENOSPC);
    assert_int_equal(es_channel_set_count(set), 50);
}

FACTS(many_duplicates_stop_at_a_limit)
{
    es_channel_set_t *set = es_channel_set_create(pool, 50);

    assert_int_equal(
        expand_into(set, "{?a}-{?b}-{?c}-{?d}", many("abcd", 1000, 0)),
        APR_ENOSPC);
    assert_int_equal(es_channel_set_count(set), 1);
}

FACTS(duplicates_are_tried_up_to_the_limit)
{
    es_channel_set_t *set = es_channel_set_create(pool, 50);
    const int limit = ES_TEMPLATE_REPEATS_MAX;

    assert_int_equal(expand_into(set, "{?a}", many("a", limit + 1, 0)),
                     APR_SUCCESS);
    assert_int_equal(expand_into(es_channel_set_create(pool, 50), "{?a}",
                                 many("a", limit + 2, 0)),
                     APR_ENOSPC);
}

FACTS(new_names_do_not_count_as_duplicates)
{
    es_channel_set_t *set = es_channel_set_create(pool, 20000);

    assert_int_equal(expand_into(set, "{?a}", many("a", 20000, 1)),
                     APR_SUCCESS);
    assert_int_equal(es_channel_set_count(set), 20000);
}

FACTS(tokens_are_listed_with_their_column)
{
    const es_template_t *template = parse("a-{b}-{?q}-%{user}-{c_d}");
    int column = 0;

    assert_string_equal(es_template_token(template, 0, &column), "b");
    assert_int_equal(column, 3);
    assert_string_equal(es_template_token(template, 1, &column), "c_d");
    assert_int_equal(column, 20);
    assert_null(es_template_token(template, 2, &column));
    assert_null(es_template_token(template, -1, &column));
}

FACTS(errors_name_their_column)
{
    assert_string_equal(error_of("room-{room"),
                        "\"room-{room\": column 6: "
                        "'{' is not closed; write {{ for a literal brace");
    assert_string_equal(error_of("a-%{wrong}"),
                        "\"a-%{wrong}\": column 3: no such variable");
    assert_non_null(error_of("%{silent}"));
}

FACTS(each_expression_is_compiled_once)
{
    const es_template_t *template;
    int calls = 0;

    assert_null(
        es_template_parse(&template, "%{a}{b}%{c{}}", compile, &calls, pool));
    assert_int_equal(calls, 2);
}

FACTS(values_of_the_request_are_tokens_and_expressions)
{
    assert_false(es_template_has_values(parse("")));
    assert_false(es_template_has_values(parse("news-{?topic}{{a}}%")));
    assert_true(es_template_has_values(parse("room-{room}")));
    assert_true(es_template_has_values(parse("a{?b}%{user}")));
}

/* ---- Patterns of EventStreamAllowChannel -------------------------------- */

static es_slice_t pattern_of(const char *text)
{
    source_t source = {NULL, 0};
    es_template_values_t values = {&source, token, query, expression};
    const es_template_t *template = NULL;

    assert_null(es_template_parse_allow(&template, text, compile, NULL, pool));
    return es_template_expand_allow(template, &values, pool);
}

FACTS(a_pattern_without_values_stays_as_it_is)
{
    assert_slice(pattern_of("room-*"), "room-*");
    assert_slice(pattern_of("\\*\\\\\\{a}}}"), "\\*\\\\\\{a}}");
}

FACTS(a_pattern_has_values)
{
    assert_slice(pattern_of("{room}/*"), "kitchen/*");
    assert_slice(pattern_of("%{user}{room}-{{"), "joekitchen-{");
}

FACTS(a_value_in_a_pattern_has_no_wildcard)
{
    assert_slice(pattern_of("a*{wild}"), "a*\\*\\\\\\*{room}");
    assert_true(es_channel_match(S("a-*\\*{room}"), pattern_of("a*{wild}")));
    assert_false(es_channel_match(S("a-b"), pattern_of("a*{wild}")));
    assert_slice(pattern_of("{blank}*"), "office *");
}

FACTS(a_pattern_with_a_value_that_is_missing_allows_nothing)
{
    assert_int_equal(pattern_of("{nothing}*").len, 0);
    assert_int_equal(pattern_of("*%{nothing}").len, 0);
    assert_false(es_channel_match(S("a"), pattern_of("*%{nothing}")));
}

FACTS(errors_of_a_pattern_name_their_column)
{
    const es_template_t *template;

    assert_string_equal(
        es_template_parse_allow(&template, "a%{wrong}", compile, NULL, pool),
        "\"a%{wrong}\": column 2: no such variable");
    assert_non_null(
        es_template_parse_allow(&template, "a{", compile, NULL, pool));
}

static const struct CMUnitTest tests[] = {
    UNIT(literal_text_is_the_name),
    UNIT(literal_text_is_trimmed),
    UNIT(a_value_with_a_blank_at_an_end_is_refused),
    UNIT(one_bad_value_of_a_parameter_ends_the_expansion),
    UNIT(blanks_within_a_value_are_kept),
    UNIT(tokens_get_their_value),
    UNIT(a_token_without_value_gives_nothing),
    UNIT(expressions_get_their_value),
    UNIT(an_expression_without_value_removes_the_channel),
    UNIT(an_expression_is_evaluated_once),
    UNIT(each_value_of_a_parameter_gives_a_name),
    UNIT(two_parameters_give_all_combinations),
    UNIT(the_same_parameter_twice_has_the_same_value),
    UNIT(a_parameter_without_value_gives_nothing),
    UNIT(a_duplicate_is_added_once),
    UNIT(values_are_never_expanded_again),
    UNIT(several_templates_share_a_set),
    UNIT(names_stay_valid_after_later_duplicates),
    UNIT(just_as_many_as_fit_are_no_error),
    UNIT(one_name_too_many_is_refused),
    UNIT(many_combinations_stop_when_the_set_is_full),
    UNIT(many_duplicates_stop_at_a_limit),
    UNIT(duplicates_are_tried_up_to_the_limit),
    UNIT(new_names_do_not_count_as_duplicates),
    UNIT(tokens_are_listed_with_their_column),
    UNIT(errors_name_their_column),
    UNIT(each_expression_is_compiled_once),
    UNIT(values_of_the_request_are_tokens_and_expressions),
    UNIT(a_pattern_without_values_stays_as_it_is),
    UNIT(a_pattern_has_values),
    UNIT(a_value_in_a_pattern_has_no_wildcard),
    UNIT(a_pattern_with_a_value_that_is_missing_allows_nothing),
    UNIT(errors_of_a_pattern_name_their_column),
};

UNIT_MAIN(tests)
