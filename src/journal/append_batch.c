/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A publisher that got no answer sends its event again with the same id. Two
 * events are the same if they have the same id, channels and frame, byte for
 * byte. The lock keeps the bytes in the ring, so they are compared in place.
 *
 * Subscriptions are counted after the append, without the lock: for each
 * channel that is a row for each child, each in another cache line.
 */
#include "journal/append_batch.h"

#include "journal/batch_dups.h"

#include <stdlib.h>

/* ---- before the lock ---------------------------------------------------- */

/** @return the channels of all entries, or 0: an argument is out of range */
static apr_size_t count_channels(const es_entry_t *entries, int count)
{
    apr_size_t channels = 0;
    int i, k;

    for (i = 0; i < count; i++) {
        if (entries[i].nchannels < 1 ||
            entries[i].nchannels > ES_EVENT_CHANNELS_MAX) {
            return 0;
        }
        for (k = 0; k < entries[i].nchannels; k++) {
            if (entries[i].channels[k].len < 1 ||
                entries[i].channels[k].len > ES_CHANNEL_NAME_MAX) {
                return 0;
            }
        }
        channels += (apr_size_t)entries[i].nchannels;
        if (channels > ES_STORE_BATCH_CHANNELS_MAX) {
            return 0;
        }
    }
    return channels;
}

/** malloc and not a pool: it is freed when the call ends. @return 0 without
 * memory */
static int alloc_batch(es_append_batch_t *batch)
{
    apr_size_t count = (apr_size_t)batch->count;

    batch->channels = batch->small_channels;
    batch->events = batch->small_events;
    batch->dups = batch->small_dups;
    if (batch->nchannels > ES_APPEND_BATCH_SMALL) {
        batch->channels =
            malloc(batch->nchannels * sizeof(es_append_channel_t));
        batch->events = malloc(count * sizeof(es_append_event_t));
        batch->dups = malloc(count * sizeof(int));
    }
    return batch->channels != NULL && batch->events != NULL &&
           batch->dups != NULL;
}

void es_append_batch_clear(const es_append_batch_t *batch)
{
    if (batch->channels != batch->small_channels) {
        free(batch->channels);
        free(batch->events);
        free(batch->dups);
    }
}

apr_uint64_t es_append_batch_event_size(const es_entry_t *entry,
                                        apr_size_t id_len)
{
    if (entry->frame->publisher_id.len != 0) {
        id_len = entry->frame->publisher_id.len;
    }
    return es_journal_record_size(entry->nchannels,
                                  es_frame_size(entry->frame, id_len));
}

/** Does the batch fit? An id of ours counts with its longest text. */
static int fits(const es_append_batch_t *batch)
{
    apr_uint64_t most = batch->store->layout.params.ring_bytes / 2;
    apr_uint64_t sum = 0;
    int i;

    for (i = 0; i < batch->count; i++) {
        apr_uint64_t size =
            es_append_batch_event_size(&batch->entries[i], ES_ID_TEXT_SIZE - 1);

        if (size > most || size > APR_UINT32_MAX || sum > most - size) {
            return 0;
        }
        sum += size;
    }
    return 1;
}

static void hash_all(es_append_batch_t *batch)
{
    es_append_channel_t *channel = batch->channels;
    const es_store_t *store = batch->store;
    int i, k;

    for (i = 0; i < batch->count; i++) {
        es_slice_t publisher_id = batch->entries[i].frame->publisher_id;

        batch->events[i].channels = channel;
        batch->events[i].is_known = 0;
        batch->events[i].publisher_hash =
            publisher_id.len != 0
                ? es_publisher_ids_hash(&store->publisher_ids, publisher_id)
                : 0;
        for (k = 0; k < batch->entries[i].nchannels; k++, channel++) {
            channel->hash = es_channels_hash(&store->channels,
                                             batch->entries[i].channels[k]);
        }
    }
}

apr_status_t es_append_batch_init(es_append_batch_t *batch, es_store_t *store,
                                  const es_entry_t *entries, int count,
                                  apr_uint64_t now_ms)
{
    batch->store = store;
    batch->entries = entries;
    batch->count = count;
    batch->now_ms = now_ms;
    batch->nchannels = count_channels(entries, count);
    es_slot_maker_init(&batch->maker, store, 1);
    if (!alloc_batch(batch)) {
        return APR_ENOMEM;
    }
    if (batch->nchannels == 0) {
        return APR_EINVAL;
    }
    if (!fits(batch)) {
        return APR_ENOSPC;
    }
    hash_all(batch);
    return es_batch_dups_find(entries, count, store->publisher_ids.key,
                              batch->dups, &batch->result.clash);
}

