/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All statistics cover all children and come from shared memory, so any child
 * can answer. They are not read at one moment. Names of hubs consist of
 * letters, digits, '-' and '_', so they need no escaping.
 */
#include "http/hooks.h"

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_main.h>
#include <http_protocol.h>
#include <mod_status.h>

#include "base/clock.h"
#include "journal/channel_stats.h"
#include "server/cluster_runtime.h"
#include "server/runtime.h"
#include "server/settings.h"
#include "server/stats.h"
#include "http/output_path.h"
#include "http/tls_server.h"

#define NUMBER "%" APR_UINT64_T_FMT

/* ---- The statistics of a hub ------------------------------------------- */

typedef struct hub_t {
    const char *name;
    apr_uint64_t subscriptions;
    es_channel_totals_t totals;
    apr_uint64_t published;
    apr_uint64_t used_bytes;
    apr_uint64_t bytes;
} hub_t;

static apr_uint64_t subscriptions_of(const es_store_t *store)
{
    apr_uint32_t max_children = es_runtime_max_children(), child;
    apr_uint64_t sum = 0;

    for (child = 1; child <= max_children; child++) {
        sum += es_store_child_subscriptions(store, child);
    }
    return sum;
}

/** @return 0 when the hub is not clustered, or this child does not have it */
static int read_cluster(es_cluster_stats_t *stats, const char *name)
{
    const es_runtime_hub_t *view = es_runtime_hub_named(name);

    if (!view || !view->cluster) {
        return 0;
    }
    es_cluster_runtime_stats(view, stats);
    return 1;
}

/* Texts may contain what a broker has answered. */
static const char *printable(request_rec *r, const char *text)
{
    return ap_escape_logitem(r->pool, text);
}

/** @return 0 when this child does not have it */
static int read_hub(hub_t *hub, const char *name)
{
    const es_runtime_hub_t *view = es_runtime_hub_named(name);
    es_pos_t tail;

    if (!view) {
        return 0;
    }
    memset(hub, 0, sizeof(*hub));
    hub->name = name;
    hub->subscriptions = subscriptions_of(view->store);
    es_channel_stats_add(view->store, es_clock_ms(), &hub->totals);
    hub->published = es_stats_events(view);
    tail = es_store_tail(view->store); /* before the head: both only rise */
    hub->used_bytes = es_store_head(view->store) - tail;
    hub->bytes = es_store_bytes(view->store);
    return 1;
}

static apr_uint32_t clients(void)
{
    es_client_limits_t limits;

    return es_client_count_total(es_runtime_client_count(&limits), 0);
}

static apr_uint32_t clients_of(es_client_count_kind_t kind)
{
    es_client_limits_t limits;

    return es_client_count_of_kind(es_runtime_client_count(&limits), kind);
}

/* ---- Why clients are not detached --------------------------------------- */

typedef struct reason_t {
    const char *key;
    const char *text; /* needs no escaping */
    apr_uint64_t count;
} reason_t;

/** From 0 on: those of the output path, then those of TLS.
 * @return 0: there are no more */
static int read_reason(unsigned int number, reason_t *reason)
{
    unsigned int obstacle;

    reason->key = es_output_path_reason(number, &reason->text);
    if (reason->key) {
        reason->count = es_stats_path_count(number);
        return 1;
    }
    obstacle = number - ES_OUTPUT_REASONS + 1;
    reason->key = es_tls_server_obstacle(obstacle, &reason->text);
    reason->count = es_stats_obstacle_count(obstacle);
    return reason->key != NULL;
}

/* ---- For programs ------------------------------------------------------ */

/* The directive's name without "EventStream". */
static const char *key_of(es_limit_t limit)
{
    return limit == ES_LIMIT_FILES
               ? "OpenFiles"
               : es_stats_name(limit) + strlen("EventStream");
}

static void line_of_hub(request_rec *r, const hub_t *hub)
{
    const struct {
        const char *key;
        apr_uint64_t value;
    } lines[] = {
        {"Subscriptions", hub->subscriptions},
        {"Channels", hub->totals.channels},
        {"Retained", hub->totals.events},
        {"Published", hub->published},
        {"JournalUsed", hub->used_bytes},
        {"JournalSize", hub->bytes},
    };
    size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ap_rprintf(r, "EventStream.Hub.%s.%s: " NUMBER "\n", hub->name,
                   lines[i].key, lines[i].value);
    }
}

