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

#include "base/clock.h"

#include "journal/batch_dups.h"
#include "journal/spans.h"

#include <limits.h>
#include <stdlib.h>

/* ---- before the lock ---------------------------------------------------- */

static int is_in_range(const es_entry_t *entry)
{
    int most = entry->frame != NULL ? ES_EVENT_CHANNELS_MAX : 1;
    int k;

    if (entry->nchannels < 1 || entry->nchannels > most) {
        return 0;
    }
    for (k = 0; k < entry->nchannels; k++) {
        if (entry->channels[k].len < 1 ||
            entry->channels[k].len > ES_CHANNEL_NAME_MAX) {
            return 0;
        }
    }
    return 1;
}

/** Count the channels of all entries, and find the first close. @return 0: an
 * argument is out of range */
static int count_channels(es_append_batch_t *batch)
{
    int i;

    batch->nchannels = 0;
    batch->closes_from = INT_MAX;
    for (i = 0; i < batch->params.count; i++) {
        const es_entry_t *entry = es_append_batch_entry(batch, i);

        if (!is_in_range(entry)) {
            return 0;
        }
        if (entry->frame == NULL && batch->closes_from == INT_MAX) {
            batch->closes_from = i;
        }
        batch->nchannels += (apr_size_t)entry->nchannels;
        if (batch->nchannels > batch->params.channels) {
            return 0;
        }
    }
    return 1;
}

/** malloc and not a pool: it is freed when the call ends. @return 0 without
 * memory */
