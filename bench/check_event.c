/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a follower makes of the events in its stream; follower.c brings
 * the bytes.
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
#include "bench/load_options.h"

#define MAX_NAME 256
#define STAY_LEAST_MS 200 /* a fickle one stays so long … */
#define STAY_MORE_MS 2000 /* … and up to that longer */

#define TYPE_IS(event, name)                  \
    ((event)->type_len == sizeof(name) - 1 && \
     memcmp((event)->type, (name), sizeof(name) - 1) == 0)

static void torn(const eb_follower_t *follower, const char *what,
                 const eb_event_t *event)
{
    eb_errors_count(EB_TORN,
                    "client %u: %s: type %.*s, id %.*s, %zu bytes: %.*s",
                    follower->witness.who, what, (int)event->type_len,
                    event->type, event->id != NULL ? (int)event->id_len : 1,
                    event->id != NULL ? event->id : "-",
                    event->data != NULL ? event->data_len : 0,
                    event->data_len < 60 ? (int)event->data_len : 60,
                    event->data != NULL ? event->data : "");
}

static void measure(eb_follower_t *follower, const eb_entry_t *entry)
{
    eb_followers_conf_t *company = follower->company;

    if (!eb_follower_is_slow(follower) && follower->since_ns != 0 &&
        follower->since_ns < entry->offered_ns) {
        eb_histogram_add(&company->latency,
                         company->now_ns - entry->offered_ns);
    }
}

static void take_data(eb_follower_t *follower, const eb_event_t *event)
{
    eb_received_t *witness = &follower->witness;
    const eb_entry_t *entry;
    eb_checksum_t proof;
    eb_id_t id;

    if (event->id == NULL || eb_id_parse(&id, event->id, event->id_len) != 0 ||
        eb_checksum_read(&proof, event->data, event->data_len) != 0) {
        torn(follower, "no event of ours", event);
        return;
    }
    switch (eb_received_event(witness, follower->company->book, &proof, &id,
                              &entry)) {
    case EB_SEEN_NEVER:
        eb_errors_count(EB_FORGED, "client %u, channel %u, event %u, id %.*s",
                        witness->who, proof.channel, proof.number,
                        (int)event->id_len, event->id);
        return;
    case EB_SEEN_BEFORE:
        eb_errors_count(EB_TWICE, "client %u, channel %u, event %u, id %.*s",
                        witness->who, proof.channel, proof.number,
                        (int)event->id_len, event->id);
        return;
    case EB_SEEN_BEHIND:
        eb_errors_count(
            EB_DISORDERED,
            "client %u, channel %u, event %u, id %.*s behind %llu-%llu",
            witness->who, proof.channel, proof.number, (int)event->id_len,
            event->id, (unsigned long long)witness->at.ms,
            (unsigned long long)witness->at.n);
        break;
    case EB_SEEN_NEW: break;
    }
    eb_findings[EB_DELIVERIES]++;
    measure(follower, entry);
}

static void take_open(eb_follower_t *follower, const eb_event_t *event)
{
    eb_followers_conf_t *company = follower->company;
    uint64_t stay_ms =
        STAY_LEAST_MS + eb_random_throw(&company->dice, STAY_MORE_MS);
    eb_id_t id;

    if (event->id != NULL ? eb_id_parse(&id, event->id, event->id_len) != 0
                          : follower->witness.open_ns == 0) {
        torn(follower, "stream-open without id", event);
        return;
    }
    if (event->id != NULL) {
        /* where a stream-reset follows, the old id stays until then */
        eb_received_open(&follower->witness, &id, company->now_ns);
    }
    follower->since_ns = company->now_ns;
    follower->due_ns = company->now_ns;
    if (follower->habit == EB_FICKLE) {
        follower->due_ns += stay_ms * EB_NS_PER_MS;
    }
}

static void take_reset(eb_follower_t *follower, const eb_event_t *event)
{
    const eb_verify_options_t *plan = follower->company->plan;
    eb_received_t *witness = &follower->witness;
    char name[MAX_NAME];
    char quoted[MAX_NAME + 2];
    uint32_t named = 0;
    eb_id_t id;
    uint32_t i;
    int len;

    for (i = 0; i < witness->width && event->data != NULL; i++) {
        eb_options_expand(name, sizeof(name), plan->channel,
                          (witness->first + i) % plan->channels);
        len = snprintf(quoted, sizeof(quoted), "\"%s\"", name);
        if (memmem(event->data, event->data_len, quoted, (size_t)len) != NULL) {
            named |= 1u << i;
        }
    }
    if (event->id == NULL || eb_id_parse(&id, event->id, event->id_len) != 0 ||
        named == 0 || eb_id_compare(&id, &witness->at) < 0) {
        eb_errors_count(EB_WRONG, "client %u at %llu-%llu: id %.*s, %.*s",
                        witness->who, (unsigned long long)witness->at.ms,
                        (unsigned long long)witness->at.n,
                        event->id != NULL ? (int)event->id_len : 1,
                        event->id != NULL ? event->id : "-",
                        (int)event->data_len,
                        event->data != NULL ? event->data : "");
        return;
    }
    eb_received_reset(witness, &id, named);
}

void eb_follower_hear(void *who, const eb_event_t *event)
{
    eb_follower_t *follower = who;

    follower->company->news_ns = follower->company->now_ns;
    if (event->retry != NULL) {
        follower->retry_ms = strtoull(event->retry, NULL, 10);
    }
    if (event->id != NULL && event->id_len < sizeof(follower->last_id)) {
        memcpy(follower->last_id, event->id, event->id_len);
        follower->last_id[event->id_len] = '\0';
    }
    if (TYPE_IS(event, "message")) {
        /* an event without data is none to EventSource: the retry: line */
        if (event->data != NULL) {
            take_data(follower, event);
        }
    }
    else if (TYPE_IS(event, "stream-open")) {
        take_open(follower, event);
    }
    else if (TYPE_IS(event, "stream-reset")) {
        take_reset(follower, event);
    }
    else if (TYPE_IS(event, "keep-alive")) {
        eb_findings[EB_KEEPALIVE]++;
    }
    else {
        torn(follower, "unknown type", event);
    }
}
