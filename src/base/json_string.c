/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_string.h"

/* Most bytes that JSON makes of one: \u001f. */
#define BYTE_MAX 6

apr_size_t es_json_string_room(apr_size_t len)
{
    return len * BYTE_MAX + 2;
}

/* What stands behind the backslash, where one letter will do; else 0. */
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
