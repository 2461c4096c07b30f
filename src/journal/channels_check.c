/* SPDX-License-Identifier: Apache-2.0 */
/* Walks each chain and the free list, by which all slots must be met once. */
#include "journal/channels.h"

#include "journal/channels_priv.h"

#include <apr_strings.h>

const char *es_channels_check(const es_channels_t *tab, apr_pool_t *p)
{
    apr_uint32_t used = 0;
    apr_uint32_t linked = 0;
    apr_uint32_t unused = 0;
    apr_uint32_t i;
    es_slot_t at;

    if (tab->table->fresh > tab->count) {
        return "more fresh slots than there are";
    }
    for (i = 0; i < tab->nbuckets; i++) {
        for (at = tab->buckets[i]; at != 0; at = tab->slots[at - 1].next) {
            const es_chan_t *chan = es_channels_at(tab, at);

            if (chan == NULL || at > tab->table->fresh ||
                chan->state != ES_CHAN_USED ||
                es_channels_bucket(tab, chan->hash) != &tab->buckets[i] ||
                chan->hash !=
                    es_channels_hash(tab, es_channels_name(tab, at)) ||
                ++linked > tab->count) {
                return apr_psprintf(p, "bucket %u: slot %u is wrong", i, at);
            }
        }
    }
    for (at = tab->table->free; at != 0; at = tab->slots[at - 1].next) {
        const es_chan_t *chan = es_channels_at(tab, at);

        if (chan == NULL || at > tab->table->fresh ||
            chan->state != ES_CHAN_FREE || ++unused > tab->count) {
            return apr_psprintf(p, "free list: slot %u is wrong", at);
        }
    }
    for (at = 1; at <= tab->table->fresh; at++) {
        used += tab->slots[at - 1].state == ES_CHAN_USED;
    }
    if (used != linked || used + unused != tab->table->fresh) {
        return apr_psprintf(p, "%u slots used, %u linked, %u free of %u", used,
                            linked, unused, tab->table->fresh);
    }
    return NULL;
}
