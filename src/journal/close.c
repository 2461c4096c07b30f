/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A close is appended like an event, see journal/append.c. Only when the head
 * has moved, the table is changed. A child that dies in between leaves the lock
 * to be repaired, and the repair finds the record.
 */
#include "journal/close.h"

#include "base/context.h"
#include "journal/append_batch.h"
#include "journal/store_priv.h"

apr_status_t es_close_channel(es_store_t *store, es_slice_t name,
                              apr_uint64_t now_ms, apr_uint64_t until_ms,
                              apr_uint64_t *touched, es_closed_t *out)
{
    es_entry_t entry = {&name, 1, NULL};
    es_append_params_t params = {0};
    es_appended_t appended;
    apr_status_t rv;

    ES_CONTEXT(ES_WORKER);
    params.entries = &entry;
    params.count = 1;
    params.now_ms = now_ms;
    params.until_ms = until_ms;
    params.channels = 1;
    rv = es_append_run(store, &params, touched, &appended);
    if (rv == APR_SUCCESS) {
        out->id = appended.last_id;
        out->from = appended.from;
        out->head = appended.head;
        out->clients = appended.clients;
    }
    return rv;
}

int es_close_is_closed(const es_store_t *store, es_slot_t slot,
                       apr_uint64_t now_ms)
{
    const es_chan_t *chan = es_channels_at(&store->channels, slot);

    /* relaxed: the caller's subscribe took the lock, which orders it */
    return chan != NULL &&
           __atomic_load_n(&chan->closed_until_ms, __ATOMIC_RELAXED) > now_ms;
}

/**
 * Was the channel closed at or after pos? After a reset, records are history
 * that readers before it do not get. Of that counts only whether the channel is
 * closed now.
 */
static int was_closed(const es_store_t *store, const es_chan_t *chan,
                      es_pos_t pos, es_pos_t reset_pos)
{
    es_pos_t closed = __atomic_load_n(&chan->closed_pos, __ATOMIC_RELAXED);

    if (closed < pos) {
        return 0;
    }
    return pos > reset_pos || closed <= reset_pos ||
           __atomic_load_n(&chan->closed_until_ms, __ATOMIC_RELAXED) >
               __atomic_load_n(&store->channels.table->now_ms,
                               __ATOMIC_RELAXED);
}

int es_close_exists_after(const es_store_t *store, const es_slot_t *slots,
                          int count, es_pos_t pos)
{
    es_pos_t reset_pos = es_journal_reset_pos(&store->journal);
    int i;

    /* acquire: the caller has loaded a tail; closed_pos of a close before this
     * tail was stored before it */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    for (i = 0; i < count; i++) {
        const es_chan_t *chan = es_channels_at(&store->channels, slots[i]);

        if (chan != NULL && was_closed(store, chan, pos, reset_pos)) {
            return 1;
        }
    }
    return 0;
}
