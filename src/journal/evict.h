/* SPDX-License-Identifier: Apache-2.0 */
/** Room in the ring for what is to be written. */
#ifndef ES_JOURNAL_EVICT_H
#define ES_JOURNAL_EVICT_H

#include "journal/store_priv.h"

/**
 * Give up the oldest record, or the pad before it. Lock held.
 *
 * @return APR_SUCCESS; APR_EOF: there is none; APR_EGENERAL: it is damaged,
 *         repair
 */
apr_status_t es_evict_oldest(es_store_t *store);

/**
 * Give up the oldest records until a record may end at end. Lock held.
 *
 * @return APR_SUCCESS, or APR_EGENERAL: a record is damaged, repair
 */
apr_status_t es_evict_until(es_store_t *store, es_pos_t end);

#endif
