/* SPDX-License-Identifier: Apache-2.0 */
/* The validator of UTF-8, compared with a slow decoder (RFC 3629). */
#include "fuzz.h"

/* @return the length of the character at the start, 0 = none */
static apr_size_t character(const unsigned char *at, apr_size_t left)
{
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned long code = at[0];
    apr_size_t len, i;

    if (code < 0x80) {
        return 1;
    }
    len = code >= 0xf0 ? 4 : code >= 0xe0 ? 3 : 2;
    if (code < 0xc0 || code >= 0xf8 || len > left) {
        return 0;
    }
    code &= 0x7ful >> len;
    for (i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (at[i] & 0x3f);
    }
    return code < least[len] || code > 0x10ffff ||
                   (code >= 0xd800 && code <= 0xdfff)
               ? 0
               : len;
}

FUZZ(text, p)
{
    apr_size_t at = 0, len = 1;

    (void)p;
    while (at < text.len && len > 0) {
        len = character((const unsigned char *)text.data + at, text.len - at);
        at += len;
    }
    PROMISE(es_utf8_is_valid(text) == (at == text.len));
}
