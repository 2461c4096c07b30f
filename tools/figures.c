/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request asks for both: mod_status looks at the query, eventstream-status
 * at the header Accept. Of an array of objects, an element's name is the part
 * of its key, or its number: hubs.default.published. An array of numbers is one
 * text.
 */
#include "tools/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <jansson.h>

#include "tools/output.h"

#define PREFIX "EventStream."
#define DEPTH_MAX 8
#define KEY_MAX 255
/* Up to here a double has all integers. */
#define INTEGER_MAX 9007199254740992.0

static const char *const headers[] = {
    "Accept: application/json, text/plain;q=0.9, */*;q=0.1", NULL};

/* @param key  NULL = it is too long: nothing happens */
static void add(apr_array_header_t *figures, const char *key, const char *text)
{
    et_figure_t *figure;
    char *end;

    if (!key || figures->nelts > ET_FIGURES_MAX) {
        return; /* the one above the most is an error, see et_figures_read */
    }
    figure = apr_array_push(figures);
    figure->key = key;
    figure->text = text;
    figure->value = strtod(text, &end);
    /* not "inf" or "nan", of which a range says nothing */
    figure->is_number = end != text && !*end && isfinite(figure->value);
}

/* ---- mod_status ---------------------------------------------------------- */

static void read_line(apr_array_header_t *figures, const char *line, size_t len,
                      apr_pool_t *p)
{
    size_t prefix = strlen(PREFIX);
    char *key, *colon;

    if (len <= prefix || strncmp(line, PREFIX, prefix) != 0) {
        return;
    }
    key = apr_pstrmemdup(p, line + prefix, len - prefix);
    colon = strstr(key, ": ");
    if (colon) {
        *colon = '\0';
        add(figures, key, colon + 2);
    }
}

static void read_lines(apr_array_header_t *figures, const char *body,
                       apr_pool_t *p)
{
    while (*body) {
        size_t len = strcspn(body, "\n");

        read_line(figures, body, len, p);
        body += len + (body[len] != '\0');
    }
}

/* ---- eventstream-status -------------------------------------------------- */

static void read_json(apr_array_header_t *figures, const char *key,
                      const json_t *value, int depth, apr_pool_t *p);

/* @return NULL: it is too long */
static const char *join(const char *key, const char *name, apr_pool_t *p)
{
    if (!key || strlen(key) + strlen(name) + 1 > KEY_MAX) {
        return NULL;
    }
    return *key ? apr_pstrcat(p, key, ".", name, NULL) : apr_pstrdup(p, name);
}

/* The member that names an element; NULL = there is none. */
static const char *name_member(const json_t *element)
{
    static const char *const names[] = {"name", "reason", "tag"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (json_is_string(json_object_get(element, names[i]))) {
            return names[i];
        }
    }
    return NULL;
}

/* Without blanks, dots and quotes, so that a key is a word. */
static const char *name_of(const json_t *element, size_t index, apr_pool_t *p)
{
    const char *member = name_member(element);
    char *name, *at;

    if (!member) {
        return apr_psprintf(p, "%" APR_SIZE_T_FMT, (apr_size_t)index);
    }
    name = apr_pstrdup(p, json_string_value(json_object_get(element, member)));
    for (at = name; *at; at++) {
        *at = apr_isalnum(*at) || *at == '-' ? *at : '_';
    }
    return name;
}

static void read_object(apr_array_header_t *figures, const char *key,
                        const json_t *object, int depth, apr_pool_t *p)
{
    void *at = json_object_iter((json_t *)object);

    while (at) {
        read_json(figures, join(key, json_object_iter_key(at), p),
                  json_object_iter_value(at), depth + 1, p);
        at = json_object_iter_next((json_t *)object, at);
    }
}

static const char *scalar_text(const json_t *value, apr_pool_t *p)
{
    switch (json_typeof(value)) {
    case JSON_TRUE: return "1";
    case JSON_FALSE: return "0";
    case JSON_STRING: return apr_pstrdup(p, json_string_value(value));
    case JSON_INTEGER:
        return apr_psprintf(p, "%" APR_INT64_T_FMT,
                            (apr_int64_t)json_integer_value(value));
    case JSON_REAL: return apr_psprintf(p, "%g", json_real_value(value));
    default: return "-";
    }
}

static int is_of_scalars(const json_t *array)
{
    const json_t *first = json_array_get(array, 0);

    return first && !json_is_object(first) && !json_is_array(first);
}

static void read_scalars(apr_array_header_t *figures, const char *key,
                         const json_t *array, apr_pool_t *p)
{
    apr_array_header_t *texts = apr_array_make(p, 32, sizeof(const char *));
    size_t i;

    for (i = 0; i < json_array_size(array); i++) {
        APR_ARRAY_PUSH(texts, const char *) =
            scalar_text(json_array_get(array, i), p);
    }
    add(figures, key, apr_array_pstrcat(p, texts, ' '));
}

static void read_array(apr_array_header_t *figures, const char *key,
                       const json_t *array, int depth, apr_pool_t *p)
{
    size_t i;

    for (i = 0; i < json_array_size(array); i++) {
        const json_t *element = json_array_get(array, i);

        read_json(figures, join(key, name_of(element, i, p), p), element,
                  depth + 1, p);
    }
}

