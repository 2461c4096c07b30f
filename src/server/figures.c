/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of it comes from shared memory, without a lock: counters are atomic, and
 * a number that changes while others are read is counted before or after its
 * change. A child that dies meanwhile is a row that the parent zeroes.
 */
#include "server/figures.h"

#include <http_config.h>
#include <http_core.h>
#include <http_main.h>

#include "base/clock.h"
#include "journal/channel_stats.h"

/* ---- clients ------------------------------------------------------------- */

/* @param child  0 = all */
static void read_clients(es_figures_clients_t *out, apr_uint32_t child)
{
    es_client_limits_t limits;
    const es_client_count_t *count = es_runtime_client_count(&limits);

    out->total = es_client_count_total(count, child);
    out->detached =
        es_client_count_of_kind(count, child, ES_CLIENT_COUNT_DETACHED);
    out->detached_tls =
        es_client_count_of_kind(count, child, ES_CLIENT_COUNT_DETACHED_TLS);
    out->held = es_client_count_of_kind(count, child, ES_CLIENT_COUNT_HELD);
}

/* ---- hubs ---------------------------------------------------------------- */

static apr_uint64_t subscriptions_of(const es_store_t *store)
{
    apr_uint32_t max_children = es_runtime_max_children(), child;
    apr_uint64_t sum = 0;

    for (child = 1; child <= max_children; child++) {
        sum += es_store_child_subscriptions(store, child);
    }
    return sum;
}

/* Texts may contain what a broker has answered. */
static es_figures_cluster_t *read_cluster(const es_runtime_hub_t *view,
                                          apr_pool_t *p)
{
    es_figures_cluster_t *out;

    if (!view->cluster) {
        return NULL;
    }
    out = apr_pcalloc(p, sizeof(*out));
    es_cluster_runtime_stats(view, &out->stats);
    out->sends = view->grip && es_cluster_runtime_may_send(view);
    out->leader_pid = es_cluster_runtime_leader(&out->stats);
    out->error = ap_escape_logitem(p, out->stats.error);
    out->address = ap_escape_logitem(p, out->stats.address);
    return out;
}

static void read_hub(es_figures_hub_t *out, const es_runtime_hub_t *view,
                     apr_pool_t *p)
{
    es_channel_totals_t totals = {0};
    es_pos_t tail;

    es_channel_stats_add(view->store, es_clock_ms(), &totals);
    out->name = view->name;
    out->subscriptions = subscriptions_of(view->store);
    out->channels = totals.channels;
    out->retained = totals.events;
    out->published = es_stats_events(view);
    tail = es_store_tail(view->store); /* before the head: both only rise */
    out->used_bytes = es_store_head(view->store) - tail;
    out->bytes = es_store_bytes(view->store);
    out->cluster = read_cluster(view, p);
}

/* A hub that this child does not have is left out. */
static void read_hubs(es_figures_t *out, const es_settings_t *global,
                      apr_pool_t *p)
{
    es_figures_hub_t *hubs =
        apr_pcalloc(p, sizeof(*hubs) * (apr_size_t)global->hubs->nelts);
    int i;

    for (i = 0; i < global->hubs->nelts; i++) {
        const es_runtime_hub_t *view = es_runtime_hub_named(
            APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t).name);

        if (view) {
            read_hub(&hubs[out->nhubs++], view, p);
        }
    }
    out->hubs = hubs;
}

/* ---- children ------------------------------------------------------------ */

static void read_child(es_figures_child_t *out, apr_uint32_t child)
{
    const es_children_t *children = es_runtime_children();

    out->number = child;
    out->pid = es_children_pid(children, child);
    out->generation = es_children_generation(children, child);
    out->is_stopping = es_children_is_stopping(children, child);
    out->subscriptions = es_runtime_subscriptions(child);
    read_clients(&out->clients, child);
}

static void read_children(es_figures_t *out, apr_pool_t *p)
{
    const es_children_t *children = es_runtime_children();
    apr_uint32_t max_children = es_runtime_max_children(), child;
    es_figures_child_t *rows;
    int present = 0;

    for (child = 1; child <= max_children; child++) {
        present += es_children_is_present(children, child);
    }
    rows = apr_pcalloc(p, sizeof(*rows) * (apr_size_t)present);
    for (child = 1; child <= max_children && out->nchildren < present;
         child++) { /* those that came since are not shown yet */
        if (es_children_is_present(children, child)) {
            read_child(&rows[out->nchildren++], child);
        }
    }
    out->children = rows;
    out->generation = es_children_opened(children);
}

/* ---- limits -------------------------------------------------------------- */

static apr_int64_t most_channels(const es_figures_t *figures)
{
    apr_uint64_t most = 0;
    int i;

    for (i = 0; i < figures->nhubs; i++) {
        most =
            figures->hubs[i].channels > most ? figures->hubs[i].channels : most;
    }
    return (apr_int64_t)most;
}

static apr_int64_t most_clients(const es_figures_t *figures)
{
    apr_uint64_t most = 0;
    int i;

    for (i = 0; i < figures->nchildren; i++) {
        most = figures->children[i].clients.total > most
                   ? figures->children[i].clients.total
                   : most;
    }
    return (apr_int64_t)most;
}

static void read_value(es_figures_limit_t *out, es_limit_t limit,
                       const es_figures_t *figures, const es_settings_t *global)
{
    es_client_limits_t limits;

    (void)es_runtime_client_count(&limits);
    switch (limit) {
    case ES_LIMIT_CLIENTS:
        out->value = global->max_clients;
        out->used = (apr_int64_t)figures->clients.total;
        break;
    case ES_LIMIT_ADDRESS_CLIENTS:
        out->value = global->max_address_clients;
        break;
    case ES_LIMIT_ADDRESS_CHANNELS:
        out->value = global->max_address_channels;
        break;
    case ES_LIMIT_CHANNELS:
        out->value = global->max_channels;
        out->used = most_channels(figures);
        break;
    case ES_LIMIT_FILES:
        out->value = limits.child_clients;
        out->used = most_clients(figures);
        break;
    default: break;
    }
}

static void read_limits(es_figures_t *out, const es_settings_t *global)
{
    int i;

    for (i = 0; i < ES_LIMITS; i++) {
        out->limits[i].name = es_stats_name(i);
        out->limits[i].directive =
            i == ES_LIMIT_FILES ? NULL : out->limits[i].name;
        out->limits[i].value = -1;
        out->limits[i].used = -1;
        out->limits[i].reached = es_stats_limit_count(i);
        read_value(&out->limits[i], i, out, global);
    }
}

/* ---- all ----------------------------------------------------------------- */

static void read_not_detached(es_figures_t *out)
{
    unsigned int i;

    for (i = 0; i < ES_STATS_PATHS; i++) {
        out->paths[i] = es_stats_path_count(i);
    }
    for (i = 0; i < ES_STATS_OBSTACLES; i++) {
        out->obstacles[i] = es_stats_obstacle_count(i);
    }
}

int es_figures_read(es_figures_t *out, apr_pool_t *p)
{
    const es_settings_t *global = es_settings_of(ap_server_conf);

    memset(out, 0, sizeof(*out));
    if (!es_runtime_is_serving()) {
        return 0;
    }
    read_clients(&out->clients, 0);
    read_hubs(out, global, p);
    read_children(out, p);
    read_limits(out, global);
    read_not_detached(out);
    return 1;
}