static int sends(const char *name)
{
    const es_runtime_hub_t *view = es_runtime_hub_named(name);

    return view && view->grip && es_cluster_runtime_may_send(view);
}

static void lines_of_cluster(request_rec *r, const char *name,
                             const es_cluster_stats_t *stats)
{
    const struct {
        const char *key;
        apr_int64_t value;
    } lines[] = {
        {"Up", stats->is_up},
        {"Synced", stats->is_synced},
        {"Leader", (apr_int64_t)es_cluster_runtime_leader(stats)},
        {"LagMs", stats->lag_ms},
        {"Reconnects", (apr_int64_t)stats->counts[ES_CLUSTER_RECONNECTS]},
        {"Entries", (apr_int64_t)stats->counts[ES_CLUSTER_ENTRIES]},
        {"Fills", (apr_int64_t)stats->counts[ES_CLUSTER_FILLS]},
        {"Published", (apr_int64_t)stats->counts[ES_CLUSTER_PUBLISHED]},
        {"Unavailable", (apr_int64_t)stats->counts[ES_CLUSTER_UNAVAILABLE]},
        {"Sends", sends(name)},
    };
    size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ap_rprintf(r, "EventStream.Cluster.%s.%s: %" APR_INT64_T_FMT "\n", name,
                   lines[i].key, lines[i].value);
    }
    ap_rprintf(r,
               "EventStream.Cluster.%s.Address: %s\n"
               "EventStream.Cluster.%s.Error: %s\n",
               name, printable(r, stats->address), name,
               printable(r, stats->error));
}

static void lines_of_reasons(request_rec *r)
{
    reason_t reason;
    unsigned int i;

    for (i = 0; read_reason(i, &reason); i++) {
        ap_rprintf(r, "EventStream.NotDetached.%s: " NUMBER "\n", reason.key,
                   reason.count);
    }
}

static void lines(request_rec *r, const es_settings_t *global)
{
    es_cluster_stats_t cluster;
    hub_t hub;
    int i;

    ap_rprintf(r,
               "EventStream.Clients: %u\nEventStream.Detached.Plain: %u\n"
               "EventStream.Detached.Tls: %u\nEventStream.Held: %u\n",
               clients(), clients_of(ES_CLIENT_COUNT_DETACHED),
               clients_of(ES_CLIENT_COUNT_DETACHED_TLS),
               clients_of(ES_CLIENT_COUNT_HELD));
    lines_of_reasons(r);
    for (i = 0; i < ES_LIMITS; i++) {
        ap_rprintf(r, "EventStream.Reached.%s: " NUMBER "\n", key_of(i),
                   es_stats_limit_count(i));
    }
    for (i = 0; i < global->hubs->nelts; i++) {
        const char *name = APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t).name;

        if (read_hub(&hub, name)) {
            line_of_hub(r, &hub);
        }
        if (read_cluster(&cluster, name)) {
            lines_of_cluster(r, name, &cluster);
        }
    }
}

/* ---- For people -------------------------------------------------------- */

static void table_of_hubs(request_rec *r, const es_settings_t *global)
{
    hub_t hub;
    int i;

    ap_rputs("<table border=\"1\">\n<tr><th>Hub</th><th>Subscriptions</th>"
             "<th>Channels</th><th>Events retained</th>"
             "<th>Events published</th><th>Journal, bytes used</th>"
             "<th>of</th></tr>\n",
             r);
    for (i = 0; i < global->hubs->nelts; i++) {
        if (read_hub(&hub,
                     APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t).name)) {
            ap_rprintf(r,
                       "<tr><td>%s</td><td>" NUMBER "</td><td>" NUMBER
                       "</td><td>" NUMBER "</td><td>" NUMBER "</td><td>" NUMBER
                       "</td><td>" NUMBER "</td></tr>\n",
                       hub.name, hub.subscriptions, hub.totals.channels,
                       hub.totals.events, hub.published, hub.used_bytes,
                       hub.bytes);
        }
    }
    ap_rputs("</table>\n", r);
}

