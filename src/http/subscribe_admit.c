/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client above a limit is not refused, because an EventSource that gets an
 * HTTP error never reconnects. It is subscribed all the same, gets the events
 * it missed, and is asked to reconnect. So its events are late, but not lost.
 */
#include "http/subscribe.h"

#include <http_protocol.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/frame.h"
#include "base/query.h"
#include "base/sigblock.h"
#include "base/utf8.h"
#include "journal/close.h"
#include "journal/resume.h"
#include "server/cluster_runtime.h"
#include "server/log.h"
#include "server/stats.h"
#include "http/client_address.h"
#include "http/http2.h"

/* ---- Counting and subscribing ------------------------------------------ */

static es_limit_t limit_of(es_client_count_result_t result)
{
    switch (result) {
    case ES_CLIENT_COUNT_OK: return ES_LIMITS;
    case ES_CLIENT_COUNT_FULL: return ES_LIMIT_CLIENTS;
    case ES_CLIENT_COUNT_ADDRESS_FULL: return ES_LIMIT_ADDRESS_CLIENTS;
    case ES_CLIENT_COUNT_CHANNELS_FULL: return ES_LIMIT_ADDRESS_CHANNELS;
    case ES_CLIENT_COUNT_BROWSER_FULL: return ES_LIMIT_HTTP2;
    case ES_CLIENT_COUNT_USER_FULL: return ES_LIMIT_USER_CLIENTS;
    default: return ES_LIMIT_FILES;
    }
}

/* The client counts for itself, for its user, and with its channels; or, above
 * one of the limits, not at all: those that were there before stay within it.
 * Its user is noted then, too, as it may be revoked.
 *
 * @param count  of its channels
 * @return the limit that was reached, or ES_LIMITS */
static es_limit_t count_in(es_stream_t *stream, int count)
{
    es_counted_t *counted = &stream->counted;
    es_client_limits_t limits;
    es_client_count_t *client_count = es_runtime_client_count(&limits);
    es_client_count_result_t result, of_user;
    es_slice_t address = es_client_address(stream->r);
    apr_uint64_t number = es_client_count_with_browser(
        es_client_count_key(address.data, address.len),
        es_http2_browser(stream->r, stream->conf));

    limits.browser_clients = ES_HTTP2_BROWSER_STREAMS;
    result = es_client_count_add(client_count, stream->child, number, &limits,
                                 counted);
    of_user =
        es_client_count_add_user(counted, stream->identified.who.user, &limits);
    if (result == ES_CLIENT_COUNT_OK) {
        result = of_user;
    }
    if (result == ES_CLIENT_COUNT_OK) {
        result =
            es_client_count_add_channels(counted, (apr_uint32_t)count, &limits);
    }
    if (result != ES_CLIENT_COUNT_OK) {
        es_client_count_remove(counted);
        counted->client_count = NULL;
    }
    return limit_of(result);
}

static apr_status_t subscribe(es_stream_t *stream,
                              const es_channel_set_t *names)
{
    int count = es_channel_set_count(names);
    apr_status_t rv;

    stream->slots = apr_palloc(stream->r->pool, sizeof(es_slot_t) * count);
    es_store_set_clock(stream->hub->store, es_clock_ms());
    rv = es_store_subscribe(stream->hub->store, stream->child,
                            es_channel_set_names(names), count, stream->slots,
                            &stream->start);
    if (rv == APR_SUCCESS) {
        stream->nslots = count;
    }
    return rv;
}

/**
 * Unsubscribe from closed channels. This follows the subscription, so that a
 * later close is in the journal after the client's position.
 *
 * @return the names that are left; NULL = none
 */
static const es_channel_set_t *drop_closed(es_stream_t *stream,
                                           const es_channel_set_t *names)
{
    apr_uint64_t now_ms = es_clock_ms();
    es_store_t *store = stream->hub->store;
    es_channel_set_t *left = NULL;
    int count = 0;
    int i;

    for (i = 0; i < stream->nslots; i++) {
        if (es_close_is_closed(store, stream->slots[i], now_ms)) {
            es_store_unsubscribe(store, stream->child, &stream->slots[i], 1);
            continue;
        }
        if (!left) {
            left = es_channel_set_create(stream->r->pool, stream->nslots);
        }
        (void)es_channel_set_add(left, es_channel_set_names(names)[i]);
        stream->slots[count++] = stream->slots[i];
    }
    stream->nslots = count;
    return left;
}

/* ---- Where the stream starts ------------------------------------------- */

/* The header, which a browser sends when it reconnects, wins over the id that a
 * script put into the URL when it opened the stream. Polyfills and scripts made
 * for other servers spell the parameter differently, and polyfills append
 * theirs to a URL that may have one already. httpd drops the blanks around a
 * header; those in the URL are dropped, too. No event's id has any at its ends,
 * and an id selects a position only within the channels that the client may
 * have.
 *
 * EventSource sends UTF-8, but fetch() sends each character of a header as one
 * byte. So libraries that are made of fetch() send Latin-1. */
