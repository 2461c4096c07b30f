/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In valid JSON a value's end is found by counting brackets outside of
 * strings, without recursion, however deep it is.
 */
#include "base/json.h"

/* Most bytes that JSON makes of one: \u001f. */
#define BYTE_MAX 6

/* ---- strings ----------------------------------------------------------- */

apr_size_t es_json_string_room(apr_size_t len)
{
    return len * BYTE_MAX + 2;
}

/* The letter of an escape that has one; 0 = c has none. */
static char short_of(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\': return (char)c;
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return '\0';
    }
}

char *es_json_string_put(char *at, es_slice_t text)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char c;
    apr_size_t i;

    *at++ = '"';
    for (i = 0; i < text.len; i++) {
        c = (unsigned char)text.data[i];
        if (short_of(c) != '\0') {
            *at++ = '\\';
            *at++ = short_of(c);
        }
        else if (c < 0x20) {
            memcpy(at, "\\u00", 4);
            at[4] = hex[c >> 4];
            at[5] = hex[c & 0xf];
            at += 6;
        }
        else {
            *at++ = (char)c;
        }
    }
    *at++ = '"';
    return at;
}

const char *es_json_string(es_slice_t text, apr_pool_t *p)
{
    char *string = apr_palloc(p, es_json_string_room(text.len) + 1);

    *es_json_string_put(string, text) = '\0';
    return string;
}

/* ---- walks ------------------------------------------------------------- */

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Ends a number, true, false or null. */
static int is_delimiter(char c)
{
    return is_blank(c) || c == ',' || c == ']' || c == '}';
}

/* Also over what separates: a walk knows what comes next. */
static void skip_between(es_json_text_t *text)
{
    while (text->at < text->end &&
           (is_blank(*text->at) || *text->at == ',' || *text->at == ':')) {
        text->at++;
    }
}

/* at is a string's first quote; returns where the string has ended. */
static const char *string_end(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\' && at + 1 < end) {
            at++;
        }
    }
    return at < end ? at + 1 : end;
}

static const char *nested_end(const char *at, const char *end)
{
    apr_size_t depth = 0;

    while (at < end) {
        if (*at == '"') {
            at = string_end(at, end);
            continue;
        }
        if (*at == '{' || *at == '[') {
            depth++;
        }
        else if (*at == '}' || *at == ']') {
            depth--;
            if (depth == 0) {
                return at + 1;
            }
        }
        at++;
    }
    return end;
}

static const char *value_end(const char *at, const char *end)
{
    if (at == end) {
        return end;
    }
    if (*at == '"') {
        return string_end(at, end);
    }
    if (*at == '{' || *at == '[') {
        return nested_end(at, end);
    }
    while (at < end && !is_delimiter(*at)) {
        at++;
    }
    return at;
}

es_json_text_t es_json_text_of(es_slice_t document)
{
    es_json_text_t text;

    text.at = document.data;
    text.end = document.data + document.len;
    return text;
}

void es_json_text_enter(es_json_text_t *text)
{
    skip_between(text);
    if (text->at < text->end) {
        text->at++;
    }
}

void es_json_text_leave(es_json_text_t *text)
{
    es_json_text_enter(text); /* a bracket is a byte, as the other one */
}

void es_json_text_name(es_json_text_t *text)
{
    (void)es_json_text_value(text);
}

es_slice_t es_json_text_value(es_json_text_t *text)
{
    const char *start;

    skip_between(text);
    start = text->at;
    text->at = value_end(start, text->end);
    return es_slice(start, (apr_size_t)(text->at - start));
}

es_slice_t es_json_text_compact(es_slice_t value, apr_pool_t *p)
{
    const char *at = value.data;
    const char *end = value.data + value.len;
    char *compact;
    char *to;

    if (value.len == 0 || *at == '"') {
        return value; /* blanks in a string belong to it */
    }
    compact = apr_palloc(p, value.len);
    for (to = compact; at < end; at++) {
        if (*at == '"') {
            const char *after = string_end(at, end);

            memcpy(to, at, (apr_size_t)(after - at));
            to += after - at;
            at = after - 1;
        }
        else if (!is_blank(*at)) {
            *to++ = *at;
        }
    }
    return es_slice(compact, (apr_size_t)(to - compact));
}
