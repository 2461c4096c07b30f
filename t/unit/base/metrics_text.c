/* SPDX-License-Identifier: Apache-2.0 */
/* The text of metrics: both forms, escaping, numbers, and pieces. */
#include "t/unit/unit.h"

#include <stdio.h>

#include "base/metrics_text.h"

/* What was written, and in how many pieces. */
typedef struct written_t {
    char data[512 * 1024];
    apr_size_t len;
    apr_size_t largest; /* of the pieces */
    int pieces;
} written_t;

static written_t written;
static es_metrics_text_t text;

static void on_write(void *baton, const char *data, apr_size_t len)
{
    written_t *to = baton;

    assert_true(to->len + len < sizeof(to->data));
    memcpy(to->data + to->len, data, len);
    to->len += len;
    to->data[to->len] = '\0';
    to->largest = len > to->largest ? len : to->largest;
    to->pieces++;
}

static void begin(int is_open_metrics)
{
    memset(&written, 0, sizeof(written));
    es_metrics_text_init(&text, is_open_metrics, on_write, &written);
}

static const char *end(void)
{
    es_metrics_text_end(&text);
    return written.data;
}

static es_metric_labels_t one(const char *name, const char *value)
{
    es_metric_labels_t labels = {{{name, value}, {NULL, NULL}}};

    return labels;
}

FACTS(a_family_in_the_text_format)
{
    es_metric_labels_t hub = one("hub", "default");

    (void)pool;
    begin(0);
    es_metrics_text_family(&text, "x_total", ES_METRIC_COUNTER, "Help.");
    es_metrics_text_number(&text, &hub, 18446744073709551615u);
    es_metrics_text_family(&text, "x_info", ES_METRIC_INFO, "Help.");
    es_metrics_text_number(&text, NULL, 1);
    assert_string_equal(end(), "# HELP x_total Help.\n"
                               "# TYPE x_total counter\n"
                               "x_total{hub=\"default\"} 18446744073709551615\n"
                               "# HELP x_info Help.\n"
                               "# TYPE x_info gauge\n"
                               "x_info 1\n");
}

FACTS(a_family_in_openmetrics)
{
    es_metric_labels_t both = {{{"hub", "a"}, {"reason", "b"}}};

    (void)pool;
    begin(1);
    es_metrics_text_family(&text, "x_total", ES_METRIC_COUNTER, "Help.");
    es_metrics_text_number(&text, &both, 0);
    es_metrics_text_family(&text, "x_info", ES_METRIC_INFO, "Help.");
    es_metrics_text_number(&text, NULL, 1);
    es_metrics_text_family(&text, "x_total", ES_METRIC_GAUGE, "Help.");
    assert_string_equal(end(), "# HELP x Help.\n"
                               "# TYPE x counter\n"
                               "x_total{hub=\"a\",reason=\"b\"} 0\n"
                               "# HELP x Help.\n"
                               "# TYPE x info\n"
                               "x_info 1\n"
                               "# HELP x_total Help.\n"
                               "# TYPE x_total gauge\n"
                               "# EOF\n");
}

FACTS(values_of_labels_are_escaped)
{
    es_metric_labels_t quotes = one("c", "a\"b\\c\nd\te{}");
    es_metric_labels_t utf8 = one("c", "k\xc3\xbc"
                                       "che");
    es_metric_labels_t latin1 = one("c", "k\xfc"
                                         "che\"");
    es_metric_labels_t empty = one("c", "");

    (void)pool;
    begin(0);
    es_metrics_text_family(&text, "x", ES_METRIC_GAUGE, "H.");
    written.len = 0;
    es_metrics_text_number(&text, &quotes, 1);
    es_metrics_text_number(&text, &utf8, 2);
    es_metrics_text_number(&text, &latin1, 3);
    es_metrics_text_number(&text, &empty, 4);
    assert_string_equal(strstr(end(), "gauge\n") + 6,
                        "x{c=\"a\\\"b\\\\c\\nd\te{}\"} 1\n"
                        "x{c=\"k\xc3\xbc"
                        "che\"} 2\n"
                        "x{c=\"k?che\\\"\"} 3\n"
                        "x{c=\"\"} 4\n");
}

