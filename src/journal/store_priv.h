/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A process's view of a store: the parts of the segment, found by its own
 * arithmetic. Nothing in here is shared; only the store's files know it.
 */
#ifndef ES_JOURNAL_STORE_PRIV_H
#define ES_JOURNAL_STORE_PRIV_H

#include "journal/channels.h"
#include "journal/close.h"
#include "journal/journal.h"
#include "journal/layout.h"
#include "journal/publisher_ids.h"
#include "journal/subscriptions.h"

struct es_store_t {
    es_layout_t layout;
    es_store_segment_t *segment;
    es_subscriptions_t subscriptions;
    es_channels_t channels;
    es_journal_t journal;
    es_publisher_ids_t publisher_ids;
    es_id_t epoch;                /* own copy */
    apr_uint32_t unusable_logged; /* atomic; 1 = this process has logged it */
};

/** What happened under the lock, to be logged once it is given back. */
typedef struct es_repair_report_t {
    int repaired; /* the owner before died, all is well again */
    int rebuilt;  /* chains or records were found damaged */
    int emptied;  /* the journal was damaged and was emptied */
    int unusable; /* the segment is not usable */
    apr_uint64_t records;
} es_repair_report_t;

/**
 * Take the store's lock, and repair when its owner died.
 *
 * @return APR_SUCCESS, held; APR_EGENERAL, not held
 */
apr_status_t es_store_lock(es_store_t *store, es_repair_report_t *report);

/** Give the lock back, then log the report. */
void es_store_unlock(es_store_t *store, const es_repair_report_t *report);

/** The id of the last event, or of birth. Lock held. */
es_id_t es_store_last_id(const es_store_t *store);

/**
 * Give up the oldest record, or the pad before it. Lock held.
 *
 * @return APR_SUCCESS; APR_EOF: there is none; APR_EGENERAL: it is damaged,
 *         repair
 */
apr_status_t es_store_evict_oldest(es_store_t *store);

/**
 * Give up the oldest records until a record may end at end. Lock held.
 *
 * @return APR_SUCCESS, or APR_EGENERAL: a record is damaged, repair
 */
apr_status_t es_store_evict_until(es_store_t *store, es_pos_t end);

/**
 * es_store_append for any context: the parent fills a store that way which no
 * other process sees yet (journal/migrate.h).
 */
apr_status_t es_store_append_any(es_store_t *store, const es_entry_t *entries,
                                 int count, apr_uint64_t now_ms,
                                 apr_uint64_t *touched, es_appended_t *out);

/** es_close_channel for any context, as above. */
apr_status_t es_store_close_any(es_store_t *store, es_slice_t name,
                                apr_uint64_t now_ms, apr_uint64_t until_ms,
                                apr_uint64_t *touched, es_closed_t *out);

/**
 * Make anew all that follows from head, tail and the records: chains, free
 * list, newest, retained, index of ids. A journal that cannot be read is
 * emptied. Lock held.
 *
 * @return APR_SUCCESS, or APR_EGENERAL: head and tail make no sense
 */
apr_status_t es_store_repair(es_store_t *store, es_repair_report_t *report);

/** The first step of it: what is made anew is empty. A test's way to die in
 * the middle of a repair. Lock held. */
void es_repair_begin(es_store_t *store);

#endif
