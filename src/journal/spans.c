/* SPDX-License-Identifier: Apache-2.0 */
/*
 * There are two sets of spans. The one that is not valid is written, and one
 * store makes it valid:
 *
 *     an epoch begins     current = the other set
 *     a fill              head, since filling is where the head was: from then
 *                         on the other set is valid, and its last id is that
 *                         of the journal. Settling stores both, and the tail
 *
 * So spans, last id and records always agree. A process that dies before it has
 * settled leaves filling, and the next owner of the lock does it (repair.c).
 * The parent does not take the lock and asks es_spans_read.
 */
#include "journal/spans.h"

/* The segment is not trusted: indexes and counts are bounded here. */

static const es_span_set_t *current_set(const es_spans_t *spans)
{
    return &spans->sets[spans->current & 1];
}

static es_span_set_t *other_set(es_spans_t *spans)
{
    return &spans->sets[(spans->current & 1) ^ 1];
}

static int count_of(const es_span_set_t *set)
{
    return set->count <= ES_SPANS_MAX ? (int)set->count : ES_SPANS_MAX;
}

static void make_other_current(es_spans_t *spans)
{
    /* release: the set is written before */
    __atomic_store_n(&spans->current, (spans->current & 1) ^ 1,
                     __ATOMIC_RELEASE);
}

void es_spans_init(es_spans_t *spans, const es_id_t *epoch)
{
    spans->sets[0].at[0].first = spans->sets[0].at[0].last = *epoch;
    spans->sets[0].count = 1;
}

/* Of a set that makes no sense, the last span is. */
static int first_valid_of(const es_span_set_t *set)
{
    int count = count_of(set);

    return set->valid < (apr_uint32_t)count ? (int)set->valid
           : count > 0                      ? count - 1
                                            : 0;
}

/** Is the id in a span of the set, from this one on? */
static int has_from(const es_span_set_t *set, int from, const es_id_t *id)
{
    int count = count_of(set);
    int i;

    for (i = from; i < count; i++) {
        const es_span_t *span = &set->at[i];

        if (es_id_is_same_epoch(id, &span->first) &&
            es_id_compare(id, &span->first) >= 0 &&
            (i == count - 1 || es_id_compare(id, &span->last) <= 0)) {
            return 1;
        }
    }
    return 0;
}

int es_spans_set_has(const es_span_set_t *set, const es_id_t *id)
{
    return has_from(set, 0, id);
}

int es_spans_have(const es_store_t *store, const es_id_t *id)
{
    const es_span_set_t *set = current_set(&store->segment->spans);
    es_id_t last = es_journal_last(&store->journal);

    return es_id_compare(id, &last) <= 0 &&
           has_from(set, first_valid_of(set), id);
}

int es_spans_had(const es_store_t *store, const es_id_t *id)
{
    es_id_t oldest = es_spans_oldest(store);
    es_id_t valid = es_spans_first_valid(store);

    /* the spans of a fill are not there yet; no stream has an event twice */
    return !es_spans_is_filling(store) && es_id_compare(id, &oldest) >= 0 &&
           es_id_compare(id, &valid) < 0;
}

int es_spans_are_given(const es_store_t *store)
{
    return current_set(&store->segment->spans)->is_given == 1;
}

es_id_t es_spans_begin(const es_store_t *store)
{
    const es_span_set_t *set = current_set(&store->segment->spans);
    int count = count_of(set);

    return count > 0 ? set->at[count - 1].first : store->epoch;
}

es_id_t es_spans_oldest(const es_store_t *store)
{
    const es_span_set_t *set = current_set(&store->segment->spans);

    return count_of(set) > 0 ? set->at[0].first : store->epoch;
}

es_id_t es_spans_first_valid(const es_store_t *store)
{
    const es_span_set_t *set = current_set(&store->segment->spans);

    return count_of(set) > 0 ? set->at[first_valid_of(set)].first
                             : store->epoch;
}

int es_spans_are_last(const es_store_t *store, const es_id_t *id)
{
    es_id_t last = es_journal_last(&store->journal);

    return es_spans_are_given(store) && es_id_compare(&last, id) == 0;
}

void es_spans_add(es_store_t *store, const es_id_t *marker)
{
    es_spans_t *spans = &store->segment->spans;
    const es_span_set_t *set = current_set(spans);
    es_span_set_t *next = other_set(spans);
    int count = count_of(set);
    int kept = count < ES_SPANS_MAX ? count : ES_SPANS_MAX - 1;
    int valid = first_valid_of(set) - (count - kept);

    *next = *set;
    memcpy(next->at, &set->at[count - kept], kept * sizeof(es_span_t));
    if (kept > 0) {
        next->at[kept - 1].last = es_journal_last(&store->journal);
    }
    next->at[kept].first = next->at[kept].last = *marker;
    next->count = (apr_uint32_t)kept + 1;
    next->valid = valid > 0 ? (apr_uint32_t)valid : 0;
    make_other_current(spans);
}

