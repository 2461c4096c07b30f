/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A handshake message, whose first byte is its type. What is found is an
 * extension that a plain reading of RFC 8446 4.1.2 finds, too; the messages of
 * a client say nothing of a server, nor the other way round.
 */
#include "fuzz.h"

#include "tls/hello.h"
#include "tls/session.h"

/* Bytes are taken off, and none are left after the first that is missing. */
static unsigned int take(es_slice_t *rest, apr_size_t bytes)
{
    unsigned int number = 0;

    if (rest->len < bytes) {
        rest->len = 0;
        return 0;
    }
    for (; bytes > 0; bytes--) {
        number = number << 8 | (unsigned char)rest->data[0];
        *rest = es_slice(rest->data + 1, rest->len - 1);
    }
    return number & 0xffff;
}

static void skip(es_slice_t *rest, apr_size_t bytes)
{
    bytes = bytes < rest->len ? bytes : rest->len;
    *rest = es_slice(rest->data + bytes, rest->len - bytes);
}

/* @return the content of the extension, up to the end; data NULL = none */
static es_slice_t find(es_slice_t rest, unsigned int type, int kind)
{
    skip(&rest, 4);
    if (kind != 8) {
        skip(&rest, 34);
        skip(&rest, take(&rest, 1));
    }
    if (kind == 1) {
        skip(&rest, take(&rest, 2));
        skip(&rest, take(&rest, 1));
    }
    skip(&rest, kind == 2 ? 3 : 0);
    skip(&rest, 2);
    while (rest.len >= 4) {
        unsigned int found = take(&rest, 2), len = take(&rest, 2);

        if (found == type) {
            return rest;
        }
        skip(&rest, len);
    }
    return es_slice(NULL, 0);
}

FUZZ(text, p)
{
    const unsigned char *bytes = (const unsigned char *)text.data;
    int kind = text.len > 0 ? bytes[0] : 0;
    apr_size_t limit = es_tls_hello_limit(bytes, text.len), wanted = 0;
    int is_known = kind == 1 || kind == 2 || kind == 8;
    es_slice_t content = find(text, 28, kind);
    int is_agreed = is_known && content.data != NULL;

    (void)p;
    if (kind == 1 && content.data != NULL && content.len >= 2) {
        wanted = take(&content, 2);
    }
    PROMISE(limit == wanted && limit <= 65535);
    is_known = is_known && find(text, 1, kind).data != NULL;
    PROMISE(es_tls_hello_is_limited(bytes, text.len, ES_TLS_PLAIN_MAX + 1) ==
            is_known);
    PROMISE(es_tls_hello_is_limited(bytes, text.len, 512) ==
            (is_known || is_agreed));
}
