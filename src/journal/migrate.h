/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Carrying over: a hub gets a segment of another size, and its events go
 * along with their ids. What each channel has lost is known as before, so a
 * client that comes with an id is answered as if nothing had happened, unless
 * what it has missed does not fit any more.
 *
 * Positions do not go along: they are of one segment only
 * (es_store_segment_id).
 */
#ifndef ES_JOURNAL_MIGRATE_H
#define ES_JOURNAL_MIGRATE_H

#include "journal/store.h"

typedef struct es_migrated_t {
    apr_uint64_t events; /* retained by the new store */
    apr_uint64_t lost;   /* the oldest, for which there is no room */
} es_migrated_t;

/**
 * Fill a new store with what an old one retains.
 *
 * @param to    just formatted, with the birth that the old one had
 * @param from  no child uses it any more; its bytes are not trusted
 * @return APR_SUCCESS; else the old store makes no sense (or there is no
 *         memory), and to has to be formatted again, with another birth
 *
 * Context: PARENT, before any other process sees to. Takes no lock of from,
 * which a child may have died with.
 */
apr_status_t es_store_migrate(es_store_t *to, const es_store_t *from,
                              es_migrated_t *migrated);

#endif
