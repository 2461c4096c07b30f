/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client above a limit is not refused, as an EventSource that gets an
 * error never comes back: it is subscribed all the same, gets what it has
 * missed, and is asked to come again. Its events are then not lost, only
 * late.
 */
#include "http/subscribe.h"

#include <http_protocol.h>

#include "base/clock.h"
#include "base/event.h"
#include "base/frame.h"
#include "base/query.h"
#include "journal/close.h"
#include "journal/replay.h"
#include "server/log.h"
#include "server/stats.h"

/* ---- counting in ------------------------------------------------------- */

/* An address counts whole in IPv4, also when it comes by a socket of both
 * families (::ffff:a.b.c.d), and by its network in IPv6, where one client has
 * a /64 of its own. */
static apr_uint64_t address_key(const request_rec *r)
{
    const apr_sockaddr_t *address = r->useragent_addr;
    const unsigned char *bytes = address->ipaddr_ptr;

    if (address->ipaddr_len == 16 &&
        IN6_IS_ADDR_V4MAPPED(&address->sa.sin6.sin6_addr)) {
        return es_client_count_key(bytes + 12, 4);
    }
    return es_client_count_key(
        bytes, address->ipaddr_len == 16 ? 8 : (apr_size_t)address->ipaddr_len);
}

/** @return the limit that is reached, or ES_LIMITS */
static es_limit_t count_in(es_stream_t *stream)
{
    es_client_limits_t limits;
    es_client_count_t *client_count = es_runtime_client_count(&limits);

    switch (es_client_count_enter(client_count, es_runtime_child(),
                                  address_key(stream->r), &limits,
                                  &stream->counted)) {
    case ES_CLIENT_COUNT_OK: return ES_LIMITS;
    case ES_CLIENT_COUNT_FULL: return ES_LIMIT_CLIENTS;
    case ES_CLIENT_COUNT_ADDRESS_FULL: return ES_LIMIT_ADDRESS_CLIENTS;
    default: return ES_LIMIT_FILES;
    }
}

static int subscribe(es_stream_t *stream, const es_channel_set_t *names)
{
    int count = es_channel_set_count(names);

    stream->slots = apr_palloc(stream->r->pool, sizeof(es_slot_t) * count);
    es_store_clock(stream->hub->store, es_clock_ms());
    if (es_store_subscribe(stream->hub->store, es_runtime_child(),
                           es_channel_set_names(names), count, stream->slots,
                           &stream->start) != APR_SUCCESS) {
        return 0;
    }
    stream->nslots = count;
    return 1;
}

/**
 * Leave out what is closed. Asked after subscribing: what is closed later
 * stands in the journal behind the client's position.
 *
 * @return the names that are left, maybe none
 */
static const es_channel_set_t *leave_closed(es_stream_t *stream,
                                            const es_channel_set_t *names)
{
    apr_uint64_t now_ms = es_clock_ms();
    es_store_t *store = stream->hub->store;
    es_channel_set_t *left = NULL;
    int count = 0;
    int i;

    for (i = 0; i < stream->nslots; i++) {
        if (es_close_is_closed(store, stream->slots[i], now_ms)) {
            es_store_unsubscribe(store, es_runtime_child(), &stream->slots[i],
                                 1);
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

/* ---- resuming ---------------------------------------------------------- */

/* The header of the browser's own reconnect wins over what a script has put
 * into the URL when it opened the stream. */
static es_slice_t last_event_id(request_rec *r)
{
    es_slice_t query = es_slice_of(r->args);
    es_slice_t id = es_slice_of(apr_table_get(r->headers_in, "Last-Event-ID"));

    if (id.len == 0) {
        es_query_value(&id, query, "lastEventId", r->pool);
    }
    if (id.len == 0) {
        es_query_value(&id, query, "last-event-id", r->pool);
    }
    return es_channel_trim(id);
}

es_resume_reach_t es_subscribe_admit_reach(const es_runtime_hub_t *hub)
{
    es_resume_reach_t reach;

    reach.events = hub->history;
    reach.age_ms = (apr_uint64_t)hub->age_us / 1000;
    reach.now_ms = (apr_uint64_t)apr_time_as_msec(apr_time_now());
    return reach;
}

/* Start with the latest events of each channel. A store that cannot be read
 * is met again by whoever serves the stream. */
static void replay(es_stream_t *stream, apr_uint64_t latest)
{
    es_resume_reach_t reach = es_subscribe_admit_reach(stream->hub);
    es_pos_t present = stream->start.pos;
    es_replay_t *parts =
        apr_palloc(stream->r->pool, sizeof(*parts) * stream->nslots);

    if (es_store_replay(stream->hub->store, stream->slots, stream->nslots,
                        latest, &reach, parts, &stream->start) == APR_SUCCESS &&
        stream->start.pos != present) {
        stream->replay = parts;
    }
}

/* Start where the client has left off, or note that it is to be told that
 * this cannot be vouched for. */
static void resume(es_stream_t *stream, const es_channel_set_t *names,
                   es_slice_t id)
{
    es_resume_reach_t reach = es_subscribe_admit_reach(stream->hub);

    if (es_store_resume(stream->hub->store, stream->slots, stream->nslots, id,
                        &reach, &stream->start) == APR_SUCCESS) {
        return;
    }
    stream->reset =
        es_frame_reset(&stream->start.id, es_channel_set_names(names),
                       es_channel_set_count(names), stream->r->pool);
    es_rlog(APLOG_DEBUG, 0, stream->r, "ES0404",
            "cannot vouch for all after the client's last event id: it is "
            "told by stream-reset");
}

static void find_start(es_stream_t *stream, const es_channel_set_t *names)
{
    es_slice_t id = last_event_id(stream->r);

    if (es_slice_is(id, ES_EVENT_EARLIEST)) {
        replay(stream, ES_REPLAY_ALL);
    }
    else if (id.len != 0) {
        resume(stream, names, id);
    }
    else if (stream->conf->replay != 0) {
        replay(stream, (apr_uint64_t)stream->conf->replay);
    }
}

es_admit_result_t es_subscribe_admit(es_stream_t *stream,
                                     const es_channel_set_t *names)
{
    es_limit_t limit;
    es_admit_result_t result;

    stream->hub = es_runtime_hub(stream->conf);
    if (!stream->hub) {
        return ES_ADMIT_NONE; /* the child has told why at its start */
    }
    limit = count_in(stream);
    result = limit == ES_LIMITS ? ES_ADMIT_DONE : ES_ADMIT_BRIEF;
    if (subscribe(stream, names)) {
        names = leave_closed(stream, names);
        if (!names) {
            return ES_ADMIT_CLOSED;
        }
        find_start(stream, names);
    }
    else {
        limit = ES_LIMIT_CHANNELS;
        result = ES_ADMIT_NONE;
    }
    if (limit != ES_LIMITS) {
        es_stats_limit(limit);
        es_rlog(APLOG_DEBUG, 0, stream->r, "ES0403",
                "a limit is reached (%s): the client is asked to come back",
                es_stats_name(limit));
    }
    return result;
}

es_admit_result_t es_subscribe_admit_uncounted(es_stream_t *stream,
                                               const es_channel_set_t **names)
{
    if (!subscribe(stream, *names)) {
        return ES_ADMIT_NONE;
    }
    *names = leave_closed(stream, *names);
    if (!*names) {
        return ES_ADMIT_CLOSED;
    }
    find_start(stream, *names);
    return ES_ADMIT_DONE;
}
