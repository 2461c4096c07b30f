/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appends a batch of events, in this order:
 *
 *     without the lock   check sizes, hash names and ids, find duplicates
 *     lock
 *       slots            find or make one for each channel, which may evict
 *                        records; a failure here leaves some idle slots
 *       known            look up the publishers' ids; may fail as well
 *       for each event   id, position, evict what is in the way, write
                        (journal/append_batch.c)
 *       commit           one store of the head
 *     unlock, log, count the subscriptions
 *
 * No reader may see half of a batch, so all of it is written with the lock
 * taken once. But if many records are in the way, of the events or of slots
 * for new channels, the lock is released before the events are written. The
 * records are evicted in parts, with the lock free in between, and then the
 * search begins again: what it has found may have changed meanwhile. Other
 * publishers may have used the room, too. So all is tried up to TRIES_MAX
 * times, and the last time everything that is left is evicted at once.
 *
 * The batch and the pad that it may need fit into the ring: the batch is not
 * larger than half of it, and neither is the pad, which is smaller than the
 * record that did not fit. So eviction never reaches the batch itself.
 *
 * If the chains or a record are damaged (by a stray write), the store is
 * repaired and the batch is appended once more. It cannot fail again for that
 * reason: the repair leaves nothing damaged.
 */
#include "base/context.h"
#include "journal/append_batch.h"
#include "journal/spans.h"

/** Records that are looked at or evicted to make slots, with the lock taken
 * once; up to 1,024 more for each channel of the last event. */
#define RECORDS_MAX 16384
/** Bytes of records that are evicted while the batch is written. */
#define ROOM_MAX (256 * 1024)
/** Records that are evicted with the lock taken once, if there are more. */
#define EVICT_MAX 512
/** Before the lock is taken for the next part, in microseconds. */
#define PAUSE 100
#define TRIES_MAX 3

/* ---- under the lock: writing -------------------------------------------- */

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
        /* the tail was at a pad; dropping it may make enough room */
        es_journal_set_tail(journal, oldest.pos);
        return APR_SUCCESS;
    }
    /* the table first, then the tail: see es_channels_evict */
    for (i = 0; i < oldest.nslots; i++) {
        es_channels_evict(&store->channels, oldest.slots[i], tail, &oldest.id);
    }
    es_journal_set_tail(journal, oldest.next);
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

/** Write the events that are new, and commit. */
static apr_status_t write_batch(es_append_batch_t *batch)
{
    const es_journal_t *journal = &batch->store->journal;

    batch->result.from = es_journal_head(journal);
    batch->result.head = es_append_batch_write(batch, batch->result.from);
    if (batch->result.head == 0) {
        return APR_EGENERAL;
    }
    es_journal_commit(journal, batch->result.head, &batch->id);
    es_append_batch_close_and_open(batch);
    return APR_SUCCESS;
}

/* ---- one hold of the lock ----------------------------------------------- */

/** May more slots be made in this hold of the lock? @return APR_EAGAIN: in the
 * next one; APR_ENOMEM: no */
static apr_status_t may_make(const es_append_batch_t *batch)
{
    if (batch->maker.looked < RECORDS_MAX) {
        return APR_SUCCESS;
    }
    return batch->is_last_try ? APR_ENOMEM : APR_EAGAIN;
}

/** Find all slots, then all known events. @return APR_EAGAIN: continue later;
 * the slots that were made are found again, and kept, as the channels are
 * looked at in the same order */
static apr_status_t find_all(es_append_batch_t *batch)
{
    const es_append_params_t *params = &batch->params;
    apr_status_t rv = APR_SUCCESS;
    int i;

    es_channels_begin_batch(&batch->store->channels);
    batch->maker.looked = 0;
    for (i = 0; i < params->count && rv == APR_SUCCESS; i++) {
        apr_status_t may = may_make(batch);

        rv = may == APR_SUCCESS || (may == APR_ENOMEM && params->leaves_out)
                 ? es_append_batch_find_slots(batch, i, may == APR_SUCCESS)
                 : may;
    }
    es_append_batch_forget_known(batch);
    for (i = 0; i < params->count && rv == APR_SUCCESS; i++) {
        rv = es_append_batch_find_known(batch, i);
    }
    return rv;
}

/** Where the batch ends about, if it is written now. */
static es_pos_t end_of(const es_append_batch_t *batch)
{
    es_pos_t end = es_journal_head(&batch->store->journal);
    es_id_t last = es_journal_last(&batch->store->journal);
    es_id_t id = es_id_next(&last, batch->params.now_ms);
    char text[ES_ID_TEXT_SIZE];
    apr_size_t id_len = es_id_format(text, &id);
    apr_uint64_t largest = 0; /* a pad is smaller than the record after it */
    int i;

    for (i = 0; i < batch->params.count; i++) {
        if (!batch->events[i].is_known) {
            apr_uint64_t size = es_append_batch_event_size(
                es_append_batch_entry(batch, i), id_len);

            end += size;
            largest = size > largest ? size : largest;
        }
    }
    return end + largest;
}

