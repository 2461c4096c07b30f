/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a batch, appends it or sends it to the broker of a clustered hub,
 * wakes the children that have clients of its channels, and hands it to GRIP
 * proxies and publishers of other modules. */
#include "http/publish.h"

#include <apr_strings.h>
#include <http_main.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/frame.h"
#include "base/log.h"
#include "base/sigblock.h"
#include "server/grip_runtime.h"
#include "server/log.h"
#include "server/stats.h"

static const es_entry_t *entries_of(const es_batch_t *batch, apr_pool_t *p)
{
    apr_size_t count = (apr_size_t)batch->count;
    es_entry_t *entries = apr_palloc(p, sizeof(*entries) * count);
    es_frame_t *frames = apr_palloc(p, sizeof(*frames) * count);
    apr_size_t i;

    for (i = 0; i < count; i++) {
        es_frame_make(&frames[i], &batch->events[i], p);
        entries[i].channels = batch->events[i].channels;
        entries[i].nchannels = batch->events[i].nchannels;
        entries[i].frame = &frames[i];
    }
    return entries;
}

static int unavailable(apr_pool_t *p, es_problem_t *why, const char *sentence)
{
    es_problem_set(why, p, HTTP_SERVICE_UNAVAILABLE, "%s", sentence);
    why->retry_after = ES_RETRY_AFTER_S;
    return 0;
}

int es_publish_store_refuse_clash(const es_batch_t *batch,
                                  const es_clash_t *clash, apr_pool_t *p,
                                  es_problem_t *why)
{
    const es_event_t *event = &batch->events[clash->event];

    es_problem_set(why, p, HTTP_CONFLICT,
                   "The id '%s' belongs to another event of channel '%s'.",
                   es_channel_printable(event->id, p),
                   es_channel_printable(event->channels[clash->channel], p));
    return es_event_refuse(batch, clash->event, p, why);
}

int es_publish_store_refuse_size(const es_runtime_hub_t *hub, apr_pool_t *p,
                                 es_problem_t *why)
{
    es_problem_set(why, p, HTTP_REQUEST_ENTITY_TOO_LARGE,
                   "The events of the body are more than half of what "
                   "the hub can hold.");
    return es_problem_remedy(
        why, ES_REMEDY_HUB_SIZE,
        apr_psprintf(p, "Raise size= of EventStreamHub %s.", hub->name));
}

static int append_failed(const es_runtime_hub_t *hub, apr_status_t rv,
                         apr_pool_t *p, es_problem_t *why)
{
    static apr_time_t last_logged[ES_HUBS_MAX]; /* atomic */
    int level;

    if (rv == APR_ENOSPC) {
        return es_publish_store_refuse_size(hub, p, why);
    }
    if (rv == APR_ENOMEM) {
        es_stats_count_limit(ES_LIMIT_CHANNELS);
        unavailable(p, why, "No more channels can be held now.");
        return es_problem_remedy(
            why, ES_REMEDY_MAX_CHANNELS,
            "EventStreamMaxChannels is reached; raise it.");
    }
    if (rv == APR_TIMEUP) {
        return unavailable(p, why, "Events cannot be stored now.");
    }
    level = es_log_limit_level(&last_logged[hub->number % ES_HUBS_MAX],
                               APLOG_ERR, es_clock_now());
    es_slog(level, rv, ap_server_conf, "ES0503",
            "cannot use the journal of hub %s; publishing to this hub and "
            "subscribing to it fail until httpd is restarted (not gracefully)",
            hub->name);
    return unavailable(p, why, "Events cannot be stored now.");
}

static int no_hub(apr_pool_t *p, es_problem_t *why)
{
    unavailable(p, why, "Events cannot be stored now.");
    return es_problem_remedy(
        why, ES_REMEDY_NO_EVENTS,
        "This child serves no events; it logged why when it started.");
}

