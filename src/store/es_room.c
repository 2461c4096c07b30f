/* SPDX-License-Identifier: Apache-2.0 */
#include "store/es_room.h"

apr_status_t es_room_make(es_store_t *store, es_pos_t end)
{
    es_journal_t *journal = &store->journal;
    es_record_t oldest;
    int i;

    while (end - es_journal_tail(journal) > journal->bytes) {
        es_pos_t tail = es_journal_tail(journal);

        if (es_journal_look(journal, tail, &oldest) != APR_SUCCESS) {
            return APR_EGENERAL;
        }
        if (oldest.pos != tail) {
            /* a pad stood there, and that may have been enough */
            es_journal_drop(journal, oldest.pos);
            continue;
        }
        /* the table first, then the tail: see es_chantab_evict */
        for (i = 0; i < oldest.nslots; i++) {
            es_chantab_evict(&store->tab, oldest.slots[i], tail, &oldest.id);
        }
        es_journal_drop(journal, oldest.next);
    }
    return APR_SUCCESS;
}
