/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same event is one with the same id, the same channels and the same
 * frame, byte for byte; under the lock these bytes can be looked at where
 * they stand.
 */
#include "journal/append_known.h"

#include "journal/record.h"

/** Is the record before the channel's last close, and so no longer there? */
static int is_dropped(const es_store_t *store, const es_record_t *record,
                      es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(&store->tab, slot);

    return chan != NULL && record->pos <= chan->closed_pos;
}

static int is_same(const es_store_t *store, const es_record_t *record,
                   const es_entry_t *entry, const es_slot_t *slots)
{
    int i;

    if (record->nslots != entry->nchannels) {
        return 0;
    }
    for (i = 0; i < entry->nchannels; i++) {
        if (!es_record_has(record, slots[i])) {
            return 0;
        }
    }
    return es_frame_is(entry->frame, es_journal_frame(&store->journal, record));
}

apr_status_t es_append_known_find(const es_store_t *store,
                                  const es_entry_t *entry, apr_uint64_t hash,
                                  const es_slot_t *slots, es_record_t *found,
                                  int *channel)
{
    int i;

    for (i = 0; i < entry->nchannels; i++) {
        apr_status_t rv =
            es_publisher_ids_find(&store->publisher_ids, hash, slots[i],
                                  entry->frame->publisher_id, found);

        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (found->pos != 0 && is_dropped(store, found, slots[i])) {
            found->pos = 0;
        }
        if (found->pos != 0) {
            /* of the same channels, if it is the same: then there is nothing
             * else to be found in them */
            *channel = i;
            return is_same(store, found, entry, slots) ? APR_SUCCESS
                                                       : APR_EEXIST;
        }
    }
    return APR_SUCCESS;
}
