/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash chains over an array of slots:
 *
 *     buckets  [ 0 ][ 3 ][ 0 ][ 1 ] …        hash & (nbuckets - 1)
 *                     │         │
 *     slots    [1: used, next 0][2: free, next 0][3: used, next 0] … [n]
 *                                 ▲ table->free           high_slot ▲
 *
 * Slots above high_slot were never used, so a big table costs no memory until
 * it is needed. If none is free or unused, a sweep goes round the slots and
 * takes the first idle one. After a whole round without success it examines at
 * most SWEEP_MAX slots a call, until it finds one again. So a call is short in
 * a full table, too.
 *
 * The lock makes each change one step for living processes. If a process dies
 * half-way, the state word decides: a slot belongs to a channel from the store
 * of ES_CHAN_USED to that of ES_CHAN_FREE; a repair computes chains and free
 * list again. These stores are release stores, as the compiler must not move
 * other stores past them; the processor completes a dead process's stores in
 * the order in which the next owner of the lock sees them.
 */
#include "journal/channels.h"

#include <apr_siphash.h>

#define SWEEP_MAX 1024

void es_channels_attach(es_channels_t *channels, const es_layout_t *layout,
                        void *mem, const es_subscriptions_t *subscriptions)
{
    es_store_segment_t *segment = mem;

    channels->table = &segment->table;
    channels->buckets = (apr_uint32_t *)((char *)mem + layout->buckets);
    channels->slots = (es_chan_t *)((char *)mem + layout->slots);
    channels->nslots = layout->params.channels;
    channels->nbuckets = layout->nbuckets;
    channels->key[0] = segment->hdr.key[0];
    channels->key[1] = segment->hdr.key[1];
    channels->subscriptions = subscriptions;
}

es_chan_t *es_channels_at(const es_channels_t *channels, es_slot_t slot)
{
    return slot != 0 && slot <= channels->nslots ? &channels->slots[slot - 1]
                                                 : NULL;
}

es_slice_t es_channels_name(const es_channels_t *channels, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(channels, slot);

    /* name_len is a byte, so it cannot exceed ES_CHANNEL_NAME_MAX */
    return chan != NULL ? es_slice(chan->name, chan->name_len)
                        : es_slice(NULL, 0);
}

apr_uint64_t es_channels_hash(const es_channels_t *channels, es_slice_t name)
{
    /* with a secret key: names come from clients, which could choose names
     * that all fall into one bucket */
    return apr_siphash24(name.data, name.len,
                         (const unsigned char *)channels->key);
}

void es_channels_begin_batch(const es_channels_t *channels)
{
    channels->table->batch++;
}

void es_channels_set_clock(const es_channels_t *channels, apr_uint64_t now_ms)
{
    /* relaxed: if two callers store at once, either value is right */
    __atomic_store_n(&channels->table->now_ms, now_ms, __ATOMIC_RELAXED);
}

int es_channels_use_slot(const es_channels_t *channels, es_slot_t slot)
{
    es_chan_t *chan = es_channels_at(channels, slot);

    if (chan == NULL || chan->batch == channels->table->batch) {
        return 0;
    }
    chan->batch = channels->table->batch;
    return 1;
}

apr_status_t es_channels_find(const es_channels_t *channels, es_slice_t name,
                              apr_uint64_t hash, es_slot_t *slot)
{
    apr_uint32_t at = *es_channels_bucket(channels, hash);
    apr_uint32_t steps;

    for (steps = 0; at != 0; steps++) {
        const es_chan_t *chan = es_channels_at(channels, at);

        if (chan == NULL || chan->state != ES_CHAN_USED ||
            steps > channels->nslots) {
            return APR_EGENERAL;
        }
        if (chan->hash == hash &&
            es_slice_equal(es_slice(chan->name, chan->name_len), name)) {
            break;
        }
        at = chan->next;
    }
    *slot = at;
    return APR_SUCCESS;
}

/** Take a slot out of its bucket's chain. */
static apr_status_t unlink_slot(const es_channels_t *channels, es_slot_t slot)
{
    es_chan_t *chan = es_channels_at(channels, slot);
    apr_uint32_t *from = es_channels_bucket(channels, chan->hash);
    apr_uint32_t steps;

    for (steps = 0; steps <= channels->nslots; steps++) {
        es_chan_t *at = es_channels_at(channels, *from);

        if (at == NULL) {
            break;
        }
        if (*from == slot) {
            /* death after it: used, but in no chain; a repair links it */
            *from = chan->next;
            return APR_SUCCESS;
        }
        from = &at->next;
    }
    return APR_EGENERAL;
}

