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

#include "server/figures.h"
#include "http/not_detached.h"

#define NUMBER "%" APR_UINT64_T_FMT

/* ---- For programs ------------------------------------------------------ */

/* The directive's name without "EventStream". */
static const char *key_of(es_limit_t limit)
{
    return limit == ES_LIMIT_FILES
               ? "OpenFiles"
               : es_stats_name(limit) + strlen("EventStream");
}

static void lines_of_hub(request_rec *r, const es_figures_hub_t *hub)
{
    const struct {
        const char *key;
        apr_uint64_t value;
    } lines[] = {
        {"Clients", hub->clients},     {"Subscriptions", hub->subscriptions},
        {"Channels", hub->channels},   {"Retained", hub->retained},
        {"Published", hub->published}, {"JournalUsed", hub->used_bytes},
        {"JournalSize", hub->bytes},
    };
    size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ap_rprintf(r, "EventStream.Hub.%s.%s: " NUMBER "\n", hub->name,
                   lines[i].key, lines[i].value);
    }
}

static void lines_of_cluster(request_rec *r, const char *name,
                             const es_figures_cluster_t *cluster)
{
    const es_cluster_stats_t *stats = &cluster->stats;
    const struct {
        const char *key;
        apr_int64_t value;
    } lines[] = {
        {"Up", stats->is_up},
        {"Synced", stats->is_synced},
        {"Leader", (apr_int64_t)cluster->leader_pid},
        {"LagMs", stats->lag_ms},
        {"Reconnects", (apr_int64_t)stats->counts[ES_CLUSTER_RECONNECTS]},
        {"Entries", (apr_int64_t)stats->counts[ES_CLUSTER_ENTRIES]},
        {"Fills", (apr_int64_t)stats->counts[ES_CLUSTER_FILLS]},
        {"Published", (apr_int64_t)stats->counts[ES_CLUSTER_PUBLISHED]},
        {"Unavailable", (apr_int64_t)stats->counts[ES_CLUSTER_UNAVAILABLE]},
        {"Sends", cluster->sends},
    };
    size_t i;

    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        ap_rprintf(r, "EventStream.Cluster.%s.%s: %" APR_INT64_T_FMT "\n", name,
                   lines[i].key, lines[i].value);
    }
    ap_rprintf(r,
               "EventStream.Cluster.%s.Address: %s\n"
               "EventStream.Cluster.%s.Error: %s\n",
               name, cluster->address, name, cluster->error);
}

static void lines_of_reasons(request_rec *r, const es_figures_t *figures)
{
    es_not_detached_t reason;
    unsigned int i;

    for (i = 0; es_not_detached_read(figures, i, &reason); i++) {
        ap_rprintf(r, "EventStream.NotDetached.%s: " NUMBER "\n", reason.key,
                   reason.count);
    }
}

static void lines_of_revocations(request_rec *r,
                                 const es_revocations_use_t *use)
{
    ap_rprintf(r,
               "EventStream.Revoked.Holding: " NUMBER "\n"
               "EventStream.Revoked.Times: " NUMBER "\n"
               "EventStream.Revoked.Streams: " NUMBER "\n"
               "EventStream.Revoked.Refused: " NUMBER "\n",
               use->held, use->added, use->ended, use->refused);
}

static void lines(request_rec *r, const es_figures_t *figures)
{
    const es_figures_clients_t *clients = &figures->clients;
    int i;

    ap_rprintf(r,
               "EventStream.Clients: " NUMBER "\n"
               "EventStream.Detached.Plain: " NUMBER "\n"
               "EventStream.Detached.Tls: " NUMBER "\n"
               "EventStream.Held: " NUMBER "\n",
               clients->total, clients->detached, clients->detached_tls,
               clients->held);
    lines_of_reasons(r, figures);
    for (i = 0; i < ES_LIMITS; i++) {
        ap_rprintf(r, "EventStream.Reached.%s: " NUMBER "\n", key_of(i),
                   figures->limits[i].reached);
    }
    lines_of_revocations(r, &figures->revocations);
    for (i = 0; i < figures->nhubs; i++) {
        const es_figures_hub_t *hub = &figures->hubs[i];

        lines_of_hub(r, hub);
        if (hub->cluster) {
            lines_of_cluster(r, hub->name, hub->cluster);
        }
    }
}

/* ---- For people -------------------------------------------------------- */

static void table_of_hubs(request_rec *r, const es_figures_t *figures)
{
    int i;

    ap_rputs("<table border=\"1\">\n<tr><th>Hub</th><th>Clients</th>"
             "<th>Subscriptions</th><th>Channels</th><th>Events retained</th>"
             "<th>Events published</th><th>Journal, bytes used</th>"
             "<th>of</th></tr>\n",
             r);
    for (i = 0; i < figures->nhubs; i++) {
        const es_figures_hub_t *hub = &figures->hubs[i];

        ap_rprintf(r,
                   "<tr><td>%s</td><td>" NUMBER "</td><td>" NUMBER
                   "</td><td>" NUMBER "</td><td>" NUMBER "</td><td>" NUMBER
                   "</td><td>" NUMBER "</td><td>" NUMBER "</td></tr>\n",
                   hub->name, hub->clients, hub->subscriptions, hub->channels,
                   hub->retained, hub->published, hub->used_bytes, hub->bytes);
    }
    ap_rputs("</table>\n", r);
}

