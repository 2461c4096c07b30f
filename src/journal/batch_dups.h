/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Finds duplicates within a batch: events with the same publisher's id that
 * have a channel in common. If their content is the same, the later event
 * repeats the earlier one; if it differs, the two clash. Knows no segment.
 */
#ifndef ES_JOURNAL_BATCH_DUPS_H
#define ES_JOURNAL_BATCH_DUPS_H

#include "journal/store.h"

/**
 * Find the duplicates of a batch.
 *
 * @param key    secret of the hash
 * @param dups   count of them, filled: the index of the earlier event that is
 *               the same, or -1
 * @param clash  filled on APR_EEXIST
 * @return APR_SUCCESS; APR_EEXIST: two events clash; APR_ENOMEM
 *
 * Context: ANY; its time is proportional to the size of the batch.
 */
apr_status_t es_batch_dups_find(const es_entry_t *entries, int count,
                                const apr_uint64_t key[2], int *dups,
                                es_clash_t *clash);

#endif
