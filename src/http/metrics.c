/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The labels are those that are bounded by the configuration: hubs, child
 * numbers, reasons and limits. Channels are told only if they are named by
 * EventStreamMetricsChannels, because each would be a series that the reader
 * keeps for ever. A value that is not known is left out, and is not 0.
 */
#include "http/metrics.h"

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>

#include "base/accept.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/metrics_text.h"
#include "http/metrics_priv.h"
#include "http/not_detached.h"
#include "http/reply.h"
#include "http/status_access.h"

#define ALLOW "GET, HEAD"
#define OPEN_METRICS "application/openmetrics-text"

typedef es_metrics_text_t text_t;

/* ---- The server ---------------------------------------------------------- */

static void put_server(text_t *text, const es_figures_t *figures)
{
    es_metrics_text_family(text, "eventstream_build_info", ES_METRIC_INFO,
                           "The version of mod_eventstream.");
    es_metrics_put(text, "version", ES_VERSION, 1);
    es_metrics_text_family(text, "eventstream_configuration_generation",
                           ES_METRIC_GAUGE,
                           "The configuration that serves new requests; it "
                           "rises by one with each restart of httpd.");
    es_metrics_text_number(text, NULL, figures->generation);
    es_metrics_text_family(text, "eventstream_clients", ES_METRIC_GAUGE,
                           "Clients that are connected now, by how they are "
                           "served; starting is before that is known.");
    es_metrics_put(text, "kind", "detached", figures->clients.detached);
    es_metrics_put(text, "kind", "detached_tls", figures->clients.detached_tls);
    es_metrics_put(text, "kind", "held",
                   figures->clients.held - figures->clients.turns);
    es_metrics_put(text, "kind", "turns", figures->clients.turns);
    es_metrics_put(text, "kind", "starting",
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
        es_metrics_put(text, "reason", reason.key, reason.count);
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
        apr_int64_t value =
            (apr_int64_t)es_metrics_value_at(&figures->limits[i], offset);

        if (value >= least) {
            es_metrics_put(text, "limit", limit_name(&figures->limits[i]),
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

static const es_metrics_family_t of_revocations[] = {
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
        es_metrics_begin(text, &of_revocations[i]);
        es_metrics_text_number(
            text, NULL, es_metrics_value_at(figures, of_revocations[i].offset));
    }
}

/* ---- GRIP proxies -------------------------------------------------------- */

static void put_proxies(text_t *text, const es_figures_t *figures)
{
    static const es_metrics_family_t families[] = {
        {"eventstream_proxy_up", ES_METRIC_GAUGE, 0,
         "0 if a GRIP proxy has taken nothing since it last failed."},
        {"eventstream_proxy_queued_bytes", ES_METRIC_GAUGE, 0,
         "Bytes of the journal that were not sent to a GRIP proxy yet."},
        {"eventstream_proxy_failures_total", ES_METRIC_COUNTER, 0,
         "Posts that a GRIP proxy did not take."},
    };
    int f, i;

    for (f = 0; figures->nproxies > 0 && f < 3; f++) {
        es_metrics_begin(text, &families[f]);
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

/* Its offset is of an apr_int64_t; below 0 it is not known. */
typedef struct child_family_t {
    es_metrics_family_t family;
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

    es_metrics_begin(text, &of->family);
    for (i = 0; i < figures->nchildren; i++) {
        apr_int64_t value = (apr_int64_t)es_metrics_value_at(
            &figures->children[i], of->family.offset);
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
    es_metrics_put(text, "state", "serving",
                   (apr_uint64_t)figures->nchildren - stopping);
    es_metrics_put(text, "state", "stopping", stopping);
    for (f = 0; f < sizeof(of_children) / sizeof(of_children[0]); f++) {
        put_child_family(text, figures, &of_children[f]);
    }
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
    es_metrics_hubs_put(text, figures);
    put_proxies(text, figures);
    put_children(text, figures);
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
