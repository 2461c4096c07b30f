/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A slot is its channel's as long as a record of it is retained. So the name
 * is copied without the lock, and good if the record is still there
 * afterwards.
 *
 * The event before is mostly retained, too, and has its id in its record.
 * Else it is the newest that the channel has lost: what was evicted stands in
 * the slot, and nothing newer can have gone while this record is there. (Only
 * the close of a channel says so of records that are still there: then the id
 * is that of the close, and its readers end anyway.)
 */
#include "journal/missed_link.h"

#include "journal/store_priv.h"

static int is_retained(const es_store_t *store, const es_record_t *record)
{
    /* acquire: what was copied before is older than this tail */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return es_journal_tail(&store->journal) <= record->pos;
}

/** The id from the slot. @return as es_store_link */
static apr_status_t read_evicted(es_store_t *store, const es_record_t *record,
                                 es_slot_t slot, es_id_t *id)
{
    es_repair_report_t news;
    apr_status_t rv = es_store_lock(store, &news);
    const es_chan_t *chan;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    chan = es_channels_at(&store->tab, slot);
    if (!chan) {
        rv = APR_EGENERAL;
    }
    else if (!is_retained(store, record)) {
        rv = APR_ENOENT;
    }
    else {
        id->ms = chan->evicted_ms;
        id->n = chan->evicted_n;
    }
    es_store_unlock(store, &news);
    return rv;
}

apr_status_t es_store_link(es_store_t *store, const es_record_t *record, int i,
                           es_linked_t *out)
{
    es_slice_t name = es_channels_name(&store->tab, record->slots[i]);
    es_record_t before;

    if (name.len == 0) {
        return APR_EGENERAL;
    }
    memcpy(out->name, name.data, name.len);
    out->name_len = name.len;
    if (!is_retained(store, record)) {
        return APR_ENOENT;
    }
    if (record->previous[i] != 0 &&
        es_store_look(store, record->previous[i], &before) == APR_SUCCESS) {
        out->before = before.id;
        return APR_SUCCESS;
    }
    return read_evicted(store, record, record->slots[i], &out->before);
}
