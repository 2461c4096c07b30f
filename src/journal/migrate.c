/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The old journal is read from tail to head, and each event is appended to the
 * new store with the id that it had. So the new store evicts what does not
 * fit, and notes it, as it always does.
 *
 * A channel's mark (up to which id its records are gone) is carried when its
 * first record is met, before that is appended; marks of channels without
 * records follow at the end. While records are appended, ids rise, so whatever
 * the new store evicts or reclaims on the way is below what is yet to come:
 * no record that is retained is ever below its channel's mark.
 *
 * What a child may have written is copied before it is looked at, and lengths,
 * order and epoch are checked. Where the new store is well by that and the old
 * one was lying, only clients are told less than there is, or more often that
 * something is missing. All loops are bounded by the layout that the parent
 * knows itself.
 */
#include "journal/migrate.h"

#include "base/context.h"
#include "journal/close.h"
#include "journal/store_priv.h"

#include <stdlib.h>

typedef struct migration_t {
    es_store_t *to;
    const es_store_t *from;
    es_id_t last;          /* of the record before */
    unsigned char *met;    /* by old slot - 1: 1 = its mark was carried */
    apr_uint64_t *touched; /* for es_store_append_any; there are no clients */
    char *bytes;           /* a copy of a frame and the CR LF behind it */
    apr_size_t room;       /* of bytes */
    es_migrated_t *migrated;
    es_slice_t names[ES_EVENT_CHANNELS_MAX]; /* of the record at hand */
    char text[ES_EVENT_CHANNELS_MAX][ES_CHANNEL_NAME_MAX];
} migration_t;

/* ---- marks ------------------------------------------------------------- */

/** Evict until nothing of the slot is retained. */
static void give_up(const migration_t *migration, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(&migration->to->tab, slot);

    while (chan != NULL && chan->retained != 0 &&
           es_store_evict_oldest(migration->to) == APR_SUCCESS) {
    }
}

/** Note that all of a channel up to id is gone. */
static void mark_name(const migration_t *migration, es_slice_t name,
                      const es_id_t *id)
{
    const es_channels_t *tab = &migration->to->tab;
    es_id_t evicted;
    es_slot_t slot;

    if (es_channels_make(tab, name, es_channels_hash(tab, name), &slot) !=
        APR_SUCCESS) {
        es_channels_forget(tab, id);
        return;
    }
    give_up(migration, slot);
    evicted = es_channels_evicted(tab, slot);
    if (es_id_compare(id, &evicted) > 0) {
        es_channels_mark(tab, slot, id);
    }
}

/**
 * The mark of an old slot, or the id that it cannot be above if it is one that
 * this store has never given.
 */
static es_id_t mark_of(const es_chan_t *chan, const es_id_t *most)
{
    es_id_t mark;

    mark.ms = chan->evicted_ms;
    mark.n = chan->evicted_n;
    return es_id_is_kin(&mark, most) && es_id_compare(&mark, most) <= 0 ? mark
                                                                        : *most;
}

/** Copy the name of an old slot. @return 0 when it has none */
static int read_name(const migration_t *migration, es_slot_t slot, char *text,
                     es_slice_t *name)
{
    es_slice_t there = es_channels_name(&migration->from->tab, slot);

    if (there.len < 1 || there.len > ES_CHANNEL_NAME_MAX) {
        return 0;
    }
    memcpy(text, there.data, there.len);
    *name = es_slice(text, there.len);
    return 1;
}

/* ---- records ----------------------------------------------------------- */

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

/** The names of a record's channels, and their marks if they are met first. */
static int take_names(migration_t *migration, const es_record_t *record)
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

static void take_marks(migration_t *migration, const es_record_t *record)
{
    es_id_t before = es_id_before(&record->id);
    int i;

    for (i = 0; i < record->nslots; i++) {
        es_slot_t slot = record->slots[i];
        es_id_t mark =
            mark_of(es_channels_at(&migration->from->tab, slot), &before);

        if (!migration->met[slot - 1]) {
            migration->met[slot - 1] = 1;
            mark_name(migration, migration->names[i], &mark);
        }
    }
}

/** Copy a record's frame. @return 0 when it is none, or without memory */
static int take_frame(migration_t *migration, const es_record_t *record,
                      es_frame_t *frame)
{
    apr_size_t len = record->chunk_len - record->head_len;
    char own[ES_ID_TEXT_SIZE];
    es_slice_t id;

    if (len > migration->room) {
        char *larger = realloc(migration->bytes, len);

        if (larger == NULL) {
            return 0;
        }
        migration->bytes = larger;
        migration->room = len;
    }
    /* "id: " stands before the id, and a line end behind it */
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
    return es_slice_equal(id, es_slice(own, es_id_format(own, &record->id)));
}

/** There is no room for an event: its channels have lost it, and with it all
 * that came before. */
static void lose(const migration_t *migration, const es_record_t *record)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        mark_name(migration, migration->names[i], &record->id);
    }
}

static void set_last(const migration_t *migration, const es_id_t *id)
{
    migration->to->segment->end.last_ms = id->ms;
    migration->to->segment->end.last_n = id->n;
}

