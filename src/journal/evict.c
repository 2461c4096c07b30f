/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/evict.h"

apr_status_t es_evict_oldest(es_store_t *store)
{
    es_journal_t *journal = &store->journal;
    es_pos_t tail = es_journal_tail(journal);
    es_record_t oldest;
    apr_status_t rv = es_journal_look(journal, tail, &oldest);
    int i;

    if (rv != APR_SUCCESS) {
        return rv == APR_EOF ? APR_EOF : APR_EGENERAL;
    }
    if (oldest.pos != tail) {
        /* a pad stood there, and that may be enough */
        es_journal_drop(journal, oldest.pos);
        return APR_SUCCESS;
    }
    /* the table first, then the tail: see es_channels_evict */
    for (i = 0; i < oldest.nslots; i++) {
        es_channels_evict(&store->tab, oldest.slots[i], tail, &oldest.id);
    }
    es_journal_drop(journal, oldest.next);
    return APR_SUCCESS;
}

apr_status_t es_evict_until(es_store_t *store, es_pos_t end)
{
    while (end - es_journal_tail(&store->journal) > store->journal.bytes) {
        if (es_evict_oldest(store) != APR_SUCCESS) {
            return APR_EGENERAL;
        }
    }
    return APR_SUCCESS;
}
