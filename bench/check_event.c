/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares each event of a client's stream with what was published, and counts
 * the errors.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* memmem */
#endif
#include "bench/eventsource.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/clock.h"
#include "bench/stats.h"

#define MAX_NAME 256
#define STAY_MIN_MS 200    /* a churning one stays this long, … */
#define STAY_RANGE_MS 2000 /* … and up to that longer */

static void log_torn(const eb_eventsource_t *client, const char *what,
                     const eb_sse_event_t *event)
{
    eb_stats_log(EB_STATS_TORN,
                 "client %u: %s: type %.*s, id %.*s, %zu bytes: %.*s",
                 client->received.client, what, (int)event->type_len,
                 event->type, event->id != NULL ? (int)event->id_len : 1,
                 event->id != NULL ? event->id : "-",
                 event->data != NULL ? event->data_len : 0,
                 event->data_len < 60 ? (int)event->data_len : 60,
                 event->data != NULL ? event->data : "");
}

static void measure(eb_eventsource_t *client, const eb_published_entry_t *entry)
{
    eb_eventsource_shared_t *shared = client->shared;

    if (!eb_eventsource_is_slow(client) && client->since_ns != 0 &&
        client->since_ns < entry->posted_ns) {
        eb_histogram_add(&shared->latency, shared->now_ns - entry->posted_ns);
    }
}

/* Is its id the one of its publisher, which it was posted with? */
static int is_own_id(const eb_sse_event_t *event,
                     const eb_payload_checked_t *payload)
{
    char text[EB_SSE_ID_SIZE];

    eb_published_own_id(text, sizeof(text), payload->channel, payload->number);
    return strlen(text) == event->id_len &&
           memcmp(text, event->id, event->id_len) == 0;
}

static void check_data(eb_eventsource_t *client, const eb_sse_event_t *event)
{
    eb_received_t *received = &client->received;
    const eb_published_entry_t *entry;
    eb_payload_checked_t payload;
    eb_sse_id_t id;
    int is_own = 0;

    if (event->id == NULL ||
        eb_payload_checked_read(&payload, event->data, event->data_len) != 0) {
        log_torn(client, "not an event of verify", event);
        return;
    }
    is_own = client->shared->opts->retry_ns != 0 && is_own_id(event, &payload);
    if (!is_own && eb_sse_id_parse(&id, event->id, event->id_len) != 0) {
        log_torn(client, "not an event of verify", event);
        return;
    }
    switch (eb_received_event(received, client->shared->published, &payload,
                              is_own ? NULL : &id, &entry)) {
    case EB_RECEIVED_FORGED:
        eb_stats_log(EB_STATS_FORGED,
                     "client %u, channel %u, event %u, id %.*s",
                     received->client, payload.channel, payload.number,
                     (int)event->id_len, event->id);
        return;
    case EB_RECEIVED_DOUBLED:
        eb_stats_log(EB_STATS_DOUBLED,
                     "client %u, channel %u, event %u, id %.*s",
                     received->client, payload.channel, payload.number,
                     (int)event->id_len, event->id);
        return;
    case EB_RECEIVED_REORDERED:
        eb_stats_log(EB_STATS_REORDERED,
                     "client %u, channel %u, event %u, id %.*s after %llu-%llu",
                     received->client, payload.channel, payload.number,
                     (int)event->id_len, event->id,
                     (unsigned long long)received->at.ms,
                     (unsigned long long)received->at.n);
        break;
    case EB_RECEIVED_AGAIN: eb_stats[EB_STATS_AGAIN]++; return;
    case EB_RECEIVED_NEW: break;
    }
    eb_stats[EB_STATS_DELIVERIES]++;
    measure(client, entry);
}

static void check_open(eb_eventsource_t *client, const eb_sse_event_t *event)
{
    eb_eventsource_shared_t *shared = client->shared;
    uint64_t stay_ms =
        STAY_MIN_MS + (uint64_t)nrand48(shared->random) % STAY_RANGE_MS;
    eb_sse_id_t id;

    if (event->id != NULL ? eb_sse_id_parse(&id, event->id, event->id_len) != 0
                          : client->received.open_ns == 0) {
        log_torn(client, "stream-open without id", event);
        return;
    }
    /* without an id: a stream-reset follows, the old id is valid until then */
    if (event->id != NULL) {
        eb_received_open(&client->received, &id, shared->now_ns);
    }
    client->since_ns = shared->now_ns;
    client->due_ns = shared->now_ns;
    if (client->kind == EB_EVENTSOURCE_CHURNING) {
        client->due_ns += stay_ms * EB_NS_PER_MS;
    }
}

static void check_reset(eb_eventsource_t *client, const eb_sse_event_t *event)
{
    const eb_verify_options_t *opts = client->shared->opts;
    eb_received_t *received = &client->received;
    char name[MAX_NAME];
    char quoted[MAX_NAME + 2];
    uint32_t named = 0;
    eb_sse_id_t id;
    uint32_t i;
    int len;

    for (i = 0; i < received->width && event->data != NULL; i++) {
        eb_http_expand(name, sizeof(name), opts->channel,
                       (received->first + i) % opts->channels);
        len = snprintf(quoted, sizeof(quoted), "\"%s\"", name);
        if (memmem(event->data, event->data_len, quoted, (size_t)len) != NULL) {
            named |= 1u << i;
        }
    }
    if (event->id == NULL ||
        eb_sse_id_parse(&id, event->id, event->id_len) != 0 || named == 0 ||
        eb_sse_id_compare(&id, &received->at) < 0) {
        eb_stats_log(EB_STATS_INVALID_RESETS,
                     "client %u at %llu-%llu: id %.*s, %.*s", received->client,
                     (unsigned long long)received->at.ms,
                     (unsigned long long)received->at.n,
                     event->id != NULL ? (int)event->id_len : 1,
                     event->id != NULL ? event->id : "-", (int)event->data_len,
                     event->data != NULL ? event->data : "");
        return;
    }
    eb_received_reset(received, client->shared->published, &id, named);
}

void eb_check_event(void *arg, const eb_sse_event_t *event)
{
    eb_eventsource_t *client = arg;

    client->shared->news_ns = client->shared->now_ns;
    if (event->retry != NULL) {
        client->retry_ms = strtoull(event->retry, NULL, 10);
    }
    if (event->id != NULL && event->id_len < sizeof(client->last_id)) {
        memcpy(client->last_id, event->id, event->id_len);
        client->last_id[event->id_len] = '\0';
    }
    if (eb_sse_is(event, "message")) {
        /* EventSource ignores an event without data */
        if (event->data != NULL) {
            check_data(client, event);
        }
    }
    else if (eb_sse_is(event, "stream-open")) {
        check_open(client, event);
    }
    else if (eb_sse_is(event, "stream-reset")) {
        check_reset(client, event);
    }
    else if (eb_sse_is(event, "keep-alive")) {
        eb_stats[EB_STATS_KEEPALIVES]++;
    }
    else {
        log_torn(client, "unknown type", event);
    }
}
