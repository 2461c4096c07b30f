/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream as eventstream-tail reads it. The first byte is the size of the
 * pieces in which it arrives: the events are the same in any pieces, and those
 * of the reader of whole texts. What is printed of them has no control
 * characters but the ends of lines and tabs that are ours.
 */
#include "fuzz_event.h"

#include "tools/output.c"
#include "tools/stream.c"

/* of tools/options.c, which has the main program's */
void et_options_complain(const char *format, ...)
{
    (void)format;
}

typedef struct sum_t {
    uint64_t hash; /* FNV-1a */
    int events;
} sum_t;

static void add(sum_t *sum, es_slice_t bytes)
{
    apr_size_t i;

    for (i = 0; i < bytes.len; i++) {
        sum->hash = (sum->hash ^ (unsigned char)bytes.data[i]) * 1099511628211u;
    }
    sum->hash = (sum->hash ^ 0x100) * 1099511628211u;
}

static void check_printed(es_slice_t text, apr_pool_t *p)
{
    const char *at = et_output_escape(fuzz_exact(text, p), p);

    PROMISE(strlen(at) >= text.len);
    for (; *at; at++) {
        PROMISE((unsigned char)*at >= 0x20 && *at != 0x7f);
        PROMISE((unsigned char)at[0] != 0xc2 ||
                ((unsigned char)at[1] & 0xe0) != 0x80);
    }
}

static int on_event(void *data, const es_event_t *event, es_slice_t id,
                    apr_pool_t *p)
{
    sum_t *sum = data;

    sum->events++;
    add(sum, event->type);
    add(sum, event->data);
    add(sum, id);
    check_printed(event->data, p);
    check_printed(event->type, p);
    return 1;
}

static apr_int64_t read_in(es_slice_t text, apr_size_t piece, sum_t *sum,
                           apr_pool_t *p)
{
    et_stream_t stream;
    apr_size_t at, n;

    sum->hash = 14695981039346656037u;
    et_stream_init(&stream, "0", on_event, sum, p);
    et_stream_begin(&stream);
    for (at = 0; at < text.len; at += n) {
        n = text.len - at < piece ? text.len - at : piece;
        PROMISE(et_stream_add(&stream, fuzz_exact(es_slice(text.data + at, n),
                                                  p)) == APR_SUCCESS);
    }
    add(sum, es_buf_slice(&stream.last_id));
    PROMISE(!es_slice_has(es_buf_slice(&stream.last_id), '\0'));
    PROMISE(stream.wait_ms >= 0);
    return stream.wait_ms;
}

FUZZ(text, p)
{
    const apr_array_header_t *events;
    sum_t pieces = {0, 0}, whole = {0, 0};
    apr_size_t piece;

    if (text.len < 2 || text.len > 65536) {
        return;
    }
    piece = (unsigned char)text.data[0] % 31 + 1;
    text = fuzz_exact(es_slice(text.data + 1, text.len - 1), p);
    PROMISE(read_in(text, piece, &pieces, p) ==
            read_in(text, text.len, &whole, p));
    PROMISE(pieces.hash == whole.hash && pieces.events == whole.events);
    if (!es_slice_has(text, '\r') &&
        es_sse_text_read(&events, text, p) == NULL) {
        PROMISE(events->nelts == whole.events);
    }
}
