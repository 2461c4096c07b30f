/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A template is the list of its parts. A query part refers to its parameter, of
 * which there is one for each distinct name.
 *
 * An expansion looks up once what is the same in each name. Then it goes
 * through all combinations of the parameters' values, the last parameter
 * fastest; each combination gives a name.
 */
#include "base/template.h"

#include <apr_strings.h>

#include "base/pattern.h"

typedef struct part_t {
    es_pattern_part_t pattern;
    void *compiled; /* of an expression */
    int parameter;  /* of a query: its index in parameters */
} part_t;

struct es_template_t {
    const char *text;
    part_t *parts;
    int nparts;
    const char **parameters; /* distinct names */
    int nparameters;
};

/* The index of the parameter with this name, which is added if it is new. */
static int parameter_of(es_template_t *template, const char *name)
{
    int i;

    for (i = 0; i < template->nparameters; i++) {
        if (strcmp(template->parameters[i], name) == 0) {
            return i;
        }
    }
    template->parameters[i] = name;
    template->nparameters++;
    return i;
}

static const char *parse(const es_template_t **out, const char *text,
                         int syntax, es_template_compile_fn_t *compile,
                         void *baton, apr_pool_t *p)
{
    es_template_t *template = apr_pcalloc(p, sizeof(*template));
    const apr_array_header_t *parsed;
    apr_size_t count;
    const char *error;
    part_t *part;
    int i;

    template->text = apr_pstrdup(p, text);
    error = es_pattern_parse(&parsed, text, syntax, p);
    if (error != NULL) {
        return error;
    }
    template->nparts = parsed->nelts;
    count = (apr_size_t)parsed->nelts + 1; /* never 0 bytes */
    template->parts = apr_pcalloc(p, count * sizeof(*template->parts));
    template->parameters =
        apr_pcalloc(p, count * sizeof(*template->parameters));
    for (i = 0; i < parsed->nelts; i++) {
        part = &template->parts[i];
        part->pattern = APR_ARRAY_IDX(parsed, i, es_pattern_part_t);
        if (part->pattern.kind == ES_PATTERN_QUERY) {
            part->parameter = parameter_of(template, part->pattern.text.data);
        }
        else if (part->pattern.kind == ES_PATTERN_EXPRESSION) {
            error = "the expression is not valid";
            part->compiled = compile(baton, part->pattern.text.data, &error);
            if (part->compiled == NULL) {
                return es_pattern_error(text, part->pattern.column, error, p);
            }
        }
    }
    *out = template;
    return NULL;
}

const char *es_template_parse(const es_template_t **out, const char *text,
                              es_template_compile_fn_t *compile, void *baton,
                              apr_pool_t *p)
{
    return parse(out, text, ES_PATTERN_TEMPLATE, compile, baton, p);
}

const char *es_template_parse_allow(const es_template_t **out, const char *text,
                                    es_template_compile_fn_t *compile,
                                    void *baton, apr_pool_t *p)
{
    return parse(out, text, ES_PATTERN_ALLOW, compile, baton, p);
}

const char *es_template_text(const es_template_t *template)
{
    return template->text;
}

const char *es_template_token(const es_template_t *template, int i, int *column)
{
    const es_pattern_part_t *part;
    int at;

    for (at = 0; at < template->nparts; at++) {
        part = &template->parts[at].pattern;
        if (part->kind == ES_PATTERN_TOKEN && i-- == 0) {
            *column = part->column;
            return part->text.data;
        }
    }
    return NULL;
}

int es_template_has_values(const es_template_t *template)
{
    int i;

    for (i = 0; i < template->nparts; i++) {
        switch (template->parts[i].pattern.kind) {
        case ES_PATTERN_TOKEN:
        case ES_PATTERN_EXPRESSION: return 1;
        case ES_PATTERN_LITERAL:
        case ES_PATTERN_QUERY: break;
        }
    }
    return 0;
}

/* One call of es_template_expand. */
typedef struct expansion_t {
    const es_template_t *template;
    es_channel_set_t *set;
    apr_pool_t *p;
    es_problem_t *why;
    es_slice_t *values;                 /* of each part, in this combination */
    const apr_array_header_t **choices; /* the values of each parameter */
    int *chosen;                        /* index in choices, of each */
    char *spare;                        /* bytes that no name has kept */
    apr_size_t spare_size;
} expansion_t;

/* Look up all values. @return 0: an expression removes the channel */
static int look_up(expansion_t *expansion, const es_template_values_t *from)
{
    const es_template_t *template = expansion->template;
    const part_t *part;
    es_slice_t *value;
    int i;

    for (i = 0; i < template->nparts; i++) {
        part = &template->parts[i];
        value = &expansion->values[i];
        switch (part->pattern.kind) {
        case ES_PATTERN_LITERAL: *value = part->pattern.text; break;
        case ES_PATTERN_TOKEN:
            *value = from->token(from->baton, part->pattern.text.data);
            break;
        case ES_PATTERN_EXPRESSION:
            *value = from->expression(from->baton, part->compiled);
            if (value->len == 0) {
                return 0;
            }
            break;
        case ES_PATTERN_QUERY: /* in each combination */ break;
        }
    }
    for (i = 0; i < template->nparameters; i++) {
        expansion->choices[i] =
            from->query(from->baton, template->parameters[i]);
    }
    return 1;
}

/* The value of a parameter in this combination; empty if it has none. */
static es_slice_t chosen_value(const expansion_t *expansion, int parameter)
{
    const apr_array_header_t *choices = expansion->choices[parameter];

    if (choices == NULL || choices->nelts == 0) {
        return es_slice(NULL, 0);
    }
    return APR_ARRAY_IDX(choices, expansion->chosen[parameter], es_slice_t);
}

