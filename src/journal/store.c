/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public interface: formats and attaches to a store, subscribes, reads.
 * journal/append.c appends, journal/repair.c locks and repairs,
 * journal/check.c checks; they share journal/store_priv.h. journal/layout.h
 * draws the segment.
 *
 * A child that dies in es_store_subscribe leaves slots, which are idle and can
 * be reclaimed, and subscriptions, which the parent removes by es_store_reap.
 */
#include "journal/store.h"

#include "journal/store_priv.h"
#include "base/context.h"
#include "journal/flow_control.h"
#include "journal/slot_maker.h"
#include "journal/spans.h"

#include <apr_general.h>

apr_size_t es_store_size(const es_store_params_t *params)
{
    es_layout_t layout;

    return es_layout_of(&layout, params) ? (apr_size_t)layout.size : 0;
}

apr_status_t es_store_format(void *mem, const es_store_params_t *params,
                             const es_id_t *epoch)
{
    es_store_segment_t *segment = mem;
    es_segment_hdr_t *hdr = &segment->hdr;
    es_layout_t layout;
    apr_status_t rv;

    if (!es_layout_of(&layout, params)) {
        return APR_EINVAL;
    }
    rv = apr_generate_random_bytes((unsigned char *)hdr->key, sizeof(hdr->key));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_generate_random_bytes((unsigned char *)&segment->tail.segment_id,
                                   sizeof(segment->tail.segment_id));
    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = es_lock_init(&segment->guard.lock);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    hdr->version = ES_LAYOUT_VERSION;
    hdr->chan_size = sizeof(es_chan_t);
    hdr->ring_bytes = layout.params.ring_bytes;
    hdr->channels = layout.params.channels;
    hdr->max_children = layout.params.max_children;
    hdr->epoch_ms = epoch->ms;
    hdr->epoch_n = epoch->n;
    segment->head.last[0] = *epoch;
    es_spans_init(&segment->spans, epoch);
    segment->head.pos = layout.params.ring_bytes;
    segment->tail.pos = layout.params.ring_bytes;
    /* what was before this store counts as evicted */
    segment->table.forgotten_ms = epoch->ms;
    segment->table.forgotten_n = epoch->n;
    hdr->magic = ES_LAYOUT_MAGIC;
    return APR_SUCCESS;
}

apr_status_t es_store_attach(es_store_t **out, void *mem, apr_size_t mem_size,
                             const es_store_params_t *params, apr_pool_t *pool)
{
    es_store_segment_t *segment = mem;
    const es_segment_hdr_t *hdr = &segment->hdr;
    es_layout_t layout;
    es_store_t *store;

    if (!es_layout_of(&layout, params) || mem_size < layout.size ||
        hdr->magic != ES_LAYOUT_MAGIC || hdr->version != ES_LAYOUT_VERSION ||
        hdr->chan_size != sizeof(es_chan_t) ||
        hdr->ring_bytes != layout.params.ring_bytes ||
        hdr->channels != layout.params.channels ||
        hdr->max_children != layout.params.max_children) {
        return APR_EMISMATCH;
    }
    store = apr_pcalloc(pool, sizeof(*store));
    store->layout = layout;
    store->segment = segment;
    store->lock_wait = ES_STORE_LOCK_WAIT;
    store->epoch.ms = hdr->epoch_ms;
    store->epoch.n = hdr->epoch_n;
    es_subscriptions_attach(&store->subscriptions, &layout, mem);
    es_channels_attach(&store->channels, &layout, mem, &store->subscriptions);
    es_journal_attach(&store->journal, &layout, mem);
    es_publisher_ids_attach(&store->publisher_ids, &layout, mem,
                            &store->journal);
    *out = store;
    return APR_SUCCESS;
}

apr_uint64_t es_store_bytes(const es_store_t *store)
{
    return store->layout.params.ring_bytes;
}

es_id_t es_store_epoch(const es_store_t *store)
{
    return store->epoch;
}

apr_uint64_t es_store_segment_id(const es_store_t *store)
{
    return store->segment->tail.segment_id;
}

int es_store_is_sound(const es_store_t *store)
{
    return es_journal_is_sane(&store->journal);
}

