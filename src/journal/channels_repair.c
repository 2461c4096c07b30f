/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel table is made anew from its state words and names, and from what
 * the journal retains. Nothing else in it is trusted: the one before may have
 * died anywhere, also in here.
 */
#include "journal/channels.h"

#include "journal/channels_priv.h"

/** Slots that were ever used; the value is not trusted. */
static apr_uint32_t fresh_of(const es_channels_t *tab)
{
    return tab->table->fresh < tab->count ? tab->table->fresh : tab->count;
}

void es_channels_rebuild(const es_channels_t *tab)
{
    apr_uint32_t fresh = fresh_of(tab);
    es_slot_t slot;

    tab->table->fresh = fresh;
    tab->table->free = 0;
    tab->table->barren = 0;
    tab->table->batch++;
    memset(tab->buckets, 0, (apr_size_t)tab->nbuckets * 4);
    for (slot = fresh; slot > 0; slot--) {
        es_chan_t *chan = es_channels_at(tab, slot);

        chan->retained = 0;
        chan->dropped = 0;
        chan->scan = 0;
        if (chan->state == ES_CHAN_USED && chan->name_len != 0) {
            chan->hash = es_channels_hash(tab, es_channels_name(tab, slot));
            es_channels_link(tab, slot);
            continue;
        }
        es_channels_set_state(chan, ES_CHAN_FREE);
        chan->next = tab->table->free;
        tab->table->free = slot;
    }
}

int es_channels_recount(const es_channels_t *tab, es_slot_t slot, es_pos_t pos,
                        const es_id_t *id)
{
    es_chan_t *chan = es_channels_at(tab, slot);
    es_id_t evicted;

    if (chan == NULL || slot > fresh_of(tab) || chan->state != ES_CHAN_USED) {
        return 0;
    }
    evicted.ms = chan->evicted_ms;
    evicted.n = chan->evicted_n;
    if (chan->retained == 0 && es_id_compare(&evicted, id) > 0) {
        /* half of an id was stored, see es_channels_store_id */
        es_channels_store_id(&chan->evicted_ms, &chan->evicted_n, id);
    }
    chan->scan = pos;
    chan->retained++;
    return 1;
}

void es_channels_lose(const es_channels_t *tab, const es_id_t *id)
{
    es_chan_t *chan;

    es_channels_store_id(&tab->table->forgotten_ms, &tab->table->forgotten_n,
                         id);
    for (chan = tab->slots; chan < tab->slots + fresh_of(tab); chan++) {
        es_channels_store_id(&chan->evicted_ms, &chan->evicted_n, id);
        __atomic_store_n(&chan->gone, chan->newest, __ATOMIC_RELAXED);
        chan->retained = 0;
        chan->dropped = 0;
        chan->scan = 0;
    }
}

/** Where half of it was stored (es_channels_store_id), forgotten may be above
 * all ids that were given; a channel that is made next would then be told to
 * have lost what is yet to be published to it. */
static void bound_forgotten(es_table_t *table, const es_id_t *last)
{
    es_id_t forgotten = {table->forgotten_ms, table->forgotten_n};

    if (es_id_compare(&forgotten, last) > 0) {
        es_channels_store_id(&table->forgotten_ms, &table->forgotten_n, last);
    }
}

/*
 * newest is stored once, with its final value: readers look at it meanwhile,
 * and a value that is too low for an instant would make them skip a record.
 * Of a channel of which nothing is retained we know only that its newest
 * record was before the tail; a value that is too high does no harm.
 */
void es_channels_recounted(const es_channels_t *tab, es_pos_t tail,
                           const es_id_t *last)
{
    es_chan_t *chan;

    bound_forgotten(tab->table, last);
    for (chan = tab->slots; chan < tab->slots + fresh_of(tab); chan++) {
        es_pos_t newest = chan->newest;

        if (chan->retained != 0) {
            newest = chan->scan;
        }
        else if (newest >= tail) {
            newest = tail - ES_LINE;
        }
        /* relaxed: any value on the way is safe, see above */
        __atomic_store_n(&chan->newest, newest, __ATOMIC_RELAXED);
    }
}
