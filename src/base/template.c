/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Templates. A template is its pieces; each query piece knows its parameter,
 * of which there is one for each distinct name.
 *
 * To expand, all that is the same in each name is looked up once. The
 * parameters then turn like the wheels of a counter, the last one fastest,
 * and each position of the wheels gives a name.
 */
#include "base/template.h"

#include <apr_strings.h>

#include "base/pattern.h"

typedef struct part_t {
    es_pattern_part_t piece;
    void *compiled; /* of an expression */
    int parameter;  /* of a query piece: its place in parameters */
} part_t;

struct es_template_t {
    const char *text;
    part_t *parts;
    int nparts;
    const char **parameters; /* distinct names */
    int nparameters;
};

/* The place of the parameter with this name, a new one when need be. */
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

const char *es_template_parse(const es_template_t **out, const char *text,
                              es_template_compile_fn_t *compile, void *baton,
                              apr_pool_t *p)
{
    es_template_t *template = apr_pcalloc(p, sizeof(*template));
    const apr_array_header_t *pieces;
    apr_size_t count;
    const char *error;
    part_t *part;
    int i;

    template->text = apr_pstrdup(p, text);
    error = es_pattern_parse(&pieces, text, ES_PATTERN_TEMPLATE, p);
    if (error != NULL) {
        return error;
    }
    template->nparts = pieces->nelts;
    count = (apr_size_t)pieces->nelts + 1; /* never nothing */
    template->parts = apr_pcalloc(p, count * sizeof(*template->parts));
    template->parameters =
        apr_pcalloc(p, count * sizeof(*template->parameters));
    for (i = 0; i < pieces->nelts; i++) {
        part = &template->parts[i];
        part->piece = APR_ARRAY_IDX(pieces, i, es_pattern_part_t);
        if (part->piece.kind == ES_PATTERN_QUERY) {
            part->parameter = parameter_of(template, part->piece.text.data);
        }
        else if (part->piece.kind == ES_PATTERN_EXPRESSION) {
            error = "the expression is wrong";
            part->compiled = compile(baton, part->piece.text.data, &error);
            if (part->compiled == NULL) {
                return es_pattern_error(text, part->piece.column, error, p);
            }
        }
    }
    *out = template;
    return NULL;
}

const char *es_template_text(const es_template_t *template)
{
    return template->text;
}

const char *es_template_token(const es_template_t *template, int i, int *column)
{
    const es_pattern_part_t *piece;
    int at;

    for (at = 0; at < template->nparts; at++) {
        piece = &template->parts[at].piece;
        if (piece->kind == ES_PATTERN_TOKEN && i-- == 0) {
            *column = piece->column;
            return piece->text.data;
        }
    }
    return NULL;
}

/* One call of es_template_expand. */
typedef struct expansion_t {
    const es_template_t *template;
    es_channel_set_t *set;
    apr_pool_t *p;
    es_slice_t *values;                 /* of each part, in this turn */
    const apr_array_header_t **choices; /* the values of each parameter */
    int *turns;                         /* which of them is on */
    char *spare;                        /* bytes that no name needed */
    apr_size_t spare_size;
} expansion_t;

/* Look up all values. @return 0 when an expression removes the channel */
static int look_up(expansion_t *expansion, const es_template_values_t *from)
{
    const es_template_t *template = expansion->template;
    const part_t *part;
    es_slice_t *value;
    int i;

    for (i = 0; i < template->nparts; i++) {
        part = &template->parts[i];
        value = &expansion->values[i];
        switch (part->piece.kind) {
        case ES_PATTERN_LITERAL: *value = part->piece.text; break;
        case ES_PATTERN_TOKEN:
            *value = from->token(from->baton, part->piece.text.data);
            break;
        case ES_PATTERN_EXPRESSION:
            *value = from->expression(from->baton, part->compiled);
            if (value->len == 0) {
                return 0;
            }
            break;
        case ES_PATTERN_QUERY: /* in each turn */ break;
        }
    }
    for (i = 0; i < template->nparameters; i++) {
        expansion->choices[i] =
            from->query(from->baton, template->parameters[i]);
    }
    return 1;
}

/* The value of a parameter in this turn; empty when it has none. */
static es_slice_t choice(const expansion_t *expansion, int parameter)
{
    const apr_array_header_t *choices = expansion->choices[parameter];

    if (choices == NULL || choices->nelts == 0) {
        return es_slice(NULL, 0);
    }
    return APR_ARRAY_IDX(choices, expansion->turns[parameter], es_slice_t);
}

/* Turn the wheels on by one. @return 0 when all are back at their start */
static int turn(expansion_t *expansion)
{
    int i;

    for (i = expansion->template->nparameters - 1; i >= 0; i--) {
        if (expansion->choices[i] != NULL &&
            expansion->turns[i] + 1 < expansion->choices[i]->nelts) {
            expansion->turns[i]++;
            return 1;
        }
        expansion->turns[i] = 0;
    }
    return 0;
}

/* Put the name of this turn into the spare bytes. */
static es_slice_t join(expansion_t *expansion)
{
    const es_template_t *template = expansion->template;
    apr_size_t len = 0;
    char *at;
    int i;

    for (i = 0; i < template->nparts; i++) {
        if (template->parts[i].piece.kind == ES_PATTERN_QUERY) {
            expansion->values[i] =
                choice(expansion, template->parts[i].parameter);
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

/* Add the name of this turn. @param added  1 when it was a new one */
static apr_status_t add(expansion_t *expansion, int *added)
{
    int count = es_channel_set_count(expansion->set);
    apr_status_t rv = es_channel_set_add(expansion->set, join(expansion));

    *added = es_channel_set_count(expansion->set) != count;
    if (*added) { /* the set holds on to the bytes */
        expansion->spare = NULL;
        expansion->spare_size = 0;
    }
    return rv;
}

apr_status_t es_template_expand(const es_template_t *template,
                                const es_template_values_t *values,
                                es_channel_set_t *set, apr_pool_t *p)
{
    expansion_t expansion = {template, set, p, NULL, NULL, NULL, NULL, 0};
    apr_size_t nparts = (apr_size_t) template->nparts + 1;
    apr_size_t nparameters = (apr_size_t) template->nparameters + 1;
    apr_status_t rv;
    int in_vain = 0;
    int added;

    expansion.values = apr_pcalloc(p, nparts * sizeof(*expansion.values));
    expansion.choices =
        apr_pcalloc(p, nparameters * sizeof(*expansion.choices));
    expansion.turns = apr_pcalloc(p, nparameters * sizeof(*expansion.turns));
    if (!look_up(&expansion, values)) {
        return APR_SUCCESS;
    }
    do {
        if (in_vain >= ES_TEMPLATE_REPEATS_MAX) {
            return APR_ENOSPC;
        }
        rv = add(&expansion, &added);
        in_vain += !added;
    } while (rv == APR_SUCCESS && turn(&expansion));
    return rv;
}
