/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Twins: events of one batch that have the same id of a publisher and a
 * channel in common. With the same content the later one is the earlier once
 * more; with another one it clashes. Knows no segment.
 */
#ifndef ES_JOURNAL_BATCH_DUPS_H
#define ES_JOURNAL_BATCH_DUPS_H

#include "journal/store.h"

/**
 * Find the twins of a batch.
 *
 * @param key    secret of the hash
 * @param dups  count places: the index of the earlier event that is the
 *               same, or -1
 * @param clash  filled on APR_EEXIST
 * @return APR_SUCCESS; APR_EEXIST: two of them clash; APR_ENOMEM
 *
 * Context: ANY; takes time in proportion to the batch.
 */
apr_status_t es_batch_dups_find(const es_entry_t *entries, int count,
                                const apr_uint64_t key[2], int *dups,
                                es_clash_t *clash);

/** Do both have the same names, in whatever order? They are distinct. */
int es_batch_dups_same_names(const es_entry_t *a, const es_entry_t *b);

#endif