static int is_idle(const es_channels_t *channels, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(channels, slot);

    return chan->state == ES_CHAN_USED && chan->retained == 0 &&
           chan->batch != channels->table->batch &&
           chan->closed_until_ms <=
               __atomic_load_n(&channels->table->now_ms, __ATOMIC_RELAXED) &&
           es_subscriptions_is_idle(channels->subscriptions, slot);
}

void es_channels_raise_forgotten(const es_channels_t *channels,
                                 const es_id_t *id)
{
    es_id_t forgotten = {channels->table->forgotten_ms,
                         channels->table->forgotten_n};

    if (es_id_compare(id, &forgotten) > 0) {
        es_channels_store_id(&channels->table->forgotten_ms,
                             &channels->table->forgotten_n, id);
    }
}

static apr_status_t reclaim(const es_channels_t *channels, es_slot_t slot)
{
    es_chan_t *chan = es_channels_at(channels, slot);
    es_id_t evicted = {chan->evicted_ms, chan->evicted_n};
    apr_status_t rv = unlink_slot(channels, slot);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    /* death after it: a repair keeps the channel; at worst the higher value
     * of forgotten resets a client that has missed nothing */
    es_channels_raise_forgotten(channels, &evicted);
    /* death after it: a repair puts the slot into the free list */
    es_channels_set_state(chan, ES_CHAN_FREE);
    return APR_SUCCESS;
}

/** Find an idle slot and reclaim it, see the head of this file. */
static apr_status_t sweep(const es_channels_t *channels, es_slot_t *slot)
{
    es_table_t *table = channels->table;
    apr_uint32_t left =
        table->sweep_misses < channels->nslots ? channels->nslots : SWEEP_MAX;

    for (; left > 0; left--) {
        table->sweep_slot =
            table->sweep_slot < channels->nslots ? table->sweep_slot + 1 : 1;
        if (is_idle(channels, table->sweep_slot)) {
            table->sweep_misses = 0;
            *slot = table->sweep_slot;
            return reclaim(channels, table->sweep_slot);
        }
        if (table->sweep_misses < channels->nslots) {
            table->sweep_misses++;
        }
    }
    return APR_ENOMEM;
}

/** Take a slot that is in no chain and no list; its state is free. If the
 * caller dies before it sets the state, a repair finds a free slot. */
static apr_status_t take_slot(const es_channels_t *channels, es_slot_t *slot)
{
    es_table_t *table = channels->table;

    if (table->free != 0) {
        const es_chan_t *chan = es_channels_at(channels, table->free);

        if (chan == NULL || chan->state != ES_CHAN_FREE) {
            return APR_EGENERAL;
        }
        *slot = table->free;
        table->free = chan->next;
        return APR_SUCCESS;
    }
    if (table->high_slot < channels->nslots) {
        table->high_slot++;
        *slot = table->high_slot;
        return APR_SUCCESS;
    }
    return sweep(channels, slot);
}

apr_status_t es_channels_make(const es_channels_t *channels, es_slice_t name,
                              apr_uint64_t hash, es_slot_t *slot)
{
    apr_status_t rv = es_channels_find(channels, name, hash, slot);
    es_chan_t *chan;

    if (rv != APR_SUCCESS || *slot != 0) {
        return rv;
    }
    rv = take_slot(channels, slot);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    chan = es_channels_at(channels, *slot);
    chan->hash = hash;
    chan->name_len = (unsigned char)name.len;
    memcpy(chan->name, name.data, name.len);
    /* relaxed: no other process knows the slot yet */
    __atomic_store_n(&chan->newest, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chan->evicted_pos, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chan->closed_pos, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chan->closed_until_ms, 0, __ATOMIC_RELAXED);
    chan->retained = 0;
    chan->dropped = 0;
    chan->batch = 0;
    chan->evicted_ms = channels->table->forgotten_ms;
    chan->evicted_n = channels->table->forgotten_n;
    /* death before it: the slot is free; after it: used, a repair links it */
    es_channels_set_state(chan, ES_CHAN_USED);
    es_channels_link(channels, *slot);
    return APR_SUCCESS;
}

