/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each event is appended to the new store with the id that it had. So the new
 * store evicts what does not fit, and records that, as it always does.
 *
 * A channel's evicted id (its records up to this id are evicted) comes with its
 * first record, and is set before that record is appended; evicted ids of
 * channels without records follow at the end. While records are appended, ids
 * rise, so whatever the new store evicts or reclaims meanwhile is below what is
 * still to be appended: no retained record is ever below its channel's evicted
 * id.
 */
#include "journal/import.h"

#include "base/context.h"
#include "journal/append_batch.h"
#include "journal/spans.h"

#include <stdlib.h>

struct es_import_t {
    es_store_t *to;
    es_transfer_head_t head;
    es_transfer_order_t order;
    es_id_t last;          /* once all records are there: of the journal */
    apr_uint64_t records;  /* that were taken */
    apr_uint64_t *touched; /* for es_append_run; there are no clients */
};

/* ---- evicted ids -------------------------------------------------------- */

/** Evict until no record of the slot is retained. */
static void evict_channel(const es_import_t *import, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(&import->to->channels, slot);

    while (chan != NULL && chan->retained != 0 &&
           es_store_evict_oldest(import->to) == APR_SUCCESS) {
    }
}

/** All records of a channel up to id are evicted. */
static void set_evicted(const es_import_t *import, es_slice_t name,
                        const es_id_t *id)
{
    const es_channels_t *channels = &import->to->channels;
    es_id_t evicted;
    es_slot_t slot;

    if (es_channels_make(channels, name, es_channels_hash(channels, name),
                         &slot) != APR_SUCCESS) {
        es_channels_raise_forgotten(channels, id);
        return;
    }
    evict_channel(import, slot);
    evicted = es_channels_evicted(channels, slot);
    if (es_id_compare(id, &evicted) > 0) {
        es_channels_set_evicted(channels, slot, id);
    }
}

/**
 * An evicted id. If it cannot be an id of this journal: most, which is the
 * highest value that it can have. Of an epoch that the journal has forgotten it
 * can be; then no client that resumes can have an older id, and the first id of
 * its spans means the same.
 */
static es_id_t evicted_of(const es_import_t *import, const es_id_t *evicted,
                          const es_id_t *most)
{
    const es_span_set_t *spans = &import->head.spans;
    const es_id_t *first = &spans->at[0].first;

    if (spans->is_given && es_id_compare(evicted, first) < 0) {
        return *first;
    }
    return es_spans_set_has(spans, evicted) && es_id_compare(evicted, most) <= 0
               ? *evicted
               : *most;
}

/** Set the evicted ids of channels whose first record this is. */
static void set_all_evicted(const es_import_t *import,
                            const es_transfer_t *item)
{
    es_id_t before = es_id_before(&item->id);
    int i;

    for (i = 0; i < item->nnames; i++) {
        if (item->has_evicted & (APR_UINT64_C(1) << i)) {
            es_id_t evicted = evicted_of(import, &item->evicted[i], &before);

            set_evicted(import, item->names[i], &evicted);
        }
    }
}

/* ---- records ------------------------------------------------------------ */

static apr_status_t append(es_import_t *import, const es_transfer_t *item)
{
    es_stream_entry_t entry = {{item->names, item->nnames, &item->frame},
                               item->id,
                               0,
                               item->kind == ES_TRANSFER_AGAIN};
    es_append_params_t params = {0};
    es_appended_t appended;

    if (item->kind == ES_TRANSFER_CLOSE) {
        entry.entry.frame = NULL;
        entry.until_ms = item->until_ms;
    }
    params.given = &entry;
    params.count = 1;
    params.channels = ES_EVENT_CHANNELS_MAX;
    return es_append_run(import->to, &params, import->touched, &appended);
}

/** The store has no room for an event: its channels lose it and all events
 * before it. */
static void lose(const es_import_t *import, const es_transfer_t *item)
{
    int i;

    for (i = 0; i < item->nnames; i++) {
        set_evicted(import, item->names[i], &item->id);
    }
    es_journal_set_last(&import->to->journal, &item->id);
}

