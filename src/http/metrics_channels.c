/* SPDX-License-Identifier: Apache-2.0 */
/* A channel is looked up by its name, each time: a channel that nobody knows
 * has no slot. If the lock of the hub is taken, all of them are left out. */
#include "http/metrics.h"

#include "base/clock.h"
#include "journal/channel_stats.h"
#include "server/runtime.h"

typedef struct channel_t {
    const char *name;
    es_channel_stats_t stats;
    apr_int64_t last_us; /* of its last event, since 1970; -1 = none */
} channel_t;

/* @return how many of them are in out: none, or all */
static int read_channels(const es_runtime_hub_t *hub,
                         const apr_array_header_t *names, channel_t *out)
{
    es_id_t id;
    int i;

    es_store_set_clock(hub->store, es_clock_ms());
    for (i = 0; i < names->nelts; i++) {
        out[i].name = APR_ARRAY_IDX(names, i, const char *);
        out[i].last_us = -1;
        switch (es_channel_stats_find(hub->store, es_slice_of(out[i].name),
                                      es_clock_ms(), &out[i].stats)) {
        case -1: return 0; /* the lock is taken: it would be for the others */
        case 0: memset(&out[i].stats, 0, sizeof(out[i].stats)); break;
        default:
            if (es_channel_stats_last(hub->store, &out[i].stats, &id)) {
                out[i].last_us = (apr_int64_t)id.ms * 1000;
            }
        }
    }
    return names->nelts;
}

static void put_channel_numbers(es_metrics_text_t *text, const char *hub,
                                const channel_t *channels, int count)
{
    int i;

    es_metrics_text_family(text, "eventstream_channel_subscriptions",
                           ES_METRIC_GAUGE, "Subscribers of a channel now.");
    for (i = 0; i < count; i++) {
        es_metric_labels_t both =
            es_metrics_text_labels("hub", hub, "channel", channels[i].name);

        es_metrics_text_number(text, &both, channels[i].stats.clients);
    }
    es_metrics_text_family(text, "eventstream_channel_retained_events",
                           ES_METRIC_GAUGE,
                           "Events of a channel that the journal retains.");
    for (i = 0; i < count; i++) {
        es_metric_labels_t both =
            es_metrics_text_labels("hub", hub, "channel", channels[i].name);

        es_metrics_text_number(text, &both, channels[i].stats.events);
    }
}

static void put_channel_times(es_metrics_text_t *text, const char *hub,
                              const channel_t *channels, int count)
{
    int i;

    es_metrics_text_family(text,
                           "eventstream_channel_last_event_timestamp_seconds",
                           ES_METRIC_GAUGE,
                           "When the last retained event of a channel was "
                           "published, since 1970.");
    for (i = 0; i < count; i++) {
        es_metric_labels_t both =
            es_metrics_text_labels("hub", hub, "channel", channels[i].name);

        if (channels[i].last_us >= 0) {
            es_metrics_text_seconds(text, &both, channels[i].last_us);
        }
    }
}

void es_metrics_channels_put(es_metrics_text_t *text, const es_dir_t *conf,
                             apr_pool_t *p)
{
    const es_runtime_hub_t *hub = es_runtime_hub(conf);
    channel_t *channels;
    int count;

    if (!hub || !conf->metrics_channels) {
        return;
    }
    channels = apr_palloc(p, sizeof(*channels) *
                                 (size_t)conf->metrics_channels->nelts);
    count = read_channels(hub, conf->metrics_channels, channels);
    if (count > 0) {
        put_channel_numbers(text, hub->name, channels, count);
        put_channel_times(text, hub->name, channels, count);
    }
}
