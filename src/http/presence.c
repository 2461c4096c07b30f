/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker counts the client, and the thread of presence publishes: so neither
 * a subscriber nor the delivery ever waits for that. The events are published
 * as those of any publisher, with an id of their own. If a child dies after it
 * has stored an event and before it has noted that, another child publishes it
 * again, and the store knows its id.
 */
#include "http/presence.h"

#include <apr_strings.h>
#include <http_main.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/json.h"
#include "base/log.h"
#include "base/utf8.h"
#include "server/log.h"
#include "server/presence_runtime.h"
#include "server/stats.h"
#include "http/publish.h"

/* ---- The name of a client ----------------------------------------------- */

static es_slice_t refuse_name(request_rec *r, const char *why)
{
    es_rlog(APLOG_DEBUG, 0, r, "ES0415",
            "the client is not counted by EventStreamPresence: %s", why);
    return es_slice(NULL, 0);
}

es_slice_t es_presence_name(request_rec *r, const es_dir_t *conf)
{
    const char *err = NULL, *text;
    es_slice_t name;

    if (!conf->presence || !conf->presence->is_on) {
        return es_slice(NULL, 0);
    }
    text = ap_expr_str_exec(r, conf->presence->name, &err);
    if (err) {
        return refuse_name(
            r, apr_psprintf(r->pool, "its expression failed: %s", err));
    }
    name = es_utf8_or_latin1(es_slice_of(text), r->pool);
    if (name.len > ES_PRESENCE_NAME_MAX) {
        return refuse_name(r, "its name has more than 255 bytes");
    }
    return name.len == 0 ? refuse_name(r, "it has no name") : name;
}

/* ---- Counting ----------------------------------------------------------- */

/* How long its name stays present without it: the longest time of retry: that
 * it may have got, and what a browser needs to reconnect. */
static apr_int64_t grace_ms(const es_dir_t *conf)
{
    apr_int64_t retry_ms = conf->retry_us / 1000;

    return retry_ms + retry_ms * conf->retry_spread / 100 + retry_ms / 5 +
           ES_PRESENCE_MARGIN_MS;
}

static void log_full(const es_stream_t *stream)
{
    static apr_time_t last_logged; /* atomic */
    int level = es_log_limit_level(&last_logged, APLOG_WARNING, es_clock_now());

    es_stats_count_limit(ES_LIMIT_PRESENCE);
    es_rlog(level, 0, stream->r, "ES0416",
            "EventStreamMaxPresence is reached: a client is served, but its "
            "name is not counted; raise it, then stop and start httpd");
}

static void log_locked(const es_stream_t *stream, apr_status_t rv)
{
    static apr_time_t last_logged; /* atomic */
    int level = es_log_limit_level(&last_logged, APLOG_WARNING, es_clock_now());

    es_rlog(level, rv, stream->r, "ES0417",
            "cannot use the table of EventStreamPresence; a client is served, "
            "but its name is not counted");
}

es_client_presence_t *es_presence_begin(const es_stream_t *stream)
{
    es_presence_t *table = es_presence_runtime_table();
    es_client_presence_t *presence = NULL;
    es_presence_entered_t entered;
    es_presence_who_t who;
    apr_status_t rv;

    if (stream->who.len == 0 || !table || stream->nslots == 0) {
        return NULL;
    }
    who.epoch = es_store_epoch(stream->hub->store);
    who.name = stream->who;
    who.child = stream->child;
    who.grace_ms = grace_ms(stream->conf);
    rv = es_client_presence_create(&presence, table, &who, stream->hub->store,
                                   stream->slots, stream->nslots, &entered);
    if (rv != APR_SUCCESS) {
        log_locked(stream, rv);
    }
    else if (entered.refused > 0) {
        log_full(stream);
    }
    if (entered.is_due) {
        es_presence_runtime_wake();
    }
    return presence;
}

/* ---- The events --------------------------------------------------------- */

static const es_slice_t *channel_of(const es_presence_event_t *event,
                                    apr_pool_t *p)
{
    es_slice_t *channel = apr_palloc(p, sizeof(*channel));
    const char *name = apr_pstrcat(p, ES_PRESENCE_PREFIX, event->channel, NULL);

    *channel = es_slice_of(name);
    return channel;
}

static es_slice_t data_of(const es_presence_event_t *event, apr_pool_t *p)
{
    es_slice_t channel = es_slice(event->channel, event->channel_len);
    es_slice_t name = es_slice(event->name, event->name_len);

    return es_slice_of(apr_psprintf(
        p, "{\"channel\":%s,\"name\":%s,\"clients\":%u}",
        es_json_string(channel, p), es_json_string(name, p), event->clients));
}

