/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seal takes the secret key of the hash of names, which never leaves the
 * segment, nor do hashes made with it. A seal is the hash of a hash with a word
 * in front, which no name or id has the form of.
 */
#include "journal/missed_last_ids.h"

#include <apr_siphash.h>

#include "journal/store_priv.h"

#define SEAL_WORD "seal" /* with NULs behind it */

static es_id_t last_of(es_store_t *store, es_slot_t slot)
{
    const es_chan_t *chan = es_channels_at(&store->tab, slot);
    es_id_t id = {0, 0};
    es_record_t newest;

    if (!chan) {
        return id;
    }
    id.ms = chan->evicted_ms;
    id.n = chan->evicted_n;
    if (chan->newest != 0 &&
        es_store_look(store, chan->newest, &newest) == APR_SUCCESS) {
        id = newest.id;
    }
    return id;
}

apr_status_t es_store_last_ids(es_store_t *store, const es_slot_t *slots,
                               int count, es_id_t *last_ids,
                               es_start_t *present)
{
    es_repair_report_t news;
    apr_status_t rv = es_store_lock(store, &news);
    int i;

    if (rv != APR_SUCCESS) {
        return rv;
    }
    for (i = 0; i < count; i++) {
        last_ids[i] = last_of(store, slots[i]);
    }
    present->pos = es_journal_head(&store->journal);
    present->id = es_store_last_id(store);
    es_store_unlock(store, &news);
    return APR_SUCCESS;
}

apr_uint64_t es_store_seal(const es_store_t *store, es_slice_t text)
{
    const unsigned char *key = (const unsigned char *)store->tab.key;
    struct {
        char word[8];
        apr_uint64_t hash;
    } outer = {SEAL_WORD, 0};

    outer.hash = apr_siphash24(text.data, text.len, key);
    return apr_siphash24(&outer, sizeof(outer), key);
}
