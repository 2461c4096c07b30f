/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads without the lock where it can: a copy is valid if its record is still
 * retained afterwards.
 */
#include "journal/missed.h"

#include <apr_siphash.h>

#include "journal/scan.h"
#include "journal/spans.h"

/* ---- the missed events --------------------------------------------------
 *
 * A frame is copied to the end of the body first and tested afterwards. If the
 * ring has overtaken the reader, the body does not grow.
 */

static int is_wanted(const es_missed_t *missed, const es_record_t *record)
{
    int i, k;

    for (i = 0; i < record->nslots; i++) {
        for (k = 0; k < missed->count; k++) {
            const es_part_t *part = &missed->parts[k];

            if (record->slots[i] == part->slot && record->pos >= part->from &&
                es_id_compare(&record->id, &missed->seen[k]) > 0) {
                return 1;
            }
        }
    }
    return 0;
}

/* es_store_copy also writes the end of the chunk: CR LF after the frame. */
static apr_status_t add_frame(const es_missed_t *missed,
                              const es_record_t *record, es_buf_t *body)
{
    apr_status_t rv =
        es_buf_reserve(body, record->chunk_len - record->head_len);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = es_store_copy(missed->store, record, record->head_len,
                       body->data + body->len);
    if (rv != APR_SUCCESS) {
        return APR_ENOENT;
    }
    body->len += record->frame_len;
    return APR_SUCCESS;
}

static void init_scan(const es_missed_t *missed, es_scan_t *scan)
{
    es_scan_params_t params = {0};

    params.store = missed->store;
    params.parts = missed->parts;
    params.count = missed->count;
    params.stop = missed->stop;
    es_scan_init(scan, &params);
}

/* Are only records of other channels evicted? Then move pos on. */
static int skip_evicted(es_missed_t *missed, es_scan_t *scan)
{
    es_pos_t pos;

    if (missed->count == 0) {
        return 0;
    }
    pos = es_scan_over_evicted(scan, missed->pos);
    if (pos == 0 && es_store_has_lost_parts(missed->store, missed->parts,
                                            missed->count, missed->pos, &pos)) {
        return 0;
    }
    missed->pos = pos;
    return 1;
}

apr_status_t es_missed_collect(es_missed_t *missed, es_buf_t *body)
{
    es_record_t record;
    es_scan_t scan;
    int is_own;

    init_scan(missed, &scan);
    while (missed->pos < missed->stop) {
        apr_status_t rv = es_store_look(missed->store, missed->pos, &record);

        if (rv == APR_ENOENT && skip_evicted(missed, &scan)) {
            continue;
        }
        if (rv != APR_SUCCESS) {
            return APR_ENOENT;
        }
        is_own = is_wanted(missed, &record);
        if (is_own) {
            if (record.closes) {
                return APR_EOF;
            }
            rv = add_frame(missed, &record, body);
            if (rv != APR_SUCCESS) {
                return rv;
            }
            missed->last = record.id;
        }
        missed->pos = es_scan_next(&scan, record.next, is_own);
    }
    return APR_SUCCESS;
}

/* ---- last ids and the seal ----------------------------------------------
 *
 * The seal uses the secret key of the hash of names. Neither this key nor a
 * hash made with it leaves the segment: a seal is the hash of a hash with a
 * word in front, and no name or id has this form.
 */

#define SEAL_WORD "seal" /* padded with NULs */

/* The id, or the first valid one if that is later. */
static es_id_t valid_from(const es_store_t *store, const es_id_t *id)
{
    es_id_t first = es_spans_first_valid(store);

    return es_id_compare(id, &first) > 0 ? *id : first;
}

static es_id_t last_id_of(es_store_t *store, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(&store->channels, slot);
    es_id_t id = {0, 0};
    es_record_t newest;

    if (!chan) {
        return id;
    }
    id.ms = chan->evicted_ms;
    id.n = chan->evicted_n;
    if (chan->newest != 0 &&
        es_store_look(store, chan->newest, &newest) == APR_SUCCESS) {
        id = newest.id;
    }
    return id;
}

apr_status_t es_store_last_ids(es_store_t *store, const es_slot_t *slots,
                               int count, es_id_t *last_ids,
                               es_start_t *present)
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < count; i++) {
        es_id_t id = last_id_of(store, slots[i]);

        last_ids[i] = valid_from(store, &id);
    }
    present->pos = es_journal_head(&store->journal);
    present->id = es_journal_last(&store->journal);
    es_store_unlock(store, &report);
    return APR_SUCCESS;
}

apr_uint64_t es_store_seal(const es_store_t *store, es_slice_t text)
{
    const unsigned char *key = (const unsigned char *)store->channels.key;
    struct {
        char word[8];
        apr_uint64_t hash;
    } outer = {SEAL_WORD, 0};

    outer.hash = apr_siphash24(text.data, text.len, key);
    return apr_siphash24(&outer, sizeof(outer), key);
}

/* ---- links --------------------------------------------------------------
 *
 * A slot belongs to its channel as long as a record of it is retained. So the
 * name is copied without the lock, and is valid if the record is still retained
 * afterwards.
 *
 * The event before is usually retained, too, and its record has its id. If not,
 * it is the newest evicted event of the channel, whose id is in the slot: no
 * newer one can be evicted while this record is retained. (After a close the
 * slot has the id of the close, though older records are still retained. Then
 * before is this id; readers end at the close anyway.)
 *
 * Something may be missing before the first valid id. So the first record of a
 * channel from there on follows that id, and not what is retained before it for
 * proxies that were not sent it yet.
 */

static int is_retained(const es_store_t *store, const es_record_t *record)
{
    /* acquire: what was copied was copied before this tail is loaded */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return es_journal_tail(&store->journal) <= record->pos;
}

/** Of the event before it, whose epoch is another one or which is evicted.
 *
 * @param id  of that event; {0, 0}: it is evicted, and read from the slot
 * @return as es_store_link */
static apr_status_t read_before(es_store_t *store, const es_record_t *record,
                                es_slot_t slot, es_id_t *id)
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);
    const es_chan_t *chan;
    es_id_t first;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    chan = es_channels_at(&store->channels, slot);
    if (!chan) {
        rv = APR_EGENERAL;
    }
    else if (!is_retained(store, record)) {
        rv = APR_ENOENT;
    }
    else {
        if (id->ms == 0) {
            id->ms = chan->evicted_ms;
            id->n = chan->evicted_n;
        }
        first = es_spans_first_valid(store);
        if (es_id_compare(&record->id, &first) > 0) {
            *id = valid_from(store, id);
        }
    }
    es_store_unlock(store, &report);
    return rv;
}

apr_status_t es_store_link(es_store_t *store, const es_record_t *record, int i,
                           es_linked_t *out)
{
    es_slice_t name = es_channels_name(&store->channels, record->slots[i]);
    es_record_t before;

    if (name.len == 0) {
        return APR_EGENERAL;
    }
    memcpy(out->name, name.data, name.len);
    out->name_len = name.len;
    if (!is_retained(store, record)) {
        return APR_ENOENT;
    }
    out->before.ms = out->before.n = 0;
    if (record->previous[i] != 0 &&
        es_store_look(store, record->previous[i], &before) == APR_SUCCESS) {
        out->before = before.id;
        if (es_id_is_same_epoch(&before.id, &record->id)) {
            return APR_SUCCESS;
        }
    }
    return read_before(store, record, record->slots[i], &out->before);
}