/* ---- subscriptions ------------------------------------------------------ */

static int are_names(const es_slice_t *names, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (names[i].len < 1 || names[i].len > ES_CHANNEL_NAME_MAX) {
            return 0;
        }
    }
    return count >= 0;
}

static apr_status_t subscribe_one(es_slot_maker_t *maker, apr_uint32_t child,
                                  es_slice_t name, es_slot_t *slot,
                                  es_repair_report_t *report)
{
    const es_channels_t *channels = &maker->store->channels;
    apr_uint64_t hash = es_channels_hash(channels, name);
    apr_status_t rv = es_slot_maker_make(maker, name, hash, slot);

    if (rv == APR_EGENERAL) {
        rv = es_store_repair(maker->store, report);
        if (rv == APR_SUCCESS) {
            rv = es_slot_maker_make(maker, name, hash, slot);
        }
    }
    if (rv != APR_SUCCESS) {
        return rv;
    }
    return es_channels_subscribe(channels, child, *slot) ? APR_SUCCESS
                                                         : APR_EINVAL;
}

static void read_start(const es_store_t *store, es_start_t *start)
{
    start->pos = es_journal_head(&store->journal);
    start->id = es_journal_last(&store->journal);
}

void es_store_set_clock(es_store_t *store, apr_uint64_t now_ms)
{
    es_channels_set_clock(&store->channels, now_ms);
}

apr_status_t es_store_subscribe(es_store_t *store, apr_uint32_t child,
                                const es_slice_t *names, int count,
                                es_slot_t *slots, es_start_t *start)
{
    es_repair_report_t report;
    es_slot_maker_t maker;
    apr_status_t rv;
    int i;

    ES_CONTEXT(ES_WORKER | ES_DELIVERY);
    if (!are_names(names, count)) {
        return APR_EINVAL;
    }
    rv = es_store_lock(store, &report);
    if (rv != APR_SUCCESS) {
        return rv;
    }
    es_slot_maker_init(&maker, store, 0);
    es_channels_begin_batch(&store->channels);
    for (i = 0; i < count; i++) {
        rv = subscribe_one(&maker, child, names[i], &slots[i], &report);
        if (rv != APR_SUCCESS) {
            es_store_unsubscribe(store, child, slots, i);
            break;
        }
    }
    read_start(store, start);
    es_store_unlock(store, &report);
    es_slot_maker_log(&maker);
    return rv;
}

/* Death between the two steps leaves a total that is too high, so that
 * es_store_reap looks for a slot that has become idle. */
void es_store_unsubscribe(es_store_t *store, apr_uint32_t child,
                          const es_slot_t *slots, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        if (es_subscriptions_lower(&store->subscriptions, child, slots[i])) {
            es_channels_note_idle(&store->channels, slots[i]);
            es_subscriptions_lower_total(&store->subscriptions, child);
        }
    }
}

void es_store_reap(es_store_t *store, apr_uint32_t child)
{
    ES_CONTEXT(ES_PARENT);
    if (es_subscriptions_clear(&store->subscriptions, child,
                               es_channels_used(&store->channels))) {
        es_channels_note_all_idle(&store->channels);
    }
    es_flow_control_report(store, child, 0);
}

apr_status_t es_store_clients(es_store_t *store, es_slice_t name,
                              apr_uint64_t *clients)
{
    apr_uint64_t hash = es_channels_hash(&store->channels, name);
    es_slot_t slot = 0;
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);

    *clients = 0;
    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (es_channels_find(&store->channels, name, hash, &slot) == APR_SUCCESS &&
        slot != 0) {
        *clients = es_subscriptions_of_slot(&store->subscriptions, slot, NULL);
    }
    es_store_unlock(store, &report);
    return APR_SUCCESS;
}

apr_uint64_t es_store_child_subscriptions(const es_store_t *store,
                                          apr_uint32_t child)
{
    return es_subscriptions_of_child(&store->subscriptions, child);
}

es_slice_t es_store_name(const es_store_t *store, es_slot_t slot)
{
    return es_channels_name(&store->channels, slot);
}

/* ---- reading ------------------------------------------------------------ */