FACTS(seconds_are_exact)
{
    (void)pool;
    begin(0);
    es_metrics_text_family(&text, "x", ES_METRIC_GAUGE, "H.");
    es_metrics_text_seconds(&text, NULL, 0);
    es_metrics_text_seconds(&text, NULL, 1);
    es_metrics_text_seconds(&text, NULL, 2500000);
    es_metrics_text_seconds(&text, NULL, 10000000);
    es_metrics_text_seconds(&text, NULL, -5);
    es_metrics_text_seconds(&text, NULL, APR_INT64_C(9223372036854775807));
    assert_string_equal(strstr(end(), "gauge\n") + 6,
                        "x 0.0\nx 0.000001\nx 2.5\nx 10.0\nx 0.0\n"
                        "x 9223372036854.775807\n");
}

FACTS(a_histogram_is_cumulative)
{
    static const es_histogram_kind_t times = {3, {100, 1000, 1000000}};
    static const es_histogram_kind_t records = {2, {0, 10}};
    const es_metric_labels_t hub = es_metrics_text_label("hub", "a\"b");
    es_histogram_t histogram = {0};

    (void)pool;
    es_histogram_add(&histogram, &times, 100);
    es_histogram_add(&histogram, &times, 101);
    es_histogram_add(&histogram, &times, 5000000);
    begin(0);
    es_metrics_text_family(&text, "x", ES_METRIC_HISTOGRAM, "H.");
    es_metrics_text_histogram(&text, NULL, &times, 1, &histogram);
    assert_string_equal(end(), "# HELP x H.\n"
                               "# TYPE x histogram\n"
                               "x_bucket{le=\"0.0001\"} 1\n"
                               "x_bucket{le=\"0.001\"} 2\n"
                               "x_bucket{le=\"1.0\"} 2\n"
                               "x_bucket{le=\"+Inf\"} 3\n"
                               "x_sum 5.000201\n"
                               "x_count 3\n");
    memset(&histogram, 0, sizeof(histogram));
    es_histogram_add(&histogram, &records, 7);
    begin(1);
    es_metrics_text_family(&text, "x", ES_METRIC_HISTOGRAM, "H.");
    es_metrics_text_histogram(&text, &hub, &records, 0, &histogram);
    assert_string_equal(strstr(end(), "histogram\n") + 10,
                        "x_bucket{hub=\"a\\\"b\",le=\"0.0\"} 0\n"
                        "x_bucket{hub=\"a\\\"b\",le=\"10.0\"} 1\n"
                        "x_bucket{hub=\"a\\\"b\",le=\"+Inf\"} 1\n"
                        "x_sum{hub=\"a\\\"b\"} 7\n"
                        "x_count{hub=\"a\\\"b\"} 1\n"
                        "# EOF\n");
}

/* A text of any length is written in pieces that have a ceiling, and not a byte
 * is lost at their borders. */
FACTS(a_long_text_goes_out_in_pieces)
{
    static char value[3 * ES_METRICS_TEXT_ROOM];
    es_metric_labels_t labels = one("c", value);
    char line[sizeof(value) + 64];
    apr_size_t len;
    int i;

    (void)pool;
    memset(value, 'v', sizeof(value) - 1);
    len = (apr_size_t)snprintf(line, sizeof(line), "x{c=\"%s\"} 1\n", value);
    begin(0);
    es_metrics_text_family(&text, "x", ES_METRIC_GAUGE, "H.");
    for (i = 0; i < 30; i++) {
        es_metrics_text_number(&text, &labels, 1);
    }
    (void)end();
    assert_true(written.largest <= ES_METRICS_TEXT_ROOM);
    assert_true(written.pieces > 80);
    assert_int_equal(written.len,
                     strlen("# HELP x H.\n# TYPE x gauge\n") + 30 * len);
    assert_memory_equal(written.data + written.len - len, line, len);
}

static const struct CMUnitTest tests[] = {
    UNIT(a_family_in_the_text_format),  UNIT(a_family_in_openmetrics),
    UNIT(values_of_labels_are_escaped), UNIT(seconds_are_exact),
    UNIT(a_histogram_is_cumulative),    UNIT(a_long_text_goes_out_in_pieces),
};

UNIT_MAIN(tests)