/* ---- under the lock: slots ---------------------------------------------- */

apr_status_t es_append_batch_find_slots(es_append_batch_t *batch, int i)
{
    const es_channels_t *channels = &batch->store->channels;
    const es_entry_t *entry = &batch->entries[i];
    int k;

    for (k = 0; k < entry->nchannels; k++) {
        es_append_channel_t *channel = &batch->events[i].channels[k];
        apr_status_t rv = es_slot_maker_make(&batch->maker, entry->channels[k],
                                             channel->hash, &channel->slot);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        channel->is_first = es_channels_use_slot(channels, channel->slot);
    }
    return APR_SUCCESS;
}

/* ---- under the lock: known events --------------------------------------- */

static int is_same(const es_store_t *store, const es_record_t *record,
                   const es_entry_t *entry, const es_append_channel_t *channels)
{
    int i;

    if (record->nslots != entry->nchannels) {
        return 0;
    }
    for (i = 0; i < entry->nchannels; i++) {
        if (!es_journal_record_has(record, channels[i].slot)) {
            return 0;
        }
    }
    return es_frame_is(entry->frame, es_journal_frame(&store->journal, record));
}

/**
 * Look up event number i by its publisher's id.
 *
 * @param found  the record of this event; pos is 0 if the event is new
 * @return as es_append_batch_find_known
 */
static apr_status_t find_published(es_append_batch_t *batch, int i,
                                   es_record_t *found)
{
    const es_store_t *store = batch->store;
    const es_entry_t *entry = &batch->entries[i];
    const es_append_event_t *event = &batch->events[i];
    int k;

    found->pos = 0;
    for (k = 0; k < entry->nchannels; k++) {
        es_slot_t slot = event->channels[k].slot;
        apr_status_t rv =
            es_publisher_ids_find(&store->publisher_ids, event->publisher_hash,
                                  slot, entry->frame->publisher_id, found);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (found->pos != 0 &&
            es_channels_has_dropped(&store->channels, slot, found->pos)) {
            found->pos = 0;
        }
        if (found->pos != 0) {
            /* the same event has the same channels, so the other channels
             * hold nothing else with this id */
            batch->result.clash.event = i;
            batch->result.clash.channel = k;
            return is_same(store, found, entry, event->channels) ? APR_SUCCESS
                                                                 : APR_EEXIST;
        }
    }
    return APR_SUCCESS;
}

void es_append_batch_raise_last_id(es_append_batch_t *batch, const es_id_t *id)
{
    if (es_id_compare(id, &batch->result.last_id) > 0) {
        batch->result.last_id = *id;
    }
}

static void add_known(es_appended_t *appended, const es_record_t *found)
{
    if (appended->known_from == 0 || found->pos < appended->known_from) {
        appended->known_from = found->pos;
    }
    if (found->next > appended->known_to) {
        appended->known_to = found->next;
    }
}

void es_append_batch_forget_known(es_append_batch_t *batch)
{
    batch->result.last_id.ms = batch->result.last_id.n = 0;
    batch->result.known = 0;
    batch->result.known_from = batch->result.known_to = 0;
}

apr_status_t es_append_batch_find_known(es_append_batch_t *batch, int i)
{
    es_append_event_t *event = &batch->events[i];
    es_record_t found;

    event->is_known = batch->dups[i] >= 0;
    if (!event->is_known && batch->entries[i].frame->publisher_id.len != 0) {
        apr_status_t rv = find_published(batch, i, &found);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (found.pos != 0) {
            event->is_known = 1;
            es_append_batch_raise_last_id(batch, &found.id);
            add_known(&batch->result, &found);
        }
    }
    batch->result.known += event->is_known;
    return APR_SUCCESS;
}

/* ---- after the lock ----------------------------------------------------- */

void es_append_batch_count_clients(es_append_batch_t *batch,
                                   apr_uint64_t *touched)
{
    apr_size_t i;

    batch->result.clients = 0;
    for (i = 0; i < batch->nchannels; i++) {
        if (batch->channels[i].is_first) {
            batch->result.clients += es_subscriptions_of_slot(
                &batch->store->subscriptions, batch->channels[i].slot, touched);
        }
    }
}
