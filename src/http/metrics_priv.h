/* SPDX-License-Identifier: Apache-2.0 */
/** What the files of the metrics share: families that are written from the
 * figures by a table. */
#ifndef ES_HTTP_METRICS_PRIV_H
#define ES_HTTP_METRICS_PRIV_H

#include <stddef.h>

#include "base/metrics_text.h"
#include "server/figures.h"

/** A family of samples that differ in one label. */
typedef struct es_metrics_family_t {
    const char *name;
    es_metric_type_t type;
    size_t offset; /* of what its samples are, in a struct of the figures */
    const char *help;
} es_metrics_family_t;

static inline void es_metrics_begin(es_metrics_text_t *text,
                                    const es_metrics_family_t *family)
{
    es_metrics_text_family(text, family->name, family->type, family->help);
}

/** The number at an offset. */
static inline apr_uint64_t es_metrics_value_at(const void *figures,
                                               size_t offset)
{
    return *(const apr_uint64_t *)((const char *)figures + offset);
}

/** A sample with one label. */
static inline void es_metrics_put(es_metrics_text_t *text, const char *name,
                                  const char *value, apr_uint64_t number)
{
    es_metric_labels_t one = es_metrics_text_label(name, value);

    es_metrics_text_number(text, &one, number);
}

/** The metrics of hubs, with those of brokers and of times. Context: WORKER. */
void es_metrics_hubs_put(es_metrics_text_t *text, const es_figures_t *figures);

#endif
