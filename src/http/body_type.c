/* SPDX-License-Identifier: Apache-2.0 */
/* Publishers name the same format in many ways: a type is the same in
 * application/ and in text/, and with "x-" before it. */
#include "http/body_formats.h"

#include <apr_lib.h>
#include <apr_strings.h>

#include "base/channel.h"
#include "base/media_type.h"

/* Longest boundary, RFC 2046 section 5.1.1. */
#define BOUNDARY_MAX 70

static const struct {
    const char *name;
    es_body_kind_t kind;
} names[] = {
    {"json", ES_BODY_JSON},
    {"ndjson", ES_BODY_LINES},
    {"nd-json", ES_BODY_LINES},
    {"jsonl", ES_BODY_LINES},
    {"jsonlines", ES_BODY_LINES},
    {"json-lines", ES_BODY_LINES},
    {"json-seq", ES_BODY_LINES},
    {"json-stream", ES_BODY_LINES},
    {"stream+json", ES_BODY_LINES},
    {"www-form-urlencoded", ES_BODY_FORM},
    {"form-urlencoded", ES_BODY_FORM},
};

#define NAMES (sizeof(names) / sizeof(names[0]))

/* Take prefix off. @return 1, or 0: text does not begin with it */
static int take(es_slice_t *text, const char *prefix)
{
    apr_size_t len = strlen(prefix);

    if (text->len < len || strncasecmp(text->data, prefix, len)) {
        return 0;
    }
    *text = es_slice(text->data + len, text->len - len);
    return 1;
}

static es_body_kind_t kind_of(es_slice_t type)
{
    size_t i;

    if (take(&type, "multipart/")) {
        return ES_BODY_MULTIPART;
    }
    if (!take(&type, "application/") && !take(&type, "text/")) {
        return ES_BODY_RAW;
    }
    (void)take(&type, "x-");
    for (i = 0; i < NAMES; i++) {
        if (es_media_type_is(type, names[i].name)) {
            return names[i].kind;
        }
    }
    return ES_BODY_RAW;
}

static int read_boundary(es_body_type_t *type, es_slice_t element,
                         apr_pool_t *p, es_problem_t *why)
{
    es_slice_t name = es_media_type_name(element);

    if (!es_media_type_is(name, "multipart/form-data")) {
        return es_problem_set(
            why, p, 415,
            "A body of type '%s' is not read here: send a form "
            "as multipart/form-data.",
            es_channel_printable(name, p));
    }
    if (!es_media_type_param(&type->boundary, element, "boundary", p) ||
        type->boundary.len == 0 || type->boundary.len > BOUNDARY_MAX) {
        return es_problem_set(why, p, 400,
                              "The Content-Type multipart/form-data needs a "
                              "boundary of up to %d bytes.",
                              BOUNDARY_MAX);
    }
    return 1;
}

/* Two fields Content-Type, of the program and of its library, make one list. */
static int check_rest(const es_body_type_t *type, es_slice_t first,
                      es_slice_t rest, apr_pool_t *p, es_problem_t *why)
{
    es_slice_t element;

    while (es_media_type_next(&element, &rest)) {
        if (kind_of(es_media_type_name(element)) != type->kind) {
            return es_problem_set(
                why, p, 415,
                "The Content-Type is sent twice, as '%s' and as '%s': send "
                "one.",
                es_channel_printable(es_media_type_name(first), p),
                es_channel_printable(es_media_type_name(element), p));
        }
    }
    return 1;
}

/* UTF-16 has a NUL in each letter of ASCII. */
static int is_ascii(es_slice_t text)
{
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        if (!apr_isascii(text.data[i]) || text.data[i] == '\0') {
            return 0;
        }
    }
    return 1;
}

int es_body_type_check_charset(es_slice_t charset, es_slice_t text,
                               apr_pool_t *p, es_problem_t *why)
{
    if (charset.len == 0 || es_media_type_is(charset, "utf-8") ||
        es_media_type_is(charset, "utf8") || is_ascii(text)) {
        return 1;
    }
    return es_problem_set(why, p, 415,
                          "The body is declared to be in the charset '%s': "
                          "send it in UTF-8.",
                          es_channel_printable(charset, p));
}

static int is_token_char(char c)
{
    return apr_isalnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

/* RFC 9110 section 8.3.1: two tokens and a slash. "json" alone, or a type in
 * quotes, is a slip of the publisher, whose JSON would be sent as a text. */
static int check_syntax(es_slice_t name, apr_pool_t *p, es_problem_t *why)
{
    apr_size_t i, slash = 0;

    for (i = 0; i < name.len; i++) {
        if (name.data[i] == '/' && slash == 0) {
            slash = i;
        }
        else if (!is_token_char(name.data[i])) {
            break;
        }
    }
    if (name.len == 0 || (i == name.len && slash > 0 && slash < name.len - 1)) {
        return 1;
    }
    return es_problem_set(why, p, 415,
                          "The Content-Type '%s' is no media type: send JSON "
                          "as application/json, a form as "
                          "application/x-www-form-urlencoded, a text as "
                          "text/plain.",
                          es_channel_printable(name, p));
}

int es_body_type(es_body_type_t *type, const char *content_type, apr_pool_t *p,
                 es_problem_t *why)
{
    es_slice_t list = es_slice_of(content_type);
    es_slice_t first;

    type->kind = ES_BODY_RAW;
    type->boundary = type->charset = es_slice(NULL, 0);
    if (!es_media_type_next(&first, &list)) {
        return 1;
    }
    if (!check_syntax(es_media_type_name(first), p, why)) {
        return 0;
    }
    type->kind = kind_of(es_media_type_name(first));
    (void)es_media_type_param(&type->charset, first, "charset", p);
    return check_rest(type, first, list, p, why) &&
           (type->kind != ES_BODY_MULTIPART ||
            read_boundary(type, first, p, why));
}
