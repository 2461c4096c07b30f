/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The handler eventstream-metrics: all figures (server/figures.h) as metrics
 * for Prometheus, or any program that reads its text format or OpenMetrics.
 */
#ifndef ES_HTTP_METRICS_H
#define ES_HTTP_METRICS_H

#include <httpd.h>

#include "base/metrics_text.h"
#include "server/settings.h"

/** Most channels that EventStreamMetricsChannels may name in a section. */
#define ES_METRICS_CHANNELS_MAX 100

/**
 * Serve a request.
 *
 * @return OK, DECLINED if it has another handler, or an error for httpd
 *
 * Context: WORKER. Its time is that of es_figures_read, and of a store lock for
 * each named channel.
 */
int es_metrics_handler(request_rec *r);

/**
 * Write the metrics of the channels that EventStreamMetricsChannels names, in
 * the hub of the section (metrics_channels.c).
 *
 * Context: WORKER; takes the store lock for each of them, for a short time.
 */
void es_metrics_channels_put(es_metrics_text_t *text, const es_dir_t *conf,
                             apr_pool_t *p);

#endif
