/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels are those that are bounded by the configuration: hubs, child
 * numbers, reasons and limits. Channels are told only if they are named by
 * EventStreamMetricsChannels, because each would be a series that the reader
 * keeps for ever. A value that is not known is left out, and is not 0.
 */
#include "http/metrics.h"

#include <stddef.h>

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>

#include "base/accept.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics_text.h"
#include "server/figures.h"
#include "http/not_detached.h"
#include "http/reply.h"
#include "http/status_access.h"

#define ALLOW "GET, HEAD"
#define OPEN_METRICS "application/openmetrics-text"

typedef es_metrics_text_t text_t;

/* A family of samples that differ in one label. */
typedef struct family_t {
    const char *name;
    es_metric_type_t type;
    size_t offset; /* of an apr_uint64_t of the figures */
    const char *help;
} family_t;

static void begin(text_t *text, const family_t *family)
{
    es_metrics_text_family(text, family->name, family->type, family->help);
}

static apr_uint64_t value_at(const void *figures, size_t offset)
{
    return *(const apr_uint64_t *)((const char *)figures + offset);
}

static void put(text_t *text, const char *name, const char *value,
                apr_uint64_t number)
{
    es_metric_labels_t one = es_metrics_text_label(name, value);

    es_metrics_text_number(text, &one, number);
}

/* ---- The server ---------------------------------------------------------- */

static void put_server(text_t *text, const es_figures_t *figures)
{
    es_metrics_text_family(text, "eventstream_build_info", ES_METRIC_INFO,
                           "The version of mod_eventstream.");
    put(text, "version", ES_VERSION, 1);
    es_metrics_text_family(text, "eventstream_configuration_generation",
                           ES_METRIC_GAUGE,
                           "The configuration that serves new requests; it "
                           "rises by one with each restart of httpd.");
    es_metrics_text_number(text, NULL, figures->generation);
    es_metrics_text_family(text, "eventstream_clients", ES_METRIC_GAUGE,
                           "Clients that are connected now, by how they are "
                           "served; starting is before that is known.");
    put(text, "kind", "detached", figures->clients.detached);
    put(text, "kind", "detached_tls", figures->clients.detached_tls);
    put(text, "kind", "held", figures->clients.held - figures->clients.turns);
    put(text, "kind", "turns", figures->clients.turns);
    put(text, "kind", "starting",
        es_figures_clients_starting(&figures->clients));
    es_metrics_text_family(text, "eventstream_not_detached_total",
                           ES_METRIC_COUNTER,
                           "Clients that were not detached, by reason.");
}

static void put_not_detached(text_t *text, const es_figures_t *figures)
{
    es_not_detached_t reason;
    unsigned int i;

    for (i = 0; es_not_detached_read(figures, i, &reason); i++) {
        put(text, "reason", reason.key, reason.count);
    }
}

/* The directive's name without "EventStream". */
static const char *limit_name(const es_figures_limit_t *limit)
{
    return limit->directive ? limit->directive + strlen("EventStream")
                            : "OpenFiles";
}

/* @param offset  of an apr_int64_t; below least it is not known */
static void put_limit_values(text_t *text, const es_figures_t *figures,
                             size_t offset, apr_int64_t least)
{
    int i;

    for (i = 0; i < ES_LIMITS; i++) {
        apr_int64_t value = (apr_int64_t)value_at(&figures->limits[i], offset);

        if (value >= least) {
            put(text, "limit", limit_name(&figures->limits[i]),
                (apr_uint64_t)value);
        }
    }
}

static void put_limits(text_t *text, const es_figures_t *figures)
{
    es_metrics_text_family(text, "eventstream_limit", ES_METRIC_GAUGE,
                           "The value of a limit of the whole server; one that "
                           "is not set is left out.");
    put_limit_values(text, figures, offsetof(es_figures_limit_t, value), 1);
    es_metrics_text_family(text, "eventstream_limit_used", ES_METRIC_GAUGE,
                           "How much of a limit is used now: by the hub or the "
                           "child that is nearest to it.");
    put_limit_values(text, figures, offsetof(es_figures_limit_t, used), 0);
    es_metrics_text_family(text, "eventstream_limit_reached_total",
                           ES_METRIC_COUNTER,
                           "How often a limit was reached: a request was "
                           "refused or served less.");
    put_limit_values(text, figures, offsetof(es_figures_limit_t, reached), 0);
}

#define REVOKED(field) offsetof(es_figures_t, revocations.field)

static const family_t of_revocations[] = {
    {"eventstream_revocations", ES_METRIC_GAUGE, REVOKED(held),
     "Revocations of users and tokens that hold now."},
    {"eventstream_revocations_total", ES_METRIC_COUNTER, REVOKED(added),
     "How often a user or a token was revoked."},
    {"eventstream_revoked_streams_total", ES_METRIC_COUNTER, REVOKED(ended),
     "Streams that were ended, as their user or token was revoked."},
    {"eventstream_revoked_requests_total", ES_METRIC_COUNTER, REVOKED(refused),
     "Requests for a stream that were refused for the same reason."},
};

