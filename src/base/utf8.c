/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The check follows the table of RFC 3629 section 4: the lead byte determines
 * how many bytes follow and the range of the first of them; that range excludes
 * overlong forms, surrogates and all above U+10FFFF.
 */
#include "base/utf8.h"

#define HIGH_BITS APR_UINT64_C(0x8080808080808080)

/* The offset of the first byte from at on that is not ASCII, or len. */
static apr_size_t skip_ascii(const char *s, apr_size_t at, apr_size_t len)
{
    apr_uint64_t word[2];

    while (len - at >= sizeof(word)) {
        memcpy(word, s + at, sizeof(word));
        if (((word[0] | word[1]) & HIGH_BITS) != 0) {
            break;
        }
        at += sizeof(word);
    }
    while (at < len && (unsigned char)s[at] < 0x80) {
        at++;
    }
    return at;
}

static int is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* The size of the character of several bytes at s; 0 = it is not valid. */
static apr_size_t sequence_size(const unsigned char *s, apr_size_t left)
{
    unsigned char lead = s[0];
    unsigned char low = 0x80;
    unsigned char high = 0xbf;
    apr_size_t size;
    apr_size_t i;

    if (lead >= 0xc2 && lead <= 0xdf) {
        size = 2;
    }
    else if (lead >= 0xe0 && lead <= 0xef) {
        size = 3;
    }
    else if (lead >= 0xf0 && lead <= 0xf4) {
        size = 4;
    }
    else {
        return 0;
    }
    if (left < size) {
        return 0;
    }

    switch (lead) {
    case 0xe0: /* below: overlong */ low = 0xa0; break;
    case 0xed: /* above: surrogates */ high = 0x9f; break;
    case 0xf0: /* below: overlong */ low = 0x90; break;
    case 0xf4: /* above: no code points */ high = 0x8f; break;
    default: break;
    }
    if (s[1] < low || s[1] > high) {
        return 0;
    }
    for (i = 2; i < size; i++) {
        if (!is_continuation(s[i])) {
            return 0;
        }
    }
    return size;
}

apr_size_t es_utf8_check(es_slice_t text)
{
    apr_size_t at = 0;
    apr_size_t size;

    while (at < text.len) {
        if ((unsigned char)text.data[at] < 0x80) {
            at = skip_ascii(text.data, at, text.len);
            continue;
        }
        size =
            sequence_size((const unsigned char *)text.data + at, text.len - at);
        if (size == 0) {
            return at;
        }
        at += size;
    }
    return text.len;
}

int es_utf8_is_valid(es_slice_t text)
{
    return es_utf8_check(text) == text.len;
}

es_slice_t es_utf8_without_mark(es_slice_t text)
{
    static const char mark[] = "\xef\xbb\xbf";
    apr_size_t len = sizeof(mark) - 1;

    return text.len >= len && !memcmp(text.data, mark, len)
               ? es_slice(text.data + len, text.len - len)
               : text;
}

es_slice_t es_utf8_or_latin1(es_slice_t text, apr_pool_t *p)
{
    unsigned char c;
    apr_size_t i;
    char *utf8;
    char *at;

    if (es_utf8_is_valid(text)) {
        return text;
    }
    utf8 = apr_palloc(p, 2 * text.len);
    at = utf8;
    for (i = 0; i < text.len; i++) {
        c = (unsigned char)text.data[i];
        if (c < 0x80) {
            *at++ = (char)c;
        }
        else {
            *at++ = (char)(0xc0 | c >> 6);
            *at++ = (char)(0x80 | (c & 0x3f));
        }
    }
    return es_slice(utf8, (apr_size_t)(at - utf8));
}
