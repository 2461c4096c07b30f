/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table with open addressing, of pairs of an id and a channel: one entry
 * for each channel of each event that has an id. It is twice as large as
 * needed, so that runs stay short. It comes from malloc, as it lives no longer
 * than the search.
 */
#include "journal/batch_dups.h"

#include <apr_siphash.h>
#include <stdlib.h>

/** A channel of an event; event is its number + 1, 0 = an empty entry. */
typedef struct id_pair_t {
    apr_uint64_t hash;
    int event;
    int channel;
} id_pair_t;

typedef struct dup_table_t {
    const es_entry_t *entries;
    const unsigned char *key;
    id_pair_t *pairs;
    apr_size_t mask;
} dup_table_t;

static apr_size_t count_pairs(const es_entry_t *entries, int count)
{
    apr_size_t pairs = 0;
    int i;

    for (i = 0; i < count; i++) {
        if (entries[i].frame->publisher_id.len != 0) {
            pairs += (apr_size_t)entries[i].nchannels;
        }
    }
    return pairs;
}

static int is_same_pair(const dup_table_t *table, const id_pair_t *pair,
                        int event, int channel)
{
    const es_entry_t *a = &table->entries[pair->event - 1];
    const es_entry_t *b = &table->entries[event];

    return es_slice_equal(a->frame->publisher_id, b->frame->publisher_id) &&
           es_slice_equal(a->channels[pair->channel], b->channels[channel]);
}

/** The entry of the pair, or an empty one where it belongs. */
static id_pair_t *find_pair(const dup_table_t *table, apr_uint64_t hash,
                            int event, int channel)
{
    apr_size_t at = (apr_size_t)hash & table->mask;

    while (table->pairs[at].event != 0 &&
           (table->pairs[at].hash != hash ||
            !is_same_pair(table, &table->pairs[at], event, channel))) {
        at = (at + 1) & table->mask;
    }
    return &table->pairs[at];
}

/* Do both have the same channels, in any order? */
static int has_same_names(const es_entry_t *a, const es_entry_t *b)
{
    int i, k;

    if (a->nchannels != b->nchannels) {
        return 0;
    }
    for (i = 0; i < a->nchannels; i++) {
        for (k = 0; k < b->nchannels; k++) {
            if (es_slice_equal(a->channels[i], b->channels[k])) {
                break;
            }
        }
        if (k == b->nchannels) {
            return 0;
        }
    }
    return 1;
}

/** Insert an event's pairs.
 *
 * @param dup  the event that it repeats or clashes with, else unchanged
 * @return 1, or 0: it clashes in channel *channel */
static int put(const dup_table_t *table, int event, int *dup, int *channel)
{
    const es_entry_t *entry = &table->entries[event];
    apr_uint64_t id = apr_siphash24(entry->frame->publisher_id.data,
                                    entry->frame->publisher_id.len, table->key);
    int k;

    for (k = 0; k < entry->nchannels; k++) {
        apr_uint64_t hash =
            id ^ apr_siphash24(entry->channels[k].data, entry->channels[k].len,
                               table->key);
        id_pair_t *pair = find_pair(table, hash, event, k);

        if (pair->event != 0) {
            const es_entry_t *before = &table->entries[pair->event - 1];

            *dup = pair->event - 1;
            *channel = k;
            return es_frame_equal(before->frame, entry->frame) &&
                   has_same_names(before, entry);
        }
        pair->hash = hash;
        pair->event = event + 1;
        pair->channel = k;
    }
    return 1;
}

apr_status_t es_batch_dups_find(const es_entry_t *entries, int count,
                                const apr_uint64_t key[2], int *dups,
                                es_clash_t *clash)
{
    apr_size_t pairs = count > 1 ? count_pairs(entries, count) : 0;
    dup_table_t table = {entries, (const unsigned char *)key, NULL, 1};
    apr_status_t rv = APR_SUCCESS;
    int i, channel;

    for (i = 0; i < count; i++) {
        dups[i] = -1;
    }
    if (pairs == 0) {
        return APR_SUCCESS;
    }
    while (table.mask < pairs * 2) {
        table.mask *= 2;
    }
    table.pairs = calloc(table.mask, sizeof(*table.pairs));
    if (table.pairs == NULL) {
        return APR_ENOMEM;
    }
    table.mask--;
    for (i = 0; i < count && rv == APR_SUCCESS; i++) {
        if (entries[i].frame->publisher_id.len != 0 &&
            !put(&table, i, &dups[i], &channel)) {
            clash->event = i;
            clash->channel = channel;
            rv = APR_EEXIST;
        }
    }
    free(table.pairs);
    return rv;
}
