/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Migration: copies the events of a hub's segment to a new segment of another
 * size. Events keep their ids, and the new store knows what each channel has
 * lost. So a client that resumes by an id notices nothing, unless what it has
 * missed does not fit any more.
 *
 * If a broker gives the ids, the new store has the same epochs, and goes on at
 * the same place of the broker's stream.
 *
 * Positions are not copied: each is valid in one segment only
 * (es_store_segment_id).
 */
#ifndef ES_JOURNAL_MIGRATE_H
#define ES_JOURNAL_MIGRATE_H

#include "journal/import.h"

/**
 * Fill a new store with what an old one retains.
 *
 * @param to    just formatted, with the epoch of the old one
 * @param from  no child uses it any more; its bytes are not trusted
 * @return APR_SUCCESS; APR_EGENERAL: the old store is damaged; APR_ENOMEM. On
 *         an error the caller formats to again, with another epoch
 *
 * Context: PARENT, before any other process sees to. It does not take the lock
 * of from: a child may have died with it.
 */
apr_status_t es_store_migrate(es_store_t *to, const es_store_t *from,
                              es_migrated_t *migrated);

#endif
