/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     ID <tab> TYPE <tab> DATA            as it is
 *     TIME <tab> ... <tab> URL <tab> ...  with --time, and with several streams
 */
#include "tools/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_time.h>
#include <jansson.h>

#include "base/utf8.h"

#define TIME_SIZE 40

static char *escape_one(char *to, unsigned char c)
{
    static const char from[] = "\n\r\t\\", letters[] = "nrt\\";
    const char *found = c ? strchr(from, c) : NULL;

    if (found) {
        *to++ = '\\';
        *to++ = letters[found - from];
        return to;
    }
    if (c < ' ' || c == 0x7f) {
        return to + snprintf(to, 5, "\\x%02x", c);
    }
    *to++ = (char)c;
    return to;
}

/* U+0080 to U+009F in UTF-8; to a terminal U+009B is what ESC [ is. */
static int is_c1(es_slice_t text)
{
    return text.len >= 2 && (unsigned char)text.data[0] == 0xc2 &&
           ((unsigned char)text.data[1] & 0xe0) == 0x80;
}

const char *et_output_escape(es_slice_t text, apr_pool_t *p)
{
    char *to, *start = apr_palloc(p, text.len * 4 + 1);
    apr_size_t i;

    for (i = 0, to = start; i < text.len; i++) {
        if (is_c1(es_slice(text.data + i, text.len - i))) {
            to +=
                snprintf(to, 9, "\\xc2\\x%02x", (unsigned char)text.data[++i]);
        }
        else {
            to = escape_one(to, (unsigned char)text.data[i]);
        }
    }
    *to = '\0';
    return start;
}

/* 2026-11-29T20:15:24.123+0000 */
static const char *now_text(apr_pool_t *p)
{
    apr_time_exp_t now;
    char text[TIME_SIZE];
    apr_size_t len;

    apr_time_exp_lt(&now, apr_time_now());
    apr_strftime(text, &len, sizeof(text), "%Y-%m-%dT%H:%M:%S", &now);
    return apr_psprintf(p, "%s.%03d%c%02d%02d", text, now.tm_usec / 1000,
                        now.tm_gmtoff < 0 ? '-' : '+',
                        abs(now.tm_gmtoff) / 3600,
                        abs(now.tm_gmtoff) / 60 % 60);
}

static void print_json(const char *time, const char *url,
                       const es_event_t *event, es_slice_t id, apr_pool_t *p)
{
    es_slice_t type = es_utf8_or_latin1(event->type, p);
    es_slice_t data = es_utf8_or_latin1(event->data, p);
    json_t *object;

    id = es_utf8_or_latin1(id, p);
    object = json_pack("{s:s%, s:s%, s:s%}", "event",
                       type.len ? type.data : "message",
                       type.len ? (size_t)type.len : strlen("message"), "id",
                       id.len ? id.data : "", (size_t)id.len, "data",
                       data.len ? data.data : "", (size_t)data.len);
    if (url) {
        json_object_set_new(object, "url", json_string(url));
    }
    if (time) {
        json_object_set_new(object, "time", json_string(time));
    }
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

static void print_fields(const char *time, const char *url,
                         const es_event_t *event, es_slice_t id, apr_pool_t *p)
{
    if (time) {
        printf("%s\t", time);
    }
    if (url) {
        printf("%s\t", url);
    }
    printf("%s\t%s\t%s\n", et_output_escape(id, p),
           event->type.len ? et_output_escape(event->type, p) : "message",
           et_output_escape(event->data, p));
}

/* As it is for a program, but not for a terminal, which acts on some bytes. */
static void print_data(const char *time, const es_event_t *event, apr_pool_t *p)
{
    if (time) {
        printf("%s\t", time);
    }
    if (isatty(STDOUT_FILENO)) {
        fputs(et_output_escape(event->data, p), stdout);
    }
    else {
        fwrite(event->data.data, 1, event->data.len, stdout);
    }
    putchar('\n');
}

int et_output_flush(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return 1;
    }
    et_options_complain("cannot write the output: %s", strerror(errno));
    return 0;
}

int et_output_event(const et_options_t *options, const char *url,
                    const es_event_t *event, es_slice_t id, apr_pool_t *p)
{
    const char *time = options->has_time ? now_text(p) : NULL;

    switch (options->form) {
    case ET_DATA: print_data(time, event, p); break;
    case ET_JSON: print_json(time, url, event, id, p); break;
    default: print_fields(time, url, event, id, p); break;
    }
    return et_output_flush();
}
