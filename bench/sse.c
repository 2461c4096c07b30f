/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event that is complete in the bytes fed, the usual case, is parsed in
 * place. An incomplete one is copied to rest, and the next bytes
 * are appended to it.
 */
#include "bench/sse.h"

#include <string.h>

#define MAX_EVENT (1024 * 1024)

#define FIELD_IS(line, len, name) \
    ((len) == sizeof(name) - 1 && memcmp((line), (name), (len)) == 0)

/* retry: and a comment are about the stream, and need no blank line. */
static int stands_alone(const char *line, const char *eol)
{
    const char retry[] = "retry:";

    return *line == ':' || ((size_t)(eol - line) >= sizeof(retry) - 1 &&
                            memcmp(line, retry, sizeof(retry) - 1) == 0);
}

/* Returns the length of the first event with its blank line, or of a line that
 * stands alone in front of it; 0: incomplete. */
static size_t event_len(const char *bytes, size_t len)
{
    const char *end = bytes + len;
    const char *line = bytes;
    const char *eol;

    for (;;) {
        eol = memchr(line, '\n', (size_t)(end - line));
        if (eol == NULL) {
            return 0;
        }
        if (line == bytes && stands_alone(line, eol)) {
            return (size_t)(eol + 1 - bytes);
        }
        if (eol == line || (eol == line + 1 && *line == '\r')) {
            return (size_t)(eol + 1 - bytes);
        }
        line = eol + 1;
    }
}

/* Moves a further data line up behind those before it, with an LF between. */
static void add_data(eb_sse_event_t *event, char *value, size_t len)
{
    char *end;

    if (event->data == NULL) {
        event->data = value;
        event->data_len = len;
        return;
    }
    end = (char *)event->data + event->data_len;
    *end = '\n';
    memmove(end + 1, value, len);
    event->data_len += len + 1;
}

static void read_line(eb_sse_event_t *event, char *line, size_t len)
{
    size_t name_len;
    char *value;
    char *colon;

    colon = memchr(line, ':', len);
    name_len = colon != NULL ? (size_t)(colon - line) : len;
    value = colon != NULL ? colon + 1 : line + len;
    if (value < line + len && *value == ' ') {
        value++;
    }
    len -= (size_t)(value - line);

    if (FIELD_IS(line, name_len, "data")) {
        add_data(event, value, len);
    }
    else if (FIELD_IS(line, name_len, "id")) {
        event->id = value;
        event->id_len = len;
    }
    else if (FIELD_IS(line, name_len, "retry")) {
        event->retry = value;
        event->retry_len = len;
    }
    else if (FIELD_IS(line, name_len, "event") && len > 0) {
        event->type = value;
        event->type_len = len;
    }
}

static void read_event(eb_sse_event_t *event, char *bytes, size_t len)
{
    char *end = bytes + len;
    char *eol;
    size_t line_len;

    memset(event, 0, sizeof(*event));
    event->type = "message";
    event->type_len = sizeof("message") - 1;
    while (bytes < end) {
        eol = memchr(bytes, '\n', (size_t)(end - bytes));
        if (eol == NULL) {
            return; /* not reached: an event ends with a line end */
        }
        line_len = (size_t)(eol - bytes);
        if (line_len > 0 && bytes[line_len - 1] == '\r') {
            line_len--;
        }
        if (line_len > 0) {
            read_line(event, bytes, line_len);
        }
        bytes = eol + 1;
    }
}

/* Calls on_event for each complete one; returns the bytes of all of them. */
static size_t read_all(char *bytes, size_t len, eb_sse_event_fn_t *on_event,
                       void *arg)
{
    eb_sse_event_t event;
    size_t used = 0;
    size_t one;

    for (;;) {
        one = event_len(bytes + used, len - used);
        if (one == 0) {
            return used;
        }
        read_event(&event, bytes + used, one);
        on_event(arg, &event);
        used += one;
    }
}

int eb_sse_parse(eb_sse_t *sse, char *bytes, size_t len,
                 eb_sse_event_fn_t *on_event, void *arg)
{
    size_t used;

    if (sse->rest.len == 0) {
        used = read_all(bytes, len, on_event, arg);
        return used < len
                   ? eb_buf_add(&sse->rest, bytes + used, len - used, MAX_EVENT)
                   : 0;
    }
    if (eb_buf_add(&sse->rest, bytes, len, MAX_EVENT) != 0) {
        return -1;
    }
    used = read_all(sse->rest.bytes, sse->rest.len, on_event, arg);
    eb_buf_drop(&sse->rest, used);
    return 0;
}

/* ---- ids ----------------------------------------------------------------- */

/* Returns the number of digits at text; 0: none, or the value is too large. */
static size_t read_number(uint64_t *value, const char *text, size_t len)
{
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        if (sum > (UINT64_MAX - 9) / 10) {
            return 0;
        }
        sum = sum * 10 + (uint64_t)(text[i] - '0');
    }
    *value = sum;
    return i;
}

int eb_sse_id_parse(eb_sse_id_t *id, const char *text, size_t len)
{
    size_t first;
    size_t second;

    first = read_number(&id->ms, text, len);
    if (first == 0 || first + 1 >= len || text[first] != '-') {
        return -1;
    }
    second = read_number(&id->n, text + first + 1, len - first - 1);
    return second != 0 && first + 1 + second == len ? 0 : -1;
}
