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
#include "journal/evict.h"
#include "journal/store_priv.h"

#include <stdlib.h>

typedef struct carrier_t {
    es_store_t *to;
    const es_store_t *from;
    es_id_t last;          /* of the record before */
    unsigned char *met;    /* by old slot - 1: 1 = its mark was carried */
    apr_uint64_t *touched; /* for es_view_append; there are no clients */
    char *bytes;           /* a copy of a frame and the CR LF behind it */
    apr_size_t room;       /* of bytes */
    es_carried_t *carried;
    es_slice_t names[ES_EVENT_CHANNELS_MAX]; /* of the record at hand */
    char text[ES_EVENT_CHANNELS_MAX][ES_CHANNEL_NAME_MAX];
} carrier_t;

/* ---- marks ------------------------------------------------------------- */

/** Evict until nothing of the slot is retained. */
static void give_up(const carrier_t *carrier, es_slot_t slot)
{
    const es_chan_t *chan = es_chantab_at(&carrier->to->tab, slot);

    while (chan != NULL && chan->retained != 0 &&
           es_room_evict(carrier->to) == APR_SUCCESS) {
    }
}

/** Note that all of a channel up to id is gone. */
static void mark_name(const carrier_t *carrier, es_slice_t name,
                      const es_id_t *id)
{
    const es_chantab_t *tab = &carrier->to->tab;
    es_id_t evicted;
    es_slot_t slot;

    if (es_chantab_make(tab, name, es_chantab_hash(tab, name), &slot) !=
        APR_SUCCESS) {
        es_chantab_forget(tab, id);
        return;
    }
    give_up(carrier, slot);
    evicted = es_chantab_evicted(tab, slot);
    if (es_id_compare(id, &evicted) > 0) {
        es_chantab_mark(tab, slot, id);
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
static int read_name(const carrier_t *carrier, es_slot_t slot, char *text,
                     es_slice_t *name)
{
    es_slice_t there = es_chantab_name(&carrier->from->tab, slot);

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
static int take_names(carrier_t *carrier, const es_record_t *record)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        if (!read_name(carrier, record->slots[i], carrier->text[i],
                       &carrier->names[i])) {
            return 0;
        }
    }
    return are_distinct(carrier->names, record->nslots);
}

static void take_marks(carrier_t *carrier, const es_record_t *record)
{
    es_id_t before = es_id_before(&record->id);
    int i;

    for (i = 0; i < record->nslots; i++) {
        es_slot_t slot = record->slots[i];
        es_id_t mark =
            mark_of(es_chantab_at(&carrier->from->tab, slot), &before);

        if (!carrier->met[slot - 1]) {
            carrier->met[slot - 1] = 1;
            mark_name(carrier, carrier->names[i], &mark);
        }
    }
}

/** Copy a record's frame. @return 0 when it is none, or without memory */
static int take_frame(carrier_t *carrier, const es_record_t *record,
                      es_frame_t *frame)
{
    apr_size_t len = record->chunk_len - record->head_len;
    char own[ES_ID_TEXT_SIZE];
    es_slice_t id;

    if (len > carrier->room) {
        char *larger = realloc(carrier->bytes, len);

        if (larger == NULL) {
            return 0;
        }
        carrier->bytes = larger;
        carrier->room = len;
    }
    /* "id: " stands before the id, and a line end behind it */
    if (es_store_copy(carrier->from, record, record->head_len,
                      carrier->bytes) != APR_SUCCESS ||
        record->id_off < 4 || record->id_len < 1 ||
        record->id_off + record->id_len >= record->frame_len) {
        return 0;
    }
    id = es_slice(carrier->bytes + record->id_off, record->id_len);
    frame->head = es_slice(carrier->bytes, record->id_off - 4);
    frame->tail = es_slice(id.data + id.len + 1,
                           record->frame_len - record->id_off - id.len - 1);
    if (record->has_own_id) {
        frame->own_id = id;
        return id.len <= ES_EVENT_FIELD_MAX;
    }
    frame->own_id = es_slice(NULL, 0);
    return es_slice_equal(id, es_slice(own, es_id_format(own, &record->id)));
}

/** There is no room for an event: its channels have lost it, and with it all
 * that came before. */
static void lose(const carrier_t *carrier, const es_record_t *record)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        mark_name(carrier, carrier->names[i], &record->id);
    }
}

static void set_last(const carrier_t *carrier, const es_id_t *id)
{
    carrier->to->segment->end.last_ms = id->ms;
    carrier->to->segment->end.last_n = id->n;
}

/** Give the new store what the old one has been given. */
static apr_status_t repeat(carrier_t *carrier, const es_record_t *record,
                           const es_frame_t *frame)
{
    es_entry_t entry = {carrier->names, record->nslots, frame};
    es_id_t before = es_id_before(&record->id);
    es_appended_t appended;
    es_closed_t closed;

    /* from there, at that time, just this id is the next one */
    set_last(carrier, &before);
    if (record->closes) {
        return es_close_channel(
            carrier->to, carrier->names[0], record->id.ms,
            es_journal_until(&carrier->from->journal, record), carrier->touched,
            &closed);
    }
    return es_view_append(carrier->to, &entry, 1, record->id.ms,
                          carrier->touched, &appended);
}

