/* SPDX-License-Identifier: Apache-2.0 */
/* Items are appended to a body whose end always has space reserved, so that a
 * body that is full can still be finished. */
#include "grip/item.h"

#include "base/json.h"
#include "base/query.h"
#include "base/utf8.h"

#include <apr_base64.h>

#define TEXT(literal) es_slice(literal, sizeof(literal) - 1)

/* The end of a body, for which space is reserved. */
#define END TEXT("]}")

static char *put(char *at, es_slice_t bytes)
{
    if (bytes.len != 0) {
        memcpy(at, bytes.data, bytes.len);
    }
    return at + bytes.len;
}

/* ---- channels ---------------------------------------------------------- */

static int is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c != '\0' && strchr("-_.!~*'()", c));
}

es_slice_t es_grip_channel(const char *prefix, es_slice_t name, apr_pool_t *p)
{
    static const char hex[] = "0123456789ABCDEF";
    apr_size_t len = strlen(prefix), i;
    char *channel = apr_palloc(p, len + name.len * 3 + 1);
    char *at = channel + len;

    memcpy(channel, prefix, len);
    for (i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];

        if (is_plain(c)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = hex[c >> 4];
        *at++ = hex[c & 0xf];
    }
    *at = '\0';
    return es_slice(channel, (apr_size_t)(at - channel));
}

es_slice_t es_grip_channel_name(const char *prefix, es_slice_t channel,
                                apr_pool_t *p)
{
    es_slice_t head = es_slice_of(prefix);

    if (channel.len > head.len &&
        es_slice_equal(es_slice(channel.data, head.len), head)) {
        channel = es_slice(channel.data + head.len, channel.len - head.len);
    }
    return es_query_decode_percent(channel, p);
}

/* ---- build-id ---------------------------------------------------------- */

/* The x of "%(x)I" is written to *to; at is after the "%(".
 * @return where it goes on after the I; NULL: it has no end */
static const char *put_quoted(char **to, const char *at, const char *end)
{
    for (; at < end && *at != ')'; at++) {
        if (*at == '\\' && at + 1 < end) {
            at++;
        }
        *(*to)++ = *at;
    }
    return end - at >= 2 && at[1] == 'I' ? at + 2 : NULL;
}

const char *es_grip_build_id(es_slice_t *text, apr_pool_t *p)
{
    const char *at = text->data, *end = text->data + text->len;
    char *bytes, *to;

    if (!es_slice_has(*text, '%')) {
        return NULL;
    }
    bytes = to = apr_palloc(p, text->len);
    while (at < end) {
        char next = at + 1 < end ? at[1] : '\0';

        if (*at != '%' || next == '%') {
            *to++ = *at;
            at += *at == '%' ? 2 : 1;
            continue;
        }
        if (next == 'I') {
            return "'%I' may only be a whole id";
        }
        at = next == '(' ? put_quoted(&to, at + 2, end) : NULL;
        if (at == NULL) {
            return "a '%' must begin '%%', '%I' or '%(text)I'";
        }
    }
    *text = es_slice(bytes, (apr_size_t)(to - bytes));
    return NULL;
}

/* ---- formats ----------------------------------------------------------- */

static es_slice_t send_text(es_slice_t frame, apr_pool_t *p)
{
    const es_slice_t open = TEXT("{\"http-stream\":{\"content\":");
    const es_slice_t close = TEXT("}}");
    char *format =
        apr_palloc(p, open.len + es_json_string_room(frame.len) + close.len);
    char *at = put(format, open);

    at = es_json_string_put(at, frame);
    at = put(at, close);
    return es_slice(format, (apr_size_t)(at - format));
}

static es_slice_t send_bytes(es_slice_t frame, apr_pool_t *p)
{
    const es_slice_t open = TEXT("{\"http-stream\":{\"content-bin\":\"");
    const es_slice_t close = TEXT("\"}}");
    /* apr's lengths include a NUL, which close overwrites */
    int room = apr_base64_encode_len((int)frame.len);
    char *format = apr_palloc(p, open.len + (apr_size_t)room + close.len);
    char *at = put(format, open);

    at += apr_base64_encode_binary(at, (const unsigned char *)frame.data,
                                   (int)frame.len) -
          1;
    at = put(at, close);
    return es_slice(format, (apr_size_t)(at - format));
}

es_slice_t es_grip_item_send(es_slice_t frame, apr_pool_t *p)
{
    return es_utf8_is_valid(frame) ? send_text(frame, p) : send_bytes(frame, p);
}

es_slice_t es_grip_item_close(void)
{
    return TEXT("{\"http-stream\":{\"action\":\"close\",\"content\":\"\"}}");
}

/* ---- the body ---------------------------------------------------------- */

#define PIECES_MAX 12

typedef struct pieces_t {
    es_slice_t all[PIECES_MAX];
    int count;
    apr_size_t size; /* of all */
} pieces_t;

static void add(pieces_t *pieces, es_slice_t bytes)
{
    pieces->all[pieces->count++] = bytes;
    pieces->size += bytes.len;
}

/* Ids are digits and '-', and need no escaping; a channel's prefix may be any
 * text. */
static void split(pieces_t *pieces, const es_grip_item_t *item,
                  es_slice_t channel, int is_first)
{
    pieces->count = 0;
    pieces->size = 0;
    add(pieces, is_first ? TEXT("{\"items\":[{") : TEXT(",{"));
    if (item->id.len != 0) {
        add(pieces, TEXT("\"id\":\""));
        add(pieces, item->id);
        add(pieces, TEXT("\",\"prev-id\":\""));
        add(pieces, item->prev_id);
        add(pieces, TEXT("\","));
    }
    add(pieces, TEXT("\"formats\":"));
    add(pieces, item->format);
    add(pieces, TEXT(",\"channel\":"));
    add(pieces, channel);
    add(pieces, TEXT("}"));
}

int es_grip_item_add(es_buf_t *body, const es_grip_item_t *item)
{
    const char *channel = es_json_string(item->channel, body->pool);
    apr_size_t room = body->max - body->len;
    pieces_t pieces;
    int i;

    split(&pieces, item, es_slice_of(channel), body->len == 0);
    if (room < END.len || pieces.size > room - END.len) {
        return 0;
    }
    for (i = 0; i < pieces.count; i++) {
        es_buf_add(body, pieces.all[i]);
    }
    return 1;
}

void es_grip_item_finish(es_buf_t *body)
{
    es_buf_add(body, END);
}
