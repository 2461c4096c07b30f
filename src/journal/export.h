/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The exporter: reads all that a store retains, and what its channels have
 * lost, as items (journal/transfer.h). It trusts no byte of the segment, takes
 * no lock and changes nothing.
 */
#ifndef ES_JOURNAL_EXPORT_H
#define ES_JOURNAL_EXPORT_H

#include "journal/store.h"
#include "journal/transfer.h"

/**
 * The head of what es_export gives.
 *
 * @return APR_SUCCESS; APR_EGENERAL: the store is damaged
 *
 * Context: PARENT, when no child uses the store any more.
 */
apr_status_t es_export_head(const es_store_t *from, es_transfer_head_t *head);

/**
 * Give all items to put.
 *
 * @param head  of es_export_head
 * @return APR_SUCCESS; APR_EGENERAL: the store is damaged; APR_ENOMEM; or what
 *         put has returned
 *
 * Context: as es_export_head.
 */
apr_status_t es_export(const es_store_t *from, const es_transfer_head_t *head,
                       es_transfer_put_fn_t *put, void *baton);

#endif
