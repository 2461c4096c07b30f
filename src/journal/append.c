/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appending a batch, in this order:
 *
 *     without the lock   check sizes, hash names and ids, find twins
 *     lock
 *       slots            find or make one for each channel; may fail, and
 *                        then nothing but some idle slots was made
 *       known            look up the publishers' ids; may fail as well
 *       for each event   id, place, evict what is in the way, write
 *       commit           one store of the head
 *     unlock, log
 *
 * The batch, with the pad that it may need, fits into the ring: it is not
 * larger than half of it, and neither is the pad, being smaller than the
 * record that did not fit. So eviction never comes to the batch itself.
 *
 * When the chains or a record turn out to be damaged (a stray write), all is
 * repaired and done again, once: after the repair there is
 * nothing left that could be damaged.
 */
#include "base/context.h"
#include "journal/batch_dups.h"
#include "journal/store_priv.h"

#include <stdlib.h>

/** Links, and so events, of a batch that fit on the stack. */
#define LINKS_SMALL ES_EVENT_CHANNELS_MAX

/** A channel of an event of the batch. */
typedef struct use_t {
    apr_uint64_t hash;
    es_slot_t slot; /* found under the lock */
} use_t;

/** What is known of an event of the batch. */
typedef struct mark_t {
    apr_uint64_t publisher_hash; /* of the publisher's id, if it has one */
    int is_known;                /* 1 = retained; found under the lock */
} mark_t;

/** A batch on its way. */
typedef struct batch_t {
    const es_entry_t *entries;
    int count;
    apr_uint64_t now_ms;
    use_t *uses;   /* of all entries, one after the other */
    mark_t *marks; /* count */
    int *dups;     /* count; as es_batch_dups_find has them */
    use_t few_uses[LINKS_SMALL];
    mark_t few_marks[LINKS_SMALL];
    int few_dups[LINKS_SMALL];
    es_appended_t done;
} batch_t;

/* ---- before the lock --------------------------------------------------- */

/** Number of links, or 0 when the batch is not one. */
static apr_size_t count_uses(const es_entry_t *entries, int count)
{
    apr_size_t uses = 0;
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
        uses += entries[i].nchannels;
    }
    return uses;
}

/** Does the batch fit? With room for the longest id that we could give. */
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

/** Room for what is noted of the batch. No pool here: it is needed as long
 * as this call. @return 0 when there is no memory */
static int make_notes(batch_t *batch, apr_size_t uses)
{
    apr_size_t count = (apr_size_t)batch->count;

    batch->uses = batch->few_uses;
    batch->marks = batch->few_marks;
    batch->dups = batch->few_dups;
    if (uses > LINKS_SMALL) {
        batch->uses = malloc(uses * sizeof(use_t));
        batch->marks = malloc(count * sizeof(mark_t));
        batch->dups = malloc(count * sizeof(int));
    }
    return batch->uses != NULL && batch->marks != NULL && batch->dups != NULL;
}

static void free_notes(const batch_t *batch)
{
    if (batch->uses != batch->few_uses) {
        free(batch->uses);
        free(batch->marks);
        free(batch->dups);
    }
}

static void hash_all(const es_store_t *store, batch_t *batch)
{
    use_t *use = batch->uses;
    int i, k;

    for (i = 0; i < batch->count; i++) {
        es_slice_t publisher_id = batch->entries[i].frame->publisher_id;

        batch->marks[i].publisher_hash =
            publisher_id.len != 0
                ? es_publisher_ids_hash(&store->publisher_ids, publisher_id)
                : 0;
        batch->marks[i].is_known = 0;
        for (k = 0; k < batch->entries[i].nchannels; k++, use++) {
            use->hash =
                es_channels_hash(&store->tab, batch->entries[i].channels[k]);
            use->slot = 0;
        }
    }
}

/* ---- under the lock: slots --------------------------------------------- */

/** A slot for each channel, and the clients of each, once. When it fails,
 * touched may have bits of channels before: a needless wake-up at worst. */
