/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal is read from tail to head. What a channel has lost goes with its
 * first record; channels without records follow at the end.
 *
 * What a child may have written is copied before it is used. If the store is
 * damaged and all passes the checks of whoever takes it nevertheless, clients
 * receive fewer events than there were, or are reset more often than needed;
 * nothing worse. All loops are bounded by the layout, which the parent computes
 * itself.
 */
#include "journal/export.h"

#include "base/context.h"
#include "journal/spans.h"
#include "journal/store_priv.h"

#include <stdlib.h>

typedef struct export_t {
    const es_store_t *from;
    es_transfer_put_fn_t *put;
    void *baton;
    unsigned char *seen; /* by slot - 1: 1 = a record of it was read */
    char *bytes;         /* a copy of a frame and the CR LF after it */
    apr_size_t bytes_size;
    es_transfer_t item;
    char text[ES_EVENT_CHANNELS_MAX][ES_CHANNEL_NAME_MAX];
} export_t;

/** Copy the name of a slot. @return 0 if it has none */
static int read_name(const export_t *export, es_slot_t slot, char *text,
                     es_slice_t *name)
{
    es_slice_t there = es_channels_name(&export->from->channels, slot);

    if (there.len < 1 || there.len > ES_CHANNEL_NAME_MAX) {
        return 0;
    }
    memcpy(text, there.data, there.len);
    *name = es_slice(text, there.len);
    return 1;
}

/** Copy the names of a record's channels, and what those have lost whose first
 * record this is. @return 0: they are not valid */
static int read_channels(export_t *export, const es_record_t *record)
{
    es_transfer_t *item = &export->item;
    int i;

    item->nnames = record->nslots;
    item->has_evicted = 0;
    for (i = 0; i < record->nslots; i++) {
        es_slot_t slot = record->slots[i];
        const es_chan_t *chan = es_channels_at(&export->from->channels, slot);

        if (!read_name(export, slot, export->text[i], &item->names[i])) {
            return 0;
        }
        if (!export->seen[slot - 1]) {
            export->seen[slot - 1] = 1;
            item->has_evicted |= APR_UINT64_C(1) << i;
            item->evicted[i].ms = chan->evicted_ms;
            item->evicted[i].n = chan->evicted_n;
        }
    }
    return 1;
}

/** @return 0 without memory */
static int make_room(export_t *export, apr_size_t len)
{
    char *larger;

    if (len <= export->bytes_size) {
        return 1;
    }
    larger = realloc(export->bytes, len);
    if (larger == NULL) {
        return 0;
    }
    export->bytes = larger;
    export->bytes_size = len;
    return 1;
}

/** Copy a record's frame. @return APR_SUCCESS; APR_EGENERAL: it is none;
 * APR_ENOMEM */
static apr_status_t read_frame(export_t *export, const es_record_t *record)
{
    es_frame_t *frame = &export->item.frame;
    char text[ES_ID_TEXT_SIZE];
    es_slice_t id;
    int is_id;

    if (!make_room(export, record->chunk_len - record->head_len)) {
        return APR_ENOMEM;
    }
    /* before the id there is "id: ", after it a line end */
    if (es_store_copy(export->from, record, record->head_len, export->bytes) !=
            APR_SUCCESS ||
        record->id_off < 4 || record->id_len < 1 ||
        record->id_off + record->id_len >= record->frame_len) {
        return APR_EGENERAL;
    }
    id = es_slice(export->bytes + record->id_off, record->id_len);
    frame->head = es_slice(export->bytes, record->id_off - 4);
    frame->tail = es_slice(id.data + id.len + 1,
                           record->frame_len - record->id_off - id.len - 1);
    frame->publisher_id = record->has_publisher_id ? id : es_slice(NULL, 0);
    is_id = record->has_publisher_id ||
            es_slice_equal(id, es_slice(text, es_id_format(text, &record->id)));
    return is_id ? APR_SUCCESS : APR_EGENERAL;
}

static apr_status_t read_record(export_t *export, const es_record_t *record)
{
    es_transfer_t *item = &export->item;

    item->kind = record->closes     ? ES_TRANSFER_CLOSE
                 : record->is_again ? ES_TRANSFER_AGAIN
                                    : ES_TRANSFER_EVENT;
    item->id = record->id;
    item->until_ms =
        record->closes ? es_journal_closed_until(&export->from->journal, record)
                       : 0;
    if (!read_channels(export, record)) {
        return APR_EGENERAL;
    }
    return record->closes ? APR_SUCCESS : read_frame(export, record);
}

