/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read under the lock, as it must agree: up to which id a channel was
 * evicted, its newest record, and the tail. Walks need no lock then.
 */
#include "journal/resume_ends.h"

#include "journal/store_priv.h"

int es_resume_ends_some(int rest)
{
    return rest < ES_RESUME_ENDS_MAX ? rest : ES_RESUME_ENDS_MAX;
}

apr_status_t es_resume_ends_read(es_store_t *store, const es_slot_t *slots,
                                 int count, es_resume_ends_t *ends)
{
    es_repair_report_t news;
    apr_status_t rv = es_store_lock(store, &news);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    ends->tail = es_journal_tail(&store->journal);
    ends->evicted.ms = ends->evicted.n = 0;
    for (i = 0; i < count; i++) {
        const es_chan_t *chan = es_channels_at(&store->tab, slots[i]);
        es_id_t evicted = {0, 0};

        ends->newest[i] = 0;
        if (chan) {
            ends->newest[i] = chan->newest;
            evicted.ms = chan->evicted_ms;
            evicted.n = chan->evicted_n;
        }
        if (es_id_compare(&evicted, &ends->evicted) > 0) {
            ends->evicted = evicted;
        }
    }
    es_store_unlock(store, &news);
    return APR_SUCCESS;
}
