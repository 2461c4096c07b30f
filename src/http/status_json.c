/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document has several parts, each of which is one or more members. The
 * answer to a request has all of them in one object; the stream has an event
 * for each:
 *
 *     event: summary    data: {"server": …, "clients": …, "limits": …, …}
 *     event: hubs       data: {"hubs": […]}
 *     event: children   data: {"children": […]}
 *     event: sample     data: {"sample": […]}
 *
 * An event has at most 64 KB. Where a list does not fit, its end is left out
 * and counted ("hubs_omitted").
 */
#include "http/status_json.h"

#include <apr_strings.h>
#include <http_config.h>
#include <http_core.h>
#include <http_main.h>
#include <http_protocol.h>
#include <http_request.h>
#include <scoreboard.h>

#include "base/json_out.h"
#include "server/figures.h"
#include "server/settings.h"
#include "server/status_hub.h"
#include "server/ticker.h"
#include "http/not_detached.h"
#include "http/publish.h"

/* Of an event; a row that begins below it is at most a few KB long. */
#define EVENT_MAX (64 * 1024)
#define EVENT_ROWS (EVENT_MAX - 8 * 1024)
/* Of an answer: 64 hubs and thousands of children. */
#define ANSWER_MAX (4 * 1024 * 1024)
#define ANSWER_ROWS (ANSWER_MAX - 64 * 1024)
/* A round that is older is not one of this second. */
#define LAG_AGE_MAX_MS 1500
#define SAMPLES_MAX (ES_SAMPLES * ES_SAMPLE_VALUES * 21 + 4096)

/* ---- Summary ------------------------------------------------------------ */

static apr_uint64_t time_ms(apr_time_t time)
{
    return (apr_uint64_t)apr_time_as_msec(time);
}

static void put_server(es_json_out_t *out, const es_figures_t *figures)
{
    apr_time_t started =
        ap_scoreboard_image ? ap_scoreboard_image->global->restart_time : 0;

    es_json_out_open(out, "server", '{');
    es_json_out_string(out, "name", ap_server_conf->server_hostname);
    es_json_out_string(out, "module", ES_VERSION);
    es_json_out_string(out, "httpd", ap_get_server_banner());
    es_json_out_string(out, "mpm", ap_show_mpm());
    es_json_out_count(out, "time_ms", time_ms(apr_time_now()));
    es_json_out_count(out, "started_ms", time_ms(started));
    es_json_out_count(out, "generation", figures->generation);
    es_json_out_bool(out, "live", es_runtime_hub_named(ES_HUB_STATUS) != NULL);
    es_json_out_close(out, '}');
}

static void put_clients(es_json_out_t *out, const es_figures_clients_t *clients)
{
    es_json_out_open(out, "clients", '{');
    es_json_out_count(out, "total", clients->total);
    es_json_out_count(out, "detached", clients->detached);
    es_json_out_count(out, "detached_tls", clients->detached_tls);
    es_json_out_count(out, "held", clients->held);
    es_json_out_count(out, "turns", clients->turns);
    es_json_out_close(out, '}');
}

/* Values below 0 stand for what has no number. */
static void put_number(es_json_out_t *out, const char *name, apr_int64_t value)
{
    if (value < 0) {
        es_json_out_null(out, name);
    }
    else {
        es_json_out_number(out, name, value);
    }
}

/* The members of a row, which is the i-th of its list. */
typedef void put_row_t(es_json_out_t *out, const es_figures_t *figures, int i);

#define ANY_SIZE (~(apr_size_t)0)

/**
 * Put a list of objects.
 *
 * @param rows_max  no row begins when the document is so long
 * @return how many rows were left out for that
 */
static int put_list(es_json_out_t *out, const char *name,
                    const es_figures_t *figures, int count, put_row_t *put_row,
                    apr_size_t rows_max)
{
    int i;

    es_json_out_open(out, name, '[');
    for (i = 0; i < count && out->buf.len < rows_max; i++) {
        es_json_out_open(out, NULL, '{');
        put_row(out, figures, i);
        es_json_out_close(out, '}');
    }
    es_json_out_close(out, ']');
    return count - i;
}

