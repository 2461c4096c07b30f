/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The text of metrics, as Prometheus (text format 0.0.4) or OpenMetrics 1.0
 * read it. It knows the two forms and their escaping, and no metric. The text
 * goes out in pieces, so its memory does not grow with it.
 *
 * The calls for a metric are es_metrics_text_family, then its samples. The
 * names of families and labels and the help are the caller's own and need no
 * escaping; the values of labels may be any bytes.
 */
#ifndef ES_BASE_METRICS_TEXT_H
#define ES_BASE_METRICS_TEXT_H

#include <stddef.h>

#include "base/histogram.h"

/** Takes a piece of the text. */
typedef void es_metrics_write_fn_t(void *baton, const char *data,
                                   apr_size_t len);

typedef enum es_metric_type_t {
    ES_METRIC_COUNTER, /* its name ends with _total */
    ES_METRIC_GAUGE,
    ES_METRIC_HISTOGRAM,
    ES_METRIC_INFO /* its name ends with _info; its value is 1 */
} es_metric_type_t;

#define ES_METRICS_TEXT_ROOM 4096

/** Its fields are its own. */
typedef struct es_metrics_text_t {
    es_metrics_write_fn_t *write;
    void *baton;
    const char *name; /* of the family */
    int is_open_metrics;
    apr_size_t len; /* of data */
    char data[ES_METRICS_TEXT_ROOM];
} es_metrics_text_t;

/** A label of a sample. */
typedef struct es_metric_label_t {
    const char *name;
    const char *value; /* NULL = there is no such label */
} es_metric_label_t;

/** Most labels of a sample. */
#define ES_METRIC_LABELS 2

/** The labels of a sample; all zero = none. */
typedef struct es_metric_labels_t {
    es_metric_label_t at[ES_METRIC_LABELS];
} es_metric_labels_t;

static inline es_metric_labels_t es_metrics_text_label(const char *name,
                                                       const char *value)
{
    es_metric_labels_t labels = {{{name, value}, {NULL, NULL}}};

    return labels;
}

static inline es_metric_labels_t es_metrics_text_labels(const char *name,
                                                        const char *value,
                                                        const char *other,
                                                        const char *other_value)
{
    es_metric_labels_t labels = {{{name, value}, {other, other_value}}};

    return labels;
}

/** Begin. @param is_open_metrics  0 = the text format 0.0.4 */
void es_metrics_text_init(es_metrics_text_t *text, int is_open_metrics,
                          es_metrics_write_fn_t *write, void *baton);

/**
 * Begin a family of samples.
 *
 * @param name  lives until the next family
 * @param help  one sentence
 */
void es_metrics_text_family(es_metrics_text_t *text, const char *name,
                            es_metric_type_t type, const char *help);

/** A sample of a counter, a gauge or an info. */
void es_metrics_text_number(es_metrics_text_t *text,
                            const es_metric_labels_t *labels,
                            apr_uint64_t value);

/** The same in seconds. @param us  in microseconds; below 0 counts as 0 */
void es_metrics_text_seconds(es_metrics_text_t *text,
                             const es_metric_labels_t *labels, apr_int64_t us);

/**
 * The samples of a histogram.
 *
 * @param labels   beside the bound; at most one
 * @param is_time  1 = bounds and sum are in microseconds, and are written as
 *                 seconds
 */
void es_metrics_text_histogram(es_metrics_text_t *text,
                               const es_metric_labels_t *labels,
                               const es_histogram_kind_t *kind, int is_time,
                               const es_histogram_t *histogram);

/** The end: all that is left is written. */
void es_metrics_text_end(es_metrics_text_t *text);

#endif
