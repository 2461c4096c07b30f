/* SPDX-License-Identifier: Apache-2.0 */
/*
 * httpd looks for the page of an error in the request first, and then for
 * ErrorDocument. es_error_event_prepare puts the request's own path there. So
 * httpd redirects a refused request within itself, and calls the quick handlers
 * for the second one, before any access check: es_error_event_handler answers.
 *
 *     GET /events ─► Require refuses ─► ap_die ─► GET /events (its prev has our
 *                                                 note) ─► stream-error
 *
 * The id "error" makes the browser send "Last-Event-ID: error" when it
 * reconnects. That gets 204, on which it stops for good. What may pass by
 * itself, such as 503, has no id: the browser keeps its position and tries
 * again and again, as after a lost connection.
 */
#include "http/error_event.h"

#include <apr_strings.h>
#include <http_core.h>
#include <http_protocol.h>
#include <http_request.h>

#include "base/accept.h"
#include "base/json.h"
#include "server/log.h"
#include "http/reply.h"
#include "http/subscribe.h"

/* The path to which httpd is to redirect, escaped: quick handlers come before
 * httpd decodes it. */
#define NOTE "eventstream-error-event"

/** What a status is called. */
typedef struct row_t {
    int status;
    int passes; /* 1 = the client tries again */
    const char *condition;
    const char *text; /* of a refusal of httpd */
} row_t;

/* The conditions of django-eventstream, and others in their way. */
static const row_t rows[] = {
    {HTTP_BAD_REQUEST, 0, "bad-request", "The request is not valid."},
    {HTTP_UNAUTHORIZED, 0, "unauthorized", "A login is needed."},
    {HTTP_FORBIDDEN, 0, "forbidden", "Access is not allowed."},
    {HTTP_NOT_FOUND, 0, "not-found", "There is no such stream."},
    {HTTP_GONE, 0, "not-found", "This stream is gone."},
    {HTTP_TOO_MANY_REQUESTS, 1, "too-many-requests", "Too many requests."},
    {HTTP_INTERNAL_SERVER_ERROR, 1, "internal-error", "The server failed."},
    {HTTP_BAD_GATEWAY, 1, "internal-error", "Another server failed."},
    {HTTP_SERVICE_UNAVAILABLE, 1, "internal-error", "Not possible now."},
    {HTTP_GATEWAY_TIME_OUT, 1, "internal-error", "Another server is slow."},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const row_t *row_of(int status)
{
    apr_size_t i;

    for (i = 0; i < ROWS; i++) {
        if (rows[i].status == status) {
            return &rows[i];
        }
    }
    return NULL;
}

/* A browser's EventSource sends "Accept: text/event-stream". Who accepts
 * anything may be a person with curl. */
static int is_wanted(const request_rec *r, const es_dir_t *conf)
{
    return conf->errors_as_events && r->method_number == M_GET &&
           !r->header_only &&
           es_accept_names(apr_table_get(r->headers_in, "Accept"),
                           ES_STREAM_TYPE);
}

void es_error_event_prepare(request_rec *r, const es_dir_t *conf)
{
    const char *path;
    apr_size_t i;

    if (r->main || !is_wanted(r, conf) || r->uri[0] != '/') {
        return;
    }
    path = ap_escape_uri(r->pool, r->uri);
    while (path[1] == '/') {
        path++; /* as httpd does when it parses it */
    }
    for (i = 0; i < ROWS; i++) {
        ap_custom_response(r, rows[i].status, path);
    }
    apr_table_setn(r->notes, NOTE, path);
}

static const char *text_of(const row_t *row, const char *sentence,
                           const es_dir_t *conf, apr_pool_t *p)
{
    return apr_psprintf(p,
                        "retry: %" APR_INT64_T_FMT "\n"
                        "event: stream-error\n"
                        "%s"
                        "data: {\"condition\":\"%s\",\"text\":%s,"
                        "\"status\":%d}\n\n",
                        es_stream_open_retry(conf),
                        row->passes ? "" : "id: error\n", row->condition,
                        es_json_string(es_slice_of(sentence), p), row->status);
}

/* It comes back after a stream-error: no browser does so after 204. */
static int has_had_error(const request_rec *r)
{
    const char *id = apr_table_get(r->headers_in, "Last-Event-ID");

    return id && !strcmp(id, "error");
}

static int answer(request_rec *r, const es_dir_t *conf, const row_t *row,
                  const char *sentence)
{
    const char *text;

    /* no browser may ask the user for a password */
    apr_table_unset(r->err_headers_out, "WWW-Authenticate");
    apr_table_unset(r->headers_out, "WWW-Authenticate");
    es_rlog(APLOG_DEBUG, 0, r, "ES0704",
            "refused with %d: the client gets %s (EventStreamErrorForm)",
            row->status, has_had_error(r) ? "204, and stops" : "stream-error");
    if (has_had_error(r)) {
        ap_set_content_type(r, NULL);
        r->status = HTTP_NO_CONTENT;
        r->status_line = NULL;
        return OK;
    }
    text = text_of(row, sentence, conf, r->pool);
    es_stream_set_head(r);
    ap_set_content_length(r, (apr_off_t)strlen(text));
    ap_rputs(text, r);
    return OK;
}

/* The refused request; NULL = this is no redirect of its refusal. */
static request_rec *refused_of(const request_rec *r)
{
    const char *path =
        r->prev && !r->main ? apr_table_get(r->prev->notes, NOTE) : NULL;

    return path && !strcmp(path, r->uri) && row_of(r->prev->status) ? r->prev
                                                                    : NULL;
}

int es_error_event_handler(request_rec *r, int is_lookup)
{
    const request_rec *refused = is_lookup ? NULL : refused_of(r);
    const row_t *row;

    if (!refused) {
        return DECLINED;
    }
    row = row_of(refused->status);
    r->uri = refused->uri;
    /* for logs; it may have had a token, which was taken away by now */
    r->args = refused->args;
    /* other modules, such as mod_headers, add what its section says */
    r->per_dir_config = refused->per_dir_config;
    ap_run_insert_filter(r);
    return answer(r, es_settings_dir(r), row, row->text);
}

int es_error_event_refuse(request_rec *r, const es_dir_t *conf,
                          const es_problem_t *why)
{
    const row_t *row = row_of(why->status);

    if (!row || !is_wanted(r, conf)) {
        return es_reply_problem(r, why);
    }
    es_reply_note(r, why);
    return answer(r, conf, row, why->sentence);
}