/* @return -1: never, since the page is there */
static apr_int64_t reached_ms(int limit)
{
    es_samples_t *samples = es_ticker_samples();
    apr_uint64_t ms =
        samples ? es_samples_risen(samples, (apr_uint32_t)limit) : 0;

    return ms != 0 ? (apr_int64_t)ms : -1;
}

static void put_limit(es_json_out_t *out, const es_figures_t *figures, int i)
{
    const es_figures_limit_t *limit = &figures->limits[i];

    es_json_out_string(out, "name", limit->name);
    es_json_out_string(out, "directive", limit->directive);
    put_number(out, "value", limit->value);
    put_number(out, "used", limit->used);
    es_json_out_count(out, "reached", limit->reached);
    put_number(out, "reached_ms", reached_ms(i));
}

static void put_revocations(es_json_out_t *out, const es_revocations_use_t *use)
{
    es_json_out_open(out, "revocations", '{');
    es_json_out_count(out, "holding", use->held);
    es_json_out_count(out, "times", use->added);
    es_json_out_count(out, "streams", use->ended);
    es_json_out_count(out, "refused", use->refused);
    es_json_out_close(out, '}');
}

static void put_not_detached(es_json_out_t *out, const es_figures_t *figures)
{
    es_not_detached_t reason;
    unsigned int i;

    es_json_out_open(out, "not_detached", '[');
    for (i = 0; es_not_detached_read(figures, i, &reason); i++) {
        if (reason.count != 0) {
            es_json_out_open(out, NULL, '{');
            es_json_out_string(out, "reason", reason.key);
            es_json_out_string(out, "text", reason.text);
            es_json_out_count(out, "count", reason.count);
            es_json_out_close(out, '}');
        }
    }
    es_json_out_close(out, ']');
}

static void put_histogram(es_json_out_t *out, const char *name,
                          const es_histogram_kind_t *kind,
                          const es_histogram_t *histogram)
{
    int i;

    es_json_out_open(out, name, '{');
    es_json_out_count(out, "sum", histogram->sum);
    es_json_out_open(out, "bounds", '[');
    for (i = 0; i < kind->count; i++) {
        es_json_out_count(out, NULL, kind->bounds[i]);
    }
    es_json_out_close(out, ']');
    es_json_out_open(out, "counts", '[');
    for (i = 0; i <= kind->count; i++) {
        es_json_out_count(out, NULL, histogram->counts[i]);
    }
    es_json_out_close(out, ']');
    es_json_out_close(out, '}');
}

static void put_histograms(es_json_out_t *out, const es_figures_t *figures)
{
    es_json_out_open(out, "histograms", '{');
    put_histogram(out, "publish_us", &es_histogram_times,
                  &figures->times.publish);
    put_histogram(out, "lag_us", &es_histogram_times, &figures->times.lag);
    put_histogram(out, "held_lag_us", &es_histogram_times,
                  &figures->times.held_lag);
    put_histogram(out, "replay_events", &es_histogram_records,
                  &figures->times.replay);
    es_json_out_close(out, '}');
}

static void put_proxy(es_json_out_t *out, const es_figures_t *figures, int i)
{
    const es_figures_proxy_t *proxy = &figures->proxies[i];

    es_json_out_string(out, "hub", proxy->hub);
    es_json_out_string(out, "name", proxy->name);
    es_json_out_bool(out, "up", proxy->is_up);
    es_json_out_count(out, "queued_bytes", proxy->queued_bytes);
    es_json_out_count(out, "failures", proxy->failures);
    es_json_out_string(out, "error", *proxy->error ? proxy->error : NULL);
}

static void put_advice(es_json_out_t *out, const es_figures_t *figures, int i)
{
    es_json_out_string(out, "tag", figures->advice[i].tag);
    es_json_out_string(out, "text", figures->advice[i].text);
}

