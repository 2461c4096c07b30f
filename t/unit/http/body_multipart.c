/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of http/body_multipart.c, which knows no httpd. */
#include "t/unit/unit.h"

#include "http/body_multipart.c"
#include "http/body_type.c"

#define HEAD(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"
#define PART(name, value) "--XX\r\n" HEAD(name) "\r\n" value "\r\n"

static es_problem_t why;

/* The form that the body is written as; "refused" with why. */
static es_slice_t form_of(es_slice_t body)
{
    es_slice_t bytes = exact(body);
    es_slice_t form = S("refused");

    memset(&why, 0, sizeof(why));
    if (es_body_multipart(&form, bytes, S("XX"), pool, &why)) {
        /* it points nowhere into the body */
        form = es_slice(apr_pstrmemdup(pool, form.data, form.len), form.len);
    }
    exact_free(bytes);
    return form;
}

static int refused(es_slice_t body, const char *words)
{
    assert_slice(form_of(body), "refused");
    return why.status == 400 && strstr(why.sentence, words) != NULL;
}

FACTS(fields_come_in_order)
{
    assert_slice(form_of(S(PART("channel", "c") PART("data", "hi") "--XX--")),
                 "channel=c&data=hi&");
    assert_slice(form_of(S(PART("data", "") "--XX--\r\n")), "data=&");
    assert_slice(form_of(S("--XX--")), "");
}

FACTS(a_value_is_any_bytes)
{
    assert_slice(form_of(S(PART("data", "a=1&b%2+c") "--XX--")),
                 "data=a%3D1%26b%252%2Bc&");
    assert_slice(form_of(S(PART("d=&", "\r\n\r\n-\0\xff\r") "--XX--")),
                 "d%3D%26=\r\n\r\n-\0\xff\r&");
    assert_slice(form_of(S(PART("data", " --XX--") "--XX--")), "data= --XX--&");
    assert_slice(form_of(S(PART("data", "a\r\n--XXY\r\nb") "--XX--")),
                 "data=a\r\n--XXY\r\nb&");
    assert_slice(form_of(S(PART("data", "a\n--XX\r\nb") "--XX--")),
                 "data=a\n--XX\r\nb&");
}

FACTS(each_byte_may_need_three)
{
    es_slice_t many = repeat('%', 10000);
    const char *body = apr_pstrcat(pool, "--XX\r\n", HEAD("data"), "\r\n",
                                   many.data, "\r\n--XX--", NULL);

    assert_int_equal(form_of(es_slice_of(body)).len,
                     30000 + sizeof("data=&") - 1);
}

FACTS(other_headers_are_ignored)
{
    assert_slice(
        form_of(S("--XX\r\nContent-Type: text/plain\r\ncontent-disposition:"
                  "form-data;filename=\"a;b.txt\" ; NAME = data\r\n"
                  "Content-Transfer-Encoding: 8BIT\r\nX\r\n\r\nhi\r\n--XX--")),
        "data=hi&");
}

FACTS(what_is_outside_of_the_parts_is_ignored)
{
    assert_slice(form_of(S("before\r\n" PART("data", "hi") "--XX--after")),
                 "data=hi&");
    assert_slice(form_of(S("--XX \t\r\n" HEAD(
                     "data") "\r\nhi\r\n--XX--\r\n"
                             "--XX\r\n" HEAD("id") "\r\nlost\r\n--XX--")),
                 "data=hi&");
}

FACTS(a_body_without_boundary_is_refused)
{
    assert_true(refused(S(""), "boundary of the Content-Type"));
    assert_true(refused(S("data=hi"), "boundary of the Content-Type"));
    assert_true(refused(S("--YY\r\n" HEAD("data") "\r\nhi\r\n--YY--"),
                        "boundary of the Content-Type"));
    assert_true(refused(S("--XX\n" HEAD("data")), "boundary"));
}

FACTS(a_bad_part_is_refused_with_its_number)
{
    assert_true(refused(S(PART("data", "hi")), "part 1: it has no boundary"));
    assert_true(refused(S("--XX\r\n"), "part 1: it has no boundary"));
    assert_true(refused(S(PART("data", "hi") "--XX\r\nX: y\r\n\r\n\r\n--XX--"),
                        "part 2: no name"));
    assert_true(refused(S("--XX\r\n" HEAD("data") "\r\n--XX--"),
                        "part 1: no empty line"));
    assert_true(refused(S("--XX\r\n\r\n--XX--"), "part 1: no empty line"));
}

FACTS(a_coded_part_is_refused)
{
    assert_slice(form_of(S("--XX\r\n" HEAD(
                     "data") "Content-Transfer-Encoding: base64\r\n\r\n"
                             "aGk=\r\n--XX--")),
                 "refused");
    assert_int_equal(why.status, 415);
    assert_non_null(strstr(why.sentence, "Content-Transfer-Encoding"));
}

FACTS(a_part_in_another_charset_is_refused)
{
#define LATIN1 \
    HEAD("data") "Content-Type: text/plain; charset=iso-8859-1\r\n\r\n"
    assert_slice(form_of(S("--XX\r\n" LATIN1 "hi\r\n--XX--")), "data=hi&");
    assert_slice(form_of(S("--XX\r\n" LATIN1 "\xc3\xa9\r\n--XX--")), "refused");
    assert_int_equal(why.status, 415);
    assert_non_null(strstr(why.sentence, "'iso-8859-1'"));
}

FACTS(hostile_bodies_cost_linear_time)
{
    const char *crs = repeat('\r', 1000000).data;
    const char *parts = "";
    int i;

    for (i = 0; i < 8; i++) {
        parts = apr_pstrcat(pool, parts, "--XX\r\n", HEAD("a"), "\r\n", crs,
                            "\r\n", NULL);
    }
    assert_true(refused(es_slice_of(crs), "boundary"));
    assert_true(refused(es_slice_of(parts), "part 8"));
}

static const struct CMUnitTest tests[] = {
    UNIT(fields_come_in_order),
    UNIT(a_value_is_any_bytes),
    UNIT(each_byte_may_need_three),
    UNIT(other_headers_are_ignored),
    UNIT(what_is_outside_of_the_parts_is_ignored),
    UNIT(a_body_without_boundary_is_refused),
    UNIT(a_bad_part_is_refused_with_its_number),
    UNIT(a_coded_part_is_refused),
    UNIT(a_part_in_another_charset_is_refused),
    UNIT(hostile_bodies_cost_linear_time),
};

UNIT_MAIN(tests)