/* ---- a fill ------------------------------------------------------------- */

/** The set of the fill, once it is committed. */
static const es_span_set_t *filled_set(const es_spans_t *spans)
{
    return &spans->sets[spans->filled & 1];
}

/** The last span of a set. */
static const es_span_t *last_span(const es_span_set_t *set)
{
    int count = count_of(set);

    return &set->at[count > 0 ? count - 1 : 0];
}

void es_spans_begin_fill(es_store_t *store, const es_history_t *history)
{
    es_spans_t *words = &store->segment->spans;
    es_span_set_t *next = other_set(words);

    memset(next, 0, sizeof(*next));
    memcpy(next->at, history->spans, history->nspans * sizeof(es_span_t));
    next->count = (apr_uint32_t)history->nspans;
    next->valid = (apr_uint32_t)history->valid;
    next->is_given = 1;
    words->filled = (words->current & 1) ^ 1;
    /* release: death before it leaves all as it was; after it, a repair evicts
     * everything, as table and tail are about to change */
    __atomic_store_n(&words->filling, es_journal_head(&store->journal),
                     __ATOMIC_RELEASE);
}

int es_spans_is_filling(const es_store_t *store)
{
    return store->segment->spans.filling != 0;
}

int es_spans_is_filled(const es_store_t *store)
{
    es_pos_t filling = store->segment->spans.filling;
    es_pos_t head = es_journal_head(&store->journal);

    return filling != 0 && filling % ES_LINE == 0 && filling < head &&
           head - filling <= store->journal.bytes;
}

/* Death in here, or after it: the next owner of the lock does all of it again,
 * with the same result. */
void es_spans_settle_fill(es_store_t *store)
{
    es_spans_t *spans = &store->segment->spans;
    es_pos_t after = es_journal_after_reset(spans->filling);

    if (es_journal_tail(&store->journal) < after) {
        es_journal_set_tail(&store->journal, after);
    }
    es_journal_set_last(&store->journal, &last_span(filled_set(spans))->last);
    spans->current = spans->filled & 1;
}

void es_spans_end_fill(es_store_t *store)
{
    /* release: all that the fill changes comes before it */
    __atomic_store_n(&store->segment->spans.filling, 0, __ATOMIC_RELEASE);
}

/* ---- for migration ------------------------------------------------------ */

/** Do the spans rise, each of one epoch? The end of the last one is ignored. */
static int are_spans(const es_span_set_t *set)
{
    apr_uint32_t i;

    for (i = 0; i < set->count && i < ES_SPANS_MAX; i++) {
        const es_span_t *span = &set->at[i];

        if (i > 0 && es_id_compare(&span->first, &set->at[i - 1].last) <= 0) {
            return 0;
        }
        if (i + 1 < set->count &&
            (es_id_compare(&span->first, &span->last) > 0 ||
             !es_id_is_same_epoch(&span->first, &span->last))) {
            return 0;
        }
    }
    return set->count >= 1 && set->count <= ES_SPANS_MAX;
}

int es_spans_set_is_valid(const es_span_set_t *set, const es_id_t *epoch)
{
    return are_spans(set) && set->valid < set->count &&
           (set->is_given ||
            (set->count == 1 && es_id_compare(&set->at[0].first, epoch) == 0));
}

int es_spans_read(const es_store_t *store, es_span_set_t *set, es_id_t *last)
{
    int is_filled = es_spans_is_filled(store);
    const es_span_t *present;

    *set = is_filled ? *filled_set(&store->segment->spans)
                     : *current_set(&store->segment->spans);
    if (!es_spans_set_is_valid(set, &store->epoch)) {
        return 0;
    }
    present = last_span(set);
    *last = is_filled ? present->last : es_journal_last(&store->journal);
    if (es_id_compare(last, &present->first) < 0 ||
        !es_id_is_same_epoch(last, &present->first)) {
        *last = present->first;
    }
    return 1;
}

es_pos_t es_spans_tail(const es_store_t *store)
{
    es_pos_t tail = es_journal_tail(&store->journal);
    es_pos_t after;

    if (!es_spans_is_filling(store)) {
        return tail;
    }
    if (!es_spans_is_filled(store)) {
        return es_journal_head(&store->journal);
    }
    after = es_journal_after_reset(store->segment->spans.filling);
    return tail < after ? after : tail;
}

void es_spans_write(es_store_t *store, const es_span_set_t *set)
{
    store->segment->spans.sets[store->segment->spans.current & 1] = *set;
}
