/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old journal is read from tail to head, and each event is appended to the
 * new store with the id that it had. So the new store evicts what does not
 * fit, and records that, as it always does.
 *
 * A channel's evicted id (its records up to this id are evicted) is copied when
 * its first record is read, before that record is appended; evicted ids of
 * channels without records follow at the end. While records are appended, ids
 * rise, so whatever the new store evicts or reclaims meanwhile is below what is
 * still to be appended: no retained record is ever below its channel's evicted
 * id.
 *
 * What a child may have written is copied before it is used; lengths, order
 * and epoch are checked. If the old store is damaged and the new one passes
 * all checks nevertheless, clients receive fewer events than there were, or
 * are reset more often than needed; nothing worse. All loops are bounded by
 * the layout, which the parent computes itself.
 */
#include "journal/migrate.h"

#include "base/context.h"
#include "journal/append_batch.h"
#include "journal/spans.h"

#include <stdlib.h>

typedef struct migration_t {
    es_store_t *to;
    const es_store_t *from;
    es_span_set_t spans;   /* copied: which ids are of this journal */
    es_id_t given;         /* the last id that the old store gave */
    es_id_t last;          /* id of the record before */
    unsigned char *seen;   /* by old slot - 1: 1 = its evicted id is copied */
    apr_uint64_t *touched; /* for es_append_run; there are no clients */
    char *bytes;           /* a copy of a frame and the CR LF after it */
    apr_size_t bytes_size; /* of bytes */
    es_migrated_t *migrated;
    es_slice_t names[ES_EVENT_CHANNELS_MAX]; /* of the present record */
    char text[ES_EVENT_CHANNELS_MAX][ES_CHANNEL_NAME_MAX];
} migration_t;

/* ---- evicted ids -------------------------------------------------------- */

/** Evict until no record of the slot is retained. */
static void evict_channel(const migration_t *migration, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(&migration->to->channels, slot);

    while (chan != NULL && chan->retained != 0 &&
           es_store_evict_oldest(migration->to) == APR_SUCCESS) {
    }
}

/** All records of a channel up to id are evicted. */
static void set_evicted(const migration_t *migration, es_slice_t name,
                        const es_id_t *id)
{
    const es_channels_t *channels = &migration->to->channels;
    es_id_t evicted;
    es_slot_t slot;

    if (es_channels_make(channels, name, es_channels_hash(channels, name),
                         &slot) != APR_SUCCESS) {
        es_channels_raise_forgotten(channels, id);
        return;
    }
    evict_channel(migration, slot);
    evicted = es_channels_evicted(channels, slot);
    if (es_id_compare(id, &evicted) > 0) {
        es_channels_set_evicted(channels, slot, id);
    }
}

/**
 * An evicted id of the old store. If it cannot be an id of its journal: most,
 * which is the highest value that it can have. Of an epoch that it has
 * forgotten it can be; then no client that resumes can have an older id, and
 * the first id of its spans means the same.
 */
static es_id_t evicted_of(const migration_t *migration, apr_uint64_t ms,
                          apr_uint64_t n, const es_id_t *most)
{
    const es_id_t *first = &migration->spans.at[0].first;
    es_id_t evicted = {ms, n};

    if (migration->spans.is_given && es_id_compare(&evicted, first) < 0) {
        return *first;
    }
    return es_spans_set_has(&migration->spans, &evicted) &&
                   es_id_compare(&evicted, most) <= 0
               ? evicted
               : *most;
}

/** Copy the name of an old slot. @return 0 if it has none */
static int read_name(const migration_t *migration, es_slot_t slot, char *text,
                     es_slice_t *name)
{
    es_slice_t there = es_channels_name(&migration->from->channels, slot);

    if (there.len < 1 || there.len > ES_CHANNEL_NAME_MAX) {
        return 0;
    }
    memcpy(text, there.data, there.len);
    *name = es_slice(text, there.len);
    return 1;
}

/* ---- records ------------------------------------------------------------ */

static int are_distinct(const es_slice_t *names, int count)
{
    int i, k;

    for (i = 1; i < count; i++) {
        for (k = 0; k < i; k++) {
            if (es_slice_equal(names[i], names[k])) {
                return 0;
            }
        }
    }
    return 1;
}

/** Copy the names of a record's channels. @return 0: they are not valid */
static int read_names(migration_t *migration, const es_record_t *record)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        if (!read_name(migration, record->slots[i], migration->text[i],
                       &migration->names[i])) {
            return 0;
        }
    }
    return are_distinct(migration->names, record->nslots);
}