static apr_status_t find_slots(es_store_t *store, batch_t *batch,
                               apr_uint64_t *touched)
{
    use_t *use = batch->uses;
    int i, k;

    batch->done.clients = 0;
    es_channels_begin(&store->tab);
    for (i = 0; i < batch->count; i++) {
        for (k = 0; k < batch->entries[i].nchannels; k++, use++) {
            apr_status_t rv =
                es_channels_make(&store->tab, batch->entries[i].channels[k],
                                 use->hash, &use->slot);

            if (rv != APR_SUCCESS) {
                return rv;
            }
            if (es_channels_use_slot(&store->tab, use->slot)) {
                batch->done.clients +=
                    es_subscriptions_sum(&store->counts, use->slot, touched);
            }
        }
    }
    return APR_SUCCESS;
}

/* ---- under the lock: known events ----------------------------------------
 *
 * A publisher that got no answer sends its event once more, under the same
 * id. The same event is one with the same id, the same channels and the same
 * frame, byte for byte; under the lock these bytes can be looked at where they
 * stand.
 */

static int is_same(const es_store_t *store, const es_record_t *record,
                   const es_entry_t *entry, const use_t *uses)
{
    int i;

    if (record->nslots != entry->nchannels) {
        return 0;
    }
    for (i = 0; i < entry->nchannels; i++) {
        if (!es_journal_record_has(record, uses[i].slot)) {
            return 0;
        }
    }
    return es_frame_is(entry->frame, es_journal_frame(&store->journal, record));
}

/**
 * Look an event with a publisher's id up.
 *
 * @param found    the record that is this event; pos is 0 when it is new
 * @param channel  on APR_EEXIST the number of the channel
 * @return APR_SUCCESS; APR_EEXIST: a channel retains another event with the
 *         id; APR_EGENERAL: the index is damaged, repair
 */
static apr_status_t find_same(const es_store_t *store, const es_entry_t *entry,
                              const mark_t *mark, const use_t *uses,
                              es_record_t *found, int *channel)
{
    int i;

    for (i = 0; i < entry->nchannels; i++) {
        apr_status_t rv = es_publisher_ids_find(
            &store->publisher_ids, mark->publisher_hash, uses[i].slot,
            entry->frame->publisher_id, found);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (found->pos != 0 &&
            es_channels_has_dropped(&store->tab, uses[i].slot, found->pos)) {
            found->pos = 0;
        }
        if (found->pos != 0) {
            /* of the same channels, if it is the same: then there is nothing
             * else to be found in them */
            *channel = i;
            return is_same(store, found, entry, uses) ? APR_SUCCESS
                                                      : APR_EEXIST;
        }
    }
    return APR_SUCCESS;
}

/** The id of the batch is the highest of its events. */
static void raise_id(batch_t *batch, const es_id_t *id)
{
    if (es_id_compare(id, &batch->done.last_id) > 0) {
        batch->done.last_id = *id;
    }
}

static void add_known(es_appended_t *done, const es_record_t *found)
{
    if (done->known_from == 0 || found->pos < done->known_from) {
        done->known_from = found->pos;
    }
    if (found->next > done->known_to) {
        done->known_to = found->next;
    }
}

/** Is the event retained? */
static apr_status_t find_known_one(const es_store_t *store, batch_t *batch,
                                   int event, const use_t *uses)
{
    mark_t *mark = &batch->marks[event];
    es_record_t found;
    apr_status_t rv = find_same(store, &batch->entries[event], mark, uses,
                                &found, &batch->done.clash.channel);

    if (rv == APR_SUCCESS && found.pos != 0) {
        mark->is_known = 1;
        raise_id(batch, &found.id);
        add_known(&batch->done, &found);
    }
    batch->done.clash.event = event;
    return rv;
}

/** Which events are not to be written, as they are there? */
static apr_status_t find_known(es_store_t *store, batch_t *batch)
{
    const use_t *uses = batch->uses;
    int i;

    batch->done.last_id.ms = batch->done.last_id.n = 0;
    batch->done.known = 0;
    batch->done.known_from = batch->done.known_to = 0;
    for (i = 0; i < batch->count; i++) {
        batch->marks[i].is_known = batch->dups[i] >= 0;
        if (batch->entries[i].frame->publisher_id.len != 0 &&
            !batch->marks[i].is_known) {
            apr_status_t rv = find_known_one(store, batch, i, uses);

            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        batch->done.known += batch->marks[i].is_known;
        uses += batch->entries[i].nchannels;
    }
    return APR_SUCCESS;
}

/* ---- under the lock: writing ------------------------------------------- */

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
        /* a pad stood there, and that may be enough */
        es_journal_drop(journal, oldest.pos);
        return APR_SUCCESS;
    }
    /* the table first, then the tail: see es_channels_evict */
    for (i = 0; i < oldest.nslots; i++) {
        es_channels_evict(&store->tab, oldest.slots[i], tail, &oldest.id);
    }
    es_journal_drop(journal, oldest.next);
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

