/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appends a batch of events, in this order:
 *
 *     without the lock   check sizes, hash names and ids, find duplicates
 *     lock
 *       slots            find or make one for each channel, which may evict
 *                        records; a failure here leaves some idle slots
 *       known            look up the publishers' ids; may fail as well
 *       for each event   id, position, evict what is in the way, write
 *       commit           one store of the head
 *     unlock, log
 *
 * The batch and the pad that it may need fit into the ring: the batch is not
 * larger than half of it, and neither is the pad, which is smaller than the
 * record that did not fit. So eviction never reaches the batch itself.
 *
 * If the chains or a record are damaged (by a stray write), the store is
 * repaired and the batch is appended once more. It cannot fail again for that
 * reason: the repair leaves nothing damaged.
 */
#include "base/context.h"
#include "journal/batch_dups.h"
#include "journal/slot_maker.h"
#include "journal/store_priv.h"

#include <stdlib.h>

/** A batch of at most this many channels, and hence events, needs no malloc. */
#define SMALL_BATCH ES_EVENT_CHANNELS_MAX

/** One channel of one event. */
typedef struct batch_channel_t {
    apr_uint64_t hash;
    es_slot_t slot; /* found under the lock */
} batch_channel_t;

/** What the lookups find out about one event. */
typedef struct batch_event_t {
    apr_uint64_t publisher_hash; /* of the publisher's id, if it has one */
    int is_known; /* 1 = retained already; found under the lock */
} batch_event_t;

/** The arguments, what was found out about them, and the result. */
typedef struct batch_t {
    const es_entry_t *entries;
    int count;
    apr_uint64_t now_ms;
    batch_channel_t *channels; /* those of all entries in a row */
    batch_event_t *events;     /* count of them */
    int *dups;                 /* count; from es_batch_dups_find */
    batch_channel_t small_channels[SMALL_BATCH];
    batch_event_t small_events[SMALL_BATCH];
    int small_dups[SMALL_BATCH];
    es_slot_maker_t maker;
    es_appended_t result;
} batch_t;

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
        channels += entries[i].nchannels;
    }
    return channels;
}

/** Does the batch fit? An id of ours counts with its longest text. */
static int fits(const es_store_t *store, const es_entry_t *entries, int count)
{
    apr_uint64_t most = store->layout.params.ring_bytes / 2;
    apr_uint64_t sum = 0;
    int i;

    for (i = 0; i < count; i++) {
        const es_frame_t *frame = entries[i].frame;
        apr_size_t id_len = frame->publisher_id.len != 0
                                ? frame->publisher_id.len
                                : ES_ID_TEXT_SIZE - 1;
        apr_uint64_t size = es_journal_record_size(
            entries[i].nchannels, es_frame_size(frame, id_len));

        if (size > most || size > APR_UINT32_MAX || sum > most - size) {
            return 0;
        }
        sum += size;
    }
    return 1;
}

/** malloc and not a pool: it is freed when the call ends. @return 0 without
 * memory; free_batch is due all the same */
static int alloc_batch(batch_t *batch, apr_size_t channels)
{
    apr_size_t count = (apr_size_t)batch->count;

    batch->channels = batch->small_channels;
    batch->events = batch->small_events;
    batch->dups = batch->small_dups;
    if (channels > SMALL_BATCH) {
        batch->channels = malloc(channels * sizeof(batch_channel_t));
        batch->events = malloc(count * sizeof(batch_event_t));
        batch->dups = malloc(count * sizeof(int));
    }
    return batch->channels != NULL && batch->events != NULL &&
           batch->dups != NULL;
}

static void free_batch(const batch_t *batch)
{
    if (batch->channels != batch->small_channels) {
        free(batch->channels);
        free(batch->events);
        free(batch->dups);
    }
}

