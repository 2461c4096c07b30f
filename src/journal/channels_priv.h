/* SPDX-License-Identifier: Apache-2.0 */
/**
 * How single words of the channel table are read and stored. Only the table,
 * its repair and its check include this. Lock held.
 */
#ifndef ES_JOURNAL_CHANNELS_PRIV_H
#define ES_JOURNAL_CHANNELS_PRIV_H

#include "journal/channels.h"

static inline apr_uint32_t *es_channels_bucket(const es_channels_t *tab,
                                               apr_uint64_t hash)
{
    return &tab->buckets[hash & (tab->nbuckets - 1)];
}

static inline void es_channels_set_state(es_chan_t *chan, apr_uint32_t state)
{
    __atomic_store_n(&chan->state, state, __ATOMIC_RELEASE);
}

/** Death between the two leaves the new ms with the old n. As ms only rises
 * here, that is above the old id and at worst above the new one, too: some
 * client is told of a gap that is none. */
static inline void es_channels_store_id(apr_uint64_t *ms, apr_uint64_t *n,
                                        const es_id_t *id)
{
    __atomic_store_n(ms, id->ms, __ATOMIC_RELEASE);
    __atomic_store_n(n, id->n, __ATOMIC_RELEASE);
}

/** Put a slot into its bucket's chain, by one store. */
static inline void es_channels_link(const es_channels_t *tab, es_slot_t slot)
{
    es_chan_t *chan = es_channels_at(tab, slot);
    apr_uint32_t *bucket = es_channels_bucket(tab, chan->hash);

    chan->next = *bucket;
    __atomic_store_n(bucket, slot, __ATOMIC_RELEASE);
}

#endif
