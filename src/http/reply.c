/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers are complete, so the handler returns OK and no ErrorDocument
 * replaces them. httpd discards the rest of a request's body when the request
 * ends.
 */
#include "http/reply.h"

#include <apr_strings.h>
#include <http_protocol.h>

#include "base/clock.h"
#include "base/log.h"
#include "server/log.h"

void es_reply_ignore_range(request_rec *r)
{
    apr_table_unset(r->headers_in, "Range");
    apr_table_unset(r->headers_in, "If-Range");
}

static int reply(request_rec *r, int status, const char *type, const char *text)
{
    es_reply_ignore_range(r);
    r->status = status;
    r->status_line = NULL;
    ap_set_content_type(r, type);
    ap_set_content_length(r, (apr_off_t)strlen(text) + 1);
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    ap_rputs(text, r);
    ap_rputc('\n', r);
    return OK;
}

/* A tag of its own lets an administrator look for what the server lacks, among
 * all that strangers cause. */
static void log_remedy(request_rec *r, const es_problem_t *why)
{
    static apr_time_t last[ES_REMEDIES]; /* atomic */
    int level =
        es_log_limit_level(&last[why->about], APLOG_WARNING, es_clock_now());

    if (why->about >= ES_REMEDY_HUB_SIZE) {
        es_rlog(level, 0, r, "ES0702",
                "not able to serve a request, answered with %d: %s %s",
                why->status, why->sentence, why->remedy);
        return;
    }
    es_rlog(level, 0, r, "ES0701", "answered with %d: %s %s", why->status,
            why->sentence, why->remedy);
}

void es_reply_note(request_rec *r, const es_problem_t *why)
{
    if (why->remedy) {
        log_remedy(r, why);
    }
    if (why->retry_after) {
        apr_table_setn(r->headers_out, "Retry-After",
                       apr_itoa(r->pool, why->retry_after));
    }
}

int es_reply_problem(request_rec *r, const es_problem_t *why)
{
    es_reply_note(r, why);
    return reply(r, why->status, "text/plain; charset=utf-8", why->sentence);
}

int es_reply_method(request_rec *r, const char *allow)
{
    es_problem_t why;

    apr_table_setn(r->headers_out, "Allow", allow);
    es_problem_set(&why, r->pool, HTTP_METHOD_NOT_ALLOWED,
                   "Method not allowed: %s.", r->method);
    return es_reply_problem(r, &why);
}

int es_reply_text(request_rec *r, const char *text)
{
    return reply(r, HTTP_OK, "text/plain", text);
}

int es_reply_json(request_rec *r, const char *json)
{
    return reply(r, HTTP_OK, "application/json", json);
}

int es_reply_json_problem(request_rec *r, const es_problem_t *why,
                          const char *json)
{
    es_reply_note(r, why);
    return reply(r, why->status, "application/json", json);
}
