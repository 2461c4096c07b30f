/* SPDX-License-Identifier: Apache-2.0 */
/* A comma stands before each value, unless it is the first one of its object
 * or array. */
#include "base/json_out.h"

#include <math.h>

#include <apr_strings.h>

#include "base/json.h"
#include "base/utf8.h"

#define NUMBER_ROOM 64

void es_json_out_init(es_json_out_t *out, apr_pool_t *p, apr_size_t max_bytes)
{
    es_buf_init(&out->buf, p, max_bytes);
    out->needs_comma = 0;
    out->is_full = 0;
}

static void add(es_json_out_t *out, const char *bytes, apr_size_t len)
{
    if (es_buf_add(&out->buf, es_slice(bytes, len)) != APR_SUCCESS) {
        out->is_full = 1;
    }
}

/* What stands before a value. */
static void begin(es_json_out_t *out, const char *name)
{
    if (out->needs_comma) {
        add(out, ",", 1);
    }
    if (name) {
        add(out, "\"", 1);
        add(out, name, strlen(name));
        add(out, "\":", 2);
    }
    out->needs_comma = 1;
}

void es_json_out_open(es_json_out_t *out, const char *name, char bracket)
{
    begin(out, name);
    add(out, &bracket, 1);
    out->needs_comma = 0;
}

void es_json_out_close(es_json_out_t *out, char bracket)
{
    add(out, &bracket, 1);
    out->needs_comma = 1;
}

void es_json_out_text(es_json_out_t *out, const char *name, es_slice_t text)
{
    es_slice_t valid = es_utf8_or_latin1(text, out->buf.pool);
    char *end;

    begin(out, name);
    if (es_buf_reserve(&out->buf, es_json_string_room(valid.len)) !=
        APR_SUCCESS) {
        out->is_full = 1;
        return;
    }
    end = es_json_string_put(out->buf.data + out->buf.len, valid);
    out->buf.len = (apr_size_t)(end - out->buf.data);
}

static void add_word(es_json_out_t *out, const char *name, const char *word)
{
    begin(out, name);
    add(out, word, strlen(word));
}

void es_json_out_string(es_json_out_t *out, const char *name, const char *text)
{
    if (text) {
        es_json_out_text(out, name, es_slice_of(text));
    }
    else {
        add_word(out, name, "null");
    }
}

void es_json_out_count(es_json_out_t *out, const char *name, apr_uint64_t value)
{
    char digits[NUMBER_ROOM];

    apr_snprintf(digits, sizeof(digits), "%" APR_UINT64_T_FMT, value);
    add_word(out, name, digits);
}

void es_json_out_number(es_json_out_t *out, const char *name, apr_int64_t value)
{
    char digits[NUMBER_ROOM];

    apr_snprintf(digits, sizeof(digits), "%" APR_INT64_T_FMT, value);
    add_word(out, name, digits);
}

void es_json_out_decimal(es_json_out_t *out, const char *name, double value)
{
    char digits[NUMBER_ROOM];

    if (!isfinite(value) || fabs(value) > 1e15) {
        add_word(out, name, "null");
        return;
    }
    apr_snprintf(digits, sizeof(digits), "%.3f", value);
    add_word(out, name, digits);
}

void es_json_out_bool(es_json_out_t *out, const char *name, int value)
{
    add_word(out, name, value ? "true" : "false");
}

void es_json_out_null(es_json_out_t *out, const char *name)
{
    add_word(out, name, "null");
}

es_slice_t es_json_out_slice(const es_json_out_t *out)
{
    return es_buf_slice(&out->buf);
}
