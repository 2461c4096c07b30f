/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes the store's lock, and repairs the store after a death under the lock.
 * The repair trusts head and tail (each is one store), the records between
 * them, and the names of used slots. It computes again everything else that
 * has an order. What is after the head is dropped: nothing reads it. A
 * repairing process may die, too: the next one starts again from the same
 * values.
 *
 * The repair ends: each record has at least 64 bytes, and all together at most
 * ring_bytes; slots are visited by number, not along chains.
 */
#include "journal/spans.h"

#include "base/log.h"

/* ---- the channel table --------------------------------------------------
 *
 * It is computed from its state words and names, and from what the journal
 * retains. Nothing else in it is trusted: the last owner of the lock may have
 * died anywhere, also in here.
 */

/** Build chains and free list; no record is counted. */
static void rebuild_chains(const es_channels_t *channels)
{
    apr_uint32_t used = es_channels_used(channels);
    es_slot_t slot;

    channels->table->high_slot = used;
    channels->table->free = 0;
    channels->table->free_count = 0;
    channels->table->retaining = 0;
    channels->table->scanned = 0;
    channels->table->batch++;
    memset(channels->buckets, 0, (apr_size_t)channels->nbuckets * 4);
    for (slot = used; slot > 0; slot--) {
        es_chan_t *chan = es_channels_at(channels, slot);

        __atomic_store_n(&chan->retained, 0, __ATOMIC_RELAXED);
        chan->dropped = 0;
        chan->scan = 0;
        if (chan->state == ES_CHAN_USED && chan->name_len != 0) {
            chan->hash =
                es_channels_hash(channels, es_channels_name(channels, slot));
            es_channels_link(channels, slot);
            continue;
        }
        es_channels_set_state(chan, ES_CHAN_FREE);
        es_channels_give_back(channels, slot);
    }
}

/** Count a retained record of the slot. @return 0 if the slot is not used */
static int recount_slot(const es_channels_t *channels, es_slot_t slot,
                        es_pos_t pos, const es_id_t *id)
{
    es_chan_t *chan = es_channels_at(channels, slot);
    es_id_t evicted;

    if (chan == NULL || slot > es_channels_used(channels) ||
        chan->state != ES_CHAN_USED) {
        return 0;
    }
    evicted.ms = chan->evicted_ms;
    evicted.n = chan->evicted_n;
    if (chan->retained == 0 && es_id_compare(&evicted, id) > 0) {
        /* half of an id was stored, see es_channels_store_id */
        es_channels_store_id(&chan->evicted_ms, &chan->evicted_n, id);
    }
    chan->scan = pos;
    es_channels_count_record(channels, slot);
    return 1;
}

/** If half of it was stored (es_channels_store_id), forgotten may be above all
 * ids that were given. A channel that is made next would then seem to have
 * lost events that are still to be published. */
static void bound_forgotten(es_table_t *table, const es_id_t *last)
{
    es_id_t forgotten = {table->forgotten_ms, table->forgotten_n};

    if (es_id_compare(&forgotten, last) > 0) {
        es_channels_store_id(&table->forgotten_ms, &table->forgotten_n, last);
    }
}

/*
 * Publish what was counted.
 *
 * @param last  the highest id that was given
 *
 * newest is stored once, with its final value: readers load it meanwhile, and
 * would skip a record if the value were too low for an instant. Of a channel
 * that retains nothing we know only that its newest record was before the tail;
 * a value that is too high does no harm.
 */
static void publish_recounts(const es_channels_t *channels, es_pos_t tail,
                             const es_id_t *last)
{
    es_chan_t *chan;

    bound_forgotten(channels->table, last);
    for (chan = channels->slots;
         chan < channels->slots + es_channels_used(channels); chan++) {
        es_pos_t newest = chan->newest;

        if (chan->retained != 0) {
            newest = chan->scan;
        }
        else if (newest >= tail) {
            newest = tail - ES_LINE;
        }
        /* relaxed: old and new value are both safe, see above */
        __atomic_store_n(&chan->newest, newest, __ATOMIC_RELAXED);
    }
}

/** Complete the set of idle slots, once all records are counted. Slots that are
 * in it for no reason stay: meanwhile children add others, without lock. */
static void restore_idle(const es_channels_t *channels)
{
    es_channels_note_all_idle(channels);
    es_idle_slots_repair(&channels->idle, es_channels_used(channels));
}

/* ---- the store ---------------------------------------------------------- */

/** Raise the id of the last event to that of a committed record. */
static void raise_last_id(es_store_t *store, const es_id_t *id)
{
    es_id_t last = es_journal_last(&store->journal);

    if (es_id_compare(id, &last) > 0) {
        es_journal_set_last(&store->journal, id);
    }
}