static void put_summary(es_json_out_t *out, const es_figures_t *figures)
{
    put_server(out, figures);
    put_clients(out, &figures->clients);
    put_list(out, "limits", figures, ES_LIMITS, put_limit, ANY_SIZE);
    put_revocations(out, &figures->revocations);
    put_not_detached(out, figures);
    put_histograms(out, figures);
    put_list(out, "proxies", figures, figures->nproxies, put_proxy, ANY_SIZE);
}

/* ---- Hubs and children -------------------------------------------------- */

static void put_cluster(es_json_out_t *out, const es_figures_cluster_t *cluster)
{
    const es_cluster_stats_t *stats = &cluster->stats;

    es_json_out_open(out, "cluster", '{');
    es_json_out_string(out, "address", cluster->address);
    es_json_out_bool(out, "up", stats->is_up);
    es_json_out_bool(out, "synced", stats->is_synced);
    es_json_out_count(out, "leader_pid", cluster->leader_pid);
    es_json_out_number(out, "lag_ms", stats->lag_ms);
    es_json_out_count(out, "reconnects", stats->counts[ES_CLUSTER_RECONNECTS]);
    es_json_out_count(out, "entries", stats->counts[ES_CLUSTER_ENTRIES]);
    es_json_out_count(out, "fills", stats->counts[ES_CLUSTER_FILLS]);
    es_json_out_count(out, "published", stats->counts[ES_CLUSTER_PUBLISHED]);
    es_json_out_count(out, "unavailable",
                      stats->counts[ES_CLUSTER_UNAVAILABLE]);
    es_json_out_string(out, "error",
                       cluster->error && *cluster->error ? cluster->error
                                                         : NULL);
    es_json_out_close(out, '}');
}

static void put_resets(es_json_out_t *out, const es_figures_hub_t *hub)
{
    int i;

    es_json_out_open(out, "resets", '{');
    for (i = 0; i < ES_RESETS; i++) {
        es_json_out_count(out, es_figures_reset_name((es_reset_t)i),
                          hub->resets[i]);
    }
    es_json_out_close(out, '}');
}

static void put_hub(es_json_out_t *out, const es_figures_t *figures, int i)
{
    const es_figures_hub_t *hub = &figures->hubs[i];

    es_json_out_string(out, "name", hub->name);
    es_json_out_count(out, "published", hub->published);
    es_json_out_count(out, "deliveries", hub->deliveries);
    es_json_out_count(out, "sent_bytes", hub->sent_bytes);
    es_json_out_count(out, "streams", hub->streams);
    put_resets(out, hub);
    es_json_out_count(out, "clients", hub->clients);
    es_json_out_count(out, "subscriptions", hub->subscriptions);
    es_json_out_count(out, "channels", hub->channels);
    es_json_out_count(out, "retained", hub->retained);
    put_number(out, "oldest_age_ms", hub->oldest_age_ms);
    es_json_out_count(out, "used_bytes", hub->used_bytes);
    es_json_out_count(out, "bytes", hub->bytes);
    if (hub->cluster) {
        put_cluster(out, hub->cluster);
    }
    else {
        es_json_out_null(out, "cluster");
    }
}

static void put_hubs(es_json_out_t *out, const es_figures_t *figures,
                     apr_size_t rows_max)
{
    es_json_out_number(
        out, "hubs_omitted",
        put_list(out, "hubs", figures, figures->nhubs, put_hub, rows_max));
}

static void put_child(es_json_out_t *out, const es_figures_t *figures, int i)
{
    const es_figures_child_t *child = &figures->children[i];

    es_json_out_count(out, "number", child->number);
    es_json_out_count(out, "pid", child->pid);
    es_json_out_count(out, "generation", child->generation);
    es_json_out_bool(out, "stopping", child->is_stopping);
    put_clients(out, &child->clients);
    es_json_out_count(out, "subscriptions", child->subscriptions);
    es_json_out_count(out, "deliveries", child->deliveries);
    es_json_out_count(out, "sent_bytes", child->sent_bytes);
    put_number(out, "lag_us", child->lag_us);
    put_number(out, "lag_age_ms", child->lag_age_ms);
    put_number(out, "cpu_us", child->cpu_us);
    put_number(out, "open_files", child->open_files);
}

