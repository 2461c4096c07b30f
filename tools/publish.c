/* SPDX-License-Identifier: Apache-2.0 */
/* Events go out as JSON with "text", so that clients get just the bytes that
 * were given; with --lines as NDJSON, one line at a time. */
#include "tools/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>
#include <jansson.h>

#include "tools/http.h"
#include "tools/output.h"

#define INPUT_MAX (16 * 1024 * 1024)

static const char *const json_headers[] = {"Content-Type: application/json",
                                           NULL};

/* ---- The event ----------------------------------------------------------- */

/* Channels are in the query. @return NULL: the text is not UTF-8 */
static const char *event_json(const et_options_t *options, es_slice_t text,
                              apr_pool_t *p)
{
    json_t *object = json_object();
    char *json;
    const char *copy;

    if (json_object_set_new(
            object, "text",
            json_stringn(text.data ? text.data : "", text.len)) != 0 ||
        (options->type &&
         json_object_set_new(object, "event", json_string(options->type))) ||
        (options->id &&
         json_object_set_new(object, "id", json_string(options->id)))) {
        json_decref(object);
        et_options_complain("what is to be published is not UTF-8");
        return NULL;
    }
    json = json_dumps(object, JSON_COMPACT);
    copy = apr_pstrdup(p, json);
    free(json);
    json_decref(object);
    return copy;
}

/* @return 0, complained */
static int read_input(es_buf_t *text, apr_pool_t *p)
{
    char piece[8192];
    size_t len;

    es_buf_init(text, p, INPUT_MAX);
    while ((len = fread(piece, 1, sizeof(piece), stdin)) > 0) {
        if (es_buf_add(text, es_slice(piece, len)) != APR_SUCCESS) {
            et_options_complain("the input is too long for an event; --lines "
                                "publishes each of its lines");
            return 0;
        }
    }
    if (text->len > 0 && text->data[text->len - 1] == '\n') {
        text->len--; /* as the shell has it for $(...) */
    }
    return 1;
}

/* ---- Lines --------------------------------------------------------------- */

typedef struct lines_t {
    const et_options_t *options;
    apr_pool_t *pool; /* of a line */
    const char *at;   /* what was not sent of it */
    size_t left;
    char *line; /* of getline() */
    size_t room;
    int has_failed;
} lines_t;

/* @return 0: there is no more */
static int next_line(lines_t *lines)
{
    ssize_t len = getline(&lines->line, &lines->room, stdin);
    const char *json;

    if (len <= 0) {
        return 0;
    }
    if (lines->line[len - 1] == '\n') {
        len--;
    }
    apr_pool_clear(lines->pool);
    json = event_json(lines->options, es_slice(lines->line, (size_t)len),
                      lines->pool);
    if (!json) {
        lines->has_failed = 1;
        return 0;
    }
    lines->at = apr_pstrcat(lines->pool, json, "\n", NULL);
    lines->left = strlen(lines->at);
    return 1;
}

static size_t on_read(char *to, size_t size, size_t count, void *data)
{
    lines_t *lines = data;
    size_t len = size * count;

    if (lines->left == 0 && !next_line(lines)) {
        return lines->has_failed ? CURL_READFUNC_ABORT : 0;
    }
    len = len < lines->left ? len : lines->left;
    memcpy(to, lines->at, len);
    lines->at += len;
    lines->left -= len;
    return len;
}

static void publish_lines(et_answer_t *answer, const et_options_t *options,
                          const char *url, apr_pool_t *p)
{
    static const char *const headers[] = {"Content-Type: application/x-ndjson",
                                          "Transfer-Encoding: chunked", NULL};
    lines_t lines = {.options = options};

    apr_pool_create(&lines.pool, p);
    et_http_request(answer, options, "POST", url, headers, es_slice(NULL, 0),
                    on_read, &lines, p);
    free(lines.line);
}

/* ---- The answer ---------------------------------------------------------- */

/* {"published": 1, "id": "…", "clients": 3} */
static int print_answer(const et_options_t *options, const et_answer_t *answer)
{
    json_t *json = json_loadb(answer->body, answer->len, 0, NULL);
    const char *id = json_string_value(json_object_get(json, "id"));

    if (options->form == ET_JSON) {
        fwrite(answer->body, 1, answer->len, stdout);
    }
    else if (id) {
        puts(id);
    }
    json_decref(json);
    return et_output_flush();
}

static int finish(const et_options_t *options, const et_answer_t *answer,
                  const char *url, apr_pool_t *p)
{
    return et_http_is_ok(answer, url, p) && print_answer(options, answer)
               ? ET_EXIT_OK
               : ET_EXIT_FAILED;
}

int et_publish(const et_options_t *options, apr_pool_t *p)
{
    const char *url = et_http_url(options, options->words[0], "", p);
    et_answer_t answer;
    es_slice_t text;
    es_buf_t input;
    const char *json;

    if (options->reads_lines) {
        publish_lines(&answer, options, url, p);
        return finish(options, &answer, url, p);
    }
    if (options->nwords > 1) {
        text = es_slice_of(options->words[1]);
    }
    else if (read_input(&input, p)) {
        text = es_buf_slice(&input);
    }
    else {
        return ET_EXIT_FAILED;
    }
    json = event_json(options, text, p);
    if (!json) {
        return ET_EXIT_FAILED;
    }
    et_http_request(&answer, options, "POST", url, json_headers,
                    es_slice_of(json), NULL, NULL, p);
    return finish(options, &answer, url, p);
}

