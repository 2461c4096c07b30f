/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An append with given ids is an append (journal/append.c) that draws none.
 * What is checked here needs no lock, except that the ids are of the present
 * epoch.
 */
#include "journal/stream_append.h"

#include <apr_strings.h>

#include "base/context.h"
#include "journal/append_batch.h"
#include "journal/spans.h"

/** Records that are looked at with the lock taken once. */
#define LOOKS_MAX 1024

apr_status_t es_store_last(es_store_t *store, es_id_t *last)
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    last->ms = last->n = 0;
    if (es_spans_are_given(store)) {
        *last = es_journal_last(&store->journal);
    }
    es_store_unlock(store, &report);
    return APR_SUCCESS;
}

int es_store_has_span_of(es_store_t *store, const es_id_t *id)
{
    es_repair_report_t report;
    int has;

    if (es_store_lock(store, &report) != APR_SUCCESS) {
        return 0;
    }
    has = es_spans_have(store, id);
    es_store_unlock(store, &report);
    return has;
}

apr_uint64_t es_store_fill_max(const es_store_t *store)
{
    /* a fill needs a line more, for the reset, and a pad that is smaller than
     * the largest record */
    return store->layout.params.ring_bytes / 2 - ES_LINE;
}

apr_uint64_t es_store_entry_size(const es_stream_entry_t *entry)
{
    return es_append_batch_event_size(&entry->entry, ES_ID_TEXT_SIZE - 1);
}

/** Do the ids rise, all of one epoch, above after? */
static int do_rise(const es_id_t *after, const es_stream_entry_t *entries,
                   int count)
{
    const es_id_t *before = after;
    int i;

    for (i = 0; i < count; i++) {
        if (es_id_compare(&entries[i].id, before) <= 0 ||
            !es_id_is_same_epoch(&entries[i].id, after)) {
            return 0;
        }
        before = &entries[i].id;
    }
    return 1;
}

apr_status_t es_store_append_at(es_store_t *store, const es_id_t *after,
                                const es_stream_entry_t *entries, int count,
                                apr_uint64_t *touched, es_appended_t *out)
{
    es_append_params_t params = {0};

    ES_CONTEXT(ES_CLUSTER);
    if (count < 1 || !do_rise(after, entries, count)) {
        return APR_EINVAL;
    }
    params.given = entries;
    params.count = count;
    params.after = after;
    params.leaves_out = 1;
    params.channels = ES_STORE_BATCH_CHANNELS_MAX;
    return es_append_run(store, &params, touched, out);
}

apr_status_t es_store_begin_epoch(es_store_t *store, const es_id_t *after,
                                  const es_id_t *marker)
{
    es_repair_report_t report;
    apr_status_t rv;

    ES_CONTEXT(ES_CLUSTER);
    if (es_id_compare(marker, after) <= 0 ||
        es_id_is_same_epoch(marker, after)) {
        return APR_EINVAL;
    }
    rv = es_store_lock(store, &report);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (es_spans_are_last(store, after)) {
        es_spans_add(store, marker);
        es_journal_set_last(&store->journal, marker);
    }
    else {
        rv = APR_EMISMATCH;
    }
    es_store_unlock(store, &report);
    return rv;
}

/* ---- events with publishers' ids ----------------------------------------- */

static es_slice_t copy_of(es_slice_t text, apr_pool_t *pool)
{
    return es_slice(apr_pstrmemdup(pool, text.data, text.len), text.len);
}

/** Add a record, once for each of its channels. */
static int add_published(const es_store_t *store, const es_record_t *record,
                         es_published_t *found, apr_pool_t *pool)
{
    es_slice_t id;
    int i;

    if (!record->has_publisher_id) {
        return 0;
    }
    id = copy_of(es_journal_id(&store->journal, record), pool);
    for (i = 0; i < record->nslots; i++) {
        found[i].id = record->id;
        found[i].publisher_id = id;
        found[i].channel =
            copy_of(es_channels_name(&store->channels, record->slots[i]), pool);
    }
    return record->nslots;
}

static apr_status_t look_on(const es_store_t *store, es_pos_t *at,
                            es_published_t *found, int max, int *count,
                            apr_pool_t *pool)
{
    es_pos_t tail = es_journal_tail(&store->journal);
    apr_status_t rv = APR_SUCCESS;
    es_record_t record;
    int looks;

    if (*at < tail) {
        *at = tail; /* what was before is evicted */
    }
    for (looks = 0; looks < LOOKS_MAX && *count + ES_PUBLISHED_MIN <= max;
         looks++) {
        rv = es_journal_look(&store->journal, *at, &record);
        if (rv != APR_SUCCESS) {
            break;
        }
        *count += add_published(store, &record, found + *count, pool);
        *at = record.next;
    }
    return rv == APR_ENOENT ? APR_EGENERAL : rv;
}

apr_status_t es_store_next_published(es_store_t *store, es_pos_t *at,
                                     es_published_t *found, int max, int *count,
                                     apr_pool_t *pool)
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);

    *count = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = look_on(store, at, found, max, count, pool);
    if (rv == APR_EGENERAL) {
        rv = es_store_repair(store, &report);
        if (rv == APR_SUCCESS) {
            rv = look_on(store, at, found, max, count, pool);
        }
    }
    es_store_unlock(store, &report);
    return rv;
}
