/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A process's view of a store: the parts of the segment at the addresses that
 * the process computed. Nothing in here is shared; only the store's own files
 * include this.
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
    es_id_t epoch;                 /* copied: the segment may be damaged */
    apr_interval_time_t lock_wait; /* of es_store_set_lock_wait */
    apr_uint32_t stall_logged;    /* atomic; 1 = a wait for the lock was in vain
                                * in this process, and no other one since was
                                * successful */
    apr_uint32_t unusable_logged; /* atomic; 1 = this process has logged it */
};

/** What a repair did under the lock; es_store_unlock logs it. */
typedef struct es_repair_report_t {
    int repaired; /* the last owner of the lock died; all is valid again */
    int rebuilt;  /* table and index were computed again */
    int emptied;  /* the journal was damaged and has been emptied */
    int unusable; /* head and tail are not plausible */
    int resumed;  /* waits for the lock were in vain before */
    apr_uint64_t records; /* retained after the repair */
} es_repair_report_t;

/**
 * Take the store's lock; if its last owner died, repair the store.
 *
 * @param report  filled in any case; for es_store_unlock
 * @return APR_SUCCESS: held; APR_TIMEUP: not held, another thread has it;
 *         APR_EGENERAL: not held, the segment is unusable
 */
apr_status_t es_store_lock(es_store_t *store, es_repair_report_t *report);

/** Release the lock, then log the report. */
void es_store_unlock(es_store_t *store, const es_repair_report_t *report);

/**
 * Evict the oldest record, or the pad before it. Lock held.
 *
 * @return APR_SUCCESS; APR_EOF: there is none; APR_EGENERAL: it is damaged,
 *         repair the store
 */
apr_status_t es_store_evict_oldest(es_store_t *store);

/**
 * Evict the oldest records until a record may end at end. Lock held.
 *
 * @return APR_SUCCESS; APR_EGENERAL: a record is damaged, repair the store
 */
apr_status_t es_store_evict_until(es_store_t *store, es_pos_t end);

/**
 * Compute again all that follows from head, tail and the records: chains, free
 * list, newest, retained, index of publishers' ids. A journal that cannot be
 * read is emptied. Lock held.
 *
 * @return APR_SUCCESS; APR_EGENERAL: head and tail are not plausible
 */
apr_status_t es_store_repair(es_store_t *store, es_repair_report_t *report);

/** A fill is committed: settle it, open the channels that it has no entry of,
 * and end it. Lock held. */
void es_repair_end_fill(es_store_t *store);

/** The first step of a repair: chains, free list and index are empty. Declared
 * for a test that dies in the middle of a repair. Lock held. */
void es_repair_begin(es_store_t *store);

#endif
