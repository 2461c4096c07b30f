/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     --boundary CR LF  headers  CR LF CR LF  value  CR LF --boundary ... --
 *
 * The bytes of a name or a value that mean something in a web form become %HH;
 * all others stay, also NUL and bytes that are no UTF-8. Text before the first
 * boundary and after the last one is ignored, RFC 2046.
 */
#include "http/body_formats.h"

#include <apr_strings.h>

#include "base/channel.h"
#include "base/media_type.h"

#define LINE_END 2 /* bytes of CR LF */

typedef struct parts_t {
    es_slice_t rest;     /* not read yet */
    es_slice_t boundary; /* with "--" before it */
    int number;          /* of the part, from 1 */
    apr_pool_t *p;
    es_problem_t *why;
} parts_t;

static int malformed(const parts_t *parts, const char *reason)
{
    return es_problem_set(parts->why, parts->p, 400,
                          "Multipart form, part %d: %s.", parts->number,
                          reason);
}

static void drop(es_slice_t *text, apr_size_t len)
{
    *text = es_slice(text->data + len, text->len - len);
}

static int starts_with(es_slice_t text, es_slice_t start)
{
    return text.len >= start.len &&
           es_slice_equal(es_slice(text.data, start.len), start);
}

/* The offset of the next CR LF, or text.len. */
static apr_size_t find_line_end(es_slice_t text)
{
    const char *end = text.data + text.len;
    const char *at = text.data;

    while (at != end) {
        at = memchr(at, '\r', (apr_size_t)(end - at));
        if (!at) {
            return text.len;
        }
        if (end - at >= LINE_END && at[1] == '\n') {
            break;
        }
        at++;
    }
    return (apr_size_t)(at - text.data);
}

/* ---- Delimiters -------------------------------------------------------- */

/* The end of the line that begins with the boundary, or of "--boundary--".
 * @return its length; 0 = text does not start with such a line */
static apr_size_t delimiter(const parts_t *parts, es_slice_t text, int *is_last)
{
    apr_size_t len = parts->boundary.len;

    if (!starts_with(text, parts->boundary)) {
        return 0;
    }
    drop(&text, len);
    *is_last = starts_with(text, es_slice_of("--"));
    if (*is_last) {
        return len + 2;
    }
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        drop(&text, 1);
        len++;
    }
    return starts_with(text, es_slice_of("\r\n")) ? len + LINE_END : 0;
}

/* Take off all up to the next delimiter, and the delimiter.
 * @return 1, or 0: there is no other one */
static int take_part(parts_t *parts, es_slice_t *part, int *is_last)
{
    es_slice_t all = parts->rest;
    es_slice_t at = all;
    apr_size_t len = 0;

    while (len == 0) {
        drop(&at, find_line_end(at));
        if (at.len == 0) {
            return 0;
        }
        *part = es_slice(all.data, all.len - at.len);
        drop(&at, LINE_END);
        len = delimiter(parts, at, is_last);
    }
    drop(&at, len);
    parts->rest = at;
    return 1;
}

/* Read up to the first part. */
static int take_preamble(parts_t *parts, int *is_last)
{
    apr_size_t len = delimiter(parts, parts->rest, is_last);
    es_slice_t preamble;

    if (len != 0) {
        drop(&parts->rest, len);
        return 1;
    }
    return take_part(parts, &preamble, is_last) ||
           es_problem_set(parts->why, parts->p, 400,
                          "Multipart form: the boundary of the Content-Type is "
                          "not in the body.");
}

/* ---- A part ------------------------------------------------------------ */

/* Take a line off, without its CR LF. @return 1, or 0: there is none */
static int take_line(es_slice_t *line, es_slice_t *text)
{
    apr_size_t len = find_line_end(*text);

    if (len == text->len) {
        return 0;
    }
    *line = es_slice(text->data, len);
    drop(text, len + LINE_END);
    return 1;
}

/* If line is the header, its value. */
static int is_header(es_slice_t *value, es_slice_t line, const char *name)
{
    apr_size_t len = strlen(name);

    if (line.len <= len || line.data[len] != ':' ||
        !es_media_type_is(es_slice(line.data, len), name)) {
        return 0;
    }
    drop(&line, len + 1);
    *value = es_channel_trim(line);
    return 1;
}

static int is_plain(es_slice_t encoding)
{
    return es_media_type_is(encoding, "7bit") ||
           es_media_type_is(encoding, "8bit") ||
           es_media_type_is(encoding, "binary");
}

/* Take the headers off the part. */
static int take_headers(const parts_t *parts, es_slice_t *part,
                        es_slice_t *name)
{
    es_slice_t line, value, charset = {NULL, 0};
    int has_name = 0;

    for (;;) {
        if (!take_line(&line, part)) {
            return malformed(parts, "no empty line after its headers");
        }
        if (line.len == 0) {
            break;
        }
        if (is_header(&value, line, "content-disposition")) {
            has_name = es_media_type_param(name, value, "name", parts->p);
        }
        else if (is_header(&value, line, "content-type")) {
            (void)es_media_type_param(&charset, value, "charset", parts->p);
        }
        else if (is_header(&value, line, "content-transfer-encoding") &&
                 !is_plain(value)) {
            (void)malformed(parts, "it must be sent without "
                                   "Content-Transfer-Encoding");
            parts->why->status = 415;
            return 0;
        }
    }
    if (!has_name) {
        return malformed(parts, "no name in its Content-Disposition");
    }
    return es_body_type_check_charset(charset, *part, parts->p, parts->why);
}

/* ---- The form ---------------------------------------------------------- */

static int has_meaning(char c)
{
    return c == '%' || c == '&' || c == '+' || c == '=';
}

/* Bytes that the form takes at most. "=" and "&" of a field are less than the
 * headers of its part. */
static apr_size_t room_for(es_slice_t body)
{
    apr_size_t room = body.len;
    apr_size_t i;

    for (i = 0; i < body.len; i++) {
        room += has_meaning(body.data[i]) ? 2 : 0;
    }
    return room;
}

static char *put(char *at, es_slice_t text)
{
    static const char digits[] = "0123456789ABCDEF";
    apr_size_t i;

    for (i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (has_meaning(text.data[i])) {
            *at++ = '%';
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
        else {
            *at++ = text.data[i];
        }
    }
    return at;
}

static char *put_field(char *at, es_slice_t name, es_slice_t value)
{
    at = put(at, name);
    *at++ = '=';
    at = put(at, value);
    *at++ = '&';
    return at;
}

int es_body_multipart(es_slice_t *form, es_slice_t body, es_slice_t boundary,
                      apr_pool_t *p, es_problem_t *why)
{
    parts_t parts = {body, boundary, 1, p, why};
    es_slice_t part, name;
    char *start, *at;
    int is_last;

    parts.boundary = es_slice_of(apr_pstrcat(
        p, "--", apr_pstrmemdup(p, boundary.data, boundary.len), NULL));
    if (!take_preamble(&parts, &is_last)) {
        return 0;
    }
    start = at = apr_palloc(p, room_for(body));
    for (; !is_last; parts.number++) {
        if (!take_part(&parts, &part, &is_last)) {
            return malformed(&parts, "it has no boundary at its end");
        }
        if (!take_headers(&parts, &part, &name)) {
            return 0;
        }
        at = put_field(at, name, part);
    }
    *form = es_slice(start, (apr_size_t)(at - start));
    return 1;
}