static void put_children(es_json_out_t *out, const es_figures_t *figures,
                         apr_size_t rows_max)
{
    es_json_out_number(out, "children_omitted",
                       put_list(out, "children", figures, figures->nchildren,
                                put_child, rows_max));
}

/* ---- What the request may do -------------------------------------------- */

/* Does the publish Location let this user in? httpd asks all its modules, as it
 * would for the POST itself. */
static const char *hub_of_publish(request_rec *r, const char *path)
{
    request_rec *trial = ap_sub_req_method_uri("POST", path, r, NULL);
    const char *hub = NULL;
    es_problem_t why;

    if (trial->status == HTTP_OK && trial->handler &&
        !strcmp(trial->handler, ES_HANDLER_PUBLISH) &&
        es_publish_auth_admits(trial, es_settings_dir(trial), &why)) {
        hub =
            apr_pstrdup(r->pool, es_settings_hub_name(es_settings_dir(trial)));
    }
    ap_destroy_sub_req(trial);
    return hub;
}

static void put_request(es_json_out_t *out, request_rec *r)
{
    const char *path = es_settings_dir(r)->status_publish;
    const char *hub = path && *path ? hub_of_publish(r, path) : NULL;

    es_json_out_open(out, "request", '{');
    es_json_out_string(out, "user", r->user);
    es_json_out_string(out, "address", r->useragent_ip);
    es_json_out_string(out, "protocol", r->protocol);
    es_json_out_bool(out, "tls", !strcmp(ap_http_scheme(r), "https"));
    es_json_out_string(out, "publish", hub ? path : NULL);
    es_json_out_string(out, "publish_hub", hub);
    es_json_out_close(out, '}');
}

/* ---- Answers ------------------------------------------------------------ */

static const char *text_of(const es_json_out_t *out)
{
    es_slice_t bytes = es_json_out_slice(out);

    return apr_pstrmemdup(out->buf.pool, bytes.data, bytes.len);
}

int es_status_json_figures(request_rec *r, const char **json, es_problem_t *why)
{
    es_figures_t figures;
    es_json_out_t out;

    if (!es_figures_read(&figures, r->pool)) {
        es_problem_set(why, r->pool, HTTP_SERVICE_UNAVAILABLE,
                       "This child serves no events.");
        why->retry_after = ES_RETRY_AFTER_S;
        return es_problem_remedy(why, ES_REMEDY_NO_EVENTS,
                                 "The child logged why when it started.");
    }
    es_json_out_init(&out, r->pool, ANSWER_MAX);
    es_json_out_open(&out, NULL, '{');
    es_json_out_number(&out, "version", 1);
    put_summary(&out, &figures);
    /* it does not change until a restart, so the stream does not repeat it */
    put_list(&out, "advice", &figures, figures.nadvice, put_advice, ANY_SIZE);
    put_hubs(&out, &figures, ANSWER_ROWS / 2);
    put_children(&out, &figures, ANSWER_ROWS);
    put_request(&out, r);
    es_json_out_close(&out, '}');
    *json = text_of(&out);
    return 1;
}

/* ---- Samples ------------------------------------------------------------ */

/* In the order of the values of a sample. */
static const char *const value_names[ES_SAMPLE_VALUES] = {
    "time_ms", "published", "deliveries", "sent_bytes",
    "clients", "lag_us",    "channels",
};

static void put_sample(es_json_out_t *out, const char *name,
                       const apr_uint64_t *values)
{
    int i;

    es_json_out_open(out, name, '[');
    for (i = 0; i < ES_SAMPLE_VALUES; i++) {
        es_json_out_count(out, NULL, values[i]);
    }
    es_json_out_close(out, ']');
}

