/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients send stands in the lines of EventStreamLog, within quotes. No
 * value ends its quotes or its line; as JSON it is read as what was sent. The
 * first byte is the room, the rest a value, a user agent or a channel.
 */
#include "fuzz.h"

#include <jansson.h>

#include "deliver/stream_line.h"

#define ROOM 300

/* What a JSON reader makes of the line's value. */
static void check_json(es_slice_t value, es_slice_t escaped, int is_whole,
                       apr_pool_t *p)
{
    char *text = fuzz_alloc(escaped.len + 2, p);
    es_slice_t wanted = es_utf8_or_latin1(value, p), read;
    json_t *json;

    text[0] = text[escaped.len + 1] = '"';
    if (escaped.len > 0) {
        memcpy(text + 1, escaped.data, escaped.len);
    }
    json = json_loadb(text, escaped.len + 2, JSON_DECODE_ANY | JSON_ALLOW_NUL,
                      NULL);
    PROMISE(json_is_string(json));
    read = es_slice(json_string_value(json), json_string_length(json));
    PROMISE(read.len <= wanted.len);
    PROMISE(read.len == 0 || memcmp(read.data, wanted.data, read.len) == 0);
    PROMISE(!is_whole || read.len == wanted.len);
    json_decref(json);
}

static void check_quoted(es_slice_t escaped)
{
    apr_size_t i;

    for (i = 0; i < escaped.len; i++) {
        PROMISE((unsigned char)escaped.data[i] >= 0x20);
        PROMISE(escaped.data[i] != '"');
        i += escaped.data[i] == '\\';
    }
    PROMISE(i == escaped.len); /* no backslash for what follows */
}

static void escape(es_slice_t value, apr_size_t room, int is_json,
                   apr_pool_t *p)
{
    char *out = fuzz_alloc(room, p);
    apr_size_t len = es_stream_line_escape(out, room, value, is_json);

    PROMISE(len <= room);
    check_quoted(es_slice(out, len));
    if (is_json) {
        check_json(value, es_slice(out, len), room >= 6 * value.len, p);
    }
}

/* A mark that came with a value would be replaced. */
static void complete(es_slice_t value, int is_json, apr_pool_t *p)
{
    static const char marks[] = {ES_MARK_CHANNELS_JSON, ES_MARK_BYTES,
                                 ES_MARK_EVENTS,        ES_MARK_SECONDS,
                                 ES_MARK_LAST_ID,       ES_MARK_REASON};
    char text[6 * ROOM + sizeof(marks)], *out;
    apr_size_t len = es_stream_line_escape(text, 6 * ROOM, value, is_json);
    es_stream_end_t end = {0};
    es_stream_line_t *line;

    memcpy(text + len, marks, sizeof(marks));
    line = es_stream_line_create(es_slice(text, len + sizeof(marks)), 0);
    end.channels = &value;
    end.nchannels = 1;
    out = fuzz_alloc(ES_STREAM_LINE_ROOM, p);
    len = es_stream_line_complete(line, &end, out);
    PROMISE(len <= ES_STREAM_LINE_ROOM && out[len - 1] == '\n');
    while (len-- > 1) {
        PROMISE((unsigned char)out[len - 1] >= 0x20);
    }
    free(line);
}

FUZZ(text, p)
{
    apr_size_t room;
    int is_json;

    if (text.len == 0 || text.len > ROOM) {
        return;
    }
    room = (unsigned char)text.data[0] * 8;
    text = fuzz_exact(es_slice(text.data + 1, text.len - 1), p);
    for (is_json = 0; is_json < 2; is_json++) {
        escape(text, room, is_json, p);
        complete(text, is_json, p);
    }
}