static int alloc_batch(es_append_batch_t *batch)
{
    apr_size_t count = (apr_size_t)batch->params.count;

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
    if (entry->frame == NULL) {
        return es_journal_record_size(entry->nchannels, 0);
    }
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

    for (i = 0; i < batch->params.count; i++) {
        apr_uint64_t size = es_append_batch_event_size(
            es_append_batch_entry(batch, i), ES_ID_TEXT_SIZE - 1);

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

    for (i = 0; i < batch->params.count; i++) {
        const es_entry_t *entry = es_append_batch_entry(batch, i);
        es_slice_t publisher_id = es_append_batch_publisher_id(entry);

        batch->events[i].channels = channel;
        batch->events[i].is_known = 0;
        batch->events[i].publisher_hash =
            publisher_id.len != 0
                ? es_publisher_ids_hash(&store->publisher_ids, publisher_id)
                : 0;
        for (k = 0; k < entry->nchannels; k++, channel++) {
            channel->hash =
                es_channels_hash(&store->channels, entry->channels[k]);
        }
    }
}

/** Find events that occur twice. With ids, each is one of its own: the broker
 * knows what was published before. */
static apr_status_t find_dups(es_append_batch_t *batch)
{
    int i;

    if (batch->params.entries != NULL && batch->closes_from == INT_MAX) {
        return es_batch_dups_find(batch->params.entries, batch->params.count,
                                  batch->store->publisher_ids.key, batch->dups,
                                  &batch->result.clash);
    }
    for (i = 0; i < batch->params.count; i++) {
        batch->dups[i] = -1;
    }
    return APR_SUCCESS;
}

apr_status_t es_append_batch_init(es_append_batch_t *batch, es_store_t *store,
                                  const es_append_params_t *params)
{
    int valid;

    batch->store = store;
    batch->params = *params;
    valid = count_channels(batch);
    es_slot_maker_init(&batch->maker, store, 1);
    batch->maker.leaves_out = params->leaves_out;
    if (!valid) {
        batch->nchannels = 0; /* nothing is allocated */
    }
    if (!alloc_batch(batch)) {
        return APR_ENOMEM;
    }
    if (!valid) {
        return APR_EINVAL;
    }
    if (!fits(batch)) {
        return APR_ENOSPC;
    }
    hash_all(batch);
    return find_dups(batch);
}

/* ---- under the lock: slots ---------------------------------------------- */

apr_status_t es_append_batch_find_slots(es_append_batch_t *batch, int i,
                                        int makes)
{
    const es_channels_t *channels = &batch->store->channels;
    const es_entry_t *entry = es_append_batch_entry(batch, i);
    int k;

    for (k = 0; k < entry->nchannels; k++) {
        es_append_channel_t *channel = &batch->events[i].channels[k];
        apr_status_t rv =
            makes ? es_slot_maker_make(&batch->maker, entry->channels[k],
                                       channel->hash, &channel->slot)
                  : es_channels_find(channels, entry->channels[k],
                                     channel->hash, &channel->slot);

        if (rv == APR_ENOMEM && batch->params.leaves_out) {
            channel->slot = 0;
        }
        else if (rv != APR_SUCCESS) {
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
    const es_entry_t *entry = es_append_batch_entry(batch, i);
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

/** The id of the batch is the highest id of its events. */
static void raise_last_id(es_append_batch_t *batch, const es_id_t *id)
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
    const es_entry_t *entry = es_append_batch_entry(batch, i);
    es_append_event_t *event = &batch->events[i];
    es_record_t found;

    event->is_known = batch->dups[i] >= 0;
    /* what a close of this batch drops is known no longer */
    if (!event->is_known && es_append_batch_publisher_id(entry).len != 0 &&
        i < batch->closes_from) {
        apr_status_t rv = find_published(batch, i, &found);

        if (rv == APR_EEXIST && batch->params.given != NULL) {
            found.pos = 0; /* the broker has decided that it is another one */
        }
        else if (rv != APR_SUCCESS) {
            return rv;
        }
        if (found.pos != 0 && es_spans_had(batch->store, &found.id)) {
            found.pos = 0; /* who was reset may not have had it */
        }
        if (found.pos != 0) {
            event->is_known = 1;
            raise_last_id(batch, &found.id);
            add_known(&batch->result, &found);
        }
    }
    batch->result.known += event->is_known;
    return APR_SUCCESS;
}

/* ---- under the lock: writing -------------------------------------------- */

/** When close number i ends. */
static apr_uint64_t until_of(const es_append_batch_t *batch, int i)
{
    return batch->params.given != NULL ? batch->params.given[i].until_ms
                                       : batch->params.until_ms;
}

/** What stands in a record of entry number i, without its links. */
static void make_content(const es_append_batch_t *batch, int i,
                         es_content_t *content, const es_id_t *id,
                         char text[ES_ID_TEXT_SIZE])
{
    const es_entry_t *entry = es_append_batch_entry(batch, i);

    content->id = *id;
    content->frame = entry->frame;
    content->until_ms = 0;
    content->is_again =
        batch->params.given != NULL && batch->params.given[i].is_again;
    content->appended_us = batch->appended_us;
    if (entry->frame == NULL) {
        content->until_ms = until_of(batch, i);
        content->id_text = es_slice(NULL, 0);
    }
    else if (entry->frame->publisher_id.len != 0) {
        content->id_text = entry->frame->publisher_id;
    }
    else {
        content->id_text = es_slice(text, es_id_format(text, id));
    }
}

/** The channels of entry number i that have a slot. Those without lose the
 * event. */
static int count_slots(const es_append_batch_t *batch, int i, const es_id_t *id)
{
    const es_append_event_t *event = &batch->events[i];
    int nchannels = es_append_batch_entry(batch, i)->nchannels;
    int count = 0;
    int k;

    if (!batch->params.leaves_out) {
        return nchannels;
    }
    for (k = 0; k < nchannels; k++) {
        count += event->channels[k].slot != 0;
    }
    if (count < nchannels) {
        es_channels_raise_forgotten(&batch->store->channels, id);
    }
    return count;
}

/** Link the record at pos into the chains. */
static void make_links(const es_append_batch_t *batch, int i, es_pos_t pos,
                       es_link_t *links)
{
    const es_store_t *store = batch->store;
    const es_append_event_t *event = &batch->events[i];
    const es_entry_t *entry = es_append_batch_entry(batch, i);
    es_pos_t tail = es_journal_tail(&store->journal);
    int has_publisher_id = es_append_batch_publisher_id(entry).len != 0;
    int count = 0;
    int k;

    for (k = 0; k < entry->nchannels; k++) {
        es_slot_t slot = event->channels[k].slot;

        if (slot == 0) {
            continue;
        }
        links[count].slot = slot;
        links[count].spare = 0;
        links[count].previous =
            es_channels_append(&store->channels, slot, pos, tail);
        links[count].publisher_before =
            has_publisher_id
                ? es_publisher_ids_add(&store->publisher_ids,
                                       event->publisher_hash, slot, pos, count)
                : 0;
        count++;
    }
}

/** Write entry number i at or after at. @return its end, 0 when damaged */
static es_pos_t write_entry(es_append_batch_t *batch, int i, es_pos_t at)
{
    es_store_t *store = batch->store;
    es_link_t links[ES_EVENT_CHANNELS_MAX];
    char text[ES_ID_TEXT_SIZE];
    es_content_t content;
    apr_uint64_t size;
    es_pos_t pos;

    make_content(batch, i, &content, &batch->id, text);
    content.nlinks = count_slots(batch, i, &batch->id);
    if (content.nlinks == 0) {
        return at; /* nobody on this node can want it */
    }
    content.links = links;
    size = es_journal_record_size(
        content.nlinks, content.frame != NULL
                            ? es_frame_size(content.frame, content.id_text.len)
                            : 0);
    pos = es_journal_record_pos(&store->journal, at, size);
    if (es_store_evict_until(store, pos + size) != APR_SUCCESS) {
        return 0;
    }
    make_links(batch, i, pos, links);
    es_journal_write(&store->journal, at, pos, size, &content);
    batch->events[i].pos = pos;
    return pos + size;
}

es_pos_t es_append_batch_write(es_append_batch_t *batch, es_pos_t at)
{
    const es_append_params_t *params = &batch->params;
    int i;

    batch->id = es_journal_last(&batch->store->journal);
    batch->appended_us = (apr_uint32_t)es_clock_now();
    for (i = 0; i < params->count && at != 0; i++) {
        batch->events[i].pos = 0;
        if (params->given != NULL) {
            batch->id = params->given[i].id;
            raise_last_id(batch, &batch->id);
        }
        if (batch->events[i].is_known) {
            continue;
        }
        if (params->given == NULL) {
            batch->id = es_id_next(&batch->id, params->now_ms);
            raise_last_id(batch, &batch->id);
        }
        at = write_entry(batch, i, at);
    }
    return at;
}

/** An event opens its channels again. */
static void open_all(const es_append_batch_t *batch)
{
    int i, k;

    for (i = 0; i < batch->params.count; i++) {
        const es_append_event_t *event = &batch->events[i];
        int nchannels = es_append_batch_entry(batch, i)->nchannels;

        for (k = 0; k < nchannels && !event->is_known; k++) {
            es_channels_set_closed(&batch->store->channels,
                                   event->channels[k].slot, 0);
        }
    }
}

/** es_chan_t.scan, which is scratch: its last close was found. Else it is the
 * number of records after that. */
#define DROPPED APR_UINT64_MAX

static void close_or_open(const es_append_batch_t *batch, int i, int k)
{
    const es_channels_t *channels = &batch->store->channels;
    const es_append_event_t *event = &batch->events[i];
    es_slot_t slot = event->channels[k].slot;
    es_chan_t *chan = es_channels_at(channels, slot);
    int closes = es_append_batch_entry(batch, i)->frame == NULL;

    if (chan == NULL || event->pos == 0) {
        return;
    }
    if (es_channels_use_slot(channels, slot)) {
        chan->scan = 0;
        es_channels_set_closed(channels, slot, closes ? until_of(batch, i) : 0);
    }
    if (chan->scan != DROPPED && closes) {
        /* without ids, a close is the only entry of its batch */
        es_channels_drop(channels, slot, event->pos,
                         batch->params.given != NULL
                             ? &batch->params.given[i].id
                             : &batch->id,
                         (apr_uint32_t)chan->scan);
        chan->scan = DROPPED;
    }
    else if (chan->scan != DROPPED) {
        chan->scan++;
    }
}

/* The last entry of a channel decides whether it is closed, and its last close
 * drops what was before. So the entries are visited from the last one on, and a
 * new batch of the channel table tells which slots were visited. closed_until
 * is stored once, as readers load it meanwhile. */
void es_append_batch_close_and_open(const es_append_batch_t *batch)
{
    int i, k;

    if (batch->closes_from == INT_MAX) {
        open_all(batch);
        return;
    }
    es_channels_begin_batch(&batch->store->channels);
    for (i = batch->params.count - 1; i >= 0; i--) {
        for (k = 0; k < es_append_batch_entry(batch, i)->nchannels; k++) {
            close_or_open(batch, i, k);
        }
    }
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
