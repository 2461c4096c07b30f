/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     event: order\n         head, made before the lock
 *     id: 1700000000000-0\n  joined in es_frame_write, under the lock
 *     data: first line\n     tail, made before the lock
 *     data: second line\n
 *     retry: 3000\n
 *     \n
 *
 * Head and tail are measured first and then written into bytes of just that
 * size. The put functions write at a position and return the next one.
 */
#include "base/frame.h"

#include "base/decimal.h"
#include "base/json.h"
#include "base/lines.h"

/* The bytes of a string literal. */
#define TEXT(literal) es_slice(literal, sizeof(literal) - 1)

static char *put(char *at, es_slice_t bytes)
{
    if (bytes.len != 0) {
        memcpy(at, bytes.data, bytes.len);
    }
    return at + bytes.len;
}

static char *put_number(char *at, apr_int64_t number)
{
    return at + es_decimal_write(at, number > 0 ? (apr_uint64_t)number : 0);
}

static char *put_retry(char *at, apr_int64_t retry_ms)
{
    at = put(at, TEXT("retry: "));
    at = put_number(at, retry_ms);
    return put(at, TEXT("\n"));
}

static char *put_id(char *at, const es_id_t *id)
{
    char text[ES_ID_TEXT_SIZE];
    apr_size_t len = es_id_format(text, id);

    at = put(at, TEXT("id: "));
    at = put(at, es_slice(text, len));
    return put(at, TEXT("\n"));
}

static es_slice_t make_head(es_slice_t type, apr_pool_t *p)
{
    const es_slice_t name = TEXT("event: ");
    apr_size_t size = name.len + type.len + 1;
    char *head;
    char *at;

    if (type.len == 0) {
        return es_slice(NULL, 0);
    }
    head = apr_palloc(p, size);
    at = put(head, name);
    at = put(at, type);
    *at = '\n';
    return es_slice(head, size);
}

static apr_size_t tail_size(const es_event_t *event)
{
    es_lines_split_t split;
    es_slice_t line;
    apr_size_t size = 1; /* the blank line */

    es_lines_split_init(&split, event->data);
    while (es_lines_split_next(&split, &line)) {
        size += TEXT("data: ").len + line.len + 1;
    }
    if (event->retry_ms >= 0) {
        size += TEXT("retry: ").len + 1 +
                es_decimal_size((apr_uint64_t)event->retry_ms);
    }
    return size;
}

static es_slice_t make_tail(const es_event_t *event, apr_pool_t *p)
{
    apr_size_t size = tail_size(event);
    char *tail = apr_palloc(p, size);
    char *at = tail;
    es_lines_split_t split;
    es_slice_t line;

    es_lines_split_init(&split, event->data);
    while (es_lines_split_next(&split, &line)) {
        at = put(at, TEXT("data: "));
        at = put(at, line);
        *at++ = '\n';
    }
    if (event->retry_ms >= 0) {
        at = put_retry(at, event->retry_ms);
    }
    *at = '\n';
    return es_slice(tail, size);
}

void es_frame_make(es_frame_t *frame, const es_event_t *event, apr_pool_t *p)
{
    frame->head = make_head(event->type, p);
    frame->publisher_id = event->id;
    frame->tail = make_tail(event, p);
}

apr_size_t es_frame_size(const es_frame_t *frame, apr_size_t id_len)
{
    return frame->head.len + TEXT("id: ").len + id_len + 1 + frame->tail.len;
}

apr_size_t es_frame_write(char *dst, const es_frame_t *frame, es_slice_t id)
{
    char *at = put(dst, frame->head);
    char *id_at;

    id_at = put(at, TEXT("id: "));
    at = put(id_at, id);
    *at++ = '\n';
    put(at, frame->tail);
    return (apr_size_t)(id_at - dst);
}

int es_frame_equal(const es_frame_t *a, const es_frame_t *b)
{
    return es_slice_equal(a->head, b->head) &&
           es_slice_equal(a->publisher_id, b->publisher_id) &&
           es_slice_equal(a->tail, b->tail);
}