static void row_of_cluster(request_rec *r, const char *name,
                           const es_cluster_stats_t *stats)
{
    ap_rprintf(
        r,
        "<tr><td>%s</td><td>%s</td><td>%s%s</td><td>" NUMBER "</td>"
        "<td>%" APR_INT64_T_FMT "</td><td>" NUMBER "</td><td>" NUMBER
        "</td><td>" NUMBER "</td><td>" NUMBER "</td><td>" NUMBER
        "</td><td>%s</td></tr>\n",
        name, ap_escape_html(r->pool, printable(r, stats->address)),
        !stats->is_up       ? "down"
        : !stats->is_synced ? "up, behind"
                            : "up",
        sends(name) ? "; sends to GRIP proxies" : "",
        es_cluster_runtime_leader(stats), stats->lag_ms,
        stats->counts[ES_CLUSTER_RECONNECTS], stats->counts[ES_CLUSTER_ENTRIES],
        stats->counts[ES_CLUSTER_FILLS], stats->counts[ES_CLUSTER_PUBLISHED],
        stats->counts[ES_CLUSTER_UNAVAILABLE],
        ap_escape_html(r->pool, printable(r, stats->error)));
}

static void table_of_clusters(request_rec *r, const es_settings_t *global)
{
    es_cluster_stats_t stats;
    int i;

    if (global->clusters->nelts == 0) {
        return;
    }
    ap_rputs("<table border=\"1\">\n<tr><th>Clustered hub</th><th>Broker</th>"
             "<th>Link</th><th>Child that reads, PID</th><th>Lag, ms</th>"
             "<th>Connects again</th><th>Entries read</th>"
             "<th>History read</th><th>Published here</th>"
             "<th>Answered 503</th><th>Last error</th></tr>\n",
             r);
    for (i = 0; i < global->clusters->nelts; i++) {
        const char *name =
            APR_ARRAY_IDX(global->clusters, i, es_cluster_conf_t *)->hub;

        if (read_cluster(&stats, name)) {
            row_of_cluster(r, name, &stats);
        }
    }
    ap_rputs("</table>\n", r);
}

static void table_of_limits(request_rec *r)
{
    int i;

    ap_rputs("<table border=\"1\">\n<tr><th>Limit</th><th>Times reached</th>"
             "</tr>\n",
             r);
    for (i = 0; i < ES_LIMITS; i++) {
        ap_rprintf(r, "<tr><td>%s</td><td>" NUMBER "</td></tr>\n",
                   es_stats_name(i), es_stats_limit_count(i));
    }
    ap_rputs("</table>\n", r);
}

static void table_of_reasons(request_rec *r)
{
    reason_t reason;
    unsigned int i;

    ap_rputs("<table border=\"1\">\n<tr><th>Clients were not detached, since"
             "</th><th>Times</th></tr>\n",
             r);
    for (i = 0; read_reason(i, &reason); i++) {
        ap_rprintf(r, "<tr><td>%s</td><td>" NUMBER "</td></tr>\n", reason.text,
                   reason.count);
    }
    ap_rputs("</table>\n", r);
}

static void page(request_rec *r, const es_settings_t *global)
{
    ap_rprintf(r,
               "<hr />\n<h2>Event streams</h2>\n<p>%u clients: %u detached, %u "
               "detached over TLS, %u held</p>\n",
               clients(), clients_of(ES_CLIENT_COUNT_DETACHED),
               clients_of(ES_CLIENT_COUNT_DETACHED_TLS),
               clients_of(ES_CLIENT_COUNT_HELD));
    table_of_hubs(r, global);
    table_of_clusters(r, global);
    table_of_limits(r);
    table_of_reasons(r);
}

/* ---- The hook ---------------------------------------------------------- */

static int on_status(request_rec *r, int flags)
{
    const es_settings_t *global = es_settings_of(ap_server_conf);

    if (!es_runtime_is_serving()) {
        return DECLINED; /* the child logged why at its start */
    }
    if (flags & AP_STATUS_SHORT) {
        lines(r, global);
    }
    else {
        page(r, global);
    }
    return OK;
}

void es_status_register(void)
{
    APR_OPTIONAL_HOOK(ap, status_hook, on_status, NULL, NULL, APR_HOOK_MIDDLE);
}
