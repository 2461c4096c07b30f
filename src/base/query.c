/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names are decoded while they are compared. So the only memory that is taken
 * is for values that the caller wants and that need decoding.
 */
#include "base/query.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

/* Decode a byte of the non-empty text and take it off. */
static char take_byte(es_slice_t *text)
{
    char c = text->data[0];
    apr_size_t size = 1;

    if (c == '+') {
        c = ' ';
    }
    else if (c == '%' && text->len >= 3 && hex_value(text->data[1]) >= 0 &&
             hex_value(text->data[2]) >= 0) {
        c = (char)(hex_value(text->data[1]) * 16 + hex_value(text->data[2]));
        size = 3;
    }
    text->data += size;
    text->len -= size;
    return c;
}

/* Take off all bytes up to the next c, and c. */
static es_slice_t take_until(es_slice_t *text, char c)
{
    const char *hit = text->len != 0 ? memchr(text->data, c, text->len) : NULL;
    es_slice_t taken = *text;

    if (hit == NULL) {
        *text = es_slice(NULL, 0);
        return taken;
    }
    taken.len = (apr_size_t)(hit - text->data);
    *text = es_slice(hit + 1, text->len - taken.len - 1);
    return taken;
}

/* 1 if the encoded text decodes to name. */
static int stands_for(es_slice_t encoded, es_slice_t name)
{
    apr_size_t i;

    for (i = 0; i < name.len; i++) {
        if (encoded.len == 0 || take_byte(&encoded) != name.data[i]) {
            return 0;
        }
    }
    return encoded.len == 0;
}

static int is_index(es_slice_t encoded)
{
    while (encoded.len > 0) {
        char c = take_byte(&encoded);

        if (c == ']') {
            return encoded.len == 0;
        }
        if (c < '0' || c > '9') {
            return 0;
        }
    }
    return 0;
}

/* The same, or name[] or name[0]. */
static int stands_for_element(es_slice_t encoded, es_slice_t name)
{
    apr_size_t i;

    for (i = 0; i < name.len; i++) {
        if (encoded.len == 0 || take_byte(&encoded) != name.data[i]) {
            return 0;
        }
    }
    return encoded.len == 0 ||
           (take_byte(&encoded) == '[' && is_index(encoded));
}

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The same, ignoring case, '-' and '_'. */
static int is_spelling_of(es_slice_t encoded, es_slice_t name)
{
    apr_size_t i = 0;

    while (encoded.len > 0) {
        char c = to_lower(take_byte(&encoded));

        if (c == '-' || c == '_') {
            continue;
        }
        if (i == name.len || c != name.data[i++]) {
            return 0;
        }
    }
    return i == name.len;
}

static es_slice_t decode(es_slice_t encoded, apr_pool_t *p)
{
    char *bytes;
    apr_size_t len = 0;

    if (!es_slice_has(encoded, '%') && !es_slice_has(encoded, '+')) {
        return encoded;
    }
    bytes = apr_palloc(p, encoded.len);
    while (encoded.len > 0) {
        bytes[len++] = take_byte(&encoded);
    }
    return es_slice(bytes, len);
}

es_slice_t es_query_decode_percent(es_slice_t text, apr_pool_t *p)
{
    char *bytes;
    apr_size_t len = 0;

    if (!es_slice_has(text, '%')) {
        return text;
    }
    bytes = apr_palloc(p, text.len);
    while (text.len > 0) {
        if (text.data[0] == '+') {
            bytes[len++] = '+';
            text = es_slice(text.data + 1, text.len - 1);
        }
        else {
            bytes[len++] = take_byte(&text);
        }
    }
    return es_slice(bytes, len);
}

typedef int is_name_fn_t(es_slice_t encoded, es_slice_t name);

/* Find the next pair with this name; take it and all before it off query. */
static int take_value(es_slice_t *encoded, es_slice_t *query, es_slice_t name,
                      is_name_fn_t *is_name)
{
    es_slice_t pair;

    while (query->len > 0) {
        pair = take_until(query, '&');
        if (pair.len != 0 && is_name(take_until(&pair, '='), name)) {
            *encoded = pair;
            return 1;
        }
    }
    return 0;
}

static const apr_array_header_t *values_of(es_slice_t query, const char *name,
                                           is_name_fn_t *is_name, apr_pool_t *p)
{
    apr_array_header_t *values = apr_array_make(p, 2, sizeof(es_slice_t));
    es_slice_t wanted = es_slice_of(name);
    es_slice_t encoded;

    while (take_value(&encoded, &query, wanted, is_name)) {
        APR_ARRAY_PUSH(values, es_slice_t) = decode(encoded, p);
    }
    return values;
}

const apr_array_header_t *es_query_values(es_slice_t query, const char *name,
                                          apr_pool_t *p)
{
    return values_of(query, name, stands_for, p);
}

const apr_array_header_t *es_query_elements(es_slice_t query, const char *name,
                                            apr_pool_t *p)
{
    return values_of(query, name, stands_for_element, p);
}

int es_query_value(es_slice_t *value, es_slice_t query, const char *name,
                   apr_pool_t *p)
{
    es_slice_t encoded;

    if (!take_value(&encoded, &query, es_slice_of(name), stands_for)) {
        return 0;
    }
    *value = decode(encoded, p);
    return 1;
}

int es_query_last_value(es_slice_t *value, es_slice_t query, const char *name,
                        apr_pool_t *p)
{
    es_slice_t wanted = es_slice_of(name);
    es_slice_t encoded, last = es_slice(NULL, 0);

    while (take_value(&encoded, &query, wanted, is_spelling_of)) {
        last = encoded.len != 0 ? encoded : last;
    }
    if (last.len == 0) {
        return 0;
    }
    *value = decode(last, p);
    return 1;
}

int es_query_next(es_slice_t *name, es_slice_t *query, apr_pool_t *p)
{
    while (query->len > 0) {
        es_slice_t pair = take_until(query, '&');

        if (pair.len != 0) {
            *name = decode(take_until(&pair, '='), p);
            return 1;
        }
    }
    return 0;
}

apr_int64_t es_query_number(es_slice_t value, apr_int64_t most)
{
    apr_int64_t number = 0;
    apr_size_t i;

    for (i = 0; i < value.len; i++) {
        int digit = value.data[i] - '0';

        if (digit < 0 || digit > 9 || number > (most - digit) / 10) {
            return -1;
        }
        number = number * 10 + digit;
    }
    return value.len != 0 ? number : -1;
}