/* Take with off the front of rest. @return 0: rest does not begin with it */
static int begins(es_slice_t *rest, es_slice_t with)
{
    if (rest->len < with.len ||
        !es_slice_equal(es_slice(rest->data, with.len), with)) {
        return 0;
    }
    rest->data += with.len;
    rest->len -= with.len;
    return 1;
}

int es_frame_is(const es_frame_t *frame, es_slice_t written)
{
    return begins(&written, frame->head) && begins(&written, TEXT("id: ")) &&
           begins(&written, frame->publisher_id) &&
           begins(&written, TEXT("\n")) && es_slice_equal(written, frame->tail);
}

/* ---- control frames ---------------------------------------------------- */

apr_size_t es_frame_open(char dst[ES_FRAME_CONTROL_SIZE], apr_int64_t retry_ms,
                         const es_id_t *id)
{
    char *at = put(dst, TEXT("event: stream-open\n"));

    if (id != NULL) {
        at = put_id(at, id);
    }
    at = put(at, TEXT("data: \n"));
    at = put_retry(at, retry_ms);
    at = put(at, TEXT("\n"));
    return (apr_size_t)(at - dst);
}

apr_size_t es_frame_retry(char dst[ES_FRAME_CONTROL_SIZE], apr_int64_t retry_ms)
{
    return (apr_size_t)(put_retry(dst, retry_ms) - dst);
}

es_slice_t es_frame_keepalive(int as_comment)
{
    return as_comment ? TEXT(": keep-alive\n")
                      : TEXT("event: keep-alive\ndata: \n\n");
}

es_slice_t es_frame_reset(const es_id_t *id, const es_slice_t *channels,
                          int nchannels, apr_pool_t *p)
{
    const es_slice_t start = TEXT("event: stream-reset\n");
    const es_slice_t open = TEXT("data: {\"channels\":[");
    const es_slice_t close = TEXT("]}\n\n");
    apr_size_t room =
        start.len + ES_ID_TEXT_SIZE + TEXT("id: \n").len + open.len + close.len;
    char *frame;
    char *at;
    int i;

    for (i = 0; i < nchannels; i++) {
        room += es_json_string_room(channels[i].len) + TEXT(",").len;
    }
    frame = apr_palloc(p, room);
    if (frame == NULL) {
        return es_slice(NULL, 0);
    }
    at = put(frame, start);
    at = put_id(at, id);
    at = put(at, open);
    for (i = 0; i < nchannels; i++) {
        if (i > 0) {
            *at++ = ',';
        }
        at = es_json_string_put(at, channels[i]);
    }
    at = put(at, close);
    return es_slice(frame, (apr_size_t)(at - frame));
}

/* ---- chunks ------------------------------------------------------------ */

/* Hex digits of size, at least one. */
static apr_size_t digits_of(apr_size_t size)
{
    apr_size_t digits = 1;

    for (size >>= 4; size != 0; size >>= 4) {
        digits++;
    }
    return digits;
}

apr_size_t es_frame_chunk_head(char dst[ES_FRAME_CHUNK_HEAD_SIZE],
                               apr_size_t size)
{
    static const char hex[] = "0123456789abcdef";
    apr_size_t digits = digits_of(size);
    apr_size_t at;

    for (at = digits; at > 0; at--) {
        dst[at - 1] = hex[size & 0xf];
        size >>= 4;
    }
    dst[digits] = '\r';
    dst[digits + 1] = '\n';
    return digits + 2;
}

apr_size_t es_frame_chunk_head_size(apr_size_t size)
{
    return digits_of(size) + 2;
}

es_slice_t es_frame_chunk_tail(void)
{
    return es_slice("\r\n", ES_FRAME_CHUNK_TAIL_SIZE);
}

es_slice_t es_frame_chunk_last(void)
{
    return es_slice("0\r\n\r\n", 5);
}