int es_status_json_samples(request_rec *r, const char **json, es_problem_t *why)
{
    apr_uint64_t(*values)[ES_SAMPLE_VALUES] =
        apr_palloc(r->pool, sizeof(*values) * ES_SAMPLES);
    es_samples_t *samples = es_ticker_samples();
    int count = samples ? es_samples_read(samples, values) : 0, i;
    es_json_out_t out;

    (void)why;
    es_json_out_init(&out, r->pool, SAMPLES_MAX);
    es_json_out_open(&out, NULL, '{');
    es_json_out_open(&out, "values", '[');
    for (i = 0; i < ES_SAMPLE_VALUES; i++) {
        es_json_out_string(&out, NULL, value_names[i]);
    }
    es_json_out_close(&out, ']');
    es_json_out_open(&out, "samples", '[');
    for (i = 0; i < count; i++) {
        put_sample(&out, NULL, values[i]);
    }
    es_json_out_close(&out, ']');
    es_json_out_close(&out, '}');
    *json = text_of(&out);
    return 1;
}

/* ---- Once a second ------------------------------------------------------ */

/* The longest of the rounds that were the last ones of their children and not
 * long ago. */
static apr_uint64_t lag_of(const es_figures_t *figures)
{
    apr_int64_t most = 0;
    int i;

    for (i = 0; i < figures->nchildren; i++) {
        const es_figures_child_t *child = &figures->children[i];

        if (child->lag_us > most && child->lag_age_ms <= LAG_AGE_MAX_MS) {
            most = child->lag_us;
        }
    }
    return (apr_uint64_t)most;
}

static void take_sample(const es_figures_t *figures,
                        apr_uint64_t values[ES_SAMPLE_VALUES])
{
    apr_uint64_t now_ms = time_ms(apr_time_now());
    int i;

    memset(values, 0, sizeof(values[0]) * ES_SAMPLE_VALUES);
    values[0] = now_ms;
    values[4] = figures->clients.total;
    values[5] = lag_of(figures);
    for (i = 0; i < figures->nhubs; i++) {
        values[1] += figures->hubs[i].published;
        values[2] += figures->hubs[i].deliveries;
        values[3] += figures->hubs[i].sent_bytes;
        values[6] += figures->hubs[i].channels;
    }
    es_samples_add(es_ticker_samples(), values);
    for (i = 0; i < ES_LIMITS; i++) {
        es_samples_watch(es_ticker_samples(), (apr_uint32_t)i,
                         figures->limits[i].reached, now_ms);
    }
}

static es_slice_t part(es_json_out_t *out)
{
    es_json_out_close(out, '}');
    return out->is_full ? es_slice("{}", 2) : es_json_out_slice(out);
}

static void begin_part(es_json_out_t *out, apr_pool_t *p)
{
    es_json_out_init(out, p, EVENT_MAX);
    es_json_out_open(out, NULL, '{');
}

static void publish(const es_figures_t *figures, const apr_uint64_t *values,
                    apr_pool_t *p)
{
    es_json_out_t out[4];
    es_status_event_t events[4] = {
        {"summary", {0}}, {"hubs", {0}}, {"children", {0}}, {"sample", {0}}};
    int i;

    for (i = 0; i < 4; i++) {
        begin_part(&out[i], p);
    }
    put_summary(&out[0], figures);
    put_hubs(&out[1], figures, EVENT_ROWS);
    put_children(&out[2], figures, EVENT_ROWS);
    put_sample(&out[3], "sample", values);
    for (i = 0; i < 4; i++) {
        events[i].data = part(&out[i]);
    }
    (void)es_status_hub_publish(ES_STATUS_CHANNEL, events, 4, p);
}

void es_status_json_tick(int is_first, apr_pool_t *p)
{
    apr_uint64_t values[ES_SAMPLE_VALUES];
    es_figures_t figures;

    if (!is_first || !es_figures_read(&figures, p)) {
        return;
    }
    take_sample(&figures, values);
    if (es_status_hub_has_clients()) {
        publish(&figures, values, p);
    }
}