static apr_status_t put_records(export_t *export)
{
    const es_journal_t *journal = &export->from->journal;
    apr_uint64_t left = journal->bytes / ES_LINE;
    es_pos_t pos = es_spans_tail(export->from);
    es_record_t record;
    apr_status_t rv;

    for (; left > 0; left--) {
        rv = es_journal_look(journal, pos, &record);
        if (rv == APR_EOF) {
            return APR_SUCCESS;
        }
        if (rv != APR_SUCCESS) {
            break;
        }
        rv = read_record(export, &record);
        if (rv == APR_SUCCESS) {
            rv = export->put(export->baton, &export->item);
        }
        if (rv != APR_SUCCESS) {
            return rv;
        }
        pos = record.next;
    }
    return APR_EGENERAL;
}

/** The store has lost all of its events: a process died while it filled it. Its
 * table is of no use. */
static int is_emptied(const export_t *export)
{
    return es_spans_is_filling(export->from) &&
           !es_spans_is_filled(export->from);
}

static apr_status_t put_forgotten(export_t *export,
                                  const es_transfer_head_t *head)
{
    const es_table_t *table = export->from->channels.table;
    es_transfer_t *item = &export->item;

    item->kind = ES_TRANSFER_FORGOTTEN;
    item->nnames = 0;
    item->has_evicted = 0;
    item->until_ms = 0;
    item->id.ms = table->forgotten_ms;
    item->id.n = table->forgotten_n;
    if (is_emptied(export)) {
        item->id = head->last;
    }
    return export->put(export->baton, item);
}

/** Channels that retain no record: one with a slot knows better what it has
 * lost than one without. */
static apr_status_t put_idle(export_t *export)
{
    const es_channels_t *channels = &export->from->channels;
    es_transfer_t *item = &export->item;
    apr_uint32_t most = channels->table->high_slot;
    apr_status_t rv = APR_SUCCESS;
    es_slot_t slot;

    item->kind = ES_TRANSFER_CHANNEL;
    item->nnames = 1;
    for (slot = 1; slot <= channels->nslots && slot <= most; slot++) {
        const es_chan_t *chan = es_channels_at(channels, slot);

        if (export->seen[slot - 1] || chan->state != ES_CHAN_USED ||
            !read_name(export, slot, export->text[0], &item->names[0])) {
            continue;
        }
        item->id.ms = chan->evicted_ms;
        item->id.n = chan->evicted_n;
        /* after a fill, it is open */
        item->until_ms =
            es_spans_is_filling(export->from) ? 0 : chan->closed_until_ms;
        rv = export->put(export->baton, item);
        if (rv != APR_SUCCESS) {
            break;
        }
    }
    return rv;
}

static apr_status_t put_all(export_t *export, const es_transfer_head_t *head)
{
    apr_status_t rv = put_records(export);

    if (rv == APR_SUCCESS) {
        rv = put_forgotten(export, head);
    }
    if (rv == APR_SUCCESS && !is_emptied(export)) {
        rv = put_idle(export);
    }
    return rv;
}

apr_status_t es_export_head(const es_store_t *from, es_transfer_head_t *head)
{
    ES_CONTEXT(ES_PARENT);
    memset(head, 0, sizeof(*head));
    head->epoch = from->epoch;
    return es_journal_is_sane(&from->journal) &&
                   es_spans_read(from, &head->spans, &head->last)
               ? APR_SUCCESS
               : APR_EGENERAL;
}

apr_status_t es_export(const es_store_t *from, const es_transfer_head_t *head,
                       es_transfer_put_fn_t *put, void *baton)
{
    export_t *export = calloc(1, sizeof(*export));
    apr_status_t rv = APR_ENOMEM;

    ES_CONTEXT(ES_PARENT);
    if (export == NULL) {
        return rv;
    }
    export->from = from;
    export->put = put;
    export->baton = baton;
    export->seen = calloc(from->channels.nslots, 1);
    if (export->seen != NULL) {
        rv = put_all(export, head);
    }
    free(export->bytes);
    free(export->seen);
    free(export);
    return rv;
}