/** 1 if at most so many bytes are missing for a record that ends at end. */
static int has_room(const es_journal_t *journal, es_pos_t end,
                    apr_uint64_t missing)
{
    return end - es_journal_tail(journal) <= journal->bytes + missing;
}

/** @return APR_EAGAIN: make room up to batch->end first, then try again */
static apr_status_t try_append(es_append_batch_t *batch)
{
    const es_journal_t *journal = &batch->store->journal;
    apr_status_t rv;

    if (!es_journal_is_sane(journal)) {
        return APR_EGENERAL;
    }
    if (batch->params.after != NULL &&
        !es_spans_are_last(batch->store, batch->params.after)) {
        return APR_EMISMATCH;
    }
    batch->end = es_journal_head(journal);
    rv = find_all(batch);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    batch->end = end_of(batch);
    if (!batch->is_last_try && !has_room(journal, batch->end, ROOM_MAX)) {
        return APR_EAGAIN;
    }
    return write_batch(batch);
}

/** Evict some of the records that are in the way of the batch. @return
 * APR_EAGAIN: some are left */
static apr_status_t evict_some(es_append_batch_t *batch)
{
    es_store_t *store = batch->store;
    int left;

    if (!es_journal_is_sane(&store->journal)) {
        return APR_EGENERAL;
    }
    for (left = EVICT_MAX; left > 0; left--) {
        apr_status_t rv = has_room(&store->journal, batch->end, 0)
                              ? APR_EOF
                              : es_store_evict_oldest(store);

        if (rv != APR_SUCCESS) {
            return rv == APR_EOF ? APR_SUCCESS : rv;
        }
    }
    return APR_EAGAIN;
}

/* ---- all holds of the lock ---------------------------------------------- */

/** Call step with the lock; repair the store if that is due. */
static apr_status_t with_lock(es_append_batch_t *batch,
                              apr_status_t (*step)(es_append_batch_t *))
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(batch->store, &report);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = step(batch);
    if (rv == APR_EGENERAL) {
        rv = es_store_repair(batch->store, &report);
        if (rv == APR_SUCCESS) {
            rv = step(batch);
        }
    }
    es_store_unlock(batch->store, &report);
    return rv;
}

/** Evict all that is in the way, a part at a time. */
static apr_status_t make_room(es_append_batch_t *batch)
{
    apr_status_t rv;

    do {
        /* a thread that waits for the lock needs some time to wake up */
        apr_sleep(PAUSE);
        rv = with_lock(batch, evict_some);
    } while (rv == APR_EAGAIN);
    return rv;
}

static apr_status_t append(es_append_batch_t *batch)
{
    apr_status_t rv = APR_EAGAIN;
    int tries;

    for (tries = 1; rv == APR_EAGAIN; tries++) {
        batch->is_last_try = tries == TRIES_MAX;
        rv = with_lock(batch, try_append);
        if (rv == APR_EAGAIN) {
            rv = make_room(batch);
            if (rv == APR_SUCCESS) {
                rv = APR_EAGAIN;
            }
        }
    }
    return rv;
}

apr_status_t es_append_run(es_store_t *store, const es_append_params_t *params,
                           apr_uint64_t *touched, es_appended_t *out)
{
    es_append_batch_t batch;
    apr_status_t rv = es_append_batch_init(&batch, store, params);

    if (rv == APR_SUCCESS) {
        rv = append(&batch);
        es_slot_maker_log(&batch.maker);
    }
    if (rv == APR_SUCCESS) {
        es_append_batch_count_clients(&batch, touched);
    }
    es_append_batch_clear(&batch);
    if (rv == APR_SUCCESS || rv == APR_EEXIST) {
        *out = batch.result;
    }
    return rv;
}

apr_status_t es_store_append(es_store_t *store, const es_entry_t *entries,
                             int count, apr_uint64_t now_ms,
                             apr_uint64_t *touched, es_appended_t *out)
{
    es_append_params_t params = {0};

    ES_CONTEXT(ES_WORKER | ES_TICKER);
    if (count < 1) {
        return APR_EINVAL;
    }
    params.entries = entries;
    params.count = count;
    params.now_ms = now_ms;
    params.channels = ES_STORE_BATCH_CHANNELS_MAX;
    return es_append_run(store, &params, touched, out);
}