int es_publish_store_check_count(apr_size_t channels, apr_pool_t *p,
                                 es_problem_t *why)
{
    return channels <= ES_STORE_BATCH_CHANNELS_MAX ||
           es_problem_set(why, p, HTTP_REQUEST_ENTITY_TOO_LARGE,
                          "Too many events at once: at most %d, and an event "
                          "counts once for each of its channels. Send them in "
                          "parts, or as NDJSON.",
                          ES_STORE_BATCH_CHANNELS_MAX);
}

static apr_size_t count_channels(const es_batch_t *batch)
{
    apr_size_t channels = 0;
    int i;

    for (i = 0; i < batch->count; i++) {
        channels += (apr_size_t)batch->events[i].nchannels;
    }
    return channels;
}

static apr_uint64_t now_ms(void)
{
    return (apr_uint64_t)apr_time_as_msec(apr_time_now());
}

/* A bit for each child, all clear. */
static apr_uint64_t *child_bits(apr_pool_t *p)
{
    return apr_pcalloc(p, sizeof(apr_uint64_t) *
                              ((es_runtime_max_children() + 63) / 64));
}

/* Append the batch, and wake the children and the sender of this child. */
static int append(const es_runtime_hub_t *hub, const es_batch_t *batch,
                  apr_pool_t *p, es_appended_t *done, es_problem_t *why)
{
    apr_uint64_t *touched = child_bits(p);
    es_sigblock_t sigblock;
    apr_status_t rv;

    es_store_set_clock(hub->store, es_clock_ms());
    es_sigblock_begin(&sigblock); /* the store has a lock */
    rv = es_store_append(hub->store, entries_of(batch, p), batch->count,
                         now_ms(), touched, done);
    es_sigblock_end(&sigblock);
    if (rv != APR_SUCCESS) {
        done->head = 0;
        return rv == APR_EEXIST
                   ? es_publish_store_refuse_clash(batch, &done->clash, p, why)
                   : append_failed(hub, rv, p, why);
    }
    es_runtime_wake(touched);
    es_stats_count_events(hub, batch->count - done->known);
    es_grip_runtime_wake(hub);
    return 1;
}

static int store(const es_runtime_hub_t *hub, const es_batch_t *batch,
                 apr_pool_t *p, es_appended_t *done, es_problem_t *why)
{
    apr_time_t began;

    memset(done, 0, sizeof(*done));
    if (!hub) {
        return no_hub(p, why);
    }
    if (es_publishers_is_calling()) {
        return es_problem_set(
            why, p, HTTP_LOOP_DETECTED,
            "A publisher may not publish while it is called.");
    }
    if (!es_publish_store_check_count(count_channels(batch), p, why)) {
        return 0;
    }
    began = es_clock_now();
    if (!(hub->cluster ? es_publish_cluster(hub, batch, p, done, why)
                       : append(hub, batch, p, done, why))) {
        return 0;
    }
    es_stats_note_publish(hub, es_clock_now() - began);
    return 1;
}

/* The sentence of es_publishers_call names a module and has its words, which
 * may have addresses within the site. */
static int call_publishers(const es_runtime_hub_t *hub, const es_batch_t *batch,
                           const es_id_t *last_id, int shows_names,
                           apr_pool_t *p, es_problem_t *why)
{
    if (es_publishers_call(hub->name, batch, last_id, p, why)) {
        return 1;
    }
    return shows_names
               ? 0
               : es_problem_set(why, p, HTTP_BAD_GATEWAY,
                                "Stored, but not taken by a publisher of "
                                "another module.");
}

/* The sender posts to the proxies while the publishers are called. */
int es_publish_store_sent(const es_runtime_hub_t *hub, const es_batch_t *batch,
                          apr_pool_t *p, es_appended_t *done,
                          es_publish_result_t *result, es_problem_t *why)
{
    es_problem_t not_sent;
    int ok;

    result->grip = NULL;
    if (!store(hub, batch, p, done, why)) {
        return 0;
    }
    ok = call_publishers(hub, batch, &done->last_id, result->shows_proxies, p,
                         why);
    es_publish_result_wait(result, hub, done);
    if (!es_publish_result_check(result, p, &not_sent)) {
        *why = not_sent;
        ok = 0;
    }
    return ok;
}

