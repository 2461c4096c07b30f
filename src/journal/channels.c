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
 * it is needed. If none is free or unused, the next idle one is taken, round
 * the table. A set in the segment has the idle slots, so that none is searched
 * for:
 *
 *     made              added: it is idle until someone uses it
 *     appended to       removed                  } with the lock, so a slot
 *     subscribed to     removed                  } that is used stays out
 *     last record evicted, or       added, if the other of the two holds, too
 *     last subscription removed
 *
 * The last line is decided by two processes at once, of which one may have no
 * lock. Each changes its number, and then looks at the other's, with a full
 * fence in between: so at least one of them sees both at 0. A slot may be in
 * the set although it is in use; whoever finds it there removes it. A slot of a
 * closed channel stays in the set.
 *
 * The lock makes each change one step for living processes. If a process dies
 * half-way, the state word decides: a slot belongs to a channel from the store
 * of ES_CHAN_USED to that of ES_CHAN_FREE; a repair computes chains, free list
 * and set again. These stores are release stores, as the compiler must not move
 * other stores past them; the processor completes a dead process's stores in
 * the order in which the next owner of the lock sees them.
 */
#include "journal/channels.h"

#include <apr_siphash.h>

/** The part of the table that is the reserve. */
#define RESERVE_PART 16
/** Most slots of the set that one search examines. All but those of closed
 * channels are idle, or leave the set. */
#define EXAMINE_MAX 256

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
    channels->reserve = channels->nslots / RESERVE_PART;
    es_idle_slots_attach(&channels->idle, layout, mem);
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

/* ---- idle slots ---------------------------------------------------------- */

apr_uint32_t es_channels_used(const es_channels_t *channels)
{
    apr_uint32_t high =
        __atomic_load_n(&channels->table->high_slot, __ATOMIC_RELAXED);

    return high < channels->nslots ? high : channels->nslots;
}

/** 1 if a used slot has neither records nor subscriptions. */
static int is_quiet(const es_channels_t *channels, const es_chan_t *chan,
                    es_slot_t slot)
{
    return __atomic_load_n(&chan->state, __ATOMIC_RELAXED) == ES_CHAN_USED &&
           __atomic_load_n(&chan->retained, __ATOMIC_RELAXED) == 0 &&
           es_subscriptions_is_idle(channels->subscriptions, slot);
}

/** 1 if a quiet slot may be taken from its channel. */
static int is_dispensable(const es_channels_t *channels, const es_chan_t *chan)
{
    return chan->batch != channels->table->batch &&
           chan->closed_until_ms <=
               __atomic_load_n(&channels->table->now_ms, __ATOMIC_RELAXED);
}

void es_channels_note_idle(const es_channels_t *channels, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(channels, slot);

    /* seq_cst, between the caller's store and the loads of is_quiet: see the
     * head of this file */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (chan != NULL && is_quiet(channels, chan, slot)) {
        es_idle_slots_add(&channels->idle, slot);
    }
}

void es_channels_note_all_idle(const es_channels_t *channels)
{
    apr_uint32_t used = es_channels_used(channels);
    es_slot_t slot;

    for (slot = 1; slot <= used; slot++) {
        es_channels_note_idle(channels, slot);
    }
}

int es_channels_needs_only(const es_channels_t *channels, es_slot_t slot,
                           es_pos_t pos)
{
    const es_chan_t *chan = es_channels_at(channels, slot);

    return chan != NULL && chan->state == ES_CHAN_USED && chan->newest == pos &&
           is_dispensable(channels, chan) &&
           es_subscriptions_is_idle(channels->subscriptions, slot);
}

int es_channels_subscribe(const es_channels_t *channels, apr_uint32_t child,
                          es_slot_t slot)
{
    if (!es_subscriptions_raise(channels->subscriptions, child, slot)) {
        return 0;
    }
    es_idle_slots_remove(&channels->idle, slot);
    return 1;
}

/* ---- taking and giving --------------------------------------------------- */

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

apr_status_t es_channels_take(const es_channels_t *channels, es_slot_t slot)
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

apr_status_t es_channels_take_idle(const es_channels_t *channels,
                                   es_slot_t *slot)
{
    int left;

    for (left = EXAMINE_MAX; left > 0; left--) {
        es_slot_t at = es_idle_slots_next(
            &channels->idle, channels->table->examined % channels->nslots);
        const es_chan_t *chan = es_channels_at(channels, at);

        if (at == 0) {
            break;
        }
        channels->table->examined = at;
        if (chan == NULL || !is_quiet(channels, chan, at)) {
            es_idle_slots_remove(&channels->idle, at);
        }
        else if (is_dispensable(channels, chan)) {
            *slot = at;
            return es_channels_take(channels, at);
        }
    }
    return APR_ENOMEM;
}

apr_status_t es_channels_take_spare(const es_channels_t *channels,
                                    es_slot_t *slot)
{
    es_table_t *table = channels->table;

    if (table->free != 0) {
        const es_chan_t *chan = es_channels_at(channels, table->free);

        if (chan == NULL || chan->state != ES_CHAN_FREE) {
            return APR_EGENERAL;
        }
        *slot = table->free;
        table->free = chan->next;
        table->free_count--;
        return APR_SUCCESS;
    }
    if (table->high_slot < channels->nslots) {
        *slot = table->high_slot + 1;
        /* relaxed: the parent reads it without the lock, when a child that
         * could have subscribed to the slot is gone */
        __atomic_store_n(&table->high_slot, *slot, __ATOMIC_RELAXED);
        return APR_SUCCESS;
    }
    return APR_ENOMEM;
}

