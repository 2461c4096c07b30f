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

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "journal/channel_stats.h"
#include "grip/outcome.h"
#include "server/grip_runtime.h"
#include "server/presence_runtime.h"
#include "server/revocation_runtime.h"

#define FOLDER "/proc/self/fd"

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
    out->turns = es_client_count_of_kind(count, child, ES_CLIENT_COUNT_TURNS);
    out->held = es_client_count_of_kind(count, child, ES_CLIENT_COUNT_HELD) +
                out->turns;
}

/* ---- hubs ---------------------------------------------------------------- */

#define OLDEST_TRIES 3

static apr_uint64_t now_ms(const es_runtime_hub_t *view)
{
    return view->cluster ? es_cluster_runtime_now_ms(view)
                         : (apr_uint64_t)apr_time_as_msec(apr_time_now());
}

/* The record at the tail may be evicted before it is read. */
static apr_int64_t oldest_age_ms(const es_runtime_hub_t *view)
{
    apr_uint64_t now = now_ms(view);
    apr_status_t rv = APR_ENOENT;
    es_record_t record;
    int tries;

    for (tries = 0; rv == APR_ENOENT && tries < OLDEST_TRIES; tries++) {
        rv = es_store_look(view->store, es_store_tail(view->store), &record);
    }
    if (rv != APR_SUCCESS) {
        return -1;
    }
    return record.id.ms < now ? (apr_int64_t)(now - record.id.ms) : 0;
}

static apr_uint64_t load(const apr_uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static void sum_times(es_figures_times_t *total,
                      const es_delivery_hub_t *delivery,
                      const es_worker_hub_t *workers)
{
    es_histogram_sum(&total->publish, &workers->publish);
    es_histogram_sum(&total->lag, &delivery->lag);
    es_histogram_sum(&total->held_lag, &workers->lag);
    es_histogram_sum(&total->replay, &delivery->replay);
    es_histogram_sum(&total->replay, &workers->replay);
}

/* What all children have delivered of it. */
static void read_delivered(es_figures_hub_t *out, apr_uint32_t counter)
{
    const es_child_figures_t *figures = es_runtime_figures();
    apr_uint32_t children = figures ? es_child_figures_children(figures) : 0;
    es_hub_figures_t total = {0};
    apr_uint32_t child;

    if (counter >= ES_CHILD_FIGURES_HUBS) {
        return;
    }
    for (child = 1; child <= children; child++) {
        const es_delivery_figures_t *delivery =
            es_child_figures_delivery(figures, child);
        const es_worker_figures_t *workers =
            es_child_figures_workers(figures, child);

        es_child_figures_sum(&total, &delivery->hubs[counter].counts);
        es_child_figures_sum(&total, &workers->hubs[counter].counts);
        sum_times(&out->times, &delivery->hubs[counter],
                  &workers->hubs[counter]);
        out->clients += load(&delivery->gauges.clients[counter]) +
                        load(&workers->clients[counter]);
    }
    out->deliveries = total.deliveries;
    out->sent_bytes = total.bytes;
    out->streams = total.streams;
    memcpy(out->resets, total.resets, sizeof(out->resets));
}

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
    out->oldest_age_ms = oldest_age_ms(view);
    read_delivered(out, view->counter);
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
        const es_hub_conf_t *conf =
            &APR_ARRAY_IDX(global->hubs, i, es_hub_conf_t);
        const es_runtime_hub_t *view = es_runtime_hub_named(conf->name);

        if (view && !conf->is_internal) {
            read_hub(&hubs[out->nhubs++], view, p);
        }
    }
    out->hubs = hubs;
}

/* ---- GRIP proxies -------------------------------------------------------- */

static void read_proxy(es_figures_proxy_t *out, const char *hub,
                       const es_proxy_t *proxy, const es_outbox_stats_t *stats,
                       apr_pool_t *p)
{
    out->hub = hub;
    out->name = proxy->name;
    out->is_up = !stats->is_failing;
    out->queued_bytes = stats->queued_bytes;
    out->failures = stats->failures;
    out->error =
        stats->last_failure != 0 ? es_outcome_text(stats->last_failure, p) : "";
}

static void read_proxies(es_figures_t *out, apr_pool_t *p)
{
    apr_array_header_t *all = apr_array_make(p, 4, sizeof(es_figures_proxy_t));
    es_outbox_stats_t stats;
    const es_proxy_t *proxy;
    int i, number;

    for (i = 0; i < out->nhubs; i++) {
        const es_runtime_hub_t *view = es_runtime_hub_named(out->hubs[i].name);

        for (number = 0;
             (proxy = es_grip_runtime_stats(view, number, &stats)) != NULL;
             number++) {
            read_proxy(apr_array_push(all), view->name, proxy, &stats, p);
        }
    }
    out->proxies = (const es_figures_proxy_t *)all->elts;
    out->nproxies = all->nelts;
}

/* ---- what children measure ----------------------------------------------- */

/* Both values are 0 if it was not measured. */
static apr_int64_t or_none(apr_uint64_t value)
{
    return value != 0 ? (apr_int64_t)value : -1;
}

static void read_gauges(es_figures_child_t *out,
                        const es_child_gauges_t *gauges, apr_time_t now)
{
    apr_uint64_t lag_at = load(&gauges->lag_at);

    out->cpu_us = or_none(load(&gauges->cpu_us));
    out->open_files = or_none(load(&gauges->open_files));
    out->lag_us = lag_at != 0 ? (apr_int64_t)load(&gauges->lag_us) : -1;
    out->lag_age_ms = lag_at != 0 ? (now - (apr_time_t)lag_at) / 1000 : -1;
}

