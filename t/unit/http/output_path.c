/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/output_path.c: which filters leave a stream as it is. */
#include "t/unit/unit.h"

#include "http/output_path.c"
#include "t/unit/httpd_stub.h"
#include "t/unit/runtime_stub.h"

static request_rec *r;
static const char *why;

apr_socket_t *ap_get_conn_socket(conn_rec *c)
{
    return (apr_socket_t *)c; /* never looked into */
}

static ap_filter_t *filter(const char *name, ap_filter_type type,
                           ap_filter_t *next)
{
    ap_filter_rec_t *frec = apr_pcalloc(pool, sizeof(*frec));
    ap_filter_t *f = apr_pcalloc(pool, sizeof(*f));

    frec->name = name;
    frec->ftype = type;
    f->frec = frec;
    f->next = next;
    return f;
}

/* A request with one filter above httpd's own; 40 bytes have passed it. */
static void request_with(const char *name, ap_filter_type type)
{
    r = stub_request(pool);
    memset(runtime_stub.paths, 0, sizeof(runtime_stub.paths));
    memset((void *)noted, 0, sizeof(noted));
    r->bytes_sent = 40;
    r->output_filters =
        filter(name, type, filter("core", AP_FTYPE_NETWORK, NULL));
}

/* Told, counted once, and no other reason. */
static void reason_is(es_output_reason_t reason)
{
    int i;

    assert_string_equal(why, reasons[reason].text);
    for (i = 0; i < ES_STATS_PATHS; i++) {
        assert_int_equal(runtime_stub.paths[i], i == (int)reason);
    }
}

static void name_transparent(const char *name)
{
    es_dir_t *conf = stub_conf(r);

    conf->transparent = apr_array_make(pool, 1, sizeof(char *));
    APR_ARRAY_PUSH(conf->transparent, const char *) = name;
}

FACTS(an_unknown_filter_is_logged_once)
{
    request_with("substitute", AP_FTYPE_RESOURCE);
    assert_true(es_output_path_is_changed(r, 40, &why));
    assert_int_equal(httpd_stub.logs, 1);
    assert_int_equal(httpd_stub.log_level, APLOG_INFO);
    reason_is(ES_OUTPUT_FILTER);
    assert_non_null(
        strstr(httpd_stub.logged, "EventStreamTransparentFilter substitute"));
    assert_true(es_output_path_is_changed(r, 40, &why));
    assert_int_equal(httpd_stub.logs, 1);
    r->output_filters = filter("other", AP_FTYPE_RESOURCE, r->output_filters);
    assert_true(es_output_path_is_changed(r, 40, &why));
    assert_int_equal(httpd_stub.logs, 2);
}

FACTS(no_more_filters_are_logged_than_have_a_place)
{
    int i;

    request_with("substitute", AP_FTYPE_RESOURCE);
    for (i = 0; i < NOTED_MAX + 10; i++) {
        r->output_filters = filter("x", AP_FTYPE_RESOURCE, NULL);
        assert_true(es_output_path_is_changed(r, 40, &why));
    }
    assert_int_equal(httpd_stub.logs, NOTED_MAX);
}

FACTS(a_named_filter_is_transparent_in_either_case)
{
    request_with("substitute", AP_FTYPE_RESOURCE);
    name_transparent("SUBSTITUTE");
    assert_false(es_output_path_is_changed(r, 40, &why));
    assert_int_equal(httpd_stub.logs, 0);
    assert_int_equal(es_output_path_find(r, r->output_filters),
                     ES_OUTPUT_PLAIN);
}

FACTS(a_filter_that_keeps_bytes_is_not_transparent)
{
    request_with("modsecurity_out", AP_FTYPE_CONTENT_SET - 3);
    assert_false(es_output_path_is_changed(r, 40, &why));
    r->bytes_sent = 0;
    assert_true(es_output_path_is_changed(r, 40, &why));
    assert_int_equal(httpd_stub.logs, 1);
    assert_non_null(strstr(httpd_stub.logged, "modsecurity_out"));
    assert_non_null(strstr(httpd_stub.logged, "0 of 40 bytes"));
    reason_is(ES_OUTPUT_KEPT);
}

FACTS(what_stands_where_tls_does_cannot_be_named)
{
    request_with("gnutls output filter", AP_FTYPE_CONNECTION + 5);
    name_transparent("gnutls output filter");
    assert_true(es_output_path_is_changed(r, 40, &why));
    reason_is(ES_OUTPUT_OTHER_TLS);
    assert_null(strstr(httpd_stub.logged, "EventStreamTransparentFilter"));
    assert_false(es_output_path_may_name("SSL/TLS filter"));
    assert_true(es_output_path_may_name("SUBSTITUTE"));
}

FACTS(a_stream_of_http2_is_held_without_a_word)
{
    request_with("core", AP_FTYPE_NETWORK);
    r->connection->master = apr_pcalloc(pool, sizeof(conn_rec));
    assert_true(es_output_path_is_changed(r, 40, &why));
    assert_int_equal(httpd_stub.logs, 0);
    reason_is(ES_OUTPUT_HTTP2);
}

FACTS(each_reason_has_a_word_and_a_text)
{
    const char *text;
    unsigned int i;

    for (i = 0; i < ES_OUTPUT_REASONS; i++) {
        text = NULL;
        assert_non_null(es_output_path_reason(i, &text));
        assert_non_null(text);
    }
    assert_null(es_output_path_reason(ES_OUTPUT_REASONS, &text));
    assert_true(ES_OUTPUT_REASONS <= ES_STATS_PATHS);
}

static const struct CMUnitTest tests[] = {
    UNIT(an_unknown_filter_is_logged_once),
    UNIT(no_more_filters_are_logged_than_have_a_place),
    UNIT(a_named_filter_is_transparent_in_either_case),
    UNIT(a_filter_that_keeps_bytes_is_not_transparent),
    UNIT(what_stands_where_tls_does_cannot_be_named),
    UNIT(a_stream_of_http2_is_held_without_a_word),
    UNIT(each_reason_has_a_word_and_a_text),
};

UNIT_MAIN(tests)
