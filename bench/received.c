/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bit for each event received. Missing events are counted at the end, when
 * all acknowledgements and ids are known.
 */
#include "bench/received.h"

#include <stdlib.h>
#include <string.h>

#include "bench/stats.h"

#define FIRST_SIZE 32

void eb_received_init(eb_received_t *received, uint32_t client, uint32_t first,
                      uint32_t width)
{
    memset(received, 0, sizeof(*received));
    received->client = client;
    received->first = first;
    received->width = width;
}

static void clear(eb_received_t *received)
{
    uint32_t i;

    for (i = 0; i < received->width; i++) {
        free(received->bits[i]);
    }
    free(received->gaps);
    eb_received_init(received, received->client, received->first,
                     received->width);
}

void eb_received_open(eb_received_t *received, const eb_sse_id_t *id,
                      uint64_t now_ns)
{
    if (received->open_ns == 0) {
        received->open_ns = now_ns;
        received->base = *id;
        received->at = *id;
    }
}

/* Returns 0 ... width - 1, or -1: not one of its channels. */
static int index_of(const eb_received_t *received,
                    const eb_published_t *published, uint32_t channel)
{
    uint32_t index =
        (channel + published->channels - received->first) % published->channels;

    return index < received->width ? (int)index : -1;
}

static const eb_published_channel_t *chan_at(const eb_received_t *received,
                                             const eb_published_t *published,
                                             uint32_t index)
{
    return &published->chans[(received->first + index) % published->channels];
}

static int has(const eb_received_t *received, uint32_t index, uint32_t number)
{
    return number / 8 < received->size[index] &&
           (received->bits[index][number / 8] >> number % 8 & 1) != 0;
}

static void mark(eb_received_t *received, uint32_t index, uint32_t number)
{
    uint32_t size = received->size[index];
    unsigned char *grown;

    if (number / 8 >= size) {
        size = size != 0 ? size : FIRST_SIZE;
        while (number / 8 >= size) {
            size *= 2;
        }
        grown = realloc(received->bits[index], size);
        if (grown == NULL) {
            abort(); /* the counts would be wrong */
        }
        memset(grown + received->size[index], 0, size - received->size[index]);
        received->bits[index] = grown;
        received->size[index] = size;
    }
    received->bits[index][number / 8] |= (unsigned char)(1 << number % 8);
}

/* It was received before: did a stream-reset tell the client since then that
 * its channel is not what it was? */
static eb_received_verdict_t repeated(const eb_received_t *received,
                                      const eb_published_t *published,
                                      uint32_t index, uint32_t number,
                                      const eb_published_entry_t *entry)
{
    const eb_received_gap_t *gap;
    uint32_t i;

    if (!published->may_forget || !entry->is_repeated) {
        return EB_RECEIVED_DOUBLED;
    }
    for (i = 0; i < received->ngaps; i++) {
        gap = &received->gaps[i];
        if ((gap->named >> index & 1) != 0 && gap->above[index] > number) {
            return EB_RECEIVED_AGAIN;
        }
    }
    return EB_RECEIVED_DOUBLED;
}

/* The id of the last event may not have been known when it was received. */
static void settle(eb_received_t *received, const eb_published_t *published)
{
    const eb_sse_id_t *id;

    if (!received->has_last) {
        return;
    }
    id = eb_published_position(published, received->last_channel,
                               received->last_number);
    if (id != NULL && eb_sse_id_compare(id, &received->at) > 0) {
        received->at = *id;
    }
}

/* Is its place behind what was received? That is told by ids, and within a
 * channel, if its publisher's is all that is known, by numbers. */
static int is_late(const eb_received_t *received,
                   const eb_published_t *published, uint32_t index,
                   const eb_payload_checked_t *payload, const eb_sse_id_t *id)
{
    if (id == NULL && payload->number < received->above[index]) {
        return 1;
    }
    if (id == NULL) {
        id =
            eb_published_position(published, payload->channel, payload->number);
    }
    return id != NULL && eb_sse_id_compare(id, &received->at) <= 0;
}

eb_received_verdict_t eb_received_event(eb_received_t *received,
                                        eb_published_t *published,
                                        const eb_payload_checked_t *payload,
                                        const eb_sse_id_t *id,
                                        const eb_published_entry_t **entry)
{
    int index = index_of(received, published, payload->channel);
    int late;

    *entry = index >= 0 ? eb_published_find(published, payload, id) : NULL;
    if (*entry == NULL) {
        return EB_RECEIVED_FORGED;
    }
    if (has(received, (uint32_t)index, payload->number)) {
        return repeated(received, published, (uint32_t)index, payload->number,
                        *entry);
    }
    settle(received, published);
    late = is_late(received, published, (uint32_t)index, payload, id);
    mark(received, (uint32_t)index, payload->number);
    if (late) {
        return EB_RECEIVED_REORDERED;
    }
    received->above[index] = payload->number + 1;
    received->has_last = 1;
    received->last_channel = payload->channel;
    received->last_number = payload->number;
    settle(received, published);
    return EB_RECEIVED_NEW;
}

void eb_received_reset(eb_received_t *received, const eb_published_t *published,
                       const eb_sse_id_t *id, uint32_t named)
{
    eb_received_gap_t *grown;

    settle(received, published);
    grown = realloc(received->gaps, (received->ngaps + 1) * sizeof(*grown));
    if (grown == NULL) {
        abort();
    }
    received->gaps = grown;
    grown += received->ngaps++;
    grown->from = received->at;
    grown->to = *id;
    grown->named = named;
    grown->missing = 0;
    memcpy(grown->above, received->above, sizeof(grown->above));
    if (eb_sse_id_compare(id, &received->at) > 0) {
        received->at = *id;
    }
}

