/* SPDX-License-Identifier: Apache-2.0 */
/* A family has a sample for each hub, or several: so many that the number of
 * hubs, the reasons of resets and the bounds of histograms are what bounds
 * them. */
#include "http/metrics_priv.h"

typedef es_metrics_text_t text_t;

/* ---- Hubs ---------------------------------------------------------------- */

#define HUB(field) offsetof(es_figures_hub_t, field)

static const es_metrics_family_t of_hubs[] = {
    {"eventstream_hub_clients", ES_METRIC_GAUGE, HUB(clients),
     "Clients of a hub now; a client counts once."},
    {"eventstream_subscriptions", ES_METRIC_GAUGE, HUB(subscriptions),
     "Subscriptions to channels now; a client counts in each of its channels."},
    {"eventstream_channels", ES_METRIC_GAUGE, HUB(channels),
     "Channels that have a subscriber, a retained event or a close."},
    {"eventstream_retained_events", ES_METRIC_GAUGE, HUB(retained),
     "Events that the journal retains; one counts in each of its channels."},
    {"eventstream_published_events_total", ES_METRIC_COUNTER, HUB(published),
     "Events that were stored."},
    {"eventstream_delivered_events_total", ES_METRIC_COUNTER, HUB(deliveries),
     "Events that clients got, each counted once for each client."},
    {"eventstream_sent_bytes_total", ES_METRIC_COUNTER, HUB(sent_bytes),
     "Bytes of streams that sockets took, before TLS."},
    {"eventstream_streams_total", ES_METRIC_COUNTER, HUB(streams),
     "Streams that began."},
    {"eventstream_journal_used_bytes", ES_METRIC_GAUGE, HUB(used_bytes),
     "Bytes of the journal that hold retained events."},
    {"eventstream_journal_size_bytes", ES_METRIC_GAUGE, HUB(bytes),
     "Bytes that the journal can hold."},
};

static void put_resets(text_t *text, const es_figures_t *figures)
{
    int i, why;

    es_metrics_text_family(text, "eventstream_resets_total", ES_METRIC_COUNTER,
                           "Clients that were told by stream-reset that they "
                           "may have missed events, by reason.");
    for (i = 0; i < figures->nhubs; i++) {
        for (why = 0; why < ES_RESETS; why++) {
            es_metric_labels_t both =
                es_metrics_text_labels("hub", figures->hubs[i].name, "reason",
                                       es_figures_reset_name((es_reset_t)why));

            es_metrics_text_number(text, &both, figures->hubs[i].resets[why]);
        }
    }
}

static void put_ages(text_t *text, const es_figures_t *figures)
{
    int i;

    es_metrics_text_family(text, "eventstream_oldest_event_age_seconds",
                           ES_METRIC_GAUGE,
                           "The age of the oldest event that is retained; "
                           "clients that were away for longer are reset.");
    for (i = 0; i < figures->nhubs; i++) {
        es_metric_labels_t hub =
            es_metrics_text_label("hub", figures->hubs[i].name);

        if (figures->hubs[i].oldest_age_ms >= 0) {
            es_metrics_text_seconds(text, &hub,
                                    figures->hubs[i].oldest_age_ms * 1000);
        }
    }
}

static void put_hubs(text_t *text, const es_figures_t *figures)
{
    size_t f;
    int i;

    for (f = 0; f < sizeof(of_hubs) / sizeof(of_hubs[0]); f++) {
        es_metrics_begin(text, &of_hubs[f]);
        for (i = 0; i < figures->nhubs; i++) {
            es_metrics_put(
                text, "hub", figures->hubs[i].name,
                es_metrics_value_at(&figures->hubs[i], of_hubs[f].offset));
        }
    }
    put_resets(text, figures);
    put_ages(text, figures);
}

/* ---- Clustered hubs ------------------------------------------------------ */

#define COUNT(count) (offsetof(es_cluster_stats_t, counts[count]))

static const es_metrics_family_t of_clusters[] = {
    {"eventstream_cluster_connects_again_total", ES_METRIC_COUNTER,
     COUNT(ES_CLUSTER_RECONNECTS),
     "Links to the broker that were opened after the first one."},
    {"eventstream_cluster_entries_total", ES_METRIC_COUNTER,
     COUNT(ES_CLUSTER_ENTRIES),
     "Entries of the broker's stream that were read."},
    {"eventstream_cluster_fills_total", ES_METRIC_COUNTER,
     COUNT(ES_CLUSTER_FILLS),
     "How often the journal was replaced by the history of the broker."},
    {"eventstream_cluster_published_events_total", ES_METRIC_COUNTER,
     COUNT(ES_CLUSTER_PUBLISHED),
     "Events that the broker took from this node."},
    {"eventstream_cluster_unavailable_events_total", ES_METRIC_COUNTER,
     COUNT(ES_CLUSTER_UNAVAILABLE),
     "Events that the broker did not take; their publishers got 503."},
};

