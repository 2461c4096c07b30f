/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fill, in one hold of the lock:
 *
 *     journal   │ a b a c a │ ← head, where it begins: filling
 *                           │
 *     1  filling = head     : from here on, a death leaves an empty journal
 *     2  the table          : all records of all channels are evicted
 *     3  tail = head        : so they are, and readers notice
 *     4  slots, records     : after a line that stays free
 *                           │ reset │ x y x z │
 *     5  the reset, into that line
 *     6  head = end         : the commit. From here on, a death leaves the new
 *                             journal; a repair does what follows
 *     7  tail = after the reset; last id; spans; closed channels
 *     8  filling = 0
 *
 * A reader that was at the head or before it finds its record evicted: before 6
 * below the tail, then the reset, then below the tail again. It asks what it
 * has lost, and each channel has lost a record where the reset is. One whose
 * channels have no records since sees by newest that it must look (deliver/
 * reader.c). So it is told, whatever it subscribes to. One that got its
 * position before, and looks for the first time now, is told for the same
 * reason.
 *
 * Ids may fall: everything that compares ids is stored anew between 1 and 8.
 *
 * If a process dies between 1 and 6, the repair completes the eviction (2, 3)
 * with the last id that the journal had. That is a journal that has lost all of
 * its events, and goes on where it was.
 */
#include "journal/stream_append.h"

#include "base/context.h"
#include "journal/append_batch.h"
#include "journal/spans.h"

/* ---- the arguments ------------------------------------------------------ */

/** Do the spans rise, each of one epoch? */
static int are_spans(const es_span_t *spans, int nspans)
{
    int i;

    for (i = 0; i < nspans && i < ES_SPANS_MAX; i++) {
        if (!es_id_is_same_epoch(&spans[i].first, &spans[i].last) ||
            es_id_compare(&spans[i].first, &spans[i].last) > 0 ||
            (i > 0 &&
             es_id_compare(&spans[i].first, &spans[i - 1].last) <= 0)) {
            return 0;
        }
    }
    return nspans >= 1 && nspans <= ES_SPANS_MAX;
}

/** Do the entries' ids rise, each of them within a span? */
static int are_within(const es_history_t *history)
{
    const es_span_t *spans = history->spans;
    const es_id_t *before = &spans[0].first;
    int span = 0;
    int i;

    for (i = 0; i < history->count; i++) {
        const es_id_t *id = &history->entries[i].id;

        while (span < history->nspans &&
               es_id_compare(id, &spans[span].last) > 0) {
            span++;
        }
        if (span == history->nspans || es_id_compare(id, before) <= 0 ||
            es_id_compare(id, &spans[span].first) < 0 ||
            !es_id_is_same_epoch(id, &spans[span].first)) {
            return 0;
        }
        before = id;
    }
    return 1;
}

static int fits(const es_store_t *store, const es_history_t *history)
{
    apr_uint64_t left = es_store_fill_max(store);
    int i;

    for (i = 0; i < history->count; i++) {
        apr_uint64_t size = es_store_entry_size(&history->entries[i]);

        if (size > left) {
            return 0;
        }
        left -= size;
    }
    return 1;
}

/* ---- under the lock ----------------------------------------------------- */

/** Write the entries after the reset. @return their end, 0 when damaged */
static es_pos_t write_history(es_append_batch_t *batch, es_pos_t at)
{
    apr_status_t rv = APR_SUCCESS;
    int i;

    es_channels_begin_batch(&batch->store->channels);
    for (i = 0; i < batch->params.count && rv == APR_SUCCESS; i++) {
        rv = es_append_batch_find_slots(batch, i, 1);
    }
    es_append_batch_forget_known(batch); /* each is one of its own */
    return rv == APR_SUCCESS ? es_append_batch_write(batch, at) : 0;
}

/** @return APR_SUCCESS; APR_EGENERAL: damaged, repair the store */
static apr_status_t try_fill(es_append_batch_t *batch,
                             const es_history_t *history)
{
    es_store_t *store = batch->store;
    const es_journal_t *journal = &store->journal;
    es_pos_t head = es_journal_head(journal);
    es_pos_t end;

    if (!es_journal_is_sane(journal)) {
        return APR_EGENERAL;
    }
    es_spans_begin_fill(store, history);
    es_channels_evict_all(&store->channels, head, &history->spans[0].first);
    es_journal_set_tail(journal, head);
    end = write_history(batch, es_journal_after_reset(head));
    if (end == 0) {
        return APR_EGENERAL;
    }
    es_journal_write_reset(journal, head);
    es_journal_set_head(journal, end);
    es_append_batch_close_and_open(batch);
    es_repair_end_fill(store);
    return APR_SUCCESS;
}

/** Is this the last id, {0, 0} = it was never filled? */
static int is_last(const es_store_t *store, const es_id_t *after)
{
    return es_spans_are_given(store) ? es_spans_are_last(store, after)
                                     : after->ms == 0 && after->n == 0;
}

static apr_status_t fill(es_append_batch_t *batch, const es_id_t *after,
                         const es_history_t *history)
{
    es_store_t *store = batch->store;
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = is_last(store, after) ? try_fill(batch, history) : APR_EMISMATCH;
    if (rv == APR_EGENERAL) {
        rv = es_store_repair(store, &report);
        if (rv == APR_SUCCESS) {
            rv = try_fill(batch, history);
        }
    }
    es_store_unlock(store, &report);
    return rv;
}

apr_status_t es_store_fill(es_store_t *store, const es_id_t *after,
                           const es_history_t *history, apr_uint64_t *touched)
{
    es_append_params_t params = {0};
    es_append_batch_t batch;
    apr_status_t rv;

    ES_CONTEXT(ES_CLUSTER);
    if (history->count < 0 || !are_spans(history->spans, history->nspans) ||
        history->valid < 0 || history->valid >= history->nspans ||
        !are_within(history)) {
        return APR_EINVAL;
    }
    params.given = history->entries;
    params.count = history->count;
    params.leaves_out = 1;
    params.channels = APR_SIZE_MAX;
    rv = es_append_batch_init(&batch, store, &params);
    if (rv == APR_SUCCESS && !fits(store, history)) {
        rv = APR_ENOSPC;
    }
    if (rv == APR_SUCCESS) {
        rv = fill(&batch, after, history);
        es_slot_maker_log(&batch.maker);
    }
    es_append_batch_clear(&batch);
    if (rv == APR_SUCCESS) {
        es_subscriptions_touch_all(&store->subscriptions, touched);
    }
    return rv;
}
