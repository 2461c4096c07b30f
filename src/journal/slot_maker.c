/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evicting helps only if a channel has no other records, and no subscribers.
 * Therefore records are read first, from the oldest on, until one is found
 * whose eviction makes a slot idle; then all up to this one are evicted. If all
 * channels have subscribers, nothing is evicted for nothing.
 *
 * A call reads and evicts a bounded number of records. The next one continues
 * where it stopped, at es_table_t.scanned, and begins again at the tail when it
 * has come to the head. That position is a hint: whatever a dead process left
 * there is either the start of a record, or not between tail and head.
 *
 * age= of EventStreamHub needs nothing more: events that are too old are the
 * oldest ones, so they are the first to be evicted.
 */
#include "journal/slot_maker.h"

#include "base/clock.h"
#include "base/log.h"

/** Records for a slot. A stranger holds the lock for less long. */
#define PUBLISHER_RECORDS 1024
#define SUBSCRIBER_RECORDS 256
/** Most idle slots that a subscriber makes spare. */
#define RESERVE_SLOTS 64

void es_slot_maker_init(es_slot_maker_t *maker, es_store_t *store,
                        int is_publisher)
{
    memset(maker, 0, sizeof(*maker));
    maker->store = store;
    maker->is_publisher = is_publisher;
}

/* ---- evicting ------------------------------------------------------------ */

/** @return a slot that is idle once this record and all before it are evicted,
 * 0 = none */
static es_slot_t freed_by(const es_slot_maker_t *maker,
                          const es_record_t *record)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        if (es_channels_needs_only(&maker->store->channels, record->slots[i],
                                   record->pos)) {
            return record->slots[i];
        }
    }
    return 0;
}

/** Where the search continues. */
static es_pos_t scan_start(const es_store_t *store)
{
    es_pos_t pos = store->channels.table->scanned;
    es_pos_t tail = es_journal_tail(&store->journal);

    return pos < tail || pos > es_journal_head(&store->journal) ? tail : pos;
}

/**
 * Find the first record whose eviction makes a slot idle.
 *
 * @return APR_SUCCESS; APR_ENOMEM: none was found; APR_EGENERAL
 */
static apr_status_t find_record(es_slot_maker_t *maker, es_record_t *record,
                                es_slot_t *slot)
{
    es_store_t *store = maker->store;
    es_pos_t pos = scan_start(store);
    apr_status_t rv = APR_SUCCESS;

    for (; maker->left > 0; maker->left--) {
        rv = es_journal_look(&store->journal, pos, record);
        if (rv != APR_SUCCESS) {
            break;
        }
        *slot = freed_by(maker, record);
        if (*slot != 0) {
            store->channels.table->scanned = pos;
            return APR_SUCCESS;
        }
        pos = record->next;
    }
    store->channels.table->scanned = rv == APR_SUCCESS ? pos : 0;
    return rv == APR_SUCCESS || rv == APR_EOF ? APR_ENOMEM : APR_EGENERAL;
}

/** Evict records until a slot is idle. @return as find_record */
static apr_status_t evict_for_slot(es_slot_maker_t *maker, es_slot_t *slot)
{
    const es_journal_t *journal = &maker->store->journal;
    es_record_t record;
    apr_status_t rv;

    if (!es_journal_is_sane(journal)) {
        return APR_EGENERAL;
    }
    rv = find_record(maker, &record, slot);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (; es_journal_tail(journal) < record.next; maker->left--) {
        if (maker->left <= 0) {
            return APR_ENOMEM;
        }
        if (es_store_evict_oldest(maker->store) != APR_SUCCESS) {
            return APR_EGENERAL;
        }
        maker->evicted++;
    }
    return APR_SUCCESS;
}

/* ---- taking -------------------------------------------------------------- */

/** Take a slot from another channel. @return as es_slot_maker_make */
static apr_status_t take_used(es_slot_maker_t *maker, es_slot_t *slot)
{
    const es_channels_t *channels = &maker->store->channels;
    apr_status_t rv = es_channels_take_idle(channels, slot);

    if (rv == APR_ENOMEM) {
        rv = evict_for_slot(maker, slot);
        if (rv == APR_SUCCESS) {
            rv = es_channels_take(channels, *slot);
        }
    }
    return rv;
}

/**
 * May a subscriber take a slot? If too few are left to publishers, idle ones
 * are made spare. Nothing is evicted for it.
 *
 * @return APR_SUCCESS; APR_ENOMEM: no; APR_EGENERAL
 */
static apr_status_t keep_reserve(const es_channels_t *channels)
{
    es_slot_t slot;
    int left;

    for (left = RESERVE_SLOTS; left > 0; left--) {
        apr_status_t rv;

        if (es_channels_for_publishers(channels) > channels->reserve) {
            break;
        }
        rv = es_channels_take_idle(channels, &slot);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        es_channels_give_back(channels, slot);
    }
    /* if there are more idle slots: the next subscriber continues */
    return APR_SUCCESS;
}

static apr_status_t take(es_slot_maker_t *maker, es_slot_t *slot)
{
    const es_channels_t *channels = &maker->store->channels;
    apr_status_t rv =
        maker->is_publisher ? APR_SUCCESS : keep_reserve(channels);

    if (rv == APR_SUCCESS) {
        rv = es_channels_take_spare(channels, slot);
        if (rv == APR_ENOMEM) {
            rv = take_used(maker, slot);
        }
    }
    return rv;
}

apr_status_t es_slot_maker_make(es_slot_maker_t *maker, es_slice_t name,
                                apr_uint64_t hash, es_slot_t *slot)
{
    const es_channels_t *channels = &maker->store->channels;
    apr_status_t rv = es_channels_find(channels, name, hash, slot);
    int most;

    if (rv != APR_SUCCESS || *slot != 0) {
        return rv;
    }
    most = maker->is_publisher ? PUBLISHER_RECORDS : SUBSCRIBER_RECORDS;
    maker->left = most;
    rv = take(maker, slot);
    if (rv == APR_SUCCESS) {
        es_channels_give(channels, *slot, name, hash);
    }
    maker->looked += most - maker->left;
    maker->is_full |= rv == APR_ENOMEM;
    return rv;
}

static const char *consequence_of(const es_slot_maker_t *maker)
{
    if (maker->leaves_out) {
        return "clients that will subscribe to another channel do not get what "
               "they have missed of it";
    }
    return maker->is_publisher
               ? "an event for another channel is refused with 503"
               : "clients of other channels are asked to reconnect later";
}

void es_slot_maker_log(const es_slot_maker_t *maker)
{
    static apr_time_t full_logged, evicted_logged; /* atomic */
    apr_time_t now = es_clock_now();

    if (maker->is_full) {
        es_log(es_log_limit_level(&full_logged, ES_LOG_WARNING, now),
               APR_SUCCESS, "ES0211",
               "all %u channels of a hub are in use%s: %s; raise "
               "EventStreamMaxChannels",
               maker->store->layout.params.channels,
               maker->is_publisher ? "" : ", except those kept for publishers",
               consequence_of(maker));
    }
    else if (maker->evicted > 0) {
        es_log(es_log_limit_level(&evicted_logged, ES_LOG_WARNING, now),
               APR_SUCCESS, "ES0212",
               "the channel table of a hub is full (%u): the oldest events are "
               "evicted to make room for new channels, and clients that missed "
               "them get stream-reset; raise EventStreamMaxChannels",
               maker->store->layout.params.channels);
    }
}