/** A committed close drops the records before it. */
static void recount_close(es_store_t *store, const es_record_t *record)
{
    if (record->closes) {
        es_channels_drop(&store->channels, record->slots[0], record->pos,
                         &record->id, 0);
    }
}

/**
 * A channel is closed if its newest record is a close, and open if that is an
 * event. Without records, the table's value stays; but after a fill the channel
 * is open. It is stored once, with its final value, since readers load it
 * meanwhile: if an open channel looked closed for an instant, clients would
 * stop reconnecting to it for good.
 */
static void restore_closed(es_store_t *store)
{
    int is_filled = es_spans_is_filling(store);
    es_record_t record;
    es_slot_t slot;

    for (slot = 1; slot <= store->channels.table->high_slot; slot++) {
        const es_chan_t *chan = es_channels_at(&store->channels, slot);
        apr_uint64_t until_ms = 0;

        if (chan == NULL || (chan->retained == 0 && !is_filled)) {
            continue;
        }
        if (chan->retained != 0 && chan->dropped == chan->retained &&
            es_journal_look(&store->journal, chan->newest, &record) ==
                APR_SUCCESS &&
            record.closes) {
            until_ms = es_journal_closed_until(&store->journal, &record);
        }
        es_channels_set_closed(&store->channels, slot, until_ms);
    }
}

/** Count the records into the table. @return 0 if one is damaged */
static int recount(es_store_t *store, es_repair_report_t *report)
{
    es_pos_t head = es_journal_head(&store->journal);
    es_pos_t pos = es_journal_tail(&store->journal);
    es_record_t record;
    es_id_t before = {0, 0};
    int i;

    record.next = pos;
    for (; pos != head; pos = record.next) {
        if (es_journal_look(&store->journal, pos, &record) != APR_SUCCESS ||
            es_id_compare(&record.id, &before) <= 0) {
            return 0;
        }
        for (i = 0; i < record.nslots; i++) {
            if (!recount_slot(&store->channels, record.slots[i], record.pos,
                              &record.id)) {
                return 0;
            }
        }
        recount_close(store, &record);
        es_publisher_ids_restore(&store->publisher_ids, &record);
        before = record.id;
        report->records++;
        es_lock_move_on(&store->segment->guard.lock);
    }
    raise_last_id(store, &before);
    return 1;
}

void es_repair_begin(es_store_t *store)
{
    rebuild_chains(&store->channels);
    es_publisher_ids_clear(&store->publisher_ids);
}

/** Evict everything; the last id stays. First the ids, then the records: after
 * a death between the two, the next repair has the same result. */
static void empty(es_store_t *store, es_repair_report_t *report)
{
    es_pos_t head = es_journal_head(&store->journal);
    es_id_t last = es_journal_last(&store->journal);

    /* a fill that was given up has made the channels newest at the head */
    es_channels_evict_all(&store->channels,
                          es_spans_is_filling(store) ? head - ES_LINE : 0,
                          &last);
    es_journal_set_tail(&store->journal, head);
    es_publisher_ids_clear(&store->publisher_ids);
    report->records = 0;
}

/** Count what is retained. After a fill, that is the new history; if the fill
 * was not committed, it has evicted everything for nothing. */
static void recount_or_empty(es_store_t *store, es_repair_report_t *report)
{
    int is_filling = es_spans_is_filling(store);
    es_id_t begin;

    report->records = 0;
    if (is_filling && es_spans_is_filled(store)) {
        es_spans_settle_fill(store);
        is_filling = 0;
    }
    /* death while an epoch began: its span is valid, its id not yet */
    begin = es_spans_begin(store);
    raise_last_id(store, &begin);
    if (is_filling) {
        empty(store, report);
        es_spans_end_fill(store);
    }
    else if (!recount(store, report)) {
        empty(store, report);
        report->emptied = 1;
    }
}

apr_status_t es_store_repair(es_store_t *store, es_repair_report_t *report)
{
    es_id_t last;

    if (!es_journal_is_sane(&store->journal)) {
        report->unusable = 1;
        return APR_EGENERAL;
    }
    es_repair_begin(store);
    recount_or_empty(store, report);
    last = es_journal_last(&store->journal);
    publish_recounts(&store->channels, es_journal_tail(&store->journal), &last);
    restore_closed(store);
    es_spans_end_fill(store);
    restore_idle(&store->channels);
    report->rebuilt = 1;
    return APR_SUCCESS;
}

void es_repair_end_fill(es_store_t *store)
{
    es_spans_settle_fill(store);
    restore_closed(store);
    es_spans_end_fill(store);
}