static int is_in_gap(const eb_received_gap_t *gap, uint32_t index,
                     const eb_sse_id_t *id)
{
    return (gap->named >> index & 1) != 0 &&
           eb_sse_id_compare(id, &gap->from) > 0 &&
           eb_sse_id_compare(id, &gap->to) <= 0;
}

static eb_received_gap_t *gap_of(const eb_received_t *received, uint32_t index,
                                 const eb_sse_id_t *id)
{
    uint32_t i;

    for (i = 0; i < received->ngaps; i++) {
        if (is_in_gap(&received->gaps[i], index, id)) {
            return &received->gaps[i];
        }
    }
    return NULL;
}

/* Must the client have this event? */
static int is_due(const eb_received_t *received,
                  const eb_published_entry_t *entry)
{
    return entry->state == EB_PUBLISHED_ACKED && received->open_ns != 0 &&
           (eb_sse_id_compare(&entry->id, &received->base) > 0 ||
            entry->posted_ns > received->open_ns);
}

int eb_received_is_complete(const eb_received_t *received,
                            const eb_published_t *published)
{
    const eb_published_channel_t *chan;
    const eb_published_entry_t *entry;
    uint32_t i;

    for (i = 0; i < received->width; i++) {
        chan = chan_at(received, published, i);
        if (chan->last_acked == 0) {
            continue;
        }
        entry = &chan->entries[chan->last_acked - 1];
        if (received->open_ns == 0 ||
            (is_due(received, entry) &&
             !has(received, i, chan->last_acked - 1) &&
             gap_of(received, i, &entry->id) == NULL)) {
            return 0;
        }
    }
    return 1;
}

static void check_channel(const eb_received_t *received,
                          const eb_published_channel_t *chan, uint32_t index,
                          int has_left)
{
    const eb_published_entry_t *entry;
    eb_received_gap_t *gap;
    uint32_t run = 0; /* lost since the last event received */
    uint32_t i;

    for (i = 0; i < chan->count; i++) {
        entry = &chan->entries[i];
        if (has(received, index, i)) {
            if (run > 0) {
                eb_stats_log(
                    EB_STATS_SILENT_GAPS,
                    "client %u, channel %u: %u events before %u (%llu-%llu"
                    ") are missing",
                    received->client, index + received->first, run, i,
                    (unsigned long long)entry->id.ms,
                    (unsigned long long)entry->id.n);
            }
            run = 0;
            continue;
        }
        if (!is_due(received, entry) ||
            (has_left && eb_sse_id_compare(&entry->id, &received->at) > 0)) {
            continue;
        }
        gap = gap_of(received, index, &entry->id);
        if (gap != NULL) {
            gap->missing++;
            eb_stats[EB_STATS_REPORTED_MISSING]++;
            continue;
        }
        run++;
        eb_stats_log(
            EB_STATS_LOST,
            "client %u, channel %u: event %u (%llu-%llu); the client's first "
            "position is %llu-%llu, its last one %llu-%llu",
            received->client, index + received->first, i,
            (unsigned long long)entry->id.ms, (unsigned long long)entry->id.n,
            (unsigned long long)received->base.ms,
            (unsigned long long)received->base.n,
            (unsigned long long)received->at.ms,
            (unsigned long long)received->at.n);
    }
}

/* May the stream-reset be due to an event that was not acknowledged? */
static int may_be_unknown(const eb_received_t *received,
                          const eb_published_t *published,
                          const eb_received_gap_t *gap)
{
    const eb_published_channel_t *chan;
    const eb_published_entry_t *entry;
    uint32_t index;
    uint32_t i;

    for (index = 0; index < received->width; index++) {
        chan = chan_at(received, published, index);
        for (i = 0; i < chan->count; i++) {
            entry = &chan->entries[i];
            if (entry->state != EB_PUBLISHED_ACKED &&
                !has(received, index, i) &&
                (!entry->has_id || is_in_gap(gap, index, &entry->id))) {
                return 1;
            }
        }
    }
    return 0;
}

static void check_reset(const eb_received_t *received,
                        const eb_published_t *published,
                        const eb_received_gap_t *gap)
{
    if (gap->missing > 0) {
        eb_stats[EB_STATS_REPORTED_GAPS]++;
    }
    else if (may_be_unknown(received, published, gap)) {
        eb_stats[EB_STATS_UNCERTAIN_RESETS]++;
    }
    else if (published->may_forget) {
        eb_stats[EB_STATS_ALLOWED_RESETS]++;
    }
    else {
        eb_stats_log(EB_STATS_NEEDLESS_RESETS,
                     "client %u: from %llu-%llu to %llu-%llu, where nothing is "
                     "missing",
                     received->client, (unsigned long long)gap->from.ms,
                     (unsigned long long)gap->from.n,
                     (unsigned long long)gap->to.ms,
                     (unsigned long long)gap->to.n);
    }
}

void eb_received_check(eb_received_t *received, const eb_published_t *published,
                       int has_left)
{
    uint32_t i;

    settle(received, published);
    for (i = 0; i < received->width; i++) {
        check_channel(received, chan_at(received, published, i), i, has_left);
    }
    for (i = 0; i < received->ngaps; i++) {
        check_reset(received, published, &received->gaps[i]);
    }
    clear(received);
}