static void fill_event(es_event_t *to, apr_uint64_t random,
                       const es_presence_event_t *event, apr_pool_t *p)
{
    memset(to, 0, sizeof(*to));
    to->channels = channel_of(event, p);
    to->nchannels = 1;
    to->type = es_slice_of(event->kind == ES_PRESENCE_JOIN ? "join" : "leave");
    to->id = es_slice_of(apr_psprintf(
        p, ES_PRESENCE_PREFIX "%016" APR_UINT64_T_HEX_FMT "-%" APR_UINT64_T_FMT,
        random, event->serial));
    to->data = data_of(event, p);
    to->retry_ms = -1;
}

void es_presence_log_failed(const es_runtime_hub_t *hub, const char *why)
{
    static apr_time_t last_logged; /* atomic */
    int level = es_log_limit_level(&last_logged, APLOG_WARNING, es_clock_now());

    es_slog(level, 0, ap_server_conf, "ES0418",
            "cannot publish joins and leaves to hub %s: %s They are published "
            "later",
            hub->name, why);
}

/* Is the refusal about the batch, so that its events may go one by one? */
static int is_of_batch(const es_problem_t *why, int count)
{
    return count > 1 && (why->status == HTTP_CONFLICT ||
                         why->status == HTTP_REQUEST_ENTITY_TOO_LARGE);
}

/* @return 0: they should be published one by one */
static int publish_some(const es_runtime_hub_t *hub, es_presence_t *table,
                        const es_presence_event_t *const *events, int count,
                        apr_pool_t *p)
{
    es_presence_told_t told = ES_PRESENCE_TOLD;
    es_batch_t batch = {0};
    es_problem_t why = {0};
    es_appended_t done;
    int i;

    batch.events = apr_palloc(p, sizeof(*batch.events) * (apr_size_t)count);
    batch.count = count;
    batch.unnamed = -1;
    for (i = 0; i < count; i++) {
        fill_event(&batch.events[i], es_presence_random(table), events[i], p);
    }
    if (!es_publish_store_unwaited(hub, &batch, p, &done, &why) &&
        done.head == 0 && (count > 1 || why.status != HTTP_CONFLICT)) {
        if (is_of_batch(&why, count)) {
            return 0;
        }
        told = ES_PRESENCE_NOT_TOLD;
        es_presence_log_failed(hub, why.sentence);
    }
    for (i = 0; i < count; i++) {
        es_presence_told(table, events[i], told, es_clock_now());
    }
    return 1;
}

/* Each configuration may number hubs in another way. @return NULL: it is no
 * longer configured */
static const es_runtime_hub_t *hub_of(const es_id_t *epoch)
{
    const apr_array_header_t *hubs = es_settings_of(ap_server_conf)->hubs;
    int i;

    for (i = 0; i < hubs->nelts; i++) {
        const es_runtime_hub_t *hub =
            es_runtime_hub_named(APR_ARRAY_IDX(hubs, i, es_hub_conf_t).name);
        es_id_t its = {0, 0};

        if (hub) {
            its = es_store_epoch(hub->store);
        }
        if (hub && es_id_compare(&its, epoch) == 0) {
            return hub;
        }
    }
    return NULL;
}

/* The hub is no longer configured: nobody can follow it. */
static void drop(es_presence_t *table, const es_presence_event_t *const *events,
                 int count)
{
    int i;

    for (i = 0; i < count; i++) {
        es_presence_told(table, events[i], ES_PRESENCE_TOLD, es_clock_now());
    }
}

static void publish_group(es_presence_t *table,
                          const es_presence_event_t *const *events, int count,
                          apr_pool_t *p)
{
    const es_runtime_hub_t *hub = hub_of(&events[0]->epoch);
    int i;

    if (!hub) {
        drop(table, events, count);
    }
    else if (hub->cluster) {
        es_presence_cluster_tell(hub, table, events, count, p);
    }
    else if (!publish_some(hub, table, events, count, p)) {
        for (i = 0; i < count; i++) {
            (void)publish_some(hub, table, &events[i], 1, p);
        }
    }
}

void es_presence_publish(es_presence_t *table,
                         const es_presence_event_t *events, int count,
                         apr_pool_t *p)
{
    const es_presence_event_t *group[ES_PRESENCE_RUNTIME_EVENTS];
    char is_done[ES_PRESENCE_RUNTIME_EVENTS] = {0};
    int i, k, n;

    for (i = 0; i < count; i++) {
        n = 0;
        for (k = i; k < count; k++) {
            if (!is_done[k] &&
                es_id_compare(&events[k].epoch, &events[i].epoch) == 0) {
                is_done[k] = 1;
                group[n++] = &events[k];
            }
        }
        if (n > 0) {
            publish_group(table, group, n, p);
        }
    }
}

void es_presence_child_init(apr_pool_t *pchild, server_rec *s)
{
    static const es_presence_runtime_calls_t calls = {es_presence_publish,
                                                      es_presence_cluster_keep};

    es_presence_runtime_child_init(&calls, pchild, s);
}
