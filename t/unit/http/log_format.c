/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/log_format.c: formats, and the beginning of a line. */
#include "t/unit/unit.h"

#include <stdlib.h>

#include "http/log_format.c"
#include "t/unit/httpd_stub.h"

static request_rec *r;
static int is_on;

int es_stream_log_is_on(void)
{
    return is_on;
}

apr_status_t ap_explode_recent_localtime(apr_time_exp_t *tm, apr_time_t t)
{
    return apr_time_exp_gmt(tm, t);
}

static const char *error_of(const char *text)
{
    const es_log_format_t *format;

    return es_log_format_parse(&format, text, pool);
}

/* A request whose server has this format. */
static void request_with(const char *text)
{
    r = stub_request(pool);
    is_on = 1;
    r->useragent_ip = (char *)"192.0.2.1";
    r->uri = (char *)"/a \"b\"";
    r->protocol = (char *)"HTTP/1.1";
    r->server->server_hostname = (char *)"www";
    r->request_time = APR_INT64_C(1700000000) * APR_USEC_PER_SEC;
    ap_server_conf = r->server;
    assert_null(es_log_format_parse(&es_settings_of(r->server)->log_format,
                                    text, pool));
}

static const char *begin(void)
{
    es_stream_line_t *line = es_log_format_begin(r, "held", 7);
    const char *text;

    assert_non_null(line);
    assert_int_equal(line->bytes, 7);
    text = apr_pstrmemdup(pool, line->text, line->len);
    free(line);
    return text;
}

FACTS(wrong_formats_are_refused)
{
    assert_null(error_of(NULL));
    assert_null(error_of("json"));
    assert_null(error_of("a %% %a"));
    assert_string_equal(error_of("%Z"), "has no item %Z");
    assert_string_equal(error_of("%i"), "has %i without a name in braces");
    assert_string_equal(error_of("%{}e"), "has %e with a name in braces");
    assert_string_equal(error_of("%{x}a"), "has %a with a name in braces");
    assert_string_equal(error_of("%{x"), "has a '{' without '}'");
    assert_non_null(error_of("50%"));
    assert_non_null(error_of("%{x}"));
    assert_string_equal(error_of("a\x01"), "has a control character");
}

FACTS(items_of_the_request_are_written_at_the_start)
{
    request_with("%a %u %U %v %H %M%% %{X}i\\t%{y}e %{%Y}t %t");
    apr_table_setn(r->headers_in, "X", "\x01");
    apr_table_setn(r->subprocess_env, "y", "why");
    assert_string_equal(begin(),
                        "192.0.2.1 - /a \\\"b\\\" www HTTP/1.1 held% \\x01\t"
                        "why 2023 [14/Nov/2023:22:13:20 +0000]");
}

FACTS(the_others_have_marks)
{
    request_with("%C%O%E%T%L%X");
    assert_string_equal(begin(), "\1\3\4\5\6\7");
    request_with("json");
    assert_non_null(strstr(begin(), "\"channels\":[\2],\"events\":\4,"));
}

FACTS(a_line_is_bounded)
{
    char path[4000];

    request_with("%U%U%U%U%U%U%X");
    memset(path, 'p', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    r->uri = path;
    assert_int_equal(strlen(begin()), ES_STREAM_LINE_MAX);
    request_with("%U");
    r->uri = path;
    assert_int_equal(strlen(begin()), VALUE_MAX);
}

FACTS(without_a_log_there_is_no_line)
{
    request_with("%U");
    is_on = 0;
    assert_null(es_log_format_begin(r, "held", 7));
}

static const struct CMUnitTest tests[] = {
    UNIT(wrong_formats_are_refused),
    UNIT(items_of_the_request_are_written_at_the_start),
    UNIT(the_others_have_marks),
    UNIT(a_line_is_bounded),
    UNIT(without_a_log_there_is_no_line),
};

UNIT_MAIN(tests)
