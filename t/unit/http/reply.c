/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/reply.c: the short answers. */
#include "t/unit/unit.h"

#include "http/reply.c"
#include "t/unit/httpd_stub.h"

static request_rec *r;

static es_problem_t problem(int status, const char *sentence)
{
    es_problem_t why;

    es_problem_set(&why, pool, status, "%s", sentence);
    return why;
}

static void assert_answer(int status, const char *type, const char *text)
{
    assert_int_equal(r->status, status);
    assert_string_equal(r->content_type, type);
    assert_string_equal(httpd_stub.sent, text);
    assert_int_equal(r->clength, strlen(text));
    assert_string_equal(apr_table_get(r->headers_out, "Cache-Control"),
                        "no-store");
}

FACTS(a_problem_is_a_line_of_text)
{
    es_problem_t why = problem(404, "Not found.");

    r = stub_request(pool);
    r->status_line = "200 OK";
    assert_int_equal(es_reply_problem(r, &why), OK);
    assert_answer(404, "text/plain; charset=utf-8", "Not found.\n");
    assert_null(r->status_line);
    assert_null(apr_table_get(r->headers_out, "Retry-After"));
    assert_int_equal(httpd_stub.logs, 0);
}

FACTS(a_temporary_problem_has_retry_after)
{
    es_problem_t why = problem(503, "Not now.");

    r = stub_request(pool);
    why.retry_after = 5;
    es_reply_problem(r, &why);
    assert_string_equal(apr_table_get(r->headers_out, "Retry-After"), "5");
}

FACTS(a_remedy_is_logged_and_not_sent)
{
    es_problem_t why = problem(403, "No.");

    r = stub_request(pool);
    why.remedy = "Use the directive.";
    es_reply_problem(r, &why);
    assert_answer(403, "text/plain; charset=utf-8", "No.\n");
    assert_string_equal(httpd_stub.logged,
                        "ES0701: answered with 403: No. Use the directive.");
    assert_int_equal(httpd_stub.log_level, APLOG_WARNING);
    /* the next one in this process, soon afterwards */
    es_reply_json_problem(r, &why, "{}");
    assert_int_equal(httpd_stub.logs, 2);
    assert_int_equal(httpd_stub.log_level, APLOG_DEBUG);
}

/* Answers with a remedy of this kind; the level at which it is logged. */
static int level_of(es_remedy_t about)
{
    es_problem_t why = problem(403, "No.");

    r = stub_request(pool);
    es_problem_remedy(&why, about, "Do that.");
    es_reply_problem(r, &why);
    return httpd_stub.log_level;
}

FACTS(a_kind_of_remedy_does_not_hide_the_others)
{
    assert_int_equal(level_of(ES_REMEDY_PUBLISH_FROM), APLOG_WARNING);
    assert_int_equal(level_of(ES_REMEDY_PUBLISH_FROM), APLOG_DEBUG);
    assert_int_equal(level_of(ES_REMEDY_ORIGIN), APLOG_WARNING);
    assert_int_equal(level_of(ES_REMEDY_MAX_CHANNELS), APLOG_WARNING);
    assert_int_equal(level_of(ES_REMEDY_MAX_CHANNELS), APLOG_DEBUG);
    assert_int_equal(level_of(ES_REMEDY_PUBLISH_FROM), APLOG_DEBUG);
    assert_int_equal(level_of(ES_REMEDIES - 1), APLOG_WARNING);
}

FACTS(what_the_server_lacks_has_a_tag_of_its_own)
{
    level_of(ES_REMEDY_GRIP_REQUIRED);
    assert_string_equal(httpd_stub.logged,
                        "ES0701: answered with 403: No. Do that.");
    level_of(ES_REMEDY_HUB_SIZE);
    assert_string_equal(httpd_stub.logged,
                        "ES0702: not able to serve a request, answered with "
                        "403: No. Do that.");
}

FACTS(a_method_that_is_not_allowed)
{
    r = stub_request(pool);
    r->method = "PATCH";
    assert_int_equal(es_reply_method(r, "GET, HEAD"), OK);
    assert_answer(405, "text/plain; charset=utf-8",
                  "Method not allowed: PATCH.\n");
    assert_string_equal(apr_table_get(r->headers_out, "Allow"), "GET, HEAD");
}

FACTS(text_and_json)
{
    r = stub_request(pool);
    assert_int_equal(es_reply_text(r, "Published"), OK);
    assert_answer(200, "text/plain", "Published\n");
    r = stub_request(pool);
    assert_int_equal(es_reply_json(r, "{\"a\": 1}"), OK);
    assert_answer(200, "application/json", "{\"a\": 1}\n");
}

FACTS(json_of_a_problem_replaces_its_sentence)
{
    es_problem_t why = problem(502, "Not taken.");

    r = stub_request(pool);
    why.retry_after = 7;
    assert_int_equal(es_reply_json_problem(r, &why, "{\"a\": 1}"), OK);
    assert_answer(502, "application/json", "{\"a\": 1}\n");
    assert_string_equal(apr_table_get(r->headers_out, "Retry-After"), "7");
}

FACTS(an_answer_has_no_parts)
{
    r = stub_request(pool);
    apr_table_setn(r->headers_in, "Range", "bytes=0-3");
    apr_table_setn(r->headers_in, "If-Range", "\"x\"");
    es_reply_json(r, "{\"a\": 1}");
    assert_answer(200, "application/json", "{\"a\": 1}\n");
    /* httpd's filter would send a part */
    assert_null(apr_table_get(r->headers_in, "Range"));
    assert_null(apr_table_get(r->headers_in, "If-Range"));
}

static const struct CMUnitTest tests[] = {
    UNIT(a_problem_is_a_line_of_text),
    UNIT(a_temporary_problem_has_retry_after),
    UNIT(a_remedy_is_logged_and_not_sent),
    UNIT(a_kind_of_remedy_does_not_hide_the_others),
    UNIT(what_the_server_lacks_has_a_tag_of_its_own),
    UNIT(a_method_that_is_not_allowed),
    UNIT(text_and_json),
    UNIT(json_of_a_problem_replaces_its_sentence),
    UNIT(an_answer_has_no_parts),
};

UNIT_MAIN(tests)
