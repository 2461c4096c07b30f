/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunk sizes are parsed byte by byte, chunk data in whole runs: an event that
 * the server sent as one chunk costs a few steps and no copy.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* memmem */
#endif
#include "bench/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_CHUNK (UINT64_C(1) << 32)

size_t eb_http_head_len(const char *bytes, size_t len)
{
    const char *end;

    end = len >= 4 ? memmem(bytes, len, "\r\n\r\n", 4) : NULL;
    return end != NULL ? (size_t)(end - bytes) + 4 : 0;
}

const char *eb_http_header(const char *head, size_t len, const char *name)
{
    size_t name_len = strlen(name);
    const char *end = head + len;
    const char *line;

    line = memchr(head, '\n', len);
    while (line != NULL && (size_t)(end - line) > name_len + 3) {
        line++;
        if (strncasecmp(line, name, name_len) == 0 && line[name_len] == ':') {
            line += name_len + 1;
            return line + strspn(line, " \t");
        }
        line = memchr(line, '\n', (size_t)(end - line));
    }
    return NULL;
}

int eb_http_head_read(eb_http_response_t *response, const char *head,
                      size_t len)
{
    const char *value;

    memset(response, 0, sizeof(*response));
    if (len < 16 || strncmp(head, "HTTP/1.", 7) != 0) {
        return -1;
    }
    response->status = atoi(head + 9);
    value = eb_http_header(head, len, "Connection");
    response->closes = head[7] == '0' ||
                       (value != NULL && strncasecmp(value, "close", 5) == 0);

    value = eb_http_header(head, len, "Transfer-Encoding");
    if (value != NULL && strncasecmp(value, "chunked", 7) == 0) {
        response->body.state = EB_HTTP_BODY_CHUNK_SIZE;
        return 0;
    }
    value = eb_http_header(head, len, "Content-Length");
    if (value != NULL) {
        response->body.left = strtoull(value, NULL, 10);
        response->body.state =
            response->body.left != 0 ? EB_HTTP_BODY_LENGTH : EB_HTTP_BODY_DONE;
        return 0;
    }
    response->body.state = EB_HTTP_BODY_TO_EOF;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int step_size(eb_http_body_t *body, char c)
{
    if (c == '\n') {
        body->in_ext = 0;
        body->state =
            body->left != 0 ? EB_HTTP_BODY_CHUNK_DATA : EB_HTTP_BODY_TRAILER;
        return 0;
    }
    if (c == ';' || c == '\r' || body->in_ext) {
        body->in_ext = 1;
        return 0;
    }
    if (hex_digit(c) < 0 || body->left >= MAX_CHUNK) {
        return -1;
    }
    body->left = body->left * 16 + (uint64_t)hex_digit(c);
    return 0;
}

/* Parses a byte that is not data. Returns 0, or -1: invalid. */
static int step(eb_http_body_t *body, char c)
{
    switch (body->state) {
    case EB_HTTP_BODY_CHUNK_SIZE: return step_size(body, c);
    case EB_HTTP_BODY_CHUNK_END:
        if (c == '\n') {
            body->state = EB_HTTP_BODY_CHUNK_SIZE;
            return 0;
        }
        return c == '\r' ? 0 : -1;
    case EB_HTTP_BODY_TRAILER:
        if (c == '\n' && body->left == 0) {
            body->state = EB_HTTP_BODY_DONE;
        }
        else if (c == '\n') {
            body->left = 0;
        }
        else if (c != '\r') {
            body->left++;
        }
        return 0;
    default: return -1;
    }
}

static int is_data(const eb_http_body_t *body)
{
    return body->state == EB_HTTP_BODY_TO_EOF ||
           body->state == EB_HTTP_BODY_LENGTH ||
           body->state == EB_HTTP_BODY_CHUNK_DATA;
}

static size_t take_run(eb_http_body_t *body, size_t len)
{
    if (body->state == EB_HTTP_BODY_TO_EOF) {
        return len;
    }
    if (len > body->left) {
        len = (size_t)body->left;
    }
    body->left -= len;
    if (body->left == 0) {
        body->state = body->state == EB_HTTP_BODY_LENGTH
                          ? EB_HTTP_BODY_DONE
                          : EB_HTTP_BODY_CHUNK_END;
    }
    return len;
}

long eb_http_body_next(eb_http_body_t *body, char **bytes, size_t *len,
                       char **piece)
{
    size_t run;

    while (*len > 0 && body->state != EB_HTTP_BODY_DONE) {
        if (is_data(body)) {
            run = take_run(body, *len);
            *piece = *bytes;
            *bytes += run;
            *len -= run;
            return (long)run;
        }
        if (step(body, **bytes) != 0) {
            return -1;
        }
        (*bytes)++;
        (*len)--;
    }
    return 0;
}

void eb_http_expand(char *dst, size_t size, const char *pattern,
                    uint32_t number)
{
    const char *braces = strstr(pattern, "{}");

    if (braces == NULL) {
        snprintf(dst, size, "%s", pattern);
        return;
    }
    snprintf(dst, size, "%.*s%u%s", (int)(braces - pattern), pattern,
             (unsigned int)number, braces + 2);
}