static void put_revocations(text_t *text, const es_figures_t *figures)
{
    size_t i;

    for (i = 0; i < sizeof(of_revocations) / sizeof(of_revocations[0]); i++) {
        begin(text, &of_revocations[i]);
        es_metrics_text_number(text, NULL,
                               value_at(figures, of_revocations[i].offset));
    }
}

/* ---- Hubs ---------------------------------------------------------------- */

#define HUB(field) offsetof(es_figures_hub_t, field)

static const family_t of_hubs[] = {
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
        begin(text, &of_hubs[f]);
        for (i = 0; i < figures->nhubs; i++) {
            put(text, "hub", figures->hubs[i].name,
                value_at(&figures->hubs[i], of_hubs[f].offset));
        }
    }
    put_resets(text, figures);
    put_ages(text, figures);
}

/* ---- Clustered hubs ------------------------------------------------------ */

#define COUNT(count) (offsetof(es_cluster_stats_t, counts[count]))

static const family_t of_clusters[] = {
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
                         const family_t *family,
                         void (*fn)(text_t *text, const char *hub,
                                    const es_cluster_stats_t *stats,
                                    const family_t *family))
{
    int i;

    begin(text, family);
    for (i = 0; i < figures->nhubs; i++) {
        if (figures->hubs[i].cluster) {
            fn(text, figures->hubs[i].name, &figures->hubs[i].cluster->stats,
               family);
        }
    }
}

static void on_count(text_t *text, const char *hub,
                     const es_cluster_stats_t *stats, const family_t *family)
{
    put(text, "hub", hub, value_at(stats, family->offset));
}

static void on_up(text_t *text, const char *hub,
                  const es_cluster_stats_t *stats, const family_t *family)
{
    (void)family;
    put(text, "hub", hub, stats->is_up != 0);
}

static void on_synced(text_t *text, const char *hub,
                      const es_cluster_stats_t *stats, const family_t *family)
{
    (void)family;
    put(text, "hub", hub, stats->is_synced != 0);
}

static void on_lag(text_t *text, const char *hub,
                   const es_cluster_stats_t *stats, const family_t *family)
{
    es_metric_labels_t one = es_metrics_text_label("hub", hub);

    (void)family;
    es_metrics_text_seconds(text, &one, stats->lag_ms * 1000);
}