es_pos_t es_channels_append(const es_channels_t *channels, es_slot_t slot,
                            es_pos_t pos, es_pos_t tail)
{
    es_chan_t *chan = es_channels_at(channels, slot);
    es_pos_t previous;

    if (chan == NULL) {
        return 0;
    }
    previous = chan->newest;
    if (previous < tail || previous >= pos || previous % ES_LINE != 0) {
        previous = 0;
    }
    chan->retained++;
    /* relaxed: the store of the head that follows makes it visible. A reader
     * that sees it earlier looks for a record that it cannot see yet. Death: a
     * repair counts retained and finds newest again. */
    __atomic_store_n(&chan->newest, pos, __ATOMIC_RELAXED);
    return previous;
}

void es_channels_evict(const es_channels_t *channels, es_slot_t slot,
                       es_pos_t pos, const es_id_t *id)
{
    es_chan_t *chan = es_channels_at(channels, slot);
    es_id_t evicted;

    if (chan == NULL) {
        return;
    }
    evicted.ms = chan->evicted_ms;
    evicted.n = chan->evicted_n;
    /* Death after it, before the tail moves: a retained record counts as
     * evicted; at worst a client is reset that has missed nothing. The other
     * order would lose a record silently. newest stays, see
     * es_store_newest. */
    if (es_id_compare(id, &evicted) > 0) { /* else a close has dropped it */
        es_channels_store_id(&chan->evicted_ms, &chan->evicted_n, id);
    }
    /* relaxed: the release store of the tail that follows orders it */
    __atomic_store_n(&chan->evicted_pos, pos, __ATOMIC_RELAXED);
    if (chan->retained > 0) {
        chan->retained--;
    }
    if (chan->dropped > 0) {
        chan->dropped--; /* the oldest records are the dropped ones */
    }
}

void es_channels_drop(const es_channels_t *channels, es_slot_t slot,
                      es_pos_t pos, const es_id_t *id)
{
    es_chan_t *chan = es_channels_at(channels, slot);

    if (chan == NULL) {
        return;
    }
    /* Death in here: the close is committed, and a repair finds it. */
    es_channels_store_id(&chan->evicted_ms, &chan->evicted_n, id);
    chan->dropped = chan->retained;
    /* relaxed: a client that subscribed before finds the record itself, or
     * sees by the tail that it is evicted; the tail is stored later, with
     * release */
    __atomic_store_n(&chan->closed_pos, pos, __ATOMIC_RELAXED);
}

void es_channels_close(const es_channels_t *channels, es_slot_t slot,
                       es_pos_t pos, const es_id_t *id, apr_uint64_t until_ms)
{
    es_channels_drop(channels, slot, pos, id);
    es_channels_set_closed(channels, slot, until_ms);
}

void es_channels_set_closed(const es_channels_t *channels, es_slot_t slot,
                            apr_uint64_t until_ms)
{
    es_chan_t *chan = es_channels_at(channels, slot);

    if (chan != NULL && chan->closed_until_ms != until_ms) {
        /* relaxed: for the same reason as closed_pos */
        __atomic_store_n(&chan->closed_until_ms, until_ms, __ATOMIC_RELAXED);
    }
}

int es_channels_has_dropped(const es_channels_t *channels, es_slot_t slot,
                            es_pos_t pos)
{
    const es_chan_t *chan = es_channels_at(channels, slot);

    return chan != NULL && pos <= chan->closed_pos;
}

void es_channels_set_evicted(const es_channels_t *channels, es_slot_t slot,
                             const es_id_t *id)
{
    es_chan_t *chan = es_channels_at(channels, slot);

    if (chan != NULL) {
        es_channels_store_id(&chan->evicted_ms, &chan->evicted_n, id);
    }
}

es_id_t es_channels_evicted(const es_channels_t *channels, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(channels, slot);
    es_id_t evicted = {0, 0};

    if (chan != NULL) {
        evicted.ms = chan->evicted_ms;
        evicted.n = chan->evicted_n;
    }
    return evicted;
}

int es_channels_has_room(const es_channels_t *channels)
{
    return channels->table->free != 0 ||
           channels->table->high_slot < channels->nslots;
}
