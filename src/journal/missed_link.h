/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A link: what a record says of one of its channels. For who has a record and
 * is no subscriber: names and ids are read back from the channel table.
 */
#ifndef ES_JOURNAL_MISSED_LINK_H
#define ES_JOURNAL_MISSED_LINK_H

#include "journal/store.h"

/** What one link of a record leads to. */
typedef struct es_linked_t {
    char name[ES_CHANNEL_NAME_MAX]; /* of the channel; name_len bytes */
    apr_size_t name_len;
    es_id_t before; /* our id of the channel's event before this record, just
                     * as es_store_last_ids had it before this one; when it had
                     * none yet, an id up to which none is retained */
} es_linked_t;

/**
 * Follow a link of a record that es_store_look has found.
 *
 * @param i  below record->nslots
 * @return APR_SUCCESS; APR_ENOENT: overtaken, the record is no longer
 *         retained; APR_EGENERAL: damaged, or the segment is not usable
 *
 * Context: WORKER, or another thread that may block; may take the store lock.
 */
apr_status_t es_store_link(es_store_t *store, const es_record_t *record, int i,
                           es_linked_t *out);

#endif