/** Give the new store what the old one has been given. */
static apr_status_t repeat(migration_t *migration, const es_record_t *record,
                           const es_frame_t *frame)
{
    es_entry_t entry = {migration->names, record->nslots, frame};
    es_id_t before = es_id_before(&record->id);
    es_appended_t appended;
    es_closed_t closed;

    /* from there, at that time, just this id is the next one */
    set_last(migration, &before);
    if (record->closes) {
        return es_store_close_any(
            migration->to, migration->names[0], record->id.ms,
            es_journal_until(&migration->from->journal, record),
            migration->touched, &closed);
    }
    return es_store_append_any(migration->to, &entry, 1, record->id.ms,
                               migration->touched, &appended);
}

static apr_status_t append(migration_t *migration, const es_record_t *record,
                           const es_frame_t *frame)
{
    apr_status_t rv;

    do {
        rv = repeat(migration, record, frame);
        /* all slots are in use by older events */
    } while (rv == APR_ENOMEM &&
             es_store_evict_oldest(migration->to) == APR_SUCCESS);
    /* an id of a publisher that stands there twice is never written */
    if (rv == APR_ENOMEM || rv == APR_ENOSPC || rv == APR_EEXIST) {
        lose(migration, record);
        rv = APR_SUCCESS;
    }
    set_last(migration, &record->id);
    return rv;
}

static int is_next(const migration_t *migration, const es_record_t *record)
{
    return es_id_is_kin(&record->id, &migration->to->epoch) &&
           es_id_compare(&record->id, &migration->last) > 0;
}

static apr_status_t migrate_records(migration_t *migration)
{
    const es_journal_t *journal = &migration->from->journal;
    apr_uint64_t most = journal->bytes / ES_LINE;
    es_pos_t pos = es_journal_tail(journal);
    es_record_t record;
    es_frame_t frame;
    apr_status_t rv;

    while (migration->migrated->lost < most) {
        rv = es_journal_look(journal, pos, &record);
        if (rv == APR_EOF) {
            return APR_SUCCESS;
        }
        if (rv != APR_SUCCESS || !is_next(migration, &record) ||
            !take_names(migration, &record) ||
            (record.closes ? record.nslots != 1
                           : !take_frame(migration, &record, &frame))) {
            break;
        }
        take_marks(migration, &record);
        rv = append(migration, &record, &frame);
        if (rv != APR_SUCCESS) {
            break;
        }
        migration->last = record.id;
        migration->migrated->lost++; /* until they are counted in the new one */
        pos = record.next;
    }
    return APR_EGENERAL;
}

/* ---- the rest ---------------------------------------------------------- */

/** The id that was given last: no lower one may be given again. */
static void migrate_last(migration_t *migration)
{
    es_id_t last = es_store_last_id(migration->from);

    if (es_id_is_kin(&last, &migration->last) &&
        es_id_compare(&last, &migration->last) > 0) {
        migration->last = last;
    }
    set_last(migration, &migration->last);
}

static void migrate_forgotten(const migration_t *migration)
{
    const es_table_t *table = migration->from->tab.table;
    es_id_t forgotten = {table->forgotten_ms, table->forgotten_n};

    if (!es_id_is_kin(&forgotten, &migration->last) ||
        es_id_compare(&forgotten, &migration->last) > 0) {
        forgotten = migration->last;
    }
    es_channels_forget(&migration->to->tab, &forgotten);
}

/** Channels of which nothing is retained. One with a slot knows more of its
 * past than one without. */
static void migrate_idle(const migration_t *migration)
{
    const es_channels_t *tab = &migration->to->tab;
    char text[ES_CHANNEL_NAME_MAX];
    es_slice_t name;
    es_slot_t slot, made;

    for (slot = 1; slot <= migration->from->tab.count; slot++) {
        const es_chan_t *chan = es_channels_at(&migration->from->tab, slot);
        es_id_t mark;

        if (slot > migration->from->tab.table->fresh) {
            break;
        }
        if (migration->met[slot - 1] || chan->state != ES_CHAN_USED ||
            !read_name(migration, slot, text, &name)) {
            continue;
        }
        mark = mark_of(chan, &migration->last);
        if (es_channels_find(tab, name, es_channels_hash(tab, name), &made) ==
                APR_SUCCESS &&
            made == 0 && es_channels_has_room(tab) &&
            es_channels_make(tab, name, es_channels_hash(tab, name), &made) ==
                APR_SUCCESS) {
            /* it may be closed, by a record that is gone */
            es_channels_close(tab, made, 0, &mark, chan->closed_until_ms);
        }
        else {
            es_channels_forget(tab, &mark);
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

static apr_status_t migrate_all(migration_t *migration)
{
    apr_status_t rv;

    migration->last = migration->to->epoch;
    rv = migrate_records(migration);
    if (rv == APR_SUCCESS) {
        migrate_last(migration);
        migrate_forgotten(migration);
        migrate_idle(migration);
        count_events(migration);
    }
    return rv;
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
    migration->met = calloc(from->tab.count, 1);
    migration->touched = calloc((to->layout.params.max_children + 63) / 64,
                                sizeof(*migration->touched));
    if (migration->met != NULL && migration->touched != NULL) {
        rv = es_id_compare(&to->epoch, &from->epoch) == 0 &&
                     es_journal_is_sane(&from->journal)
                 ? migrate_all(migration)
                 : APR_EGENERAL;
    }
    free(migration->bytes);
    free(migration->touched);
    free(migration->met);
    free(migration);
    return rv;
}
