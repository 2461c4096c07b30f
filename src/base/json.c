/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In valid JSON a value's end is found by counting brackets outside of
 * strings, without recursion, however deep it is. The check has no recursion,
 * either: it keeps the bracket that each open object or array ends with.
 */
#include "base/json.h"

#include "base/utf8.h"

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

char es_json_text_next(es_json_text_t *text)
{
    skip_between(text);
    return text->at < text->end ? *text->at : '\0';
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

/* ---- checks ------------------------------------------------------------ */

/* The objects and arrays that are open. */
typedef struct open_t {
    char ends[ES_JSON_DEPTH_MAX]; /* the bracket that each ends with */
    int count;
} open_t;

/* The next byte; NUL at the end, which no valid JSON has outside of it. */
static char peek(const es_json_text_t *text)
{
    return text->at < text->end ? *text->at : '\0';
}

static const char *fault_at(const es_json_text_t *text)
{
    return text->at < text->end ? "not valid JSON" : "the text ends too early";
}

static void skip_blanks(es_json_text_t *text)
{
    while (is_blank(peek(text))) {
        text->at++;
    }
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *check_word(es_json_text_t *text, const char *word)
{
    for (; *word; word++) {
        if (peek(text) != *word) {
            return fault_at(text);
        }
        text->at++;
    }
    return NULL;
}

static const char *check_digits(es_json_text_t *text)
{
    if (!is_digit(peek(text))) {
        return fault_at(text);
    }
    while (is_digit(peek(text))) {
        text->at++;
    }
    return NULL;
}

static const char *check_number(es_json_text_t *text)
{
    const char *err = NULL;

    if (peek(text) == '-') {
        text->at++;
    }
    if (peek(text) == '0') {
        text->at++; /* a digit after it does not belong to the number */
    }
    else {
        err = check_digits(text);
    }
    if (!err && peek(text) == '.') {
        text->at++;
        err = check_digits(text);
    }
    if (!err && (peek(text) == 'e' || peek(text) == 'E')) {
        text->at++;
        if (peek(text) == '+' || peek(text) == '-') {
            text->at++;
        }
        err = check_digits(text);
    }
    return err;
}

/* at is the backslash. */
static const char *check_escape(es_json_text_t *text)
{
    int digits;
    char c;

    text->at++;
    c = peek(text);
    if (c == '\0' || !strchr("\"\\/bfnrtu", c)) {
        return fault_at(text);
    }
    text->at++;
    for (digits = 0; c == 'u' && digits < 4; digits++) {
        if (!is_hex(peek(text))) {
            return fault_at(text);
        }
        text->at++;
    }
    return NULL;
}

/* Up to the quote that ends the string. */
static const char *check_characters(es_json_text_t *text)
{
    const char *err = NULL;

    while (!err && text->at < text->end && *text->at != '"') {
        if (*text->at == '\\') {
            err = check_escape(text);
        }
        else if ((unsigned char)*text->at < 0x20) {
            err = "a string contains a control character";
        }
        else {
            text->at++;
        }
    }
    return !err && text->at == text->end ? fault_at(text) : err;
}

static const char *check_string(es_json_text_t *text)
{
    const char *start, *err;
    apr_size_t len, valid;

    if (peek(text) != '"') {
        return fault_at(text);
    }
    text->at++;
    start = text->at;
    err = check_characters(text);
    len = (apr_size_t)(text->at - start);
    valid = es_utf8_check(es_slice(start, len));
    if (valid < len) {
        text->at = start + valid;
        return "not valid UTF-8";
    }
    if (!err) {
        text->at++;
    }
    return err;
}

static const char *check_scalar(es_json_text_t *text)
{
    switch (peek(text)) {
    case '"': return check_string(text);
    case 't': return check_word(text, "true");
    case 'f': return check_word(text, "false");
    case 'n': return check_word(text, "null");
    default: return check_number(text);
    }
}

/* The name that a value of an object has, and the colon; in an array, none. */
static const char *check_name(es_json_text_t *text, const open_t *open)
{
    const char *err;

    if (open->ends[open->count - 1] == ']') {
        return NULL;
    }
    skip_blanks(text);
    err = check_string(text);
    if (!err) {
        skip_blanks(text);
        err = check_word(text, ":");
    }
    return err;
}

/* An object or array whose first value is still to come, or a whole scalar. */
static const char *check_start(es_json_text_t *text, open_t *open)
{
    char c = peek(text);

    if (c != '{' && c != '[') {
        return check_scalar(text);
    }
    text->at++;
    open->ends[open->count++] = c == '{' ? '}' : ']';
    return NULL;
}

/* @return 1 if a bracket that ends the innermost comes next, 0 if not */
static int close_one(es_json_text_t *text, open_t *open)
{
    skip_blanks(text);
    if (peek(text) != open->ends[open->count - 1]) {
        return 0;
    }
    text->at++;
    open->count--;
    return 1;
}

static const char *check_value(es_json_text_t *text, int depth)
{
    open_t open;
    const char *err;
    int before;

    open.count = 0;
    do {
        if (depth + open.count >= ES_JSON_DEPTH_MAX) {
            return "nested too deep";
        }
        skip_blanks(text);
        before = open.count;
        err = check_start(text, &open);
        if (err) {
            return err;
        }
        if (open.count > before && !close_one(text, &open)) {
            err = check_name(text, &open); /* of its first value */
            continue;
        }
        while (open.count > 0 && close_one(text, &open)) {
        }
        if (open.count == 0) {
            return NULL;
        }
        err = check_word(text, ",");
        err = err ? err : check_name(text, &open);
    } while (!err);
    return err;
}

const char *es_json_text_checked(es_slice_t *value, es_json_text_t *text,
                                 int depth)
{
    const char *start, *err;

    skip_between(text);
    start = text->at;
    err = check_value(text, depth);
    *value = es_slice(start, (apr_size_t)(text->at - start));
    return err;
}
