/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two forms differ in the name of a counter's family, which has no _total
 * in OpenMetrics, in the types that they know, and in the end. Numbers are
 * written so that both read them.
 *
 * A value that is not UTF-8 would make a reader refuse the whole text: then
 * each of its bytes beyond ASCII becomes a question mark.
 */
#include "base/metrics_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "base/utf8.h"

#define TOTAL "_total"
#define INFO "_info"
#define NUMBER_ROOM 48

static void flush(es_metrics_text_t *text)
{
    if (text->len > 0) {
        text->write(text->baton, text->data, text->len);
        text->len = 0;
    }
}

static void put(es_metrics_text_t *text, const char *data, apr_size_t len)
{
    apr_size_t part;

    while (len > 0) {
        part = sizeof(text->data) - text->len;
        part = len < part ? len : part;
        memcpy(text->data + text->len, data, part);
        text->len += part;
        data += part;
        len -= part;
        if (text->len == sizeof(text->data)) {
            flush(text);
        }
    }
}

static void puts_to(es_metrics_text_t *text, const char *data)
{
    put(text, data, strlen(data));
}

static void put_escaped(es_metrics_text_t *text, const char *value)
{
    int is_utf8 = es_utf8_is_valid(es_slice_of(value));

    for (; *value; value++) {
        switch (*value) {
        case '\\': puts_to(text, "\\\\"); break;
        case '"': puts_to(text, "\\\""); break;
        case '\n': puts_to(text, "\\n"); break;
        default: put(text, is_utf8 || !(*value & 0x80) ? value : "?", 1); break;
        }
    }
}

void es_metrics_text_init(es_metrics_text_t *text, int is_open_metrics,
                          es_metrics_write_fn_t *write, void *baton)
{
    memset(text, 0, sizeof(*text));
    text->is_open_metrics = is_open_metrics;
    text->write = write;
    text->baton = baton;
}

static apr_size_t length_without(const char *name, const char *end)
{
    apr_size_t len = strlen(name);
    apr_size_t end_len = strlen(end);

    return len > end_len && !strcmp(name + len - end_len, end) ? len - end_len
                                                               : len;
}

/* As the comments about it name it. */
static apr_size_t family_length(const es_metrics_text_t *text,
                                es_metric_type_t type)
{
    if (text->is_open_metrics && type == ES_METRIC_COUNTER) {
        return length_without(text->name, TOTAL);
    }
    if (text->is_open_metrics && type == ES_METRIC_INFO) {
        return length_without(text->name, INFO);
    }
    return strlen(text->name);
}

static const char *type_name(const es_metrics_text_t *text,
                             es_metric_type_t type)
{
    switch (type) {
    case ES_METRIC_COUNTER: return "counter";
    case ES_METRIC_HISTOGRAM: return "histogram";
    case ES_METRIC_INFO: return text->is_open_metrics ? "info" : "gauge";
    default: return "gauge";
    }
}

void es_metrics_text_family(es_metrics_text_t *text, const char *name,
                            es_metric_type_t type, const char *help)
{
    text->name = name;
    puts_to(text, "# HELP ");
    put(text, name, family_length(text, type));
    puts_to(text, " ");
    puts_to(text, help);
    puts_to(text, "\n# TYPE ");
    put(text, name, family_length(text, type));
    puts_to(text, " ");
    puts_to(text, type_name(text, type));
    puts_to(text, "\n");
}

/* What stands between the name and the number. @param le  a bound; NULL = none
 */
static void put_labels(es_metrics_text_t *text,
                       const es_metric_labels_t *labels, const char *le)
{
    const char *before = "{";
    int i;

    for (i = 0; labels && i < ES_METRIC_LABELS; i++) {
        if (labels->at[i].value) {
            puts_to(text, before);
            puts_to(text, labels->at[i].name);
            puts_to(text, "=\"");
            put_escaped(text, labels->at[i].value);
            puts_to(text, "\"");
            before = ",";
        }
    }
    if (le) {
        puts_to(text, before);
        puts_to(text, "le=\"");
        puts_to(text, le);
        puts_to(text, "\"");
        before = ",";
    }
    puts_to(text, *before == ',' ? "} " : " ");
}

static void put_sample(es_metrics_text_t *text, const char *suffix,
                       const es_metric_labels_t *labels, const char *le,
                       const char *number)
{
    puts_to(text, text->name);
    puts_to(text, suffix);
    put_labels(text, labels, le);
    puts_to(text, number);
    puts_to(text, "\n");
}

static void print_number(char out[NUMBER_ROOM], apr_uint64_t value)
{
    snprintf(out, NUMBER_ROOM, "%" APR_UINT64_T_FMT, value);
}

/* With one digit after the point at least, as OpenMetrics wants bounds. */
static void print_float(char out[NUMBER_ROOM], apr_uint64_t value,
                        apr_uint64_t unit, int digits)
{
    int len =
        snprintf(out, NUMBER_ROOM, "%" APR_UINT64_T_FMT ".%0*" APR_UINT64_T_FMT,
                 value / unit, digits, value % unit);

    while (out[len - 1] == '0' && out[len - 2] != '.') {
        out[--len] = '\0';
    }
}

static void print_seconds(char out[NUMBER_ROOM], apr_uint64_t us)
{
    print_float(out, us, 1000000, 6);
}

void es_metrics_text_number(es_metrics_text_t *text,
                            const es_metric_labels_t *labels,
                            apr_uint64_t value)
{
    char number[NUMBER_ROOM];

    print_number(number, value);
    put_sample(text, "", labels, NULL, number);
}

void es_metrics_text_seconds(es_metrics_text_t *text,
                             const es_metric_labels_t *labels, apr_int64_t us)
{
    char number[NUMBER_ROOM];

    print_seconds(number, us > 0 ? (apr_uint64_t)us : 0);
    put_sample(text, "", labels, NULL, number);
}

void es_metrics_text_histogram(es_metrics_text_t *text,
                               const es_metric_labels_t *labels,
                               const es_histogram_kind_t *kind, int is_time,
                               const es_histogram_t *histogram)
{
    char bound[NUMBER_ROOM], number[NUMBER_ROOM];
    apr_uint64_t count = 0;
    int i;

    for (i = 0; i < kind->count; i++) {
        count += histogram->counts[i];
        if (is_time) {
            print_seconds(bound, kind->bounds[i]);
        }
        else {
            print_float(bound, kind->bounds[i], 1, 1);
        }
        print_number(number, count);
        put_sample(text, "_bucket", labels, bound, number);
    }
    print_number(number, es_histogram_count(histogram));
    put_sample(text, "_bucket", labels, "+Inf", number);
    if (is_time) {
        print_seconds(bound, histogram->sum);
    }
    else {
        print_number(bound, histogram->sum);
    }
    put_sample(text, "_sum", labels, NULL, bound);
    put_sample(text, "_count", labels, NULL, number);
}

void es_metrics_text_end(es_metrics_text_t *text)
{
    if (text->is_open_metrics) {
        puts_to(text, "# EOF\n");
    }
    flush(text);
}
