/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a death under the lock. What is believed: head and tail (each is one
 * store), the records between them, the names of used slots. What is made
 * anew: everything else that has an order. What stands behind the head is
 * dropped by not looking at it. A repairer may die, too: the next one starts
 * again from the same facts.
 *
 * It ends: each record has at least 64 bytes, and there are at most
 * ring_bytes of them; slots are visited by number, not along chains.
 */
#include "journal/store_priv.h"

#include "base/log.h"

/** The id of the last event must not be below one that was committed. */
static void raise_last(es_store_t *store, const es_id_t *id)
{
    es_id_t last = es_store_last_id(store);

    if (es_id_compare(id, &last) > 0) {
        store->segment->end.last_ms = id->ms;
        store->segment->end.last_n = id->n;
    }
}

/** A close that was committed counts. */
static void recount_close(es_store_t *store, const es_record_t *record)
{
    if (record->closes) {
        es_channels_drop(&store->tab, record->slots[0], record->pos,
                         &record->id);
    }
}

/**
 * A channel is closed when its newest record is a close, and open when that is
 * an event; of one without records the table knows it. Stored once, with its
 * final value, since readers look at it meanwhile: who finds an open channel
 * closed for an instant tells its client to stop for good.
 */
static void settle_closed(es_store_t *store)
{
    es_record_t record;
    es_slot_t slot;

    for (slot = 1; slot <= store->tab.table->fresh; slot++) {
        const es_chan_t *chan = es_channels_at(&store->tab, slot);
        apr_uint64_t until_ms = 0;

        if (chan == NULL || chan->retained == 0) {
            continue;
        }
        if (chan->dropped == chan->retained &&
            es_journal_look(&store->journal, chan->newest, &record) ==
                APR_SUCCESS &&
            record.closes) {
            until_ms = es_journal_until(&store->journal, &record);
        }
        es_channels_until(&store->tab, slot, until_ms);
    }
}

/** Count the records into the table. @return 0 when one is damaged */
static int recount(es_store_t *store, es_repair_report_t *news)
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
            if (!es_channels_recount(&store->tab, record.slots[i], record.pos,
                                     &record.id)) {
                return 0;
            }
        }
        recount_close(store, &record);
        es_publisher_ids_restore(&store->publisher_ids, &record);
        before = record.id;
        news->records++;
    }
    raise_last(store, &before);
    return 1;
}

apr_status_t es_store_repair(es_store_t *store, es_repair_report_t *news)
{
    es_id_t last;

    if (!es_journal_is_sane(&store->journal)) {
        news->broken = 1;
        return APR_EGENERAL;
    }
    es_channels_rebuild(&store->tab);
    es_publisher_ids_clear(&store->publisher_ids);
    news->records = 0;
    if (!recount(store, news)) {
        raise_last(store, &store->epoch);
        last = es_store_last_id(store);
        /* first the ids, then the records: death between the two and the
         * next repair comes to the same end */
        es_channels_lose(&store->tab, &last);
        es_journal_drop(&store->journal, es_journal_head(&store->journal));
        es_publisher_ids_clear(&store->publisher_ids);
        news->emptied = 1;
        news->records = 0;
    }
    last = es_store_last_id(store);
    es_channels_recounted(&store->tab, es_journal_tail(&store->journal), &last);
    settle_closed(store);
    news->mended = 1;
    return APR_SUCCESS;
}

apr_status_t es_store_lock(es_store_t *store, es_repair_report_t *news)
{
    es_lock_t *lock = &store->segment->guard.lock;
    apr_status_t rv = es_lock_take(lock);

    memset(news, 0, sizeof(*news));
    if (rv == APR_SUCCESS) {
        return APR_SUCCESS;
    }
    if (rv == APR_INCOMPLETE) {
        rv = es_store_repair(store, news);
        if (rv == APR_SUCCESS) {
            es_lock_repaired(lock);
            news->repaired = 1;
            return APR_SUCCESS;
        }
        /* not repaired: from now on the lock is not to be had */
        es_store_unlock(store, news);
        return APR_EGENERAL;
    }
    if (!__atomic_exchange_n(&store->told_dead, 1, __ATOMIC_RELAXED)) {
        es_log(ES_LOG_CRIT, APR_SUCCESS, "ES0204",
               "the lock of the shared segment is beyond recovery; nothing "
               "can be published or subscribed to until the server is "
               "restarted, not gracefully");
    }
    return APR_EGENERAL;
}

void es_store_unlock(es_store_t *store, const es_repair_report_t *news)
{
    es_lock_give(&store->segment->guard.lock);
    if (news->repaired) {
        es_log(ES_LOG_WARNING, APR_SUCCESS, "ES0201",
               "a child died while it held the store; it was repaired, "
               "%" APR_UINT64_T_FMT " events are retained",
               news->records);
    }
    else if (news->mended) {
        es_log(ES_LOG_ERR, APR_SUCCESS, "ES0205",
               "the channel table was damaged by a stray write and has been "
               "made anew, %" APR_UINT64_T_FMT " events are retained",
               news->records);
    }
    if (news->emptied) {
        es_log(ES_LOG_ERR, APR_SUCCESS, "ES0202",
               "the journal was damaged and has been emptied; clients that "
               "resume are told that events are missing");
    }
    if (news->broken &&
        !__atomic_exchange_n(&store->told_dead, 1, __ATOMIC_RELAXED)) {
        es_log(ES_LOG_CRIT, APR_SUCCESS, "ES0203",
               "the shared segment is damaged: the ends of its journal make "
               "no sense; nothing can be published or subscribed to until "
               "the server is restarted, not gracefully");
    }
}

es_id_t es_store_last_id(const es_store_t *store)
{
    es_id_t last = {store->segment->end.last_ms, store->segment->end.last_n};

    return last;
}
