/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/body_type.c, which knows no httpd. */
#include "t/unit/unit.h"

#include "http/body_type.c"

static es_problem_t why;
static es_body_type_t type;

/* The kind that a Content-Type stands for; -1 = it is refused. */
static int kind(const char *content_type)
{
    memset(&why, 0, sizeof(why));
    return es_body_type(&type, content_type, pool, &why) ? (int)type.kind : -1;
}

FACTS(without_type_the_body_is_raw)
{
    assert_int_equal(kind(NULL), ES_BODY_RAW);
    assert_int_equal(kind(""), ES_BODY_RAW);
    assert_int_equal(kind(" , "), ES_BODY_RAW);
    assert_int_equal(kind(";charset=utf-8"), ES_BODY_RAW);
}

FACTS(json_has_several_names)
{
    static const char *const types[] = {
        "application/json",  "Application/JSON",
        "text/json",         "application/x-json",
        "text/x-json",       "application/json;charset=utf-8",
        "application/json ", "application/json ; charset=\"utf-8\"",
    };
    size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(kind(types[i]), ES_BODY_JSON);
    }
}

FACTS(lines_have_several_names)
{
    static const char *const types[] = {
        "application/x-ndjson",     "application/ndjson",
        "application/nd-json",      "application/x-nd-json",
        "application/jsonl",        "application/x-jsonl",
        "application/jsonlines",    "application/x-jsonlines",
        "application/json-lines",   "application/json-seq",
        "application/x-json-seq",   "application/x-json-stream",
        "application/stream+json",  "text/x-ndjson",
        "text/jsonl;charset=utf-8", "Text/NDJSON",
    };
    size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(kind(types[i]), ES_BODY_LINES);
    }
}

static int takes(const char *content_type, es_slice_t text)
{
    assert_true(kind(content_type) >= 0);
    return es_body_type_check_charset(type.charset, text, pool, &why);
}

FACTS(a_text_in_another_charset_is_refused)
{
    assert_true(takes("text/plain", S("\xc3\xa9")));
    assert_true(takes("text/plain; charset=UTF-8", S("\xc3\xa9")));
    assert_true(takes("text/plain; charset=\"utf8\"", S("\xc3\xa9")));
    assert_true(takes("text/plain;charset=", S("\xc3\xa9")));
    assert_true(takes("text/plain; charset=ISO-8859-1", S("hello")));
    assert_false(takes("text/plain; charset=ISO-8859-1", S("\xc3\xa9")));
    assert_int_equal(why.status, 415);
    assert_non_null(strstr(why.sentence, "'ISO-8859-1'"));
    assert_false(takes("text/plain; charset=utf-16le", S("h\0i\0")));
    assert_false(takes("text/plain; charset=us-ascii", S("\xc3\xa9")));
}

FACTS(a_form_is_a_form)
{
    assert_int_equal(kind("application/x-www-form-urlencoded"), ES_BODY_FORM);
    assert_int_equal(kind("application/x-www-form-urlencoded; charset=UTF-8"),
                     ES_BODY_FORM);
    assert_int_equal(kind("application/form-urlencoded"), ES_BODY_FORM);
}

FACTS(any_other_type_is_raw)
{
    assert_int_equal(kind("text/plain"), ES_BODY_RAW);
    assert_int_equal(kind("application/vnd.x+json"), ES_BODY_RAW);
    assert_int_equal(kind("application/json5"), ES_BODY_RAW);
    assert_int_equal(kind("image/json"), ES_BODY_RAW);
}

FACTS(what_is_no_media_type_is_refused)
{
    static const char *const types[] = {
        "json",  "application/", "/json", "\"application/json\"",
        "a/b/c", "text",         "'",
    };
    size_t i;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        assert_int_equal(kind(types[i]), -1);
        assert_int_equal(why.status, 415);
    }
    assert_int_equal(kind("json"), -1);
    assert_non_null(strstr(why.sentence, "'json' is no media type: send JSON "
                                         "as application/json"));
}

FACTS(a_type_that_is_sent_twice_counts_once)
{
    assert_int_equal(kind("application/json, application/json"), ES_BODY_JSON);
    assert_int_equal(kind("application/json;charset=utf-8,Text/json"),
                     ES_BODY_JSON);
    assert_int_equal(kind("application/x-ndjson,application/jsonl"),
                     ES_BODY_LINES);
    assert_int_equal(kind("text/plain, text/html"), ES_BODY_RAW);
    assert_int_equal(kind("text/plain; x=\"a,application/json\""), ES_BODY_RAW);
}

FACTS(two_types_are_refused)
{
    assert_int_equal(
        kind("application/x-www-form-urlencoded, application/json"), -1);
    assert_int_equal(why.status, 415);
    assert_string_equal(
        why.sentence,
        "The Content-Type is sent twice, as "
        "'application/x-www-form-urlencoded' and as 'application/json': send "
        "one.");
    assert_int_equal(kind("application/json, application/x-ndjson"), -1);
    assert_int_equal(kind("text/plain, application/json"), -1);
    assert_int_equal(kind("application/json, text/json, text/plain"), -1);
}

FACTS(a_multipart_form_has_a_boundary)
{
    assert_int_equal(kind("multipart/form-data; boundary=XX"),
                     ES_BODY_MULTIPART);
    assert_slice(type.boundary, "XX");
    assert_int_equal(kind("Multipart/Form-Data;charset=utf-8; "
                          "Boundary=\"a, b\""),
                     ES_BODY_MULTIPART);
    assert_slice(type.boundary, "a, b");
    assert_int_equal(kind("multipart/form-data"), -1);
    assert_int_equal(why.status, 400);
    assert_non_null(strstr(why.sentence, "boundary"));
    assert_int_equal(kind("multipart/form-data; boundary="), -1);
    assert_int_equal(kind(apr_pstrcat(pool, "multipart/form-data; boundary=",
                                      repeat('x', 70).data, NULL)),
                     ES_BODY_MULTIPART);
    assert_int_equal(kind(apr_pstrcat(pool, "multipart/form-data; boundary=",
                                      repeat('x', 71).data, NULL)),
                     -1);
}

FACTS(any_other_multipart_type_is_refused)
{
    assert_int_equal(kind("multipart/mixed; boundary=x"), -1);
    assert_int_equal(why.status, 415);
    assert_non_null(strstr(why.sentence, "'multipart/mixed'"));
}

static const struct CMUnitTest tests[] = {
    UNIT(without_type_the_body_is_raw),
    UNIT(json_has_several_names),
    UNIT(lines_have_several_names),
    UNIT(a_form_is_a_form),
    UNIT(a_text_in_another_charset_is_refused),
    UNIT(any_other_type_is_raw),
    UNIT(what_is_no_media_type_is_refused),
    UNIT(a_type_that_is_sent_twice_counts_once),
    UNIT(two_types_are_refused),
    UNIT(a_multipart_form_has_a_boundary),
    UNIT(any_other_multipart_type_is_refused),
};

UNIT_MAIN(tests)
