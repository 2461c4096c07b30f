/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first line is the Content-Type, the rest the body of a multipart form. It
 * is written as a web form, which is then read.
 */
#include "fuzz_event.h"

#include "http/body_form.c"
#include "http/body_multipart.c"
#include "http/body_type.c"

static void read_form(es_slice_t form, apr_pool_t *p)
{
    es_event_t preset = {0};
    es_problem_t why = {0};
    es_batch_t batch = {0};

    preset.retry_ms = -1;
    if (es_body_form(&batch, form, &preset, p, &why)) {
        fuzz_event(&batch.events[0], p);
    }
    else {
        fuzz_refusal(&why);
    }
}

FUZZ(text, p)
{
    es_slice_t line = fuzz_line(&text);
    const char *content_type = apr_pstrmemdup(p, line.data, line.len);
    es_problem_t why = {0};
    es_body_type_t type;
    es_slice_t form;

    if (!es_body_type(&type, content_type, p, &why)) {
        fuzz_refusal(&why);
        return;
    }
    if (type.kind != ES_BODY_MULTIPART) {
        return;
    }
    PROMISE(type.boundary.len != 0);
    if (!es_body_multipart(&form, fuzz_exact(text, p), type.boundary, p,
                           &why)) {
        fuzz_refusal(&why);
        return;
    }
    PROMISE(form.len <= 3 * text.len);
    PROMISE(form.len == 0 || form.data[form.len - 1] == '&');
    read_form(fuzz_exact(form, p), p);
}