static apr_status_t take_record(es_import_t *import, const es_transfer_t *item)
{
    apr_status_t rv;

    set_all_evicted(import, item);
    do {
        rv = append(import, item);
        /* older events use all slots */
    } while (rv == APR_ENOMEM &&
             es_store_evict_oldest(import->to) == APR_SUCCESS);
    if (rv == APR_ENOMEM || rv == APR_ENOSPC) {
        lose(import, item);
        rv = APR_SUCCESS;
    }
    import->records++;
    return rv;
}

/* ---- the rest ----------------------------------------------------------- */

/** All records are there. The store continues after the last id that was
 * given. */
static void take_forgotten(es_import_t *import, const es_id_t *id)
{
    es_id_t forgotten;

    import->last = es_id_compare(&import->head.last, &import->order.last) > 0
                       ? import->head.last
                       : import->order.last;
    es_journal_set_last(&import->to->journal, &import->last);
    forgotten = evicted_of(import, id, &import->last);
    es_channels_raise_forgotten(&import->to->channels, &forgotten);
}

static void take_channel(const es_import_t *import, const es_transfer_t *item)
{
    const es_channels_t *channels = &import->to->channels;
    es_id_t evicted = evicted_of(import, &item->id, &import->last);
    apr_uint64_t hash = es_channels_hash(channels, item->names[0]);
    es_slot_t slot;

    if (es_channels_find(channels, item->names[0], hash, &slot) ==
            APR_SUCCESS &&
        slot == 0 && es_channels_has_room(channels) &&
        es_channels_make(channels, item->names[0], hash, &slot) ==
            APR_SUCCESS) {
        /* it may be closed by a record that is evicted */
        es_channels_close(channels, slot, 0, &evicted, item->until_ms);
    }
    else {
        es_channels_raise_forgotten(channels, &evicted);
    }
}

apr_status_t es_import_put(void *baton, const es_transfer_t *item)
{
    es_import_t *import = baton;

    if (!es_transfer_accepts(&import->order, item)) {
        return APR_EGENERAL;
    }
    if (item->kind == ES_TRANSFER_FORGOTTEN) {
        take_forgotten(import, &item->id);
    }
    else if (item->kind == ES_TRANSFER_CHANNEL) {
        take_channel(import, item);
    }
    else {
        return take_record(import, item);
    }
    return APR_SUCCESS;
}

/* ---- beginning and end -------------------------------------------------- */

/** Nothing is in the store yet, and all before its spans is lost. */
static void begin(es_import_t *import)
{
    const es_id_t *first = &import->head.spans.at[0].first;

    es_transfer_begin(&import->order, &import->head);
    es_spans_write(import->to, &import->head.spans);
    es_channels_evict_all(&import->to->channels, 0, first);
    es_journal_set_last(&import->to->journal, first);
}

apr_status_t es_import_begin(es_import_t **out, es_store_t *to,
                             const es_transfer_head_t *head)
{
    es_import_t *import;

    ES_CONTEXT(ES_PARENT);
    if (!es_transfer_head_is_valid(head) ||
        es_id_compare(&to->epoch, &head->epoch) != 0) {
        return APR_EGENERAL;
    }
    import = calloc(1, sizeof(*import));
    if (import == NULL) {
        return APR_ENOMEM;
    }
    import->to = to;
    import->head = *head;
    import->touched = calloc((to->layout.params.max_children + 63) / 64,
                             sizeof(*import->touched));
    if (import->touched == NULL) {
        free(import);
        return APR_ENOMEM;
    }
    begin(import);
    *out = import;
    return APR_SUCCESS;
}

static apr_uint64_t count_events(const es_import_t *import)
{
    const es_journal_t *journal = &import->to->journal;
    es_pos_t pos = es_journal_tail(journal);
    apr_uint64_t events = 0;
    es_record_t record;

    while (es_journal_look(journal, pos, &record) == APR_SUCCESS) {
        events++;
        pos = record.next;
    }
    return events;
}

apr_status_t es_import_end(es_import_t *import, apr_status_t rv,
                           es_migrated_t *migrated)
{
    memset(migrated, 0, sizeof(*migrated));
    if (rv == APR_SUCCESS && !import->order.is_beyond) {
        rv = APR_EGENERAL;
    }
    if (rv == APR_SUCCESS) {
        migrated->events = count_events(import);
        migrated->lost = import->records - migrated->events;
    }
    free(import->touched);
    free(import);
    return rv;
}