static int has_clusters(const es_figures_t *figures)
{
    int i;

    for (i = 0; i < figures->nhubs; i++) {
        if (figures->hubs[i].cluster) {
            return 1;
        }
    }
    return 0;
}

/* Calls fn for each clustered hub. */
static void each_cluster(text_t *text, const es_figures_t *figures,
                         const es_metrics_family_t *family,
                         void (*fn)(text_t *text, const char *hub,
                                    const es_cluster_stats_t *stats,
                                    const es_metrics_family_t *family))
{
    int i;

    es_metrics_begin(text, family);
    for (i = 0; i < figures->nhubs; i++) {
        if (figures->hubs[i].cluster) {
            fn(text, figures->hubs[i].name, &figures->hubs[i].cluster->stats,
               family);
        }
    }
}

static void on_count(text_t *text, const char *hub,
                     const es_cluster_stats_t *stats,
                     const es_metrics_family_t *family)
{
    es_metrics_put(text, "hub", hub,
                   es_metrics_value_at(stats, family->offset));
}

static void on_up(text_t *text, const char *hub,
                  const es_cluster_stats_t *stats,
                  const es_metrics_family_t *family)
{
    (void)family;
    es_metrics_put(text, "hub", hub, stats->is_up != 0);
}

static void on_synced(text_t *text, const char *hub,
                      const es_cluster_stats_t *stats,
                      const es_metrics_family_t *family)
{
    (void)family;
    es_metrics_put(text, "hub", hub, stats->is_synced != 0);
}

static void on_lag(text_t *text, const char *hub,
                   const es_cluster_stats_t *stats,
                   const es_metrics_family_t *family)
{
    es_metric_labels_t one = es_metrics_text_label("hub", hub);

    (void)family;
    es_metrics_text_seconds(text, &one, stats->lag_ms * 1000);
}

static void put_clusters(text_t *text, const es_figures_t *figures)
{
    static const es_metrics_family_t up = {
        "eventstream_cluster_up", ES_METRIC_GAUGE, 0,
        "1 if the link to the broker is open."};
    static const es_metrics_family_t synced = {
        "eventstream_cluster_synced", ES_METRIC_GAUGE, 0,
        "1 if the journal follows the stream of the broker."};
    static const es_metrics_family_t lag = {
        "eventstream_cluster_lag_seconds", ES_METRIC_GAUGE, 0,
        "How long the last entry took from the broker to the journal."};
    size_t f;

    if (!has_clusters(figures)) {
        return;
    }
    each_cluster(text, figures, &up, on_up);
    each_cluster(text, figures, &synced, on_synced);
    each_cluster(text, figures, &lag, on_lag);
    for (f = 0; f < sizeof(of_clusters) / sizeof(of_clusters[0]); f++) {
        each_cluster(text, figures, &of_clusters[f], on_count);
    }
}

/* ---- Times --------------------------------------------------------------- */

#define TIMES(field) offsetof(es_figures_hub_t, times.field)

typedef struct histogram_family_t {
    es_metrics_family_t family; /* its offset: of an es_histogram_t of a hub */
    const es_histogram_kind_t *kind;
    int is_time; /* 1 = in microseconds */
} histogram_family_t;

static const histogram_family_t histograms[] = {
    {{"eventstream_publish_seconds", ES_METRIC_HISTOGRAM, TIMES(publish),
      "How long it took to store a batch of events, from when its body was "
      "read and checked."},
     &es_histogram_times,
     1},
    {{"eventstream_delivery_lag_seconds", ES_METRIC_HISTOGRAM, TIMES(lag),
      "How late the last client of a round was: from the append of the oldest "
      "event to the last write."},
     &es_histogram_times,
     1},
    {{"eventstream_held_lag_seconds", ES_METRIC_HISTOGRAM, TIMES(held_lag),
      "How late a client that a worker holds was: from the append of the "
      "oldest event of a write to its end."},
     &es_histogram_times,
     1},
    {{"eventstream_replay_events", ES_METRIC_HISTOGRAM, TIMES(replay),
      "Events of the past that a client got before it was live."},
     &es_histogram_records,
     0},
};

static void put_histograms(text_t *text, const es_figures_t *figures)
{
    size_t f;
    int i;

    for (f = 0; f < sizeof(histograms) / sizeof(histograms[0]); f++) {
        const histogram_family_t *of = &histograms[f];

        es_metrics_begin(text, &of->family);
        for (i = 0; i < figures->nhubs; i++) {
            const char *hub = (const char *)&figures->hubs[i];
            es_metric_labels_t one =
                es_metrics_text_label("hub", figures->hubs[i].name);

            es_metrics_text_histogram(
                text, &one, of->kind, of->is_time,
                (const es_histogram_t *)(hub + of->family.offset));
        }
    }
}

/* ---- All ----------------------------------------------------------------- */

void es_metrics_hubs_put(es_metrics_text_t *text, const es_figures_t *figures)
{
    put_hubs(text, figures);
    put_clusters(text, figures);
    put_histograms(text, figures);
}