static void put_clusters(text_t *text, const es_figures_t *figures)
{
    static const family_t up = {"eventstream_cluster_up", ES_METRIC_GAUGE, 0,
                                "1 if the link to the broker is open."};
    static const family_t synced = {
        "eventstream_cluster_synced", ES_METRIC_GAUGE, 0,
        "1 if the journal follows the stream of the broker."};
    static const family_t lag = {
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

/* ---- GRIP proxies -------------------------------------------------------- */

static void put_proxies(text_t *text, const es_figures_t *figures)
{
    static const family_t families[] = {
        {"eventstream_proxy_up", ES_METRIC_GAUGE, 0,
         "0 if a GRIP proxy has taken nothing since it last failed."},
        {"eventstream_proxy_queued_bytes", ES_METRIC_GAUGE, 0,
         "Bytes of the journal that were not sent to a GRIP proxy yet."},
        {"eventstream_proxy_failures_total", ES_METRIC_COUNTER, 0,
         "Posts that a GRIP proxy did not take."},
    };
    int f, i;

    for (f = 0; figures->nproxies > 0 && f < 3; f++) {
        begin(text, &families[f]);
        for (i = 0; i < figures->nproxies; i++) {
            const es_figures_proxy_t *proxy = &figures->proxies[i];
            es_metric_labels_t both =
                es_metrics_text_labels("hub", proxy->hub, "proxy", proxy->name);

            es_metrics_text_number(text, &both,
                                   f == 0   ? (apr_uint64_t)proxy->is_up
                                   : f == 1 ? proxy->queued_bytes
                                            : proxy->failures);
        }
    }
}

/* ---- Children ------------------------------------------------------------ */

#define CHILD(field) offsetof(es_figures_child_t, field)

/** @param offset  of an apr_int64_t; below 0 it is not known */
typedef struct child_family_t {
    family_t family;
    int is_us; /* 1 = it is in microseconds, and is written as seconds */
} child_family_t;

static const child_family_t of_children[] = {
    {{"eventstream_child_clients", ES_METRIC_GAUGE, CHILD(clients.total),
      "Clients of a child now, by its number."},
     0},
    {{"eventstream_child_delivered_events_total", ES_METRIC_COUNTER,
      CHILD(deliveries),
      "Events that clients of a child number got; it stays when another child "
      "has the number."},
     0},
    {{"eventstream_child_lag_seconds", ES_METRIC_GAUGE, CHILD(lag_us),
      "The last round of a child: from the append of its oldest event to its "
      "last write."},
     1},
    {{"eventstream_child_cpu_seconds_total", ES_METRIC_COUNTER, CHILD(cpu_us),
      "CPU time of the process that has this number, as of about a second "
      "ago."},
     1},
    {{"eventstream_child_open_files", ES_METRIC_GAUGE, CHILD(open_files),
      "Open files of the process that has this number, as of about a second "
      "ago."},
     0},
};

static void put_child_family(text_t *text, const es_figures_t *figures,
                             const child_family_t *of)
{
    char number[16];
    int i;

    begin(text, &of->family);
    for (i = 0; i < figures->nchildren; i++) {
        apr_int64_t value =
            (apr_int64_t)value_at(&figures->children[i], of->family.offset);
        es_metric_labels_t child;

        apr_snprintf(number, sizeof(number), "%u", figures->children[i].number);
        child = es_metrics_text_label("child", number);
        if (value < 0) {
            continue;
        }
        if (of->is_us) {
            es_metrics_text_seconds(text, &child, value);
        }
        else {
            es_metrics_text_number(text, &child, (apr_uint64_t)value);
        }
    }
}

static void put_children(text_t *text, const es_figures_t *figures)
{
    apr_uint64_t stopping = 0;
    size_t f;
    int i;

    for (i = 0; i < figures->nchildren; i++) {
        stopping += figures->children[i].is_stopping != 0;
    }
    es_metrics_text_family(text, "eventstream_children", ES_METRIC_GAUGE,
                           "Deliveries that there are now: one for each child "
                           "and thread.");
    put(text, "state", "serving", (apr_uint64_t)figures->nchildren - stopping);
    put(text, "state", "stopping", stopping);
    for (f = 0; f < sizeof(of_children) / sizeof(of_children[0]); f++) {
        put_child_family(text, figures, &of_children[f]);
    }
}

/* ---- Times --------------------------------------------------------------- */

static void put_histograms(text_t *text, const es_figures_t *figures)
{
    es_metrics_text_family(text, "eventstream_publish_seconds",
                           ES_METRIC_HISTOGRAM,
                           "How long it took to store a batch of events, from "
                           "when its body was read and checked.");
    es_metrics_text_histogram(text, &es_histogram_times, 1, &figures->publish);
    es_metrics_text_family(text, "eventstream_delivery_lag_seconds",
                           ES_METRIC_HISTOGRAM,
                           "How late the last client of a round was: from the "
                           "append of the oldest event to the last write.");
    es_metrics_text_histogram(text, &es_histogram_times, 1, &figures->lag);
    es_metrics_text_family(text, "eventstream_replay_events",
                           ES_METRIC_HISTOGRAM,
                           "Events of the past that a client got before it was "
                           "live.");
    es_metrics_text_histogram(text, &es_histogram_records, 0, &figures->replay);
}

/* ---- The handler --------------------------------------------------------- */

static void write_to(void *r, const char *data, apr_size_t len)
{
    (void)ap_rwrite(data, (int)len, r); /* a client that is gone is httpd's */
}

/* Does the Accept header name it? Ranges with '*' do not count. */
static int wants_open_metrics(const request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");

    return accept && ap_strcasestr(accept, OPEN_METRICS) &&
           es_accept_admits(accept, OPEN_METRICS);
}

static void set_headers(request_rec *r, int is_open_metrics)
{
    es_reply_ignore_range(r);
    ap_set_content_type(r, is_open_metrics
                               ? OPEN_METRICS "; version=1.0.0; charset=utf-8"
                               : "text/plain; version=0.0.4; charset=utf-8");
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "Vary", "Accept");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
}

static void send_metrics(request_rec *r, const es_figures_t *figures)
{
    int is_open_metrics = wants_open_metrics(r);
    text_t *text = apr_palloc(r->pool, sizeof(*text));

    set_headers(r, is_open_metrics);
    es_metrics_text_init(text, is_open_metrics, write_to, r);
    put_server(text, figures);
    put_not_detached(text, figures);
    put_limits(text, figures);
    put_revocations(text, figures);
    put_hubs(text, figures);
    put_clusters(text, figures);
    put_proxies(text, figures);
    put_children(text, figures);
    put_histograms(text, figures);
    es_metrics_channels_put(text, es_settings_dir(r), r->pool);
    es_metrics_text_end(text);
}

int es_metrics_handler(request_rec *r)
{
    es_figures_t *figures;
    es_problem_t why;

    if (!r->handler || strcmp(r->handler, ES_HANDLER_METRICS) != 0) {
        return DECLINED;
    }
    es_context_enter(ES_WORKER);
    if (r->method_number != M_GET) { /* HEAD, too */
        return es_reply_method(r, ALLOW);
    }
    if (!es_status_access_admits(r, &why)) {
        return es_reply_problem(r, &why);
    }
    es_figures_tick(es_clock_now());
    figures = apr_palloc(r->pool, sizeof(*figures));
    if (!es_figures_read(figures, r->pool)) {
        es_problem_set(&why, r->pool, HTTP_SERVICE_UNAVAILABLE,
                       "This child serves no events; it logged why when it "
                       "started.");
        return es_reply_problem(r, &why);
    }
    send_metrics(r, figures);
    return OK;
}
