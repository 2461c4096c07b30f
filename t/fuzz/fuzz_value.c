/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON text. Our check and jansson agree on it, except for what jansson
 * refuses because it decodes it; and as "data" of an event it is sent as it is.
 */
#include "fuzz_event.h"

#include "base/json.h"
#include "http/body_json.c"
#include "http/body_json_parse.c"

/* What jansson refuses, although the grammar allows it. */
static int is_only_undecodable(const json_error_t *error)
{
    return may_be_data(error) &&
           (json_error_code(error) != json_error_invalid_syntax ||
            !strncmp(error->text, HALF_PAIR, sizeof(HALF_PAIR) - 1));
}

static int is_blank_text(const char *at, const char *end)
{
    while (at < end && memchr(" \t\r\n", *at, 4)) {
        at++;
    }
    return at == end;
}

/* The walk would step over separators, too. */
static int is_valid(es_slice_t text)
{
    es_json_text_t at = es_json_text_of(text);
    es_slice_t value;
    const char *err = es_json_text_checked(&value, &at, 0);

    PROMISE(at.at >= text.data && at.at <= at.end);
    PROMISE(err || value.data + value.len == at.at);
    return err == NULL && is_blank_text(text.data, value.data) &&
           is_blank_text(at.at, at.end);
}

static void send_data(es_slice_t text, int is_taken, apr_pool_t *p)
{
    static const char before[] = "[{\"data\":", after[] = "}]";
    apr_size_t head = sizeof(before) - 1, tail = sizeof(after) - 1;
    char *body = fuzz_alloc(head + text.len + tail, p);
    es_event_t preset = {0};
    es_problem_t why = {0};
    es_batch_t batch = {0};

    memcpy(body, before, head);
    memcpy(body + head, text.data, text.len);
    memcpy(body + head + text.len, after, tail);
    preset.retry_ms = -1;
    if (!es_body_json(&batch, es_slice(body, head + text.len + tail), &preset,
                      p, &why)) {
        fuzz_refusal(&why);
        PROMISE(!is_taken || strstr(why.sentence, "nested too deep"));
        return;
    }
    fuzz_event(&batch.events[0], p);
    PROMISE(is_valid(fuzz_exact(batch.events[0].data, p)));
}

FUZZ(text, p)
{
    json_error_t error;
    json_t *json = json_loadb(text.data, text.len, PARSE_FLAGS, &error);
    int is_ours = is_valid(text);

    /* jansson ignores some NULs */
    PROMISE(!json || is_ours || es_slice_has(text, '\0'));
    PROMISE(json || !is_ours || is_only_undecodable(&error));
    json_decref(json);
    send_data(text, is_ours, p);
}
