/* SPDX-License-Identifier: Apache-2.0 */
/* Four characters encode three bytes; two or three at the end one or two. */
#include "base/base64.h"

/* @return 0..63, or -1 */
static int value_of(char c, es_base64_form_t form)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '-' || (c == '+' && form == ES_BASE64_ANY)) {
        return 62;
    }
    if (c == '_' || (c == '/' && form == ES_BASE64_ANY)) {
        return 63;
    }
    return -1;
}

/* Padding is complete or absent. */
static int take_padding(es_slice_t *text)
{
    apr_size_t pads = 0;

    while (pads < 2 && pads < text->len &&
           text->data[text->len - 1 - pads] == '=') {
        pads++;
    }
    if (pads != 0 && text->len % 4 != 0) {
        return 0;
    }
    text->len -= pads;
    return 1;
}

int es_base64_decode(es_slice_t *out, es_slice_t text, es_base64_form_t form,
                     apr_pool_t *p)
{
    apr_uint32_t bits = 0; /* the lowest count of them are not written yet */
    int count = 0;
    apr_size_t i, len = 0;
    char *bytes;

    if ((form == ES_BASE64_ANY && !take_padding(&text)) || text.len % 4 == 1) {
        return 0;
    }
    bytes = apr_palloc(p, text.len / 4 * 3 + 3);
    for (i = 0; i < text.len; i++) {
        int value = value_of(text.data[i], form);

        if (value < 0) {
            return 0;
        }
        bits = bits << 6 | (apr_uint32_t)value;
        count += 6;
        if (count >= 8) {
            count -= 8;
            bytes[len++] = (char)(bits >> count & 0xff);
        }
    }
    if ((bits & ((1u << count) - 1)) != 0) {
        return 0;
    }
    bytes[len] = '\0';
    *out = es_slice(bytes, len);
    return 1;
}

const char *es_base64_encode_url(es_slice_t bytes, apr_pool_t *p)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = apr_palloc(p, bytes.len / 3 * 4 + 5), *at = text;
    apr_uint32_t bits = 0;
    int count = 0;
    apr_size_t i;

    for (i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (unsigned char)bytes.data[i];
        count += 8;
        while (count >= 6) {
            count -= 6;
            *at++ = alphabet[bits >> count & 63];
        }
    }
    if (count > 0) {
        *at++ = alphabet[bits << (6 - count) & 63];
    }
    *at = '\0';
    return text;
}
