/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that the parts of a store agree with each other. Tests call it after
 * each death. It changes nothing but the scratch field of the slots.
 */
#include "journal/store_priv.h"

#include <apr_strings.h>

#define POS APR_UINT64_T_FMT

/** Walk the chains and the free list: together they have each slot once. */
static const char *check_channels(const es_channels_t *channels, apr_pool_t *p)
{
    apr_uint32_t used = 0;
    apr_uint32_t linked = 0;
    apr_uint32_t unused = 0;
    apr_uint32_t i;
    es_slot_t at;

    if (channels->table->high_slot > channels->nslots) {
        return "high_slot is beyond the table";
    }
    for (i = 0; i < channels->nbuckets; i++) {
        for (at = channels->buckets[i]; at != 0;
             at = channels->slots[at - 1].next) {
            const es_chan_t *chan = es_channels_at(channels, at);

            if (chan == NULL || at > channels->table->high_slot ||
                chan->state != ES_CHAN_USED ||
                es_channels_bucket(channels, chan->hash) !=
                    &channels->buckets[i] ||
                chan->hash != es_channels_hash(
                                  channels, es_channels_name(channels, at)) ||
                ++linked > channels->nslots) {
                return apr_psprintf(p, "bucket %u: slot %u is wrong", i, at);
            }
        }
    }
    for (at = channels->table->free; at != 0;
         at = channels->slots[at - 1].next) {
        const es_chan_t *chan = es_channels_at(channels, at);

        if (chan == NULL || at > channels->table->high_slot ||
            chan->state != ES_CHAN_FREE || ++unused > channels->nslots) {
            return apr_psprintf(p, "free list: slot %u is wrong", at);
        }
    }
    for (at = 1; at <= channels->table->high_slot; at++) {
        used += channels->slots[at - 1].state == ES_CHAN_USED;
    }
    if (unused != channels->table->free_count) {
        return apr_psprintf(p, "%u slots free, %u counted", unused,
                            channels->table->free_count);
    }
    if (used != linked || used + unused != channels->table->high_slot) {
        return apr_psprintf(p, "%u slots used, %u linked, %u free of %u", used,
                            linked, unused, channels->table->high_slot);
    }
    return NULL;
}

/** Compare a record with the table. scan and seen are kept for the next ones
 * of its channels. */
static const char *check_record(es_store_t *store, const es_record_t *record,
                                apr_uint32_t *seen, apr_pool_t *p)
{
    es_pos_t tail = es_journal_tail(&store->journal);
    int i;

    for (i = 0; i < record->nslots; i++) {
        es_chan_t *chan = es_channels_at(&store->channels, record->slots[i]);
        es_id_t evicted = {chan->evicted_ms, chan->evicted_n};

        if (chan->state != ES_CHAN_USED ||
            record->slots[i] > store->channels.table->high_slot) {
            return apr_psprintf(p, "record %" POS ": slot %u is not used",
                                record->pos, record->slots[i]);
        }
        if (seen[record->slots[i] - 1] != 0 || record->previous[i] >= tail) {
            if (record->previous[i] != chan->scan) {
                return apr_psprintf(
                    p,
                    "record %" POS ": links back to %" POS " instead of %" POS,
                    record->pos, record->previous[i], (es_pos_t)chan->scan);
            }
        }
        if (es_id_compare(&evicted, &record->id) > 0 &&
            record->pos > chan->closed_pos) {
            return apr_psprintf(p, "record %" POS ": its id counts as evicted",
                                record->pos);
        }
        chan->scan = record->pos;
        seen[record->slots[i] - 1]++;
    }
    return NULL;
}

static const char *check_records(es_store_t *store, apr_uint32_t *seen,
                                 apr_pool_t *p)
{
    es_journal_t *journal = &store->journal;
    es_pos_t pos = es_journal_tail(journal);
    es_id_t before = {0, 0};
    es_id_t last = es_journal_last(journal);
    es_record_t record;

    for (; pos != es_journal_head(journal); pos = record.next) {
        const char *why;

        if (es_journal_look(journal, pos, &record) != APR_SUCCESS) {
            return apr_psprintf(p, "no record at %" POS, pos);
        }
        if (es_id_compare(&record.id, &before) <= 0 ||
            es_id_compare(&record.id, &last) > 0) {
            return apr_psprintf(p, "record %" POS ": ids do not rise",
                                record.pos);
        }
        before = record.id;
        why = check_record(store, &record, seen, p);
        if (why != NULL) {
            return why;
        }
    }
    return NULL;
}

/** Compare the slots with the records that were seen. */
static const char *check_slots(es_store_t *store, const apr_uint32_t *seen,
                               apr_pool_t *p)
{
    es_pos_t tail = es_journal_tail(&store->journal);
    apr_uint32_t retaining = 0;
    es_slot_t slot;

    for (slot = 1; slot <= store->channels.table->high_slot; slot++) {
        const es_chan_t *chan = es_channels_at(&store->channels, slot);

        if (chan->state != ES_CHAN_USED) {
            continue;
        }
        retaining += chan->retained != 0;
        if (chan->retained == 0 &&
            es_subscriptions_is_idle(&store->subscriptions, slot) &&
            !es_idle_slots_has(&store->channels.idle, slot)) {
            return apr_psprintf(p, "slot %u: not in the set of idle ones",
                                slot);
        }
        if (chan->dropped > chan->retained) {
            return apr_psprintf(p, "slot %u: %u dropped of %u retained", slot,
                                chan->dropped, chan->retained);
        }
        if (chan->retained != seen[slot - 1]) {
            return apr_psprintf(p, "slot %u: %u retained, %u are there", slot,
                                chan->retained, seen[slot - 1]);
        }
        if (chan->retained != 0 ? chan->newest != chan->scan
                                : chan->newest >= tail) {
            return apr_psprintf(
                p, "slot %u: newest at %" POS " instead of %" POS, slot,
                (es_pos_t)chan->newest, (es_pos_t)chan->scan);
        }
    }
    return retaining == store->channels.table->retaining
               ? NULL
               : apr_psprintf(p, "%u slots retain records, %u are counted",
                              retaining, store->channels.table->retaining);
}

static const char *find_fault(es_store_t *store, apr_pool_t *p)
{
    apr_uint32_t *seen =
        apr_pcalloc(p, store->layout.params.channels * sizeof(*seen));
    apr_uint32_t child;
    const char *why;
    es_slot_t slot;

    if (!es_journal_is_sane(&store->journal)) {
        return "head and tail are not plausible";
    }
    why = check_channels(&store->channels, p);
    if (why == NULL) {
        for (slot = 1; slot <= store->channels.table->high_slot; slot++) {
            es_channels_at(&store->channels, slot)->scan = 0;
        }
        why = check_records(store, seen, p);
    }
    if (why == NULL) {
        why = check_slots(store, seen, p);
    }
    if (why == NULL) {
        why = es_publisher_ids_check(&store->publisher_ids, p);
    }
    if (why == NULL && !es_subscriptions_check(&store->subscriptions, &child)) {
        why =
            apr_psprintf(p, "child %u: subscriptions and total differ", child);
    }
    return why;
}

int es_store_check(es_store_t *store, const char **why, apr_pool_t *p)
{
    es_repair_report_t report;

    if (es_store_lock(store, &report) != APR_SUCCESS) {
        *why = "the lock cannot be taken";
        return 0;
    }
    *why = find_fault(store, p);
    es_store_unlock(store, &report);
    return *why == NULL;
}
