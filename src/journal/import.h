/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The importer: fills a new store with items (journal/transfer.h). Events keep
 * their ids, and the store knows what each channel has lost, also by lack of
 * room. It does not trust what it gets.
 */
#ifndef ES_JOURNAL_IMPORT_H
#define ES_JOURNAL_IMPORT_H

#include "journal/store.h"
#include "journal/transfer.h"

typedef struct es_import_t es_import_t;

/** What an import has brought. */
typedef struct es_migrated_t {
    apr_uint64_t events; /* retained by the new store */
    apr_uint64_t lost;   /* the oldest, for which it has no room */
} es_migrated_t;

/**
 * Begin to fill a store.
 *
 * @param out   on success, to be given to es_import_end
 * @param to    just formatted, with the epoch of head
 * @param head  copied
 * @return APR_SUCCESS; APR_EGENERAL: head makes no sense; APR_ENOMEM
 *
 * Context: PARENT, before any other process sees to.
 */
apr_status_t es_import_begin(es_import_t **out, es_store_t *to,
                             const es_transfer_head_t *head);

/**
 * Take an item: es_transfer_put_fn_t.
 *
 * @param baton  the es_import_t
 * @return APR_SUCCESS; APR_EGENERAL: it may not come here; APR_ENOMEM
 */
apr_status_t es_import_put(void *baton, const es_transfer_t *item);

/**
 * The end, successful or not; frees the import.
 *
 * @param rv  of what gave the items
 * @return rv; APR_EGENERAL: not all items were there. Unless APR_SUCCESS, the
 *         caller formats to again, with another epoch
 */
apr_status_t es_import_end(es_import_t *import, apr_status_t rv,
                           es_migrated_t *migrated);

#endif