static void read_counts(es_figures_child_t *out,
                        const es_delivery_figures_t *delivery,
                        const es_worker_figures_t *workers, apr_uint32_t hubs)
{
    es_hub_figures_t total = {0};
    apr_uint32_t hub;

    for (hub = 0; hub < hubs; hub++) {
        es_child_figures_sum(&total, &delivery->hubs[hub].counts);
        es_child_figures_sum(&total, &workers->hubs[hub].counts);
    }
    out->deliveries = total.deliveries;
    out->sent_bytes = total.bytes;
}

static void read_measured(es_figures_child_t *out)
{
    static const es_child_gauges_t none;
    const es_child_figures_t *figures = es_runtime_figures();
    const es_delivery_figures_t *delivery;

    if (!figures) {
        read_gauges(out, &none, 0);
        return;
    }
    delivery = es_child_figures_delivery(figures, out->number);
    read_counts(out, delivery, es_child_figures_workers(figures, out->number),
                es_child_figures_hubs(figures));
    read_gauges(out, &delivery->gauges, es_clock_now());
}

/* A hub that is not configured any more keeps its part: sums never fall. */
static void read_times(es_figures_t *out)
{
    const es_child_figures_t *figures = es_runtime_figures();
    const es_runtime_hub_t *page = es_runtime_hub_named(ES_HUB_STATUS);
    apr_uint32_t child, hub;

    out->is_counted = figures != NULL;
    if (!figures) {
        return;
    }
    for (child = es_child_figures_children(figures); child > 0; child--) {
        const es_delivery_figures_t *delivery =
            es_child_figures_delivery(figures, child);
        const es_worker_figures_t *workers =
            es_child_figures_workers(figures, child);

        for (hub = es_child_figures_hubs(figures); hub-- > 0;) {
            if (!page || hub != page->counter) {
                sum_times(&out->times, &delivery->hubs[hub],
                          &workers->hubs[hub]);
            }
        }
    }
}

/* ---- children ------------------------------------------------------------ */

static void read_child(es_figures_child_t *out, apr_uint32_t child,
                       const es_figures_t *figures)
{
    const es_children_t *children = es_runtime_children();
    int i;

    out->number = child;
    out->pid = es_children_pid(children, child);
    out->generation = es_children_generation(children, child);
    out->is_stopping = es_children_is_stopping(children, child);
    for (i = 0; i < figures->nhubs; i++) {
        const es_runtime_hub_t *view =
            es_runtime_hub_named(figures->hubs[i].name);

        out->subscriptions += es_store_child_subscriptions(view->store, child);
    }
    read_clients(&out->clients, child);
    read_measured(out);
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
            read_child(&rows[out->nchildren++], child, out);
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

/* The table has as many rows as when it was made. */
static void read_presence(es_figures_limit_t *out, const es_settings_t *global)
{
    const es_presence_t *table = es_presence_runtime_table();

    out->value = global->max_presence;
    out->used = 0;
    if (table) {
        es_presence_use_t use = es_presence_use(table);

        out->value = use.rows;
        out->used = use.used;
    }
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
    case ES_LIMIT_USER_CLIENTS: out->value = global->max_user_clients; break;
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
    case ES_LIMIT_PRESENCE: read_presence(out, global); break;
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

static void read_revocations(es_figures_t *out)
{
    const es_revocations_t *table = es_revocation_runtime_table();

    if (table) {
        out->revocations = es_revocations_use(table, es_clock_now());
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
    read_proxies(out, p);
    out->nadvice = es_advice_all(&out->advice);
    read_limits(out, global);
    read_not_detached(out);
    read_revocations(out);
    read_times(out);
    return 1;
}

const char *es_figures_reset_name(es_reset_t why)
{
    static const char *const names[ES_RESETS] = {
        "resume", "overtaken", "handover", "filled", "damaged"};

    return names[why];
}

/* ---- measuring ----------------------------------------------------------- */

#define TICK (APR_USEC_PER_SEC / 2)

/* Linux tells the number as the size of the folder from 6.2 on. */
static apr_uint64_t count_open_files(void)
{
    apr_uint64_t count = 0;
    struct stat st;
    DIR *folder;

    if (stat(FOLDER, &st) == 0 && st.st_size > 0) {
        return (apr_uint64_t)st.st_size;
    }
    folder = opendir(FOLDER);
    if (!folder) {
        return 0;
    }
    while (readdir(folder)) {
        count++;
    }
    closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder itself */
}

static apr_uint64_t cpu_us(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        return 0;
    }
    return (apr_uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) *
               APR_USEC_PER_SEC +
           (apr_uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* All numbers of the process get the same values. Of several threads that come
 * at the same time one measures. */
void es_figures_tick(apr_time_t now)
{
    static apr_time_t last; /* atomic */
    apr_time_t before = __atomic_load_n(&last, __ATOMIC_RELAXED);
    const es_child_figures_t *figures = es_runtime_figures();
    apr_uint64_t cpu, files;
    apr_uint32_t child;
    int i;

    if (!figures || !es_runtime_is_serving() || now - before < TICK ||
        !__atomic_compare_exchange_n(&last, &before, now, 0, __ATOMIC_RELAXED,
                                     __ATOMIC_RELAXED)) {
        return;
    }
    cpu = cpu_us();
    files = count_open_files();
    for (i = 0; (child = es_runtime_own_child(i)) != 0; i++) {
        es_child_gauges_t *gauges =
            &es_child_figures_delivery(figures, child)->gauges;

        es_child_figures_set(&gauges->cpu_us, cpu);
        es_child_figures_set(&gauges->open_files, files);
    }
}
