/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Saving: writes all that a store retains into a hub's file, from which
 * journal/load.h fills a store of any size.
 */
#ifndef ES_JOURNAL_SAVE_H
#define ES_JOURNAL_SAVE_H

#include "journal/file_head.h"
#include "journal/store.h"

typedef struct es_saved_t {
    apr_uint64_t events; /* and closes */
    apr_uint64_t bytes;  /* of the file */
} es_saved_t;

/**
 * Write a store into an empty file. It is not synchronized with the disk.
 *
 * @param from    no child uses it any more; its bytes are not trusted
 * @param fd      open for writing, at its beginning
 * @param head    its state and epoch are not used
 * @param now_ms  as for es_store_set_clock
 * @return APR_SUCCESS; APR_EGENERAL: the store is damaged; APR_ENOMEM; or why
 *         the file cannot be written, as ENOSPC
 *
 * Context: PARENT; takes no lock, waits for the disk.
 */
apr_status_t es_store_save(const es_store_t *from, int fd,
                           const es_file_head_t *head, apr_uint64_t now_ms,
                           es_saved_t *saved);

#endif