static void read_json(apr_array_header_t *figures, const char *key,
                      const json_t *value, int depth, apr_pool_t *p)
{
    if (!key || depth > DEPTH_MAX || figures->nelts > ET_FIGURES_MAX) {
        return;
    }
    if (json_is_object(value)) {
        read_object(figures, key, value, depth, p);
    }
    else if (is_of_scalars(value)) {
        read_scalars(figures, key, value, p);
    }
    else if (json_is_array(value)) {
        read_array(figures, key, value, depth, p);
    }
    else {
        add(figures, key, scalar_text(value, p));
    }
}

/* ---- A page -------------------------------------------------------------- */

static int is_json(const et_answer_t *answer)
{
    return !strncasecmp(answer->type, "application/json", 16);
}

static const char *read_answer(const et_answer_t *answer,
                               apr_array_header_t *figures, apr_pool_t *p)
{
    json_t *json;

    if (!is_json(answer)) {
        read_lines(figures, answer->body, p);
        return figures->nelts == 0 && strncmp(answer->type, "text/plain", 10)
                   ? "this is no status page"
                   : NULL;
    }
    json = json_loadb(answer->body, answer->len, 0, NULL);
    if (!json) {
        return "its JSON cannot be read";
    }
    read_json(figures, "", json, 0, p);
    json_decref(json);
    return NULL;
}

/* Those of the same name stay as the page has them. */
static int compare(const void *a, const void *b)
{
    const et_figure_t *x = *(const et_figure_t *const *)a;
    const et_figure_t *y = *(const et_figure_t *const *)b;
    int rc = strcasecmp(x->key, y->key);

    return rc != 0 ? rc : (x > y) - (x < y);
}

static void sort(et_figures_t *figures, const apr_array_header_t *list,
                 apr_pool_t *p)
{
    int i;

    figures->at = (const et_figure_t *)list->elts;
    figures->count = list->nelts;
    figures->sorted =
        apr_palloc(p, sizeof(*figures->sorted) * (apr_size_t)(list->nelts + 1));
    for (i = 0; i < list->nelts; i++) {
        figures->sorted[i] = &figures->at[i];
    }
    qsort(figures->sorted, (size_t)list->nelts, sizeof(*figures->sorted),
          compare);
}

const char *et_figures_read(et_answer_t *answer, et_figures_t *figures,
                            const et_options_t *options, const char *url,
                            apr_pool_t *p)
{
    apr_array_header_t *list = apr_array_make(p, 64, sizeof(et_figure_t));
    const char *err;

    url = strchr(url, '?') ? url : apr_pstrcat(p, url, "?auto", NULL);
    et_http_request(answer, options, "GET", url, headers, es_slice(NULL, 0),
                    NULL, NULL, p);
    if (answer->error) {
        return answer->error;
    }
    if (answer->status != 200) {
        return apr_psprintf(p, "%ld: %s", answer->status,
                            et_http_sentence(answer->body, answer->len, p));
    }
    err = read_answer(answer, list, p);
    if (!err && list->nelts > ET_FIGURES_MAX) {
        err = "it has more figures than any status page";
    }
    if (!err) {
        sort(figures, list, p);
    }
    return err;
}

const et_figure_t *et_figures_find(const et_figures_t *figures, const char *key)
{
    int low = 0, high = figures->count;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (strcasecmp(figures->sorted[middle]->key, key) < 0) {
            low = middle + 1;
        }
        else {
            high = middle;
        }
    }
    return low < figures->count && !strcasecmp(figures->sorted[low]->key, key)
               ? figures->sorted[low]
               : NULL;
}

/* ---- Printing ------------------------------------------------------------ */

static void print_json(const et_figures_t *figures)
{
    json_t *object = json_object();
    int i;

    for (i = 0; i < figures->count; i++) {
        const et_figure_t *figure = &figures->at[i];

        json_object_set_new(object, figure->key,
                            !figure->is_number ? json_string(figure->text)
                            : fabs(figure->value) < INTEGER_MAX
                                ? json_integer((json_int_t)figure->value)
                                : json_real(figure->value));
    }
    json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(object);
}

static void print_lines(const et_figures_t *figures, apr_pool_t *p)
{
    int i;

    for (i = 0; i < figures->count; i++) {
        const et_figure_t *figure = &figures->at[i];

        printf("%s: %s\n", et_output_escape(es_slice_of(figure->key), p),
               et_output_escape(es_slice_of(figure->text), p));
    }
}

int et_figures_print(const et_options_t *options, apr_pool_t *p)
{
    et_figures_t figures = {0};
    et_answer_t answer;
    const char *url = options->words[0];
    const char *err = et_figures_read(&answer, &figures, options, url, p);

    if (!err && figures.count == 0) {
        err = "it has nothing of event streams: mod_eventstream is not loaded, "
              "or serves no events";
    }
    if (err) {
        et_options_complain("%s: %s", url, err);
        return ET_EXIT_FAILED;
    }
    if (options->form != ET_JSON) {
        print_lines(&figures, p);
    }
    else if (is_json(&answer)) {
        fwrite(answer.body, 1, answer.len, stdout);
    }
    else {
        print_json(&figures);
    }
    return et_output_flush() ? ET_EXIT_OK : ET_EXIT_FAILED;
}