static es_slice_t last_event_id(request_rec *r)
{
    es_slice_t query = es_slice_of(r->args);
    es_slice_t id = es_slice_of(apr_table_get(r->headers_in, "Last-Event-ID"));

    if (id.len == 0) {
        es_query_last_value(&id, query, "lasteventid", r->pool);
    }
    return es_utf8_or_latin1(es_channel_trim(id), r->pool);
}

es_resume_reach_t es_subscribe_admit_reach(const es_runtime_hub_t *hub)
{
    es_resume_reach_t reach;

    reach.records = 0;
    reach.events = hub->history;
    reach.age_ms = (apr_uint64_t)hub->age_us / 1000;
    reach.now_ms = hub->cluster
                       ? es_cluster_runtime_now_ms(hub)
                       : (apr_uint64_t)apr_time_as_msec(apr_time_now());
    return reach;
}

/* Starts with the latest events of each channel. If the store is damaged,
 * serving the stream will fail, too, and handle it. */
static apr_status_t replay(es_stream_t *stream, apr_uint64_t latest)
{
    es_resume_reach_t reach = es_subscribe_admit_reach(stream->hub);
    es_pos_t present = stream->start.pos;
    es_part_t *parts =
        apr_palloc(stream->r->pool, sizeof(*parts) * stream->nslots);

    apr_status_t rv =
        es_store_replay(stream->hub->store, stream->slots, stream->nslots,
                        latest, &reach, parts, &stream->start);

    stream->replays = rv == APR_SUCCESS;
    if (rv == APR_SUCCESS && stream->start.pos != present) {
        stream->replay = parts;
    }
    return rv == APR_TIMEUP ? rv : APR_SUCCESS;
}

/* Was the event with this publisher's id found where the client may not have
 * seen it? */
static int is_doubtful(const es_stream_t *stream, es_slice_t id)
{
    es_id_t own;

    return stream->hub->cluster && !es_id_parse(&own, id) &&
           es_cluster_runtime_is_doubtful(stream->hub, &stream->start.id);
}

/* Starts after the last event the client saw; or schedules a stream-reset, if
 * the journal cannot guarantee that no event was missed. */
static apr_status_t resume(es_stream_t *stream, const es_channel_set_t *names,
                           es_slice_t id)
{
    es_resume_reach_t reach = es_subscribe_admit_reach(stream->hub);
    es_start_t present = stream->start;
    apr_status_t rv =
        es_store_resume(stream->hub->store, stream->slots, stream->nslots, id,
                        &reach, &stream->start);

    if (rv == APR_SUCCESS && is_doubtful(stream, id)) {
        stream->start = present;
        rv = APR_NOTFOUND;
    }
    stream->replays = rv == APR_SUCCESS;
    if (rv == APR_SUCCESS || rv == APR_TIMEUP) {
        return rv;
    }
    es_stats_count_reset(stream->hub, stream->child);
    stream->reset =
        es_frame_reset(&stream->start.id, es_channel_set_names(names),
                       es_channel_set_count(names), stream->r->pool);
    es_rlog(APLOG_DEBUG, 0, stream->r, "ES0404",
            "cannot prove that the client has missed no event after its last "
            "event id; it gets stream-reset");
    return APR_SUCCESS;
}

static apr_status_t find_start(es_stream_t *stream,
                               const es_channel_set_t *names)
{
    es_slice_t id = last_event_id(stream->r);

    if (es_slice_is(id, ES_EVENT_EARLIEST)) {
        return replay(stream, ES_REPLAY_ALL);
    }
    if (id.len != 0) {
        return resume(stream, names, id);
    }
    if (stream->conf->replay != 0) {
        return replay(stream, (apr_uint64_t)stream->conf->replay);
    }
    return APR_SUCCESS;
}

/* Can the client not resume, as things are? */
static int is_unknown(es_stream_t *trial, const es_channel_set_t *names,
                      es_slice_t id)
{
    es_resume_reach_t reach = es_subscribe_admit_reach(trial->hub);
    es_sigblock_t sigblock;
    apr_status_t rv;

    es_sigblock_begin(&sigblock); /* the store has a lock */
    rv = subscribe(trial, names);
    if (rv == APR_SUCCESS) {
        rv = es_store_resume(trial->hub->store, trial->slots, trial->nslots, id,
                             &reach, &trial->start);
        es_store_unsubscribe(trial->hub->store, trial->child, trial->slots,
                             trial->nslots);
    }
    es_sigblock_end(&sigblock);
    return rv == APR_NOTFOUND;
}