/** Write one event behind at. @return where it ends, 0 when damaged */
static es_pos_t write_event(es_store_t *store, const es_entry_t *entry,
                            const mark_t *mark, const use_t *uses, es_pos_t at,
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
    pos = es_journal_place(&store->journal, at, size);
    if (es_store_evict_until(store, pos + size) != APR_SUCCESS) {
        return 0;
    }
    for (i = 0; i < entry->nchannels; i++) {
        links[i].slot = uses[i].slot;
        links[i].spare = 0;
        links[i].previous = es_channels_append(
            &store->tab, uses[i].slot, pos, es_journal_tail(&store->journal));
        links[i].publisher_before =
            has_publisher_id ? es_publisher_ids_add(&store->publisher_ids,
                                                    mark->publisher_hash,
                                                    uses[i].slot, pos, i)
                             : 0;
    }
    es_journal_write(&store->journal, at, pos, size, &content);
    return pos + size;
}

/** Who publishes to a closed channel opens it again. */
static void reopen(const es_store_t *store, const batch_t *batch)
{
    const use_t *use = batch->uses;
    int i, k;

    for (i = 0; i < batch->count; i++) {
        for (k = 0; k < batch->entries[i].nchannels; k++, use++) {
            if (!batch->marks[i].is_known) {
                es_channels_until(&store->tab, use->slot, 0);
            }
        }
    }
}

/** Write all events and commit. */
static apr_status_t write_batch(es_store_t *store, batch_t *batch)
{
    const use_t *uses = batch->uses;
    es_id_t id = es_store_last_id(store);
    es_pos_t at;
    int i;

    if (!es_journal_is_sane(&store->journal)) {
        return APR_EGENERAL;
    }
    at = batch->done.from = es_journal_head(&store->journal);
    for (i = 0; i < batch->count; i++) {
        if (!batch->marks[i].is_known) {
            id = es_id_next(&id, batch->now_ms);
            at = write_event(store, &batch->entries[i], &batch->marks[i], uses,
                             at, &id);
            if (at == 0) {
                return APR_EGENERAL;
            }
            raise_id(batch, &id);
        }
        uses += batch->entries[i].nchannels;
    }
    es_journal_commit(&store->journal, at, &id);
    reopen(store, batch);
    batch->done.head = at;
    return APR_SUCCESS;
}

static apr_status_t try_append(es_store_t *store, batch_t *batch,
                               apr_uint64_t *touched)
{
    apr_status_t rv = find_slots(store, batch, touched);

    if (rv == APR_SUCCESS) {
        rv = find_known(store, batch);
    }
    if (rv == APR_SUCCESS) {
        rv = write_batch(store, batch);
    }
    return rv;
}

static apr_status_t append_locked(es_store_t *store, batch_t *batch,
                                  apr_uint64_t *touched,
                                  es_repair_report_t *news)
{
    apr_status_t rv = try_append(store, batch, touched);

    if (rv == APR_EGENERAL) {
        rv = es_store_repair(store, news);
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
    apr_size_t uses = count_uses(entries, count);
    es_repair_report_t news;
    batch_t batch;
    apr_status_t rv;

    if (uses == 0) {
        return APR_EINVAL;
    }
    if (!fits(store, entries, count)) {
        return APR_ENOSPC;
    }
    batch.entries = entries;
    batch.count = count;
    batch.now_ms = now_ms;
    rv = APR_ENOMEM;
    if (make_notes(&batch, uses)) {
        hash_all(store, &batch);
        rv = es_batch_dups_find(entries, count, store->publisher_ids.key,
                                batch.dups, &batch.done.clash);
    }
    if (rv == APR_SUCCESS) {
        rv = es_store_lock(store, &news);
        if (rv == APR_SUCCESS) {
            rv = append_locked(store, &batch, touched, &news);
            es_store_unlock(store, &news);
        }
    }
    free_notes(&batch);
    if (rv == APR_SUCCESS || rv == APR_EEXIST) {
        *out = batch.done;
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