static void hash_all(const es_store_t *store, batch_t *batch)
{
    batch_channel_t *channel = batch->channels;
    int i, k;

    for (i = 0; i < batch->count; i++) {
        es_slice_t publisher_id = batch->entries[i].frame->publisher_id;

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

/* ---- under the lock: slots ---------------------------------------------- */

/** Find or make the slots and count the clients of each channel once. A
 * failure may leave bits in touched: at worst a child wakes up for nothing. */
static apr_status_t find_slots(es_store_t *store, batch_t *batch,
                               apr_uint64_t *touched)
{
    batch_channel_t *channel = batch->channels;
    int i, k;

    batch->result.clients = 0;
    es_channels_begin_batch(&store->channels);
    for (i = 0; i < batch->count; i++) {
        for (k = 0; k < batch->entries[i].nchannels; k++, channel++) {
            apr_status_t rv =
                es_slot_maker_make(&batch->maker, batch->entries[i].channels[k],
                                   channel->hash, &channel->slot);

            if (rv != APR_SUCCESS) {
                return rv;
            }
            if (es_channels_use_slot(&store->channels, channel->slot)) {
                batch->result.clients += es_subscriptions_of_slot(
                    &store->subscriptions, channel->slot, touched);
            }
        }
    }
    return APR_SUCCESS;
}

/* ---- under the lock: known events ---------------------------------------
 *
 * A publisher that got no answer sends its event again with the same id. Two
 * events are the same if they have the same id, channels and frame, byte for
 * byte. The lock keeps the bytes in the ring, so they are compared in place.
 */

static int is_same(const es_store_t *store, const es_record_t *record,
                   const es_entry_t *entry, const batch_channel_t *channels)
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
 * Look up an event by its publisher's id.
 *
 * @param found    the record of this event; pos is 0 if the event is new
 * @param channel  on APR_EEXIST the number of the channel
 * @return APR_SUCCESS; APR_EEXIST: a channel retains another event with this
 *         id; APR_EGENERAL: the index is damaged, repair it
 */
static apr_status_t find_published(const es_store_t *store,
                                   const es_entry_t *entry,
                                   const batch_event_t *event,
                                   const batch_channel_t *channels,
                                   es_record_t *found, int *channel)
{
    int i;

    for (i = 0; i < entry->nchannels; i++) {
        es_slot_t slot = channels[i].slot;
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
            *channel = i;
            return is_same(store, found, entry, channels) ? APR_SUCCESS
                                                          : APR_EEXIST;
        }
    }
    return APR_SUCCESS;
}

/** The id of the batch is the highest id of its events. */
static void raise_last_id(batch_t *batch, const es_id_t *id)
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

/** Is event number i retained already? */
static apr_status_t find_known_one(const es_store_t *store, batch_t *batch,
                                   int i, const batch_channel_t *channels)
{
    batch_event_t *event = &batch->events[i];
    es_record_t found;
    apr_status_t rv = find_published(store, &batch->entries[i], event, channels,
                                     &found, &batch->result.clash.channel);

    if (rv == APR_SUCCESS && found.pos != 0) {
        event->is_known = 1;
        raise_last_id(batch, &found.id);
        add_known(&batch->result, &found);
    }
    batch->result.clash.event = i;
    return rv;
}

/** Find the events that are retained already and so are not written. */
static apr_status_t find_known(es_store_t *store, batch_t *batch)
{
    const batch_channel_t *channels = batch->channels;
    int i;

    batch->result.last_id.ms = batch->result.last_id.n = 0;
    batch->result.known = 0;
    batch->result.known_from = batch->result.known_to = 0;
    for (i = 0; i < batch->count; i++) {
        batch->events[i].is_known = batch->dups[i] >= 0;
        if (batch->entries[i].frame->publisher_id.len != 0 &&
            !batch->events[i].is_known) {
            apr_status_t rv = find_known_one(store, batch, i, channels);

            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        batch->result.known += batch->events[i].is_known;
        channels += batch->entries[i].nchannels;
    }
    return APR_SUCCESS;
}

/* ---- under the lock: writing -------------------------------------------- */

apr_status_t es_store_evict_oldest(es_store_t *store)
{
    es_journal_t *journal = &store->journal;
    es_pos_t tail = es_journal_tail(journal);
    es_record_t oldest;
    apr_status_t rv = es_journal_look(journal, tail, &oldest);
    int i;

    if (rv != APR_SUCCESS) {
        return rv == APR_EOF ? APR_EOF : APR_EGENERAL;
    }
    if (oldest.pos != tail) {
        /* the tail was at a pad; dropping it may make enough room */
        es_journal_set_tail(journal, oldest.pos);
        return APR_SUCCESS;
    }
    /* the table first, then the tail: see es_channels_evict */
    for (i = 0; i < oldest.nslots; i++) {
        es_channels_evict(&store->channels, oldest.slots[i], tail, &oldest.id);
    }
    es_journal_set_tail(journal, oldest.next);
    return APR_SUCCESS;
}

apr_status_t es_store_evict_until(es_store_t *store, es_pos_t end)
{
    while (end - es_journal_tail(&store->journal) > store->journal.bytes) {
        if (es_store_evict_oldest(store) != APR_SUCCESS) {
            return APR_EGENERAL;
        }
    }
    return APR_SUCCESS;
}

/** Write one event at or after at. @return its end, 0 when damaged */
static es_pos_t write_event(es_store_t *store, const es_entry_t *entry,
                            const batch_event_t *event,
                            const batch_channel_t *channels, es_pos_t at,
                            const es_id_t *id)
{
    int has_publisher_id = entry->frame->publisher_id.len != 0;
    es_link_t links[ES_EVENT_CHANNELS_MAX];
    char text[ES_ID_TEXT_SIZE];
    es_content_t content;
    apr_uint64_t size;
    es_pos_t pos;
    int i;

    content.id = *id;
    content.frame = entry->frame;
    content.until_ms = 0;
    content.id_text = has_publisher_id ? entry->frame->publisher_id
                                       : es_slice(text, es_id_format(text, id));
    content.links = links;
    content.nlinks = entry->nchannels;
    size = es_journal_record_size(
        entry->nchannels, es_frame_size(entry->frame, content.id_text.len));
    pos = es_journal_record_pos(&store->journal, at, size);
    if (es_store_evict_until(store, pos + size) != APR_SUCCESS) {
        return 0;
    }
    for (i = 0; i < entry->nchannels; i++) {
        es_slot_t slot = channels[i].slot;

        links[i].slot = slot;
        links[i].spare = 0;
        links[i].previous = es_channels_append(
            &store->channels, slot, pos, es_journal_tail(&store->journal));
        links[i].publisher_before =
            has_publisher_id
                ? es_publisher_ids_add(&store->publisher_ids,
                                       event->publisher_hash, slot, pos, i)
                : 0;
    }
    es_journal_write(&store->journal, at, pos, size, &content);
    return pos + size;
}

/** An event opens its channels again. */
static void reopen_channels(const es_store_t *store, const batch_t *batch)
{
    const batch_channel_t *channel = batch->channels;
    int i, k;

    for (i = 0; i < batch->count; i++) {
        for (k = 0; k < batch->entries[i].nchannels; k++, channel++) {
            if (!batch->events[i].is_known) {
                es_channels_set_closed(&store->channels, channel->slot, 0);
            }
        }
    }
}

/** Write the events that are new, and commit. */
static apr_status_t write_batch(es_store_t *store, batch_t *batch)
{
    const batch_channel_t *channels = batch->channels;
    es_id_t id = es_store_last_id(store);
    es_pos_t at;
    int i;

    if (!es_journal_is_sane(&store->journal)) {
        return APR_EGENERAL;
    }
    at = batch->result.from = es_journal_head(&store->journal);
    for (i = 0; i < batch->count; i++) {
        if (!batch->events[i].is_known) {
            id = es_id_next(&id, batch->now_ms);
            at = write_event(store, &batch->entries[i], &batch->events[i],
                             channels, at, &id);
            if (at == 0) {
                return APR_EGENERAL;
            }
            raise_last_id(batch, &id);
        }
        channels += batch->entries[i].nchannels;
    }
    es_journal_commit(&store->journal, at, &id);
    reopen_channels(store, batch);
    batch->result.head = at;
    return APR_SUCCESS;
}

static apr_status_t try_append(es_store_t *store, batch_t *batch,
                               apr_uint64_t *touched)
{
    apr_status_t rv = find_slots(store, batch, touched);

    if (rv == APR_SUCCESS) {
        rv = find_known(store, batch);
    }
    return rv == APR_SUCCESS ? write_batch(store, batch) : rv;
}

static apr_status_t append_locked(es_store_t *store, batch_t *batch,
                                  apr_uint64_t *touched,
                                  es_repair_report_t *report)
{
    apr_status_t rv = try_append(store, batch, touched);

    if (rv == APR_EGENERAL) {
        rv = es_store_repair(store, report);
        if (rv == APR_SUCCESS) {
            rv = try_append(store, batch, touched);
        }
    }
    return rv;
}

apr_status_t es_store_append_any(es_store_t *store, const es_entry_t *entries,
                                 int count, apr_uint64_t now_ms,
                                 apr_uint64_t *touched, es_appended_t *out)
{
    apr_size_t channels = count_channels(entries, count);
    es_repair_report_t report;
    batch_t batch;
    apr_status_t rv = APR_ENOMEM;

    if (channels == 0) {
        return APR_EINVAL;
    }
    if (!fits(store, entries, count)) {
        return APR_ENOSPC;
    }
    batch.entries = entries;
    batch.count = count;
    batch.now_ms = now_ms;
    es_slot_maker_init(&batch.maker, store, 1);
    if (alloc_batch(&batch, channels)) {
        hash_all(store, &batch);
        rv = es_batch_dups_find(entries, count, store->publisher_ids.key,
                                batch.dups, &batch.result.clash);
    }
    if (rv == APR_SUCCESS) {
        rv = es_store_lock(store, &report);
        if (rv == APR_SUCCESS) {
            rv = append_locked(store, &batch, touched, &report);
            es_store_unlock(store, &report);
            es_slot_maker_log(&batch.maker);
        }
    }
    free_batch(&batch);
    if (rv == APR_SUCCESS || rv == APR_EEXIST) {
        *out = batch.result;
    }
    return rv;
}

apr_status_t es_store_append(es_store_t *store, const es_entry_t *entries,
                             int count, apr_uint64_t now_ms,
                             apr_uint64_t *touched, es_appended_t *out)
{
    ES_CONTEXT(ES_WORKER);
    return es_store_append_any(store, entries, count, now_ms, touched, out);
}