es_pos_t es_store_head(const es_store_t *store)
{
    return es_journal_head(&store->journal);
}

es_pos_t es_store_tail(const es_store_t *store)
{
    return es_journal_tail(&store->journal);
}

int es_store_is_reset(const es_store_t *store, es_pos_t pos)
{
    return pos <= es_journal_reset_pos(&store->journal);
}

/*
 * The position stays when its record is evicted. If it became 0, a reader that
 * is behind would conclude that the channel has no record for it, and would
 * skip a record that it has lost instead of noticing that it was overtaken.
 */
es_pos_t es_store_newest(const es_store_t *store, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(&store->channels, slot);

    /* relaxed: a reader loads the head first, with acquire, so it sees at
     * least what was stored before that head */
    return chan != NULL ? __atomic_load_n(&chan->newest, __ATOMIC_RELAXED) : 0;
}

/* The tail for all channels that are looked at next. A tail that is loaded
 * later may be beyond records that are evicted after their channel was looked
 * at. */
static es_pos_t tail_before_looks(const es_store_t *store)
{
    es_pos_t tail = es_journal_tail(&store->journal);

    /* acquire: evicted_pos of each record before this tail was stored before
     * the tail */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return tail;
}

static int is_evicted_since(const es_store_t *store, es_slot_t slot,
                            es_pos_t pos)
{
    const es_chan_t *chan = es_channels_at(&store->channels, slot);

    return chan == NULL ||
           __atomic_load_n(&chan->evicted_pos, __ATOMIC_RELAXED) >= pos;
}

int es_store_has_lost(const es_store_t *store, const es_slot_t *slots,
                      int count, es_pos_t pos, es_pos_t *tail)
{
    int i;

    *tail = tail_before_looks(store);
    for (i = 0; i < count; i++) {
        if (is_evicted_since(store, slots[i], pos)) {
            return 1;
        }
    }
    return 0;
}

int es_store_has_lost_parts(const es_store_t *store, const es_part_t *parts,
                            int count, es_pos_t pos, es_pos_t *tail)
{
    int i;

    *tail = tail_before_looks(store);
    for (i = 0; i < count; i++) {
        if (is_evicted_since(store, parts[i].slot,
                             pos > parts[i].from ? pos : parts[i].from)) {
            return 1;
        }
    }
    return 0;
}

apr_status_t es_store_look(const es_store_t *store, es_pos_t pos,
                           es_record_t *record)
{
    return es_journal_look(&store->journal, pos, record);
}

apr_status_t es_store_copy(const es_store_t *store, const es_record_t *record,
                           apr_size_t offset, char *dst)
{
    return es_journal_copy(&store->journal, record, offset, dst);
}

apr_status_t es_store_current(es_store_t *store, es_start_t *start)
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);

    if (rv == APR_SUCCESS) {
        read_start(store, start);
        es_store_unlock(store, &report);
    }
    return rv;
}

/* The channels' newest record is evicted: the tail is after it. */
static apr_status_t start_at_tail(const es_store_t *store, es_start_t *start)
{
    es_record_t record;

    if (es_store_look(store, es_store_tail(store), &record) != APR_SUCCESS) {
        return APR_EAGAIN;
    }
    start->pos = record.pos;
    start->id = es_id_before(&record.id);
    return APR_SUCCESS;
}

/*
 * The head is read first: of the records below it newest is the last one, and
 * one that is appended later is beyond start. A newest that is not below this
 * head may be one that its writer has not committed.
 */
apr_status_t es_store_latest(const es_store_t *store, const es_slot_t *slots,
                             int count, es_start_t *start)
{
    es_pos_t head = es_store_head(store);
    es_pos_t newest = 0;
    es_record_t record;
    int i;

    for (i = 0; i < count; i++) {
        es_pos_t pos = es_store_newest(store, slots[i]);

        newest = pos > newest ? pos : newest;
    }
    if (newest == 0 || newest >= head) {
        return APR_EAGAIN;
    }
    if (es_store_look(store, newest, &record) != APR_SUCCESS) {
        return start_at_tail(store, start);
    }
    start->pos = record.next;
    start->id = record.id;
    return APR_SUCCESS;
}
