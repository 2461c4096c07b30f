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
 *     unlock, log, count the subscriptions
 *
 * No reader may see half of a batch, so all of it is written with the lock
 * taken once. But if many records are in the way, of the events or of slots
 * for new channels, the lock is released before the events are written. The
 * records are evicted in parts, with the lock free in between, and then the
 * search begins again: what it has found may have changed meanwhile. Other
 * publishers may have used the room, too. So all is tried up to TRIES_MAX
 * times, and the last time everything that is left is evicted at once.
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
#include "journal/append_batch.h"

/** Records that are looked at or evicted to make slots, with the lock taken
 * once; up to 1,024 more for each channel of the last event. */
#define RECORDS_MAX 16384
/** Bytes of records that are evicted while the batch is written. */
#define ROOM_MAX (256 * 1024)
/** Records that are evicted with the lock taken once, if there are more. */
#define EVICT_MAX 512
/** Before the lock is taken for the next part, in microseconds. */
#define PAUSE 100
#define TRIES_MAX 3

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

/** Write event number at or after at. @return its end, 0 when damaged */
static es_pos_t write_event(const es_append_batch_t *batch, int number,
                            es_pos_t at, const es_id_t *id)
{
    es_store_t *store = batch->store;
    const es_entry_t *entry = &batch->entries[number];
    const es_append_event_t *event = &batch->events[number];
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
        es_slot_t slot = event->channels[i].slot;

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
static void reopen_channels(const es_append_batch_t *batch)
{
    int i, k;

    for (i = 0; i < batch->count; i++) {
        const es_append_event_t *event = &batch->events[i];

        for (k = 0; k < batch->entries[i].nchannels && !event->is_known; k++) {
            es_channels_set_closed(&batch->store->channels,
                                   event->channels[k].slot, 0);
        }
    }
}

/** Write the events that are new, and commit. */
static apr_status_t write_batch(es_append_batch_t *batch)
{
    es_store_t *store = batch->store;
    es_id_t id = es_store_last_id(store);
    es_pos_t at = es_journal_head(&store->journal);
    int i;

    batch->result.from = at;
    for (i = 0; i < batch->count; i++) {
        if (!batch->events[i].is_known) {
            id = es_id_next(&id, batch->now_ms);
            at = write_event(batch, i, at, &id);
            if (at == 0) {
                return APR_EGENERAL;
            }
            es_append_batch_raise_last_id(batch, &id);
        }
    }
    es_journal_commit(&store->journal, at, &id);
    reopen_channels(batch);
    batch->result.head = at;
    return APR_SUCCESS;
}

/* ---- one hold of the lock ----------------------------------------------- */

/** Find all slots, then all known events. @return APR_EAGAIN: continue later;
 * the slots that were made are found again, and kept, as the channels are
 * looked at in the same order */
static apr_status_t find_all(es_append_batch_t *batch)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    es_channels_begin_batch(&batch->store->channels);
    batch->maker.looked = 0;
    for (i = 0; i < batch->count && rv == APR_SUCCESS; i++) {
        if (batch->maker.looked >= RECORDS_MAX) {
            return batch->is_last_try ? APR_ENOMEM : APR_EAGAIN;
        }
        rv = es_append_batch_find_slots(batch, i);
    }
    es_append_batch_forget_known(batch);
    for (i = 0; i < batch->count && rv == APR_SUCCESS; i++) {
        rv = es_append_batch_find_known(batch, i);
    }
    return rv;
}

/** Where the batch ends about, if it is written now. */
static es_pos_t end_of(const es_append_batch_t *batch)
{
    es_pos_t end = es_journal_head(&batch->store->journal);
    es_id_t last = es_store_last_id(batch->store);
    es_id_t id = es_id_next(&last, batch->now_ms);
    char text[ES_ID_TEXT_SIZE];
    apr_size_t id_len = es_id_format(text, &id);
    apr_uint64_t largest = 0; /* a pad is smaller than the record after it */
    int i;

    for (i = 0; i < batch->count; i++) {
        if (!batch->events[i].is_known) {
            apr_uint64_t size =
                es_append_batch_event_size(&batch->entries[i], id_len);

            end += size;
            largest = size > largest ? size : largest;
        }
    }
    return end + largest;
}