static apr_status_t append(carrier_t *carrier, const es_record_t *record,
                           const es_frame_t *frame)
{
    apr_status_t rv;

    do {
        rv = repeat(carrier, record, frame);
        /* all slots are in use by older events */
    } while (rv == APR_ENOMEM && es_room_evict(carrier->to) == APR_SUCCESS);
    /* an id of a publisher that stands there twice is never written */
    if (rv == APR_ENOMEM || rv == APR_ENOSPC || rv == APR_EEXIST) {
        lose(carrier, record);
        rv = APR_SUCCESS;
    }
    set_last(carrier, &record->id);
    return rv;
}

static int is_next(const carrier_t *carrier, const es_record_t *record)
{
    return es_id_is_kin(&record->id, &carrier->to->birth) &&
           es_id_compare(&record->id, &carrier->last) > 0;
}

static apr_status_t carry_records(carrier_t *carrier)
{
    const es_journal_t *journal = &carrier->from->journal;
    apr_uint64_t most = journal->bytes / ES_LINE;
    es_pos_t pos = es_journal_tail(journal);
    es_record_t record;
    es_frame_t frame;
    apr_status_t rv;

    while (carrier->carried->lost < most) {
        rv = es_journal_look(journal, pos, &record);
        if (rv == APR_EOF) {
            return APR_SUCCESS;
        }
        if (rv != APR_SUCCESS || !is_next(carrier, &record) ||
            !take_names(carrier, &record) ||
            (record.closes ? record.nslots != 1
                           : !take_frame(carrier, &record, &frame))) {
            break;
        }
        take_marks(carrier, &record);
        rv = append(carrier, &record, &frame);
        if (rv != APR_SUCCESS) {
            break;
        }
        carrier->last = record.id;
        carrier->carried->lost++; /* until they are counted in the new one */
        pos = record.next;
    }
    return APR_EGENERAL;
}

/* ---- the rest ---------------------------------------------------------- */

/** The id that was given last: no lower one may be given again. */
static void carry_last(carrier_t *carrier)
{
    es_id_t last = es_view_last_id(carrier->from);

    if (es_id_is_kin(&last, &carrier->last) &&
        es_id_compare(&last, &carrier->last) > 0) {
        carrier->last = last;
    }
    set_last(carrier, &carrier->last);
}

static void carry_forgotten(const carrier_t *carrier)
{
    const es_table_t *table = carrier->from->tab.table;
    es_id_t forgotten = {table->forgotten_ms, table->forgotten_n};

    if (!es_id_is_kin(&forgotten, &carrier->last) ||
        es_id_compare(&forgotten, &carrier->last) > 0) {
        forgotten = carrier->last;
    }
    es_chantab_forget(&carrier->to->tab, &forgotten);
}

/** Channels of which nothing is retained. One with a slot knows more of its
 * past than one without. */
static void carry_idle(const carrier_t *carrier)
{
    const es_chantab_t *tab = &carrier->to->tab;
    char text[ES_CHANNEL_NAME_MAX];
    es_slice_t name;
    es_slot_t slot, made;

    for (slot = 1; slot <= carrier->from->tab.count; slot++) {
        const es_chan_t *chan = es_chantab_at(&carrier->from->tab, slot);
        es_id_t mark;

        if (slot > carrier->from->tab.table->fresh) {
            break;
        }
        if (carrier->met[slot - 1] || chan->state != ES_CHAN_USED ||
            !read_name(carrier, slot, text, &name)) {
            continue;
        }
        mark = mark_of(chan, &carrier->last);
        if (es_chantab_find(tab, name, es_chantab_hash(tab, name), &made) ==
                APR_SUCCESS &&
            made == 0 && es_chantab_has_room(tab) &&
            es_chantab_make(tab, name, es_chantab_hash(tab, name), &made) ==
                APR_SUCCESS) {
            /* it may be closed, by a record that is gone */
            es_chantab_close(tab, made, 0, &mark, chan->closed_until_ms);
        }
        else {
            es_chantab_forget(tab, &mark);
        }
    }
}

static void count_events(const carrier_t *carrier)
{
    const es_journal_t *journal = &carrier->to->journal;
    es_pos_t pos = es_journal_tail(journal);
    es_record_t record;

    carrier->carried->events = 0;
    while (es_journal_look(journal, pos, &record) == APR_SUCCESS) {
        carrier->carried->events++;
        pos = record.next;
    }
    carrier->carried->lost -= carrier->carried->events;
}

static apr_status_t carry_all(carrier_t *carrier)
{
    apr_status_t rv;

    carrier->last = carrier->to->birth;
    rv = carry_records(carrier);
    if (rv == APR_SUCCESS) {
        carry_last(carrier);
        carry_forgotten(carrier);
        carry_idle(carrier);
        count_events(carrier);
    }
    return rv;
}

apr_status_t es_store_carry(es_store_t *to, const es_store_t *from,
                            es_carried_t *carried)
{
    carrier_t *carrier = calloc(1, sizeof(*carrier));
    apr_status_t rv = APR_ENOMEM;

    ES_CONTEXT(ES_PARENT);
    memset(carried, 0, sizeof(*carried));
    if (carrier == NULL) {
        return rv;
    }
    carrier->to = to;
    carrier->from = from;
    carrier->carried = carried;
    carrier->met = calloc(from->tab.count, 1);
    carrier->touched =
        calloc((to->layout.params.places + 63) / 64, sizeof(*carrier->touched));
    if (carrier->met != NULL && carrier->touched != NULL) {
        rv = es_id_compare(&to->birth, &from->birth) == 0 &&
                     es_journal_is_sane(&from->journal)
                 ? carry_all(carrier)
                 : APR_EGENERAL;
    }
    free(carrier->bytes);
    free(carrier->touched);
    free(carrier->met);
    free(carrier);
    return rv;
}