const char *et_publish_event(const et_options_t *options, const char *text,
                             apr_pool_t *p)
{
    const char *url = et_http_url(options, options->publish_url, "", p);
    const char *json = event_json(options, es_slice_of(text), p);
    et_answer_t answer;

    if (!json) {
        return "its type or id is not UTF-8";
    }
    et_http_request(&answer, options, "POST", url, json_headers,
                    es_slice_of(json), NULL, NULL, p);
    if (answer.error) {
        return apr_psprintf(p, "cannot publish: %s", answer.error);
    }
    return answer.status == 200
               ? NULL
               : apr_psprintf(p, "cannot publish: %ld: %s", answer.status,
                              et_http_sentence(answer.body, answer.len, p));
}

/* ---- Channels ------------------------------------------------------------ */

static const char *text_of(const json_t *json, const char *key, apr_pool_t *p)
{
    const json_t *value = json_object_get(json, key);
    const char *text = json_string_value(value);

    if (json_is_integer(value)) {
        return apr_psprintf(p, "%" APR_INT64_T_FMT,
                            (apr_int64_t)json_integer_value(value));
    }
    return text ? et_output_escape(es_slice(text, json_string_length(value)), p)
                : "-";
}

static void print_channel(const et_options_t *options, const json_t *channel,
                          apr_pool_t *p)
{
    if (options->form == ET_JSON) {
        json_dumpf(channel, stdout, JSON_COMPACT);
        putchar('\n');
        return;
    }
    printf("%s\t%s\t%s\t%s\n", text_of(channel, "channel", p),
           text_of(channel, "clients", p), text_of(channel, "events", p),
           text_of(channel, "last", p));
}

/**
 * Print a page of the list.
 *
 * @param next  set to the next page's ?after=; NULL = this is the last
 * @return 0, complained
 */
static int print_page(const et_options_t *options, const char *url,
                      const char **next, apr_pool_t *p)
{
    const json_t *channels;
    et_answer_t answer;
    json_t *json;
    size_t i;

    et_http_request(&answer, options, "GET", url, NULL, es_slice(NULL, 0), NULL,
                    NULL, p);
    if (!et_http_is_ok(&answer, url, p)) {
        return 0;
    }
    json = json_loadb(answer.body, answer.len, 0, NULL);
    channels = json_object_get(json, "channels");
    if (!json_is_array(channels)) {
        et_options_complain("%s: this is no publish Location", url);
        json_decref(json);
        return 0;
    }
    for (i = 0; i < json_array_size(channels); i++) {
        print_channel(options, json_array_get(channels, i), p);
    }
    *next = json_string_value(json_object_get(json, "next"));
    *next = *next ? apr_pstrdup(p, *next) : NULL;
    json_decref(json);
    return et_output_flush();
}

int et_publish_list(const et_options_t *options, apr_pool_t *p)
{
    const char *query = apr_pstrcat(
        p, "limit=1000&list=", et_http_escape(options->prefix, p), NULL);
    const char *next = NULL;
    apr_pool_t *page;

    do {
        const char *more =
            next ? apr_pstrcat(p, query, "&after=", et_http_escape(next, p),
                               NULL)
                 : query;

        apr_pool_create(&page, p);
        if (!print_page(options,
                        et_http_url(options, options->words[0], more, p), &next,
                        page)) {
            return ET_EXIT_FAILED;
        }
        next = next ? apr_pstrdup(p, next) : NULL;
        apr_pool_destroy(page);
    } while (next);
    return ET_EXIT_OK;
}

/* ---- Revocations --------------------------------------------------------- */

/* {"revoked": "user", "name": "alice", "for": 60} */
static int print_revoked(const et_options_t *options, const et_answer_t *answer,
                         apr_pool_t *p)
{
    json_t *json = json_loadb(answer->body, answer->len, 0, NULL);

    if (options->form == ET_JSON) {
        fwrite(answer->body, 1, answer->len, stdout);
    }
    else {
        printf("%s\t%s\t%s\n", text_of(json, "revoked", p),
               text_of(json, "name", p), text_of(json, "for", p));
    }
    json_decref(json);
    return et_output_flush();
}

int et_publish_revoke(const et_options_t *options, apr_pool_t *p)
{
    const char *who = options->user ? options->user : options->jti;
    const char *query = apr_pstrcat(
        p, options->user ? "user=" : "jti=", et_http_escape(who, p),
        options->hold ? "&for=" : "",
        options->hold ? et_http_escape(options->hold, p) : "", NULL);
    const char *url = et_http_url(options, options->words[0], query, p);
    et_answer_t answer;

    et_http_request(&answer, options, "DELETE", url, NULL, es_slice(NULL, 0),
                    NULL, NULL, p);
    return et_http_is_ok(&answer, url, p) && print_revoked(options, &answer, p)
               ? ET_EXIT_OK
               : ET_EXIT_FAILED;
}