static void row_of_cluster(request_rec *r, const es_figures_hub_t *hub)
{
    const es_figures_cluster_t *cluster = hub->cluster;
    const es_cluster_stats_t *stats = &cluster->stats;

    ap_rprintf(
        r,
        "<tr><td>%s</td><td>%s</td><td>%s%s</td><td>" NUMBER "</td>"
        "<td>%" APR_INT64_T_FMT "</td><td>" NUMBER "</td><td>" NUMBER
        "</td><td>" NUMBER "</td><td>" NUMBER "</td><td>" NUMBER
        "</td><td>%s</td></tr>\n",
        hub->name, ap_escape_html(r->pool, cluster->address),
        !stats->is_up       ? "down"
        : !stats->is_synced ? "up, behind"
                            : "up",
        cluster->sends ? "; sends to GRIP proxies" : "", cluster->leader_pid,
        stats->lag_ms, stats->counts[ES_CLUSTER_RECONNECTS],
        stats->counts[ES_CLUSTER_ENTRIES], stats->counts[ES_CLUSTER_FILLS],
        stats->counts[ES_CLUSTER_PUBLISHED],
        stats->counts[ES_CLUSTER_UNAVAILABLE],
        ap_escape_html(r->pool, cluster->error));
}

static void table_of_clusters(request_rec *r, const es_figures_t *figures)
{
    int has_table = 0, i;

    for (i = 0; i < figures->nhubs; i++) {
        if (!figures->hubs[i].cluster) {
            continue;
        }
        if (!has_table) {
            ap_rputs(
                "<table border=\"1\">\n<tr><th>Clustered hub</th>"
                "<th>Broker</th><th>Link</th><th>Child that reads, PID</th>"
                "<th>Lag, ms</th><th>Connects again</th><th>Entries read</th>"
                "<th>History read</th><th>Published here</th>"
                "<th>Answered 503</th><th>Last error</th></tr>\n",
                r);
            has_table = 1;
        }
        row_of_cluster(r, &figures->hubs[i]);
    }
    if (has_table) {
        ap_rputs("</table>\n", r);
    }
}

static void table_of_limits(request_rec *r, const es_figures_t *figures)
{
    int i;

    ap_rputs("<table border=\"1\">\n<tr><th>Limit</th><th>Times reached</th>"
             "</tr>\n",
             r);
    for (i = 0; i < ES_LIMITS; i++) {
        ap_rprintf(r, "<tr><td>%s</td><td>" NUMBER "</td></tr>\n",
                   figures->limits[i].name, figures->limits[i].reached);
    }
    ap_rputs("</table>\n", r);
}

static void text_of_revocations(request_rec *r, const es_revocations_use_t *use)
{
    ap_rprintf(r,
               "<p>Users and tokens were revoked " NUMBER
               " times, which has ended " NUMBER " streams and refused " NUMBER
               " new ones; " NUMBER " revocations hold now</p>\n",
               use->added, use->ended, use->refused, use->held);
}

static void table_of_reasons(request_rec *r, const es_figures_t *figures)
{
    es_not_detached_t reason;
    unsigned int i;

    ap_rputs("<table border=\"1\">\n<tr><th>Clients were not detached, since"
             "</th><th>Times</th></tr>\n",
             r);
    for (i = 0; es_not_detached_read(figures, i, &reason); i++) {
        ap_rprintf(r, "<tr><td>%s</td><td>" NUMBER "</td></tr>\n", reason.text,
                   reason.count);
    }
    ap_rputs("</table>\n", r);
}

static void page(request_rec *r, const es_figures_t *figures)
{
    const es_figures_clients_t *clients = &figures->clients;

    ap_rprintf(r,
               "<hr />\n<h2>Event streams</h2>\n<p>" NUMBER " clients: " NUMBER
               " detached, " NUMBER " detached over TLS, " NUMBER " held</p>\n",
               clients->total, clients->detached, clients->detached_tls,
               clients->held);
    table_of_hubs(r, figures);
    table_of_clusters(r, figures);
    table_of_limits(r, figures);
    text_of_revocations(r, &figures->revocations);
    table_of_reasons(r, figures);
}

/* ---- The hook ---------------------------------------------------------- */

static int on_status(request_rec *r, int flags)
{
    es_figures_t figures;

    if (!es_figures_read(&figures, r->pool)) {
        return DECLINED; /* the child logged why at its start */
    }
    if (flags & AP_STATUS_SHORT) {
        lines(r, &figures);
    }
    else {
        page(r, &figures);
    }
    return OK;
}

void es_status_register(void)
{
    APR_OPTIONAL_HOOK(ap, status_hook, on_status, NULL, NULL, APR_HOOK_MIDDLE);
}