/** Copy the evicted ids of channels whose first record this is. */
static void migrate_evicted(migration_t *migration, const es_record_t *record)
{
    es_id_t before = es_id_before(&record->id);
    int i;

    for (i = 0; i < record->nslots; i++) {
        es_slot_t slot = record->slots[i];
        const es_chan_t *chan =
            es_channels_at(&migration->from->channels, slot);
        es_id_t evicted =
            evicted_of(migration, chan->evicted_ms, chan->evicted_n, &before);

        if (!migration->seen[slot - 1]) {
            migration->seen[slot - 1] = 1;
            set_evicted(migration, migration->names[i], &evicted);
        }
    }
}

/** Copy a record's frame. @return 0 if it is none, or if out of memory */
static int read_frame(migration_t *migration, const es_record_t *record,
                      es_frame_t *frame)
{
    apr_size_t len = record->chunk_len - record->head_len;
    char text[ES_ID_TEXT_SIZE];
    es_slice_t id;

    if (len > migration->bytes_size) {
        char *larger = realloc(migration->bytes, len);

        if (larger == NULL) {
            return 0;
        }
        migration->bytes = larger;
        migration->bytes_size = len;
    }
    /* before the id there is "id: ", after it a line end */
    if (es_store_copy(migration->from, record, record->head_len,
                      migration->bytes) != APR_SUCCESS ||
        record->id_off < 4 || record->id_len < 1 ||
        record->id_off + record->id_len >= record->frame_len) {
        return 0;
    }
    id = es_slice(migration->bytes + record->id_off, record->id_len);
    frame->head = es_slice(migration->bytes, record->id_off - 4);
    frame->tail = es_slice(id.data + id.len + 1,
                           record->frame_len - record->id_off - id.len - 1);
    if (record->has_publisher_id) {
        frame->publisher_id = id;
        return id.len <= ES_EVENT_FIELD_MAX;
    }
    frame->publisher_id = es_slice(NULL, 0);
    return es_slice_equal(id, es_slice(text, es_id_format(text, &record->id)));
}

/** The new store has no room for an event: its channels lose it and all
 * events before it. */
static void lose_record(const migration_t *migration, const es_record_t *record)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        set_evicted(migration, migration->names[i], &record->id);
    }
}

/** Append a record of the old store to the new one, with its id. */
static apr_status_t append_record(migration_t *migration,
                                  const es_record_t *record,
                                  const es_frame_t *frame)
{
    es_stream_entry_t entry = {
        {migration->names, record->nslots, frame}, record->id, 0};
    es_append_params_t params = {0};
    es_appended_t appended;

    if (record->closes) {
        entry.entry.frame = NULL;
        entry.until_ms =
            es_journal_closed_until(&migration->from->journal, record);
    }
    params.given = &entry;
    params.count = 1;
    params.channels = ES_EVENT_CHANNELS_MAX;
    return es_append_run(migration->to, &params, migration->touched, &appended);
}

static apr_status_t append_or_lose(migration_t *migration,
                                   const es_record_t *record,
                                   const es_frame_t *frame)
{
    apr_status_t rv;

    do {
        rv = append_record(migration, record, frame);
        /* older events use all slots */
    } while (rv == APR_ENOMEM &&
             es_store_evict_oldest(migration->to) == APR_SUCCESS);
    if (rv == APR_ENOMEM || rv == APR_ENOSPC) {
        lose_record(migration, record);
        es_journal_set_last(&migration->to->journal, &record->id);
        rv = APR_SUCCESS;
    }
    return rv;
}

static int is_next(const migration_t *migration, const es_record_t *record)
{
    return es_spans_set_has(&migration->spans, &record->id) &&
           es_id_compare(&record->id, &migration->last) > 0;
}

static apr_status_t migrate_records(migration_t *migration)
{
    const es_journal_t *journal = &migration->from->journal;
    apr_uint64_t most = journal->bytes / ES_LINE;
    es_pos_t pos = es_spans_tail(migration->from);
    es_record_t record;
    es_frame_t frame;
    apr_status_t rv;

    while (migration->migrated->lost < most) {
        rv = es_journal_look(journal, pos, &record);
        if (rv == APR_EOF) {
            return APR_SUCCESS;
        }
        if (rv != APR_SUCCESS || !is_next(migration, &record) ||
            !read_names(migration, &record) ||
            (record.closes ? record.nslots != 1
                           : !read_frame(migration, &record, &frame))) {
            break;
        }
        migrate_evicted(migration, &record);
        rv = append_or_lose(migration, &record, &frame);
        if (rv != APR_SUCCESS) {
            break;
        }
        migration->last = record.id;
        migration->migrated->lost++; /* count_events subtracts the retained */
        pos = record.next;
    }
    return APR_EGENERAL;
}

/* ---- the rest ----------------------------------------------------------- */

