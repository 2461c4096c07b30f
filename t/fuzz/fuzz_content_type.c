/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line is a Content-Type, the rest a body in its charset. A type that
 * is taken stands for the same format in any case and with blanks around it; a
 * parameter has no quotes left, and a text that is no ASCII passes as UTF-8
 * alone.
 */
#include "fuzz.h"

#include <apr_lib.h>

#include "base/media_type.h"
#include "http/body_type.c"

static void check_same(const es_body_type_t *type, const char *text,
                       apr_pool_t *p)
{
    es_problem_t why = {0};
    es_body_type_t other;

    PROMISE(es_body_type(&other, text, p, &why));
    PROMISE(other.kind == type->kind);
    PROMISE(other.boundary.len == type->boundary.len);
    PROMISE(other.charset.len == type->charset.len);
}

static char *upper_of(const char *text, apr_pool_t *p)
{
    char *upper = apr_pstrdup(p, text), *at;

    for (at = upper; *at; at++) {
        *at = apr_toupper(*at);
    }
    return upper;
}

static void check_charset(const es_body_type_t *type, es_slice_t body,
                          apr_pool_t *p)
{
    es_problem_t why = {0};
    apr_size_t i;
    int is_plain = !es_slice_has(body, '\0');

    for (i = 0; i < body.len; i++) {
        is_plain &= (unsigned char)body.data[i] < 0x80;
    }
    if (!es_body_type_check_charset(type->charset, body, p, &why)) {
        PROMISE(why.status == 415 && !is_plain);
        fuzz_refusal(&why);
        return;
    }
    PROMISE(is_plain || type->charset.len == 0 ||
            es_media_type_is(type->charset, "utf-8") ||
            es_media_type_is(type->charset, "utf8"));
}

static void check_params(es_slice_t header, apr_pool_t *p)
{
    es_slice_t list = header, element, value;
    apr_size_t sum = 0;

    while (es_media_type_next(&element, &list)) {
        PROMISE(element.len > 0 && element.data >= header.data &&
                element.data + element.len <= header.data + header.len);
        sum += element.len;
        PROMISE(es_media_type_name(element).len <= element.len);
        if (es_media_type_param(&value, element, "boundary", p)) {
            PROMISE(value.len < element.len);
        }
    }
    PROMISE(sum <= header.len && list.len == 0);
}

FUZZ(text, p)
{
    const char *header = fuzz_string(fuzz_line(&text), p);
    es_problem_t why = {0};
    es_body_type_t type;

    check_params(fuzz_exact(es_slice_of(header), p), p);
    if (!es_body_type(&type, header, p, &why)) {
        fuzz_refusal(&why);
        return;
    }
    PROMISE((type.kind == ES_BODY_MULTIPART) == (type.boundary.len > 0));
    PROMISE(type.boundary.len <= BOUNDARY_MAX);
    check_same(&type, upper_of(header, p), p);
    check_same(&type, apr_pstrcat(p, " \t", header, NULL), p);
    check_charset(&type, fuzz_exact(text, p), p);
}
