/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/body_type.c, which knows no httpd. */
#include "t/unit/unit.h"

#include "http/body_type.c"

static es_problem_t why;

/* The kind that a Content-Type stands for; -1 = it is refused. */
static int kind(const char *content_type)
{
    es_body_kind_t found;

    memset(&why, 0, sizeof(why));
    return es_body_kind(&found, content_type, pool, &why) ? (int)found : -1;
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

FACTS(a_form_is_a_form)
{
    assert_int_equal(kind("application/x-www-form-urlencoded"), ES_BODY_FORM);
    assert_int_equal(kind("application/x-www-form-urlencoded; charset=UTF-8"),
                     ES_BODY_FORM);
}

FACTS(any_other_type_is_raw)
{
    assert_int_equal(kind("text/plain"), ES_BODY_RAW);
    assert_int_equal(kind("application/vnd.x+json"), ES_BODY_RAW);
    assert_int_equal(kind("application/json5"), ES_BODY_RAW);
    assert_int_equal(kind("application/"), ES_BODY_RAW);
    assert_int_equal(kind("json"), ES_BODY_RAW);
    assert_int_equal(kind("image/json"), ES_BODY_RAW);
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

FACTS(multipart_is_refused)
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
    UNIT(any_other_type_is_raw),
    UNIT(a_type_that_is_sent_twice_counts_once),
    UNIT(two_types_are_refused),
    UNIT(multipart_is_refused),
};

UNIT_MAIN(tests)