/** The last id that the old store gave: the new one continues after it. */
static void migrate_last(migration_t *migration)
{
    if (es_id_compare(&migration->given, &migration->last) > 0) {
        migration->last = migration->given;
    }
    es_journal_set_last(&migration->to->journal, &migration->last);
}

static void migrate_forgotten(const migration_t *migration)
{
    const es_table_t *table = migration->from->channels.table;
    es_id_t forgotten = evicted_of(migration, table->forgotten_ms,
                                   table->forgotten_n, &migration->last);

    es_channels_raise_forgotten(&migration->to->channels, &forgotten);
}

/** The old store has lost all of its events: a process died while it filled it.
 * Its table is of no use. */
static int is_emptied(const migration_t *migration)
{
    return es_spans_is_filling(migration->from) &&
           !es_spans_is_filled(migration->from);
}

/** Of a channel without records. After a fill, it is open. */
static apr_uint64_t closed_until(const migration_t *migration,
                                 const es_chan_t *chan)
{
    return es_spans_is_filling(migration->from) ? 0 : chan->closed_until_ms;
}

/** Copy channels that retain no record: a channel with a slot knows better
 * what it has lost than one without. */
static void migrate_idle(const migration_t *migration)
{
    const es_channels_t *channels = &migration->to->channels;
    char text[ES_CHANNEL_NAME_MAX];
    es_slice_t name;
    es_slot_t slot, made;

    for (slot = 1; slot <= migration->from->channels.nslots; slot++) {
        const es_chan_t *chan =
            es_channels_at(&migration->from->channels, slot);
        es_id_t evicted;

        if (slot > migration->from->channels.table->high_slot) {
            break;
        }
        if (migration->seen[slot - 1] || chan->state != ES_CHAN_USED ||
            !read_name(migration, slot, text, &name)) {
            continue;
        }
        evicted = evicted_of(migration, chan->evicted_ms, chan->evicted_n,
                             &migration->last);
        if (es_channels_find(channels, name, es_channels_hash(channels, name),
                             &made) == APR_SUCCESS &&
            made == 0 && es_channels_has_room(channels) &&
            es_channels_make(channels, name, es_channels_hash(channels, name),
                             &made) == APR_SUCCESS) {
            /* it may be closed by a record that is evicted */
            es_channels_close(channels, made, 0, &evicted,
                              closed_until(migration, chan));
        }
        else {
            es_channels_raise_forgotten(channels, &evicted);
        }
    }
}

static void count_events(const migration_t *migration)
{
    const es_journal_t *journal = &migration->to->journal;
    es_pos_t pos = es_journal_tail(journal);
    es_record_t record;

    migration->migrated->events = 0;
    while (es_journal_look(journal, pos, &record) == APR_SUCCESS) {
        migration->migrated->events++;
        pos = record.next;
    }
    migration->migrated->lost -= migration->migrated->events;
}

/** Nothing is in the new store yet, and all before its spans is lost. */
static void begin(migration_t *migration)
{
    migration->last = migration->spans.at[0].first;
    es_spans_write(migration->to, &migration->spans);
    es_channels_evict_all(&migration->to->channels, 0, &migration->last);
    es_journal_set_last(&migration->to->journal, &migration->last);
}

static apr_status_t migrate_all(migration_t *migration)
{
    apr_status_t rv;

    if (!es_spans_read(migration->from, &migration->spans, &migration->given)) {
        return APR_EGENERAL;
    }
    begin(migration);
    rv = migrate_records(migration);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    migrate_last(migration);
    if (is_emptied(migration)) {
        es_channels_raise_forgotten(&migration->to->channels, &migration->last);
    }
    else {
        migrate_forgotten(migration);
        migrate_idle(migration);
    }
    count_events(migration);
    return APR_SUCCESS;
}

apr_status_t es_store_migrate(es_store_t *to, const es_store_t *from,
                              es_migrated_t *migrated)
{
    migration_t *migration = calloc(1, sizeof(*migration));
    apr_status_t rv = APR_ENOMEM;

    ES_CONTEXT(ES_PARENT);
    memset(migrated, 0, sizeof(*migrated));
    if (migration == NULL) {
        return rv;
    }
    migration->to = to;
    migration->from = from;
    migration->migrated = migrated;
    migration->seen = calloc(from->channels.nslots, 1);
    migration->touched = calloc((to->layout.params.max_children + 63) / 64,
                                sizeof(*migration->touched));
    if (migration->seen != NULL && migration->touched != NULL) {
        rv = es_id_compare(&to->epoch, &from->epoch) == 0 &&
                     es_journal_is_sane(&from->journal)
                 ? migrate_all(migration)
                 : APR_EGENERAL;
    }
    free(migration->bytes);
    free(migration->touched);
    free(migration->seen);
    free(migration);
    return rv;
}