void es_channels_give_back(const es_channels_t *channels, es_slot_t slot)
{
    channels->slots[slot - 1].next = channels->table->free;
    channels->table->free = slot;
    channels->table->free_count++;
}

void es_channels_give(const es_channels_t *channels, es_slot_t slot,
                      es_slice_t name, apr_uint64_t hash)
{
    es_chan_t *chan = es_channels_at(channels, slot);

    chan->hash = hash;
    chan->name_len = (unsigned char)name.len;
    memcpy(chan->name, name.data, name.len);
    /* relaxed: no other process knows the slot yet */
    __atomic_store_n(&chan->newest, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chan->evicted_pos, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chan->closed_pos, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chan->closed_until_ms, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&chan->retained, 0, __ATOMIC_RELAXED);
    chan->dropped = 0;
    chan->batch = 0;
    chan->evicted_ms = channels->table->forgotten_ms;
    chan->evicted_n = channels->table->forgotten_n;
    /* death before it: the slot is free; after it: used, a repair links it */
    es_channels_set_state(chan, ES_CHAN_USED);
    es_channels_link(channels, slot);
    es_idle_slots_add(&channels->idle, slot);
}

apr_status_t es_channels_make(const es_channels_t *channels, es_slice_t name,
                              apr_uint64_t hash, es_slot_t *slot)
{
    apr_status_t rv = es_channels_find(channels, name, hash, slot);

    if (rv != APR_SUCCESS || *slot != 0) {
        return rv;
    }
    rv = es_channels_take_spare(channels, slot);
    if (rv == APR_ENOMEM) {
        rv = es_channels_take_idle(channels, slot);
    }
    if (rv == APR_SUCCESS) {
        es_channels_give(channels, *slot, name, hash);
    }
    return rv;
}

/* ---- records ------------------------------------------------------------- */

void es_channels_count_record(const es_channels_t *channels, es_slot_t slot)
{
    es_chan_t *chan = es_channels_at(channels, slot);

    channels->table->retaining += chan->retained == 0;
    /* relaxed: children read it in es_channels_note_idle only */
    __atomic_store_n(&chan->retained, chan->retained + 1, __ATOMIC_RELAXED);
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
    es_channels_count_record(channels, slot);
    es_idle_slots_remove(&channels->idle, slot);
    /* relaxed: the store of the head that follows makes it visible. A reader
     * that sees it earlier looks for a record that it cannot see yet. Death: a
     * repair counts retained and finds newest again. */
    __atomic_store_n(&chan->newest, pos, __ATOMIC_RELAXED);
    return previous;
}

/** A record of the slot is retained no longer. */
static void uncount_record(const es_channels_t *channels, es_slot_t slot)
{
    es_chan_t *chan = es_channels_at(channels, slot);

    if (chan->retained == 0) {
        return;
    }
    /* relaxed: es_channels_note_idle has a fence */
    __atomic_store_n(&chan->retained, chan->retained - 1, __ATOMIC_RELAXED);
    if (chan->retained == 0) {
        channels->table->retaining--;
        es_channels_note_idle(channels, slot);
    }
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
    if (chan->dropped > 0) {
        chan->dropped--; /* the oldest records are the dropped ones */
    }
    uncount_record(channels, slot);
}

/* Death in here: the caller's repair does it again, before it looks at any of
 * these values. */
void es_channels_evict_all(const es_channels_t *channels, es_pos_t pos,
                           const es_id_t *id)
{
    apr_uint32_t used = es_channels_used(channels);
    es_slot_t slot;

    channels->table->retaining = 0;
    es_channels_store_id(&channels->table->forgotten_ms,
                         &channels->table->forgotten_n, id);
    for (slot = 1; slot <= used; slot++) {
        es_chan_t *chan = es_channels_at(channels, slot);
        int was_retaining = chan->retained != 0;

        es_channels_store_id(&chan->evicted_ms, &chan->evicted_n, id);
        /* relaxed: the release store of the tail that follows orders them */
        if (pos != 0) {
            __atomic_store_n(&chan->newest, pos, __ATOMIC_RELAXED);
        }
        __atomic_store_n(&chan->evicted_pos, chan->newest, __ATOMIC_RELAXED);
        __atomic_store_n(&chan->retained, 0, __ATOMIC_RELAXED);
        chan->dropped = 0;
        chan->scan = 0;
        if (was_retaining) {
            es_channels_note_idle(channels, slot);
        }
    }
}

void es_channels_drop(const es_channels_t *channels, es_slot_t slot,
                      es_pos_t pos, const es_id_t *id, apr_uint32_t after)
{
    es_chan_t *chan = es_channels_at(channels, slot);

    if (chan == NULL) {
        return;
    }
    /* Death in here: the close is committed, and a repair finds it. */
    es_channels_store_id(&chan->evicted_ms, &chan->evicted_n, id);
    chan->dropped = chan->retained > after ? chan->retained - after : 0;
    /* relaxed: a client that subscribed before finds the record itself, or
     * sees by the tail that it is evicted; the tail is stored later, with
     * release */
    __atomic_store_n(&chan->closed_pos, pos, __ATOMIC_RELAXED);
}

void es_channels_close(const es_channels_t *channels, es_slot_t slot,
                       es_pos_t pos, const es_id_t *id, apr_uint64_t until_ms)
{
    es_channels_drop(channels, slot, pos, id, 0);
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

static apr_uint32_t spare_slots(const es_channels_t *channels)
{
    return channels->table->free_count + channels->nslots -
           es_channels_used(channels);
}

apr_uint32_t es_channels_for_publishers(const es_channels_t *channels)
{
    return spare_slots(channels) + channels->table->retaining;
}

int es_channels_has_room(const es_channels_t *channels)
{
    return spare_slots(channels) > 0;
}
