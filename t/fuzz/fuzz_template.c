/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template and the values that clients send for it. The lines are the
 * template, the value of every token, the value of every expression, and the
 * values of every parameter. The template is a pattern of
 * EventStreamAllowChannel, too, in which values have no wildcards.
 */
#include "fuzz.h"

#include "base/template.h"

#define NAMES_MAX 5

typedef struct sent_t {
    es_slice_t token;
    es_slice_t expression;
    apr_array_header_t *parameter;
} sent_t;

static void *on_compile(void *baton, const char *text, const char **err)
{
    (void)baton;
    if (strchr(text, '!')) {
        *err = "a mistake";
        return NULL;
    }
    return (void *)(uintptr_t)text;
}

static es_slice_t on_token(void *baton, const char *name)
{
    PROMISE(*name != '\0');
    return ((const sent_t *)baton)->token;
}

static const apr_array_header_t *on_query(void *baton, const char *name)
{
    PROMISE(*name != '\0');
    return ((const sent_t *)baton)->parameter;
}

static es_slice_t on_expression(void *baton, void *compiled)
{
    PROMISE(strncmp(compiled, "%{", 2) == 0);
    return ((const sent_t *)baton)->expression;
}

static void check_names(const es_channel_set_t *set)
{
    const es_slice_t *names = es_channel_set_names(set);
    int i, j;

    PROMISE(es_channel_set_count(set) <= NAMES_MAX);
    for (i = 0; i < es_channel_set_count(set); i++) {
        PROMISE(names[i].len > 0);
        PROMISE(es_slice_equal(names[i], es_channel_trim(names[i])));
        for (j = 0; j < i; j++) {
            PROMISE(!es_slice_equal(names[i], names[j]));
        }
    }
}

/* Without '*' and '\' in its own text, a pattern matches one name. */
static void check_allow(const char *text, const es_template_values_t *values,
                        apr_pool_t *p)
{
    const es_template_t *template;
    es_slice_t pattern;

    if (es_template_parse_allow(&template, text, on_compile, NULL, p) ||
        strpbrk(text, "*\\")) {
        return;
    }
    pattern = es_template_expand_allow(template, values, p);
    if (pattern.len < ES_CHANNEL_NAME_MAX / 2) {
        es_slice_t name = {NULL, 0};
        char *bytes = apr_palloc(p, pattern.len + 1);
        apr_size_t i;

        for (i = 0; i < pattern.len; i++) {
            i += pattern.data[i] == '\\';
            bytes[name.len++] = pattern.data[i];
        }
        name.data = bytes;
        PROMISE(es_channel_match(name, pattern));
        bytes[name.len++] = 'x';
        PROMISE(!es_channel_match(name, pattern));
    }
}

FUZZ(text, p)
{
    es_template_values_t values = {NULL, on_token, on_query, on_expression};
    const es_template_t *template;
    const char *error;
    es_channel_set_t *set;
    es_problem_t why = {0};
    sent_t sent;
    es_slice_t pattern = fuzz_line(&text);

    sent.token = fuzz_exact(fuzz_line(&text), p);
    sent.expression = fuzz_exact(fuzz_line(&text), p);
    sent.parameter = apr_array_make(p, 4, sizeof(es_slice_t));
    while (text.len > 0) {
        APR_ARRAY_PUSH(sent.parameter, es_slice_t) =
            fuzz_exact(fuzz_line(&text), p);
    }
    values.baton = &sent;
    check_allow(fuzz_string(pattern, p), &values, p);
    error = es_template_parse(&template, fuzz_string(pattern, p), on_compile,
                              NULL, p);
    if (error != NULL) {
        PROMISE(*error != '\0');
        return;
    }
    set = es_channel_set_create(p, NAMES_MAX);
    if (es_template_expand(template, &values, set, p, &why) == APR_EINVAL) {
        fuzz_refusal(&why);
    }
    check_names(set);
}
