/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is completed in an array on the stack. Each mark has a bound, and the
 * rest of a text that has no room is left out, so the line always ends with its
 * LF.
 */
#include "deliver/stream_line.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "base/line_queue.h"
#include "base/utf8.h"

typedef char assert_room[ES_STREAM_LINE_ROOM == ES_LINE_QUEUE_LINE ? 1 : -1];

static const char *const reasons[ES_ENDS] = {
    "error", "client", "timeout", "lifetime", "channel",  "overtaken",
    "limit", "turn",   "keys",    "handover", "shutdown", "revoked",
};

/* The bytes of a line so far. */
typedef struct out_t {
    char *at;
    char *end;
} out_t;

static es_stream_line_t *create(const char *text, apr_size_t len)
{
    es_stream_line_t *line = malloc(sizeof(*line) + len);

    if (line != NULL) {
        memset(line, 0, sizeof(*line));
        memcpy(line->text, text, len);
        line->len = (apr_uint32_t)len;
    }
    return line;
}

es_stream_line_t *es_stream_line_create(es_slice_t text, apr_time_t now)
{
    es_stream_line_t *line =
        create(text.data,
               text.len < ES_STREAM_LINE_MAX ? text.len : ES_STREAM_LINE_MAX);

    if (line != NULL) {
        line->began = now;
    }
    return line;
}

es_stream_line_t *es_stream_line_copy(const es_stream_line_t *line)
{
    es_stream_line_t *copy = create(line->text, line->len);

    if (copy != NULL) {
        copy->bytes = line->bytes;
        copy->events = line->events;
        copy->began = line->began;
    }
    return copy;
}

/* ---- escaping ----------------------------------------------------------- */

/* @return the length of what stands for the byte in escaped */
static apr_size_t escape_byte(char *escaped, unsigned char byte, int is_json,
                              int is_utf8)
{
    static const char digits[] = "0123456789abcdef";
    apr_size_t len = 0;

    if (byte == '"' || byte == '\\') {
        escaped[len++] = '\\';
        escaped[len++] = (char)byte;
    }
    else if ((byte >= 0x20 && byte < 0x7f) ||
             (byte >= 0x80 && is_json && is_utf8)) {
        escaped[len++] = (char)byte;
    }
    else {
        escaped[len++] = '\\';
        escaped[len++] = is_json ? 'u' : 'x';
        if (is_json) {
            escaped[len++] = '0';
            escaped[len++] = '0';
        }
        escaped[len++] = digits[byte >> 4];
        escaped[len++] = digits[byte & 15];
    }
    return len;
}

/* Whole characters of UTF-8 that fit into room. */
static apr_size_t whole(es_slice_t value, apr_size_t i, apr_size_t room)
{
    apr_size_t n = 1;

    while (i + n < value.len &&
           ((unsigned char)value.data[i + n] & 0xc0) == 0x80) {
        n++;
    }
    return n <= room;
}

apr_size_t es_stream_line_escape(char *out, apr_size_t room, es_slice_t value,
                                 int is_json)
{
    int is_utf8 = es_utf8_is_valid(value);
    apr_size_t used = 0, len, i;
    char escaped[6];

    for (i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.data[i];

        len = escape_byte(escaped, byte, is_json, is_utf8);
        if (len > room - used ||
            (len == 1 && byte >= 0xc0 && !whole(value, i, room - used))) {
            break;
        }
        memcpy(out + used, escaped, len);
        used += len;
    }
    return used;
}

/* ---- the end ------------------------------------------------------------ */

static void put(out_t *out, const char *text, apr_size_t len)
{
    apr_size_t room = (apr_size_t)(out->end - out->at);

    len = len < room ? len : room;
    memcpy(out->at, text, len);
    out->at += len;
}

static void put_number(out_t *out, const char *format, ...)
{
    char text[64];
    va_list args;
    int len;

    va_start(args, format);
    len = apr_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(out, text, (apr_size_t)len);
}

static void put_channels(out_t *out, const es_stream_end_t *end, int is_json)
{
    const char *quote = is_json ? "\"" : "";
    char *from = out->at;
    int i;

    for (i = 0; i < end->nchannels; i++) {
        apr_size_t used = (apr_size_t)(out->at - from);
        char name[6 * 255];
        apr_size_t len = es_stream_line_escape(name, sizeof(name),
                                               end->channels[i], is_json);

        if (used + len + 3 > ES_STREAM_LINE_CHANNELS_MAX) {
            break;
        }
        put(out, ",", i > 0);
        put(out, quote, strlen(quote));
        put(out, name, len);
        put(out, quote, strlen(quote));
    }
    if (i < end->nchannels || end->is_cut) {
        put(out, ",", i > 0);
        put(out, quote, strlen(quote));
        put(out, "...", 3);
        put(out, quote, strlen(quote));
    }
}

static void put_last_id(out_t *out, const es_id_t *id)
{
    char text[ES_ID_TEXT_SIZE];

    if (id->ms == 0 && id->n == 0) {
        put(out, "-", 1);
    }
    else {
        put(out, text, es_id_format(text, id));
    }
}

static void put_mark(out_t *out, int mark, const es_stream_line_t *line,
                     const es_stream_end_t *end)
{
    apr_time_t took = end->at > line->began ? end->at - line->began : 0;

    switch (mark) {
    case ES_MARK_CHANNELS: put_channels(out, end, 0); break;
    case ES_MARK_CHANNELS_JSON: put_channels(out, end, 1); break;
    case ES_MARK_BYTES:
        put_number(out, "%" APR_UINT64_T_FMT, line->bytes);
        break;
    case ES_MARK_EVENTS:
        put_number(out, "%" APR_UINT64_T_FMT, line->events);
        break;
    case ES_MARK_SECONDS:
        put_number(out, "%" APR_TIME_T_FMT ".%03d", apr_time_sec(took),
                   (int)(apr_time_usec(took) / 1000));
        break;
    case ES_MARK_LAST_ID: put_last_id(out, &end->last_id); break;
    case ES_MARK_REASON:
        put(out, reasons[end->why], strlen(reasons[end->why]));
        break;
    default: break;
    }
}

apr_size_t es_stream_line_complete(const es_stream_line_t *line,
                                   const es_stream_end_t *end, char *out)
{
    out_t to = {out, out + ES_STREAM_LINE_ROOM - 1};
    apr_uint32_t i;

    for (i = 0; i < line->len; i++) {
        unsigned char byte = (unsigned char)line->text[i];

        if (byte < ES_MARKS) {
            put_mark(&to, byte, line, end);
        }
        else if (byte != '\n') {
            put(&to, &line->text[i], 1);
        }
    }
    *to.at++ = '\n';
    return (apr_size_t)(to.at - out);
}

void es_stream_line_log(const es_stream_line_t *line,
                        const es_stream_end_t *end)
{
    char text[ES_STREAM_LINE_ROOM];

    es_line_queue_add(text, es_stream_line_complete(line, end, text));
}
