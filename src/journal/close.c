/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Like an append of one record: evict what is in the way, write the record,
 * move the head. Only then the table is changed. A child that dies in between
 * leaves the lock to be repaired, and the repair finds the record.
 */
#include "journal/close.h"

#include "base/context.h"
#include "journal/slot_maker.h"
#include "journal/store_priv.h"

/** The arguments of a close, and its result. */
typedef struct close_t {
    es_slice_t name;
    apr_uint64_t hash;
    apr_uint64_t now_ms;
    apr_uint64_t until_ms;
    es_closed_t closed;
    es_slot_maker_t maker;
} close_t;

/** Write the record and commit it, then change the table. */
static apr_status_t write_close(es_store_t *store, close_t *request,
                                es_slot_t slot, const es_id_t *id)
{
    es_journal_t *journal = &store->journal;
    apr_uint64_t size = es_journal_record_size(1, 0);
    es_content_t content = {0};
    es_link_t link = {0};
    es_pos_t head, pos;

    if (!es_journal_is_sane(journal)) {
        return APR_EGENERAL;
    }
    head = es_journal_head(journal);
    pos = es_journal_record_pos(journal, head, size);
    if (es_store_evict_until(store, pos + size) != APR_SUCCESS) {
        return APR_EGENERAL;
    }
    link.slot = slot;
    link.previous = es_channels_append(&store->channels, slot, pos,
                                       es_journal_tail(journal));
    content.id = *id;
    content.until_ms = request->until_ms;
    content.links = &link;
    content.nlinks = 1;
    es_journal_write(journal, head, pos, size, &content);
    es_journal_commit(journal, pos + size, id);
    request->closed.from = head;
    request->closed.head = pos + size;
    es_channels_close(&store->channels, slot, pos, id, request->until_ms);
    return APR_SUCCESS;
}

static apr_status_t try_close(es_store_t *store, close_t *request,
                              apr_uint64_t *touched)
{
    es_id_t last = es_store_last_id(store);
    es_slot_t slot;
    apr_status_t rv;

    es_channels_begin_batch(&store->channels);
    rv = es_slot_maker_make(&request->maker, request->name, request->hash,
                            &slot);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    (void)es_channels_use_slot(&store->channels, slot);
    request->closed.clients =
        es_subscriptions_of_slot(&store->subscriptions, slot, touched);
    request->closed.id = es_id_next(&last, request->now_ms);
    return write_close(store, request, slot, &request->closed.id);
}

apr_status_t es_store_close_any(es_store_t *store, es_slice_t name,
                                apr_uint64_t now_ms, apr_uint64_t until_ms,
                                apr_uint64_t *touched, es_closed_t *out)
{
    close_t request = {.name = name, .now_ms = now_ms, .until_ms = until_ms};
    es_repair_report_t report;
    apr_status_t rv;

    if (name.len < 1 || name.len > ES_CHANNEL_NAME_MAX) {
        return APR_EINVAL;
    }
    request.hash = es_channels_hash(&store->channels, name);
    es_slot_maker_init(&request.maker, store, 1);
    rv = es_store_lock(store, &report);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = try_close(store, &request, touched);
    if (rv == APR_EGENERAL) {
        rv = es_store_repair(store, &report);
        if (rv == APR_SUCCESS) {
            rv = try_close(store, &request, touched);
        }
    }
    es_store_unlock(store, &report);
    es_slot_maker_log(&request.maker);
    if (rv == APR_SUCCESS) {
        *out = request.closed;
    }
    return rv;
}

apr_status_t es_close_channel(es_store_t *store, es_slice_t name,
                              apr_uint64_t now_ms, apr_uint64_t until_ms,
                              apr_uint64_t *touched, es_closed_t *out)
{
    ES_CONTEXT(ES_WORKER);
    return es_store_close_any(store, name, now_ms, until_ms, touched, out);
}

int es_close_is_closed(const es_store_t *store, es_slot_t slot,
                       apr_uint64_t now_ms)
{
    const es_chan_t *chan = es_channels_at(&store->channels, slot);

    /* relaxed: the caller's subscribe took the lock, which orders it */
    return chan != NULL &&
           __atomic_load_n(&chan->closed_until_ms, __ATOMIC_RELAXED) > now_ms;
}

int es_close_exists_after(const es_store_t *store, const es_slot_t *slots,
                          int count, es_pos_t pos)
{
    int i;

    /* acquire: the caller has loaded a tail; closed_pos of a close before this
     * tail was stored before it */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    for (i = 0; i < count; i++) {
        const es_chan_t *chan = es_channels_at(&store->channels, slots[i]);

        if (chan != NULL &&
            __atomic_load_n(&chan->closed_pos, __ATOMIC_RELAXED) >= pos) {
            return 1;
        }
    }
    return 0;
}
