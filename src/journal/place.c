/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last id is stored after the head (es_journal_commit). So if the head was
 * the same before and after the last id was read, the last id is that of a
 * record before this head, and none behind it has a lower one.
 */
#include "journal/place.h"

#include "base/context.h"
#include "journal/spans.h"
#include "journal/stream_append.h"

/* A journal begins at the size of its ring (es_store_format), a whole number of
 * pages. */
typedef char assert_before_all[ES_POS_BEFORE_ALL == ES_LINE ? 1 : -1];

static apr_status_t id_at_head(es_store_t *store, es_pos_t head, es_id_t *id)
{
    es_id_t last;
    apr_status_t rv = es_store_last(store, &last);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    if (last.ms == 0) {
        return APR_ENOENT;
    }
    if (es_store_head(store) != head) {
        return APR_EAGAIN;
    }
    *id = last;
    return APR_SUCCESS;
}

apr_status_t es_store_id_at(es_store_t *store, es_pos_t pos, es_id_t *id)
{
    es_pos_t head = es_store_head(store);
    es_record_t record;
    apr_status_t rv;

    ES_CONTEXT(ES_CLUSTER);
    if (pos == 0) {
        return APR_ENOENT;
    }
    if (pos == head) {
        return id_at_head(store, head, id);
    }
    rv = es_store_look(store, pos, &record);
    if (rv == APR_SUCCESS) {
        *id = es_id_before(&record.id);
    }
    return APR_STATUS_IS_EOF(rv) ? APR_EGENERAL : rv;
}

/* ---- back ---------------------------------------------------------------- */

/* Where the oldest record is, and the id above which all are retained. */
static apr_status_t read_oldest(es_store_t *store, es_pos_t *tail, es_id_t *id)
{
    es_repair_report_t report;
    apr_status_t rv = es_store_lock(store, &report);
    es_pos_t reset;
    es_record_t record;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    *tail = es_journal_tail(&store->journal);
    reset = es_journal_reset_pos(&store->journal);
    *id = es_journal_last(&store->journal);
    if (reset != 0 && *tail == es_journal_after_reset(reset)) {
        *id = es_spans_oldest(store); /* nothing was evicted since the fill */
    }
    else if (es_journal_look(&store->journal, *tail, &record) == APR_SUCCESS) {
        *id = record.id; /* the one before it is not known */
    }
    es_store_unlock(store, &report);
    return APR_SUCCESS;
}

apr_status_t es_store_pos_after(es_store_t *store, es_pos_t *pos,
                                const es_id_t *id, int looks)
{
    es_record_t record;
    apr_status_t rv;

    ES_CONTEXT(ES_CLUSTER);
    if (*pos < es_store_tail(store)) {
        es_id_t from;
        es_pos_t tail;

        rv = read_oldest(store, &tail, &from);
        if (rv != APR_SUCCESS || es_id_compare(id, &from) < 0) {
            return rv != APR_SUCCESS ? rv : APR_ENOENT;
        }
        *pos = tail;
    }
    for (; looks > 0; looks--) {
        rv = es_store_look(store, *pos, &record);
        if (rv != APR_SUCCESS) {
            return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
        }
        if (es_id_compare(&record.id, id) > 0) {
            return APR_SUCCESS;
        }
        *pos = record.next;
    }
    return APR_INCOMPLETE;
}

/* ---- a batch ------------------------------------------------------------- */

/* Go over records. @return how many were passed; *pos is behind them */
static int pass(const es_store_t *store, es_pos_t *pos, const es_id_t *last_id,
                int most)
{
    es_record_t record;
    int passed = 0;

    while (passed < most &&
           es_store_look(store, *pos, &record) == APR_SUCCESS &&
           es_id_compare(&record.id, last_id) <= 0) {
        *pos = record.next;
        passed++;
    }
    return passed;
}

void es_store_find_batch(const es_store_t *store, es_pos_t before,
                         const es_id_t *last_id, int count, es_pos_t *from,
                         es_pos_t *to)
{
    es_pos_t head = es_store_head(store);
    int passed;

    *from = *to = before;
    passed = pass(store, to, last_id, ES_STORE_FIND_MAX);
    if (passed == ES_STORE_FIND_MAX || before < es_store_tail(store)) {
        *to = head;
        return;
    }
    (void)pass(store, from, last_id, passed > count ? passed - count : 0);
}
