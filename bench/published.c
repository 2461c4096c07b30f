/* SPDX-License-Identifier: Apache-2.0 */
/* For each channel an array of its events, by number. */
#include "bench/published.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/stats.h"

#define FIRST_SIZE 64

int eb_published_open(eb_published_t *published, uint32_t channels)
{
    published->channels = channels;
    published->chans = calloc(channels, sizeof(*published->chans));
    return published->chans != NULL ? 0 : -1;
}

void eb_published_close(eb_published_t *published)
{
    uint32_t i;

    for (i = 0; published->chans != NULL && i < published->channels; i++) {
        free(published->chans[i].entries);
    }
    free(published->chans);
    memset(published, 0, sizeof(*published));
}

uint32_t eb_published_add(eb_published_t *published, uint32_t channel,
                          uint32_t size, uint64_t now_ns)
{
    eb_published_channel_t *chan = &published->chans[channel];
    eb_published_entry_t *entry;
    eb_published_entry_t *grown;

    if (chan->count == chan->size) {
        chan->size = chan->size != 0 ? chan->size * 2 : FIRST_SIZE;
        grown = realloc(chan->entries, chan->size * sizeof(*grown));
        if (grown == NULL) {
            abort(); /* without it nothing could be checked */
        }
        chan->entries = grown;
    }
    entry = &chan->entries[chan->count];
    memset(entry, 0, sizeof(*entry));
    entry->size = size;
    entry->posted_ns = now_ns;
    entry->state = EB_PUBLISHED_PENDING;
    eb_stats[EB_STATS_POSTED]++;
    return chan->count++;
}

void eb_published_own_id(char *text, size_t size, uint32_t channel,
                         uint32_t number)
{
    snprintf(text, size, "verify-%u-%u", channel, number);
}

void eb_published_again(eb_published_t *published, uint32_t channel,
                        uint32_t number)
{
    published->chans[channel].entries[number].is_repeated = 1;
    eb_stats[EB_STATS_REPEATED]++;
}

void eb_published_ack(eb_published_t *published, uint32_t channel,
                      uint32_t number, const eb_sse_id_t *id)
{
    eb_published_channel_t *chan = &published->chans[channel];
    eb_published_entry_t *entry = &chan->entries[number];

    if (chan->last_acked != 0 &&
        eb_sse_id_compare(id, &chan->entries[chan->last_acked - 1].id) <= 0) {
        eb_stats_log(EB_STATS_MISNUMBERED,
                     "channel %u, event %u: id not above event %u", channel,
                     number, chan->last_acked - 1);
    }
    if (entry->has_id && eb_sse_id_compare(id, &entry->id) != 0) {
        eb_stats_log(EB_STATS_FORGED,
                     "channel %u, event %u: delivered under another id",
                     channel, number);
    }
    entry->id = *id;
    entry->has_id = 1;
    entry->state = EB_PUBLISHED_ACKED;
    chan->last_acked = number + 1;
    eb_stats[EB_STATS_ACKNOWLEDGED]++;
}

void eb_published_set_unknown(eb_published_t *published, uint32_t channel,
                              uint32_t number)
{
    published->chans[channel].entries[number].state = EB_PUBLISHED_UNKNOWN;
    eb_stats[EB_STATS_UNKNOWN]++;
}

/* The entry with this number and size, or NULL. */
static eb_published_entry_t *entry_of(eb_published_t *published,
                                      const eb_payload_checked_t *payload)
{
    eb_published_entry_t *entry;

    if (payload->channel >= published->channels ||
        payload->number >= published->chans[payload->channel].count) {
        return NULL;
    }
    entry = &published->chans[payload->channel].entries[payload->number];
    return entry->size == payload->size ? entry : NULL;
}

const eb_published_entry_t *eb_published_find(
    eb_published_t *published, const eb_payload_checked_t *payload,
    const eb_sse_id_t *id)
{
    eb_published_entry_t *entry = entry_of(published, payload);

    if (entry == NULL || id == NULL) {
        return entry;
    }
    if (!entry->has_id) {
        entry->id = *id;
        entry->has_id = 1;
    }
    return eb_sse_id_compare(id, &entry->id) == 0 ? entry : NULL;
}

const eb_sse_id_t *eb_published_position(const eb_published_t *published,
                                         uint32_t channel, uint32_t number)
{
    const eb_published_entry_t *entry =
        &published->chans[channel].entries[number];

    return entry->has_id && !(entry->is_repeated && published->may_forget)
               ? &entry->id
               : NULL;
}
