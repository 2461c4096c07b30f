/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Loading: fills a new store with what journal/save.h has written. Clients
 * resume as if nothing had happened, unless what they have missed does not fit
 * into the new store.
 */
#ifndef ES_JOURNAL_LOAD_H
#define ES_JOURNAL_LOAD_H

#include "journal/file_head.h"
#include "journal/import.h"

typedef struct es_load_times_t {
    apr_uint64_t now_ms; /* as for es_store_set_clock */
    apr_uint64_t day_ms; /* the time of day */
} es_load_times_t;

/**
 * Fill a store from a file.
 *
 * @param to    just formatted, with the epoch that the file's head has
 * @param fd    open for reading, at its beginning; nobody else writes to it
 * @return APR_SUCCESS; APR_EGENERAL: the file is not SAVED, or it is damaged;
 *         APR_ENOMEM; or why it cannot be read. On an error the caller formats
 *         to again, with another epoch
 *
 * Context: PARENT, before any other process sees to; waits for the disk.
 */
apr_status_t es_store_load(es_store_t *to, int fd, const es_load_times_t *times,
                           es_migrated_t *loaded);

#endif