/** 1 if at most so many bytes are missing for a record that ends at end. */
static int has_room(const es_journal_t *journal, es_pos_t end,
                    apr_uint64_t missing)
{
    return end - es_journal_tail(journal) <= journal->bytes + missing;
}

/** @return APR_EAGAIN: make room up to batch->end first, then try again */
static apr_status_t try_append(es_append_batch_t *batch)
{
    const es_journal_t *journal = &batch->store->journal;
    apr_status_t rv;

    if (!es_journal_is_sane(journal)) {
        return APR_EGENERAL;
    }
    batch->end = es_journal_head(journal);
    rv = find_all(batch);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    batch->end = end_of(batch);
    if (!batch->is_last_try && !has_room(journal, batch->end, ROOM_MAX)) {
        return APR_EAGAIN;
    }
    return write_batch(batch);
}

/** Evict some of the records that are in the way of the batch. @return
 * APR_EAGAIN: some are left */
static apr_status_t evict_some(es_append_batch_t *batch)
{
    es_store_t *store = batch->store;
    int left;

    if (!es_journal_is_sane(&store->journal)) {
        return APR_EGENERAL;
    }
    for (left = EVICT_MAX; left > 0; left--) {
        apr_status_t rv = has_room(&store->journal, batch->end, 0)
                              ? APR_EOF
                              : es_store_evict_oldest(store);

        if (rv != APR_SUCCESS) {
            return rv == APR_EOF ? APR_SUCCESS : rv;
        }
    }
    return APR_EAGAIN;
}

/* ---- all holds of the lock ---------------------------------------------- */

/** Call step with the lock; repair the store if that is due. */
static apr_status_t with_lock(es_append_batch_t *batch,
                              apr_status_t (*step)(es_append_batch_t *))
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(batch->store, &report);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = step(batch);
    if (rv == APR_EGENERAL) {
        rv = es_store_repair(batch->store, &report);
        if (rv == APR_SUCCESS) {
            rv = step(batch);
        }
    }
    es_store_unlock(batch->store, &report);
    return rv;
}

/** Evict all that is in the way, a part at a time. */
static apr_status_t make_room(es_append_batch_t *batch)
{
    apr_status_t rv;

    do {
        /* a thread that waits for the lock needs some time to wake up */
        apr_sleep(PAUSE);
        rv = with_lock(batch, evict_some);
    } while (rv == APR_EAGAIN);
    return rv;
}

static apr_status_t append(es_append_batch_t *batch)
{
    apr_status_t rv = APR_EAGAIN;
    int tries;

    for (tries = 1; rv == APR_EAGAIN; tries++) {
        batch->is_last_try = tries == TRIES_MAX;
        rv = with_lock(batch, try_append);
        if (rv == APR_EAGAIN) {
            rv = make_room(batch);
            if (rv == APR_SUCCESS) {
                rv = APR_EAGAIN;
            }
        }
    }
    return rv;
}

apr_status_t es_store_append_any(es_store_t *store, const es_entry_t *entries,
                                 int count, apr_uint64_t now_ms,
                                 apr_uint64_t *touched, es_appended_t *out)
{
    es_append_batch_t batch;
    apr_status_t rv =
        es_append_batch_init(&batch, store, entries, count, now_ms);

    if (rv == APR_SUCCESS) {
        rv = append(&batch);
        es_slot_maker_log(&batch.maker);
    }
    if (rv == APR_SUCCESS) {
        es_append_batch_count_clients(&batch, touched);
    }
    es_append_batch_clear(&batch);
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
