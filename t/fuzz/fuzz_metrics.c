/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A channel's name as the value of a label, and in a JSON document. A reader of
 * either gets it back, and no name makes another sample or member.
 */
#include "fuzz.h"

#include <jansson.h>

#include "base/buf.h"
#include "base/json_out.h"
#include "base/metrics_text.h"

#define BEGIN "\nes_x{channel=\""

static void on_piece(void *baton, const char *data, apr_size_t len)
{
    PROMISE(es_buf_add(baton, es_slice(data, len)) == APR_SUCCESS);
}

/* As Prometheus reads a label. @return bytes, behind whose end *at stands */
static es_slice_t read_label(const char **at, const char *end, apr_pool_t *p)
{
    char *bytes = fuzz_alloc((apr_size_t)(end - *at), p);
    apr_size_t len = 0;

    for (; *at < end && **at != '"'; (*at)++) {
        PROMISE(**at != '\n');
        if (**at == '\\') {
            (*at)++;
            PROMISE(*at < end && **at && strchr("\\\"n", **at));
            bytes[len++] = **at == 'n' ? '\n' : **at;
        }
        else {
            bytes[len++] = **at;
        }
    }
    return es_slice(bytes, len);
}

static void check_metrics(const char *name, int is_open, apr_pool_t *p)
{
    es_metric_labels_t labels = es_metrics_text_label("channel", name);
    es_metrics_text_t text;
    const char *at, *end;
    es_slice_t value;
    es_buf_t buf;

    es_buf_init(&buf, p, 65536);
    es_metrics_text_init(&text, is_open, on_piece, &buf);
    es_metrics_text_family(&text, "es_x", ES_METRIC_GAUGE, "Help.");
    es_metrics_text_number(&text, &labels, 7);
    es_metrics_text_end(&text);
    es_buf_add(&buf, es_slice("", 1));
    at = strstr(es_buf_slice(&buf).data, BEGIN);
    end = es_buf_slice(&buf).data + es_buf_slice(&buf).len - 1;
    PROMISE(at != NULL);
    at += strlen(BEGIN);
    value = read_label(&at, end, p);
    PROMISE(es_utf8_is_valid(value));
    PROMISE(value.len == strlen(name));
    PROMISE(!es_utf8_is_valid(es_slice_of(name)) || es_slice_is(value, name));
    PROMISE(strcmp(at, is_open ? "\"} 7\n# EOF\n" : "\"} 7\n") == 0);
}

static void check_json(es_slice_t name, apr_pool_t *p)
{
    es_slice_t wanted = es_utf8_or_latin1(name, p), written;
    es_json_out_t out;
    json_t *json, *text;

    es_json_out_init(&out, p, 1 << 20);
    es_json_out_open(&out, NULL, '{');
    es_json_out_text(&out, "name", name);
    es_json_out_bool(&out, "is_last", 1);
    es_json_out_close(&out, '}');
    PROMISE(!out.is_full);
    written = es_json_out_slice(&out);
    json = json_loadb(written.data, written.len,
                      JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    text = json_object_get(json, "name");
    PROMISE(json_object_size(json) == 2 && json_is_string(text));
    PROMISE(es_slice_equal(
        wanted, es_slice(json_string_value(text), json_string_length(text))));
    json_decref(json);
}

FUZZ(text, p)
{
    const char *name = fuzz_string(text, p);

    if (text.len <= 2048) {
        check_metrics(name, 0, p);
        check_metrics(name, 1, p);
        check_json(text, p);
    }
}