int es_publish_store(const es_runtime_hub_t *hub, const es_batch_t *batch,
                     apr_pool_t *p, es_appended_t *done, es_problem_t *why)
{
    /* the callers are other modules */
    es_publish_result_t result = {.shows_proxies = 1};

    return es_publish_store_sent(hub, batch, p, done, &result, why);
}

int es_publish_store_unwaited(const es_runtime_hub_t *hub,
                              const es_batch_t *batch, apr_pool_t *p,
                              es_appended_t *done, es_problem_t *why)
{
    return store(hub, batch, p, done, why) &&
           call_publishers(hub, batch, &done->last_id, 1, p, why);
}

int es_publish_store_close(const es_runtime_hub_t *hub, es_slice_t name,
                           apr_int64_t seconds, apr_pool_t *p,
                           es_closed_t *done, es_problem_t *why)
{
    apr_uint64_t clock = es_clock_ms();
    apr_uint64_t *touched;
    es_sigblock_t sigblock;
    apr_status_t rv;

    if (!hub) {
        return no_hub(p, why);
    }
    if (hub->cluster) {
        return es_publish_cluster_close(hub, name, seconds, p, done, why);
    }
    touched = child_bits(p);
    es_store_set_clock(hub->store, clock);
    es_sigblock_begin(&sigblock); /* the store has a lock */
    rv = es_close_channel(hub->store, name, now_ms(),
                          clock + (apr_uint64_t)seconds * 1000, touched, done);
    es_sigblock_end(&sigblock);
    if (rv != APR_SUCCESS) {
        return append_failed(hub, rv, p, why);
    }
    es_runtime_wake(touched);
    es_grip_runtime_wake(hub);
    return 1;
}

/* ---- Checks ------------------------------------------------------------- */

int es_publish_store_channels(const es_request_rights_t *rights,
                              es_batch_t *batch, es_problem_t *why)
{
    apr_pool_t *p = rights->r->pool;
    es_channel_set_t *set;
    int i;

    if (batch->unnamed < 0) {
        return 1;
    }
    if (!es_request_channels_preset(rights, &set, why)) {
        return 0;
    }
    if (es_channel_set_count(set) == 0) {
        es_problem_set(why, p, HTTP_BAD_REQUEST, "No channel: %s.",
                       batch->unnamed_has);
        return es_event_refuse(batch, batch->unnamed, p, why);
    }
    if (es_channel_set_count(set) > ES_EVENT_CHANNELS_MAX) {
        return es_problem_set(why, p, HTTP_BAD_REQUEST,
                              "Too many channels: at most %d for an event.",
                              ES_EVENT_CHANNELS_MAX);
    }
    for (i = batch->unnamed; i < batch->count; i++) {
        if (batch->events[i].nchannels == 0) {
            es_event_set_channels(&batch->events[i], set);
        }
    }
    return 1;
}

int es_publish_store_check_event(const es_event_t *event, apr_int64_t max_bytes,
                                 apr_pool_t *p, es_problem_t *why)
{
    if (es_event_check(event, (apr_size_t)max_bytes, p, why)) {
        return 1;
    }
    if (why->status == HTTP_REQUEST_ENTITY_TOO_LARGE) {
        es_stats_count_limit(ES_LIMIT_EVENT);
    }
    return 0;
}

int es_publish_store_check(const es_request_rights_t *rights,
                           const es_batch_t *batch, es_problem_t *why)
{
    apr_pool_t *p = rights->r->pool;
    apr_int64_t max_bytes = rights->conf->max_event_bytes;
    int i;

    for (i = 0; i < batch->count; i++) {
        const es_event_t *event = &batch->events[i];

        if (!es_request_channels_allowed(rights, event->channels,
                                         event->nchannels, why) ||
            !es_publish_store_check_event(event, max_bytes, p, why)) {
            return es_event_refuse(batch, i, p, why);
        }
    }
    return 1;
}