/* ---- the lock ----------------------------------------------------------- */

/* Once a wait was in vain, the next ones are this short, so that a process that
 * is stopped under the lock does not keep all workers waiting. */
#define SHORT_WAIT (APR_USEC_PER_SEC / 50)

void es_store_set_lock_wait(es_store_t *store, apr_interval_time_t wait)
{
    store->lock_wait = wait;
}

apr_uint32_t es_store_stalled_by(const es_store_t *store)
{
    return es_lock_stalled_by(&store->segment->guard.lock);
}

static int is_stalled(const es_store_t *store)
{
    /* relaxed: a thread that sees it late waits longer, or logs nothing */
    return __atomic_load_n(&store->stall_logged, __ATOMIC_RELAXED) != 0;
}

static apr_interval_time_t wait_of(const es_store_t *store)
{
    return is_stalled(store) && store->lock_wait > SHORT_WAIT
               ? SHORT_WAIT
               : store->lock_wait;
}

/* In vain. A thread that only tries finds the lock taken now and then, and so
 * does one that waits while others are faster: that is not logged. */
static apr_status_t note_timeout(es_store_t *store)
{
    if (es_lock_is_stalled(&store->segment->guard.lock) &&
        !__atomic_exchange_n(&store->stall_logged, 1, __ATOMIC_RELAXED)) {
        es_log(ES_LOG_WARNING, APR_SUCCESS, "ES0209",
               "process %u (0 = unknown) holds the lock of a hub's shared "
               "memory and does not continue; is it stopped, in a debugger, or "
               "does it dump core? Publishers get 503, and subscribers are "
               "asked to reconnect; EventStreamLockTimeout can kill it",
               es_store_stalled_by(store));
    }
    return APR_TIMEUP;
}

static void note_unusable(es_store_t *store)
{
    if (!__atomic_exchange_n(&store->unusable_logged, 1, __ATOMIC_RELAXED)) {
        es_log(ES_LOG_CRIT, APR_SUCCESS, "ES0204",
               "cannot take the lock of a hub's shared memory, as its state "
               "is not recoverable; publishing to this hub and subscribing "
               "to it fail until httpd is restarted (not gracefully)");
    }
}

apr_status_t es_store_lock(es_store_t *store, es_repair_report_t *report)
{
    es_lock_t *lock = &store->segment->guard.lock;
    apr_status_t rv = es_lock_acquire(lock, wait_of(store));

    memset(report, 0, sizeof(*report));
    if (rv == APR_TIMEUP) {
        return note_timeout(store);
    }
    if (rv != APR_SUCCESS && rv != APR_INCOMPLETE) {
        note_unusable(store);
        return APR_EGENERAL;
    }
    report->resumed = is_stalled(store);
    if (rv == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    if (es_store_repair(store, report) != APR_SUCCESS) {
        /* released without repair: from now on it cannot be taken */
        es_store_unlock(store, report);
        return APR_EGENERAL;
    }
    es_lock_repaired(lock);
    report->repaired = 1;
    return APR_SUCCESS;
}

void es_store_unlock(es_store_t *store, const es_repair_report_t *report)
{
    es_lock_release(&store->segment->guard.lock);
    if (report->resumed &&
        __atomic_exchange_n(&store->stall_logged, 0, __ATOMIC_RELAXED)) {
        es_log(ES_LOG_NOTICE, APR_SUCCESS, "ES0210",
               "the lock of a hub's shared memory is free again; publishing "
               "and subscribing continue");
    }
    if (report->repaired) {
        es_log(ES_LOG_WARNING, APR_SUCCESS, "ES0201",
               "a child died while it held the lock of a hub's shared "
               "memory, which was repaired; %" APR_UINT64_T_FMT
               " events are retained",
               report->records);
    }
    else if (report->rebuilt) {
        es_log(ES_LOG_ERR, APR_SUCCESS, "ES0205",
               "the channel table in a hub's shared memory was damaged and "
               "has been rebuilt; %" APR_UINT64_T_FMT " events are retained",
               report->records);
    }
    if (report->emptied) {
        es_log(ES_LOG_ERR, APR_SUCCESS, "ES0202",
               "the journal in a hub's shared memory was damaged and has been "
               "emptied; clients that resume get stream-reset");
    }
    if (report->unusable &&
        !__atomic_exchange_n(&store->unusable_logged, 1, __ATOMIC_RELAXED)) {
        es_log(ES_LOG_CRIT, APR_SUCCESS, "ES0203",
               "a hub's shared memory is damaged: head and tail of its "
               "journal are not plausible; publishing to this hub and "
               "subscribing to it fail until httpd is restarted (not "
               "gracefully)");
    }
}