/* Choose the next combination. @return 0: this was the last */
static int next_combination(expansion_t *expansion)
{
    int i;

    for (i = expansion->template->nparameters - 1; i >= 0; i--) {
        if (expansion->choices[i] != NULL &&
            expansion->chosen[i] + 1 < expansion->choices[i]->nelts) {
            expansion->chosen[i]++;
            return 1;
        }
        expansion->chosen[i] = 0;
    }
    return 0;
}

/* Write the name of this combination to the spare bytes. */
static es_slice_t join(expansion_t *expansion)
{
    const es_template_t *template = expansion->template;
    apr_size_t len = 0;
    char *at;
    int i;

    for (i = 0; i < template->nparts; i++) {
        if (template->parts[i].pattern.kind == ES_PATTERN_QUERY) {
            expansion->values[i] =
                chosen_value(expansion, template->parts[i].parameter);
        }
        len += expansion->values[i].len;
    }
    if (len > expansion->spare_size) {
        expansion->spare = apr_palloc(expansion->p, len);
        expansion->spare_size = len;
    }
    at = expansion->spare;
    for (i = 0; i < template->nparts; i++) {
        if (expansion->values[i].len != 0) {
            memcpy(at, expansion->values[i].data, expansion->values[i].len);
            at += expansion->values[i].len;
        }
    }
    return es_slice(expansion->spare, len);
}

/* 1 if a value of this combination, joined already, has a blank at an end. */
static int has_blank_value(const expansion_t *expansion)
{
    const es_template_t *template = expansion->template;
    int i;

    for (i = 0; i < template->nparts; i++) {
        if (template->parts[i].pattern.kind != ES_PATTERN_LITERAL &&
            es_channel_has_blank_end(expansion->values[i])) {
            return 1;
        }
    }
    return 0;
}

/* Add the name of this combination. @param added  1 if it is a new name */
static apr_status_t add(expansion_t *expansion, int *added)
{
    int count = es_channel_set_count(expansion->set);
    es_slice_t name = join(expansion);
    apr_status_t rv;

    if (has_blank_value(expansion)) {
        es_problem_set(expansion->why, expansion->p, 400,
                       "The channel name '%s' has a value that begins or ends "
                       "with a blank.",
                       es_channel_printable(name, expansion->p));
        return APR_EINVAL;
    }
    /* no value has a blank at an end: what is trimmed is literal text */
    rv = es_channel_set_add(expansion->set, es_channel_trim(name));
    *added = es_channel_set_count(expansion->set) != count;
    if (*added) { /* the set keeps the bytes */
        expansion->spare = NULL;
        expansion->spare_size = 0;
    }
    return rv;
}

apr_status_t es_template_expand(const es_template_t *template,
                                const es_template_values_t *values,
                                es_channel_set_t *set, apr_pool_t *p,
                                es_problem_t *why)
{
    expansion_t expansion = {template, set, p, why, NULL, NULL, NULL, NULL, 0};
    apr_size_t nparts = (apr_size_t) template->nparts + 1;
    apr_size_t nparameters = (apr_size_t) template->nparameters + 1;
    apr_status_t rv;
    int repeats = 0;
    int added = 0;

    expansion.values = apr_pcalloc(p, nparts * sizeof(*expansion.values));
    expansion.choices =
        apr_pcalloc(p, nparameters * sizeof(*expansion.choices));
    expansion.chosen = apr_pcalloc(p, nparameters * sizeof(*expansion.chosen));
    if (!look_up(&expansion, values)) {
        return APR_SUCCESS;
    }
    do {
        if (repeats >= ES_TEMPLATE_REPEATS_MAX) {
            return APR_ENOSPC;
        }
        rv = add(&expansion, &added);
        repeats += !added;
    } while (rv == APR_SUCCESS && next_combination(&expansion));
    return rv;
}

/* ---- Patterns of EventStreamAllowChannel -------------------------------- */

/* The value with a '\' before each '*' and '\'. */
static es_slice_t escape(es_slice_t value, apr_pool_t *p)
{
    char *escaped = apr_palloc(p, value.len * 2 + 1);
    char *end = escaped;
    apr_size_t i;

    for (i = 0; i < value.len; i++) {
        if (value.data[i] == '*' || value.data[i] == '\\') {
            *end++ = '\\';
        }
        *end++ = value.data[i];
    }
    return es_slice(escaped, (apr_size_t)(end - escaped));
}

static es_slice_t allow_part(const part_t *part,
                             const es_template_values_t *from, apr_pool_t *p)
{
    switch (part->pattern.kind) {
    case ES_PATTERN_TOKEN:
        return escape(from->token(from->baton, part->pattern.text.data), p);
    case ES_PATTERN_EXPRESSION:
        return escape(from->expression(from->baton, part->compiled), p);
    case ES_PATTERN_LITERAL:
    case ES_PATTERN_QUERY: break; /* a pattern has no {?name} */
    }
    return part->pattern.text;
}

es_slice_t es_template_expand_allow(const es_template_t *template,
                                    const es_template_values_t *values,
                                    apr_pool_t *p)
{
    const es_slice_t nothing = {NULL, 0};
    es_slice_t pattern = nothing;
    int i;

    for (i = 0; i < template->nparts; i++) {
        es_slice_t part = allow_part(&template->parts[i], values, p);
        char *joined;

        if (part.len == 0) {
            return nothing;
        }
        if (i == 0) {
            pattern = part;
            continue;
        }
        joined = apr_palloc(p, pattern.len + part.len);
        memcpy(joined, pattern.data, pattern.len);
        memcpy(joined + pattern.len, part.data, part.len);
        pattern = es_slice(joined, pattern.len + part.len);
    }
    return pattern;
}