/* Another server may have sent the client an event that this one has not got
 * yet. With a stream-reset that event would come to the client again. But if
 * the journal has all that the broker had when the client came, nothing is on
 * its way. */
static int wait_for_event(request_rec *r, const es_dir_t *conf,
                          const es_runtime_hub_t *hub,
                          const es_channel_set_t *names, es_slice_t id)
{
    apr_time_t since = es_clock_now();
    apr_time_t by = es_cluster_runtime_behind_by(hub, id);
    es_stream_t trial = {0};
    int unknown = by != 0;
    int is_behind = 0;

    trial.r = r;
    trial.conf = conf;
    trial.hub = hub;
    trial.child = es_runtime_child();
    while (unknown) {
        is_behind = es_cluster_runtime_is_behind(hub, since);
        unknown = is_unknown(&trial, names, id);
        if (!unknown || !is_behind || !es_cluster_runtime_wait_behind(by)) {
            break;
        }
    }
    es_cluster_runtime_waited();
    return !unknown || !is_behind;
}

int es_subscribe_admit_wait(request_rec *r, const es_dir_t *conf,
                            const es_channel_set_t *names)
{
    const es_runtime_hub_t *hub = es_runtime_hub(conf);
    es_slice_t id = last_event_id(r);

    if (!hub || !hub->cluster) {
        return 1;
    }
    /* A client without an id, too: when the history comes, all clients that
     * are here get a stream-reset. */
    es_cluster_runtime_wait_synced(hub);
    if (id.len == 0 || es_slice_is(id, ES_EVENT_EARLIEST) ||
        wait_for_event(r, conf, hub, names, id)) {
        return 1;
    }
    es_rlog(APLOG_DEBUG, 0, r, "ES0413",
            "the event that the client has may be one that this server has not "
            "received yet; the client is asked to reconnect");
    return 0;
}

/* Subscribes and finds the start. @return ES_ADMIT_DONE, _NONE or _CLOSED */
static es_admit_result_t enter(es_stream_t *stream,
                               const es_channel_set_t **names, apr_status_t *rv)
{
    *rv = subscribe(stream, *names);
    if (*rv != APR_SUCCESS) {
        return ES_ADMIT_NONE;
    }
    *names = drop_closed(stream, *names);
    if (!*names) {
        return ES_ADMIT_CLOSED;
    }
    *rv = find_start(stream, *names);
    if (*rv != APR_SUCCESS) {
        es_store_unsubscribe(stream->hub->store, stream->child, stream->slots,
                             stream->nslots);
        stream->nslots = 0;
        return ES_ADMIT_NONE;
    }
    return ES_ADMIT_DONE;
}

static void log_busy(const es_stream_t *stream)
{
    es_rlog(APLOG_DEBUG, APR_TIMEUP, stream->r, "ES0411",
            "another process holds the lock of the hub; the client is asked "
            "to reconnect");
}

/* A connection that is kept alive takes a place of the MPM, and many above a
 * limit take all of them, while their clients wait to come back. Those of a
 * browser that are served in turns come back soon. The variable leaves the
 * framing as it is, unlike c->keepalive. */
static void end_connection(const es_stream_t *stream, es_limit_t limit)
{
    if (limit != ES_LIMIT_HTTP2) {
        apr_table_setn(stream->r->subprocess_env, "nokeepalive", "1");
    }
}

es_admit_result_t es_subscribe_admit(es_stream_t *stream,
                                     const es_channel_set_t *names)
{
    es_limit_t limit;
    es_admit_result_t result;
    apr_status_t rv;

    stream->hub = es_runtime_hub(stream->conf);
    if (!stream->hub) {
        return ES_ADMIT_NONE; /* the child logged why at its start */
    }
    stream->child = es_runtime_choose_child();
    limit = count_in(stream, es_channel_set_count(names));
    result = enter(stream, &names, &rv);
    if (result == ES_ADMIT_CLOSED) {
        return result;
    }
    if (rv == APR_TIMEUP) {
        log_busy(stream);
        return result;
    }
    if (rv != APR_SUCCESS) {
        limit = ES_LIMIT_CHANNELS;
    }
    if (limit != ES_LIMITS) {
        result = result == ES_ADMIT_DONE ? ES_ADMIT_BRIEF : result;
        es_stats_count_limit(limit);
        end_connection(stream, limit);
        es_rlog(APLOG_DEBUG, 0, stream->r, "ES0403",
                "limit reached (%s); the client is asked to reconnect",
                es_stats_name(limit));
    }
    return result;
}

es_admit_result_t es_subscribe_admit_uncounted(es_stream_t *stream,
                                               const es_channel_set_t **names)
{
    apr_status_t rv;
    es_admit_result_t result;

    stream->child = es_runtime_child();
    result = enter(stream, names, &rv);
    if (rv == APR_TIMEUP) {
        log_busy(stream);
    }
    return result;
}
