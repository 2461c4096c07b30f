/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and numbers are copied under the lock, a few slots at a time; ids are
 * read from the journal without it. If the ring overtakes a walk meanwhile, the
 * last id that the walk found is the result.
 *
 * A walk over a large table that takes and releases the lock all the time keeps
 * others from it: who is woken by the release mostly finds it taken again. So
 * totals are added up without it, and the list takes it only for slots that are
 * likely to be in it.
 */
#include "journal/channel_stats.h"

#include "journal/store_priv.h"
#include "journal/stream_append.h"

/* At most this many slots are examined at a time under the lock: their
 * subscriptions are spread over a row for each child. */
#define SLOTS_PER_LOCK 64

static apr_uint32_t load(const apr_uint32_t *word)
{
    /* relaxed: the numbers of a slot may be of different moments anyway */
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static int has_slot(const es_store_t *store, es_slot_t slot)
{
    return slot <= load(&store->channels.table->high_slot) &&
           es_channels_at(&store->channels, slot) != NULL;
}

/**
 * Without the lock: does the store know the channel of a slot, just now?
 *
 * @param events  of the channel, retained
 */
static int seems_known(const es_store_t *store, es_slot_t slot,
                       apr_uint64_t now_ms, apr_uint32_t *events)
{
    const es_chan_t *chan = es_channels_at(&store->channels, slot);
    apr_uint32_t retained = load(&chan->retained);
    apr_uint32_t dropped = load(&chan->dropped);

    if (load(&chan->state) != ES_CHAN_USED) {
        return 0;
    }
    *events = retained > dropped ? retained - dropped : 0;
    return *events != 0 ||
           __atomic_load_n(&chan->closed_until_ms, __ATOMIC_RELAXED) > now_ms ||
           !es_subscriptions_is_idle(&store->subscriptions, slot);
}

/** Copy a slot's statistics. @return 0: the store does not know a channel */
static int copy_slot(const es_store_t *store, es_slot_t slot,
                     apr_uint64_t now_ms, es_channel_stats_t *out)
{
    const es_chan_t *chan = es_channels_at(&store->channels, slot);

    if (chan == NULL || chan->state != ES_CHAN_USED) {
        return 0;
    }
    out->slot = slot;
    out->name_len = chan->name_len;
    memcpy(out->name, chan->name, chan->name_len);
    out->clients = es_subscriptions_of_slot(&store->subscriptions, slot, NULL);
    out->events =
        chan->retained > chan->dropped ? chan->retained - chan->dropped : 0;
    out->closed_until = chan->closed_until_ms;
    out->newest = chan->newest;
    out->closed = chan->closed_pos;
    return out->clients != 0 || out->events != 0 || out->closed_until > now_ms;
}

int es_channel_stats_find(es_store_t *store, es_slice_t name,
                          apr_uint64_t now_ms, es_channel_stats_t *out)
{
    apr_uint64_t hash = es_channels_hash(&store->channels, name);
    es_slot_t slot = 0;
    es_repair_report_t report;
    int known = 0;

    memset(out, 0, sizeof(*out));
    if (es_store_lock(store, &report) != APR_SUCCESS) {
        return -1;
    }
    if (es_channels_find(&store->channels, name, hash, &slot) == APR_SUCCESS &&
        slot != 0) {
        known = copy_slot(store, slot, now_ms, out);
    }
    es_store_unlock(store, &report);
    return known;
}

static int begins_with(const es_chan_t *chan, es_slice_t prefix)
{
    return chan->name_len >= prefix.len &&
           es_slice_equal(es_slice(chan->name, prefix.len), prefix);
}

/** Go to the next slot that may be of the list, without the lock. @return 0:
 * there is none among the next few; *at is 0 if there is none at all */
static int find_next(const es_store_t *store, es_slot_t *at,
                     apr_uint64_t now_ms)
{
    apr_uint32_t events;
    int slots;

    for (slots = 0; slots < SLOTS_PER_LOCK; slots++) {
        if (!has_slot(store, *at + 1)) {
            *at = 0;
            return 0;
        }
        if (seems_known(store, *at + 1, now_ms, &events)) {
            return 1;
        }
        (*at)++;
    }
    return 0;
}

int es_channel_stats_next(es_store_t *store, es_slot_t *at, es_slice_t prefix,
                          apr_uint64_t now_ms, es_channel_stats_t *out, int max)
{
    es_repair_report_t report;
    int found = 0;
    int slots;

    if (!find_next(store, at, now_ms)) {
        return 0;
    }
    if (es_store_lock(store, &report) != APR_SUCCESS) {
        return -1;
    }
    for (slots = 0; slots < SLOTS_PER_LOCK && found < max; slots++) {
        if (!has_slot(store, *at + 1)) {
            *at = 0;
            break;
        }
        (*at)++;
        if (begins_with(es_channels_at(&store->channels, *at), prefix)) {
            found += copy_slot(store, *at, now_ms, &out[found]);
        }
    }
    es_store_unlock(store, &report);
    return found;
}

/* ---- clients ------------------------------------------------------------ */

/** Go to the slot before the next one that has subscribers, without the lock.
 * @return 0: there is none */
static int find_subscribed(const es_store_t *store, es_slot_t *at)
{
    for (; has_slot(store, *at + 1); (*at)++) {
        if (!es_subscriptions_is_idle(&store->subscriptions, *at + 1)) {
            return 1;
        }
    }
    return 0;
}

static int copy_clients(const es_store_t *store, es_slot_t slot,
                        es_clients_of_t *out)
{
    const es_chan_t *chan = es_channels_at(&store->channels, slot);

    out->clients = es_subscriptions_of_slot(&store->subscriptions, slot, NULL);
    if (chan->state != ES_CHAN_USED || out->clients == 0) {
        return 0;
    }
    out->slot = slot;
    memcpy(out->text, chan->name, chan->name_len);
    out->name = es_slice(out->text, chan->name_len);
    return 1;
}

int es_store_next_clients(es_store_t *store, es_slot_t *at,
                          es_clients_of_t *found, int max)
{
    es_repair_report_t report;
    es_slot_t slot = *at;
    int count = 0;
    int slots;

    if (!find_subscribed(store, &slot)) {
        *at = 0;
        return 0;
    }
    if (es_store_lock(store, &report) != APR_SUCCESS) {
        return -1;
    }
    for (slots = 0; slots < SLOTS_PER_LOCK && count < max; slots++) {
        if (!has_slot(store, slot + 1)) {
            slot = 0;
            break;
        }
        count += copy_clients(store, ++slot, &found[count]);
    }
    es_store_unlock(store, &report);
    *at = slot;
    return count;
}

/* ---- sums and ids ------------------------------------------------------- */

void es_channel_stats_add(const es_store_t *store, apr_uint64_t now_ms,
                          es_channel_totals_t *totals)
{
    apr_uint32_t events;
    es_slot_t slot;

    for (slot = 1; has_slot(store, slot); slot++) {
        if (seems_known(store, slot, now_ms, &events)) {
            totals->channels++;
            totals->events += events;
        }
    }
}

/** Is there an event of the channel at pos: retained, and after its last
 * close? */
static int look_at_event(const es_store_t *store,
                         const es_channel_stats_t *stats, es_pos_t pos,
                         es_record_t *record)
{
    record->pos = 0; /* else valgrind sees that compilers compare it early */
    return pos > stats->closed &&
           es_store_look(store, pos, record) == APR_SUCCESS &&
           record->pos == pos && !record->closes;
}

int es_channel_stats_last(const es_store_t *store,
                          const es_channel_stats_t *stats, es_id_t *id)
{
    es_record_t record;

    if (!look_at_event(store, stats, stats->newest, &record)) {
        return 0;
    }
    *id = record.id;
    return 1;
}

int es_channel_stats_since(const es_store_t *store,
                           const es_channel_stats_t *stats,
                           apr_uint64_t since_ms, int most,
                           apr_uint64_t *first_ms)
{
    es_pos_t pos = stats->newest;
    es_record_t record;
    int count = 0;

    while (count < most && look_at_event(store, stats, pos, &record) &&
           record.id.ms >= since_ms) {
        *first_ms = record.id.ms;
        count++;
        pos = es_journal_record_before(&record, stats->slot);
    }
    return count;
}

/**
 * Look at the record at *ahead and go to the next one.
 *
 * @return 1 if it is the channel's first event
 */
static int look_ahead(const es_store_t *store, const es_channel_stats_t *stats,
                      es_pos_t *ahead, es_id_t *id)
{
    es_pos_t tail = es_store_tail(store);
    es_record_t record;

    if (*ahead < tail) {
        *ahead = tail;
    }
    if (es_store_look(store, *ahead, &record) != APR_SUCCESS) {
        return 0;
    }
    *ahead = record.next;
    if (!es_journal_record_has(&record, stats->slot) || record.closes ||
        record.pos <= stats->closed) {
        return 0;
    }
    *id = record.id;
    return 1;
}

/*
 * Walks from both ends at the same time: back along the channel's chain, which
 * is short if the channel is quiet, and forward from the tail, where a busy
 * channel has a record soon.
 */
int es_channel_stats_first(const es_store_t *store,
                           const es_channel_stats_t *stats, es_id_t *id)
{
    es_pos_t pos = stats->newest;
    es_pos_t ahead = stats->closed;
    es_record_t record;
    int found = 0;

    while (look_at_event(store, stats, pos, &record)) {
        *id = record.id;
        found = 1;
        pos = es_journal_record_before(&record, stats->slot);
        if (look_ahead(store, stats, &ahead, id)) {
            break;
        }
    }
    return found;
}
