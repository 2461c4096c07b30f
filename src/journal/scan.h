/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A scan: goes forward over the records of some channels, from a position to
 * another one. Where records of other channels lie between, it finds its own
 * along their links and continues at the next one. So it costs what these
 * channels have, not what the hub has.
 *
 * The caller reads each record at which the scan stops, and says whether the
 * record was one of its own.
 */
#ifndef ES_JOURNAL_SCAN_H
#define ES_JOURNAL_SCAN_H

#include "journal/store.h"

/** Other channels' records that are read in a row before a search along links.
 */
#define ES_SCAN_OTHERS_MAX 64
/** Most records that a search looks at. */
#define ES_SCAN_LINKS_MAX 512

/** What is scanned. */
typedef struct es_scan_params_t {
    const es_store_t *store;
    const es_slot_t *slots; /* of the channels; the caller subscribes to them.
                             * NULL = those of parts */
    const es_part_t *parts; /* for each channel, from where on its records are
                             * the scan's; NULL = all are */
    int count;              /* of slots, or of parts, or of both */
    es_pos_t stop;          /* the scan ends here; not beyond a head that was
                             * read before */
    es_pos_t search_from;   /* no search starts before this position: one
                             * found too many records; 0 = none did */
} es_scan_params_t;

typedef struct es_scan_t {
    es_scan_params_t params; /* search_from: also what a search has set */
    int others;              /* other channels' records in a row */
    int is_refused;          /* 1 = a search failed; there is no other one */
    int looks;               /* records that searches have looked at */
    int count;               /* of found */
    es_pos_t found_from;     /* from here on, and ... */
    es_pos_t found_end;      /* ... below this, found has all; 0 = not found */
    es_pos_t found[ES_SCAN_LINKS_MAX]; /* ascending */
} es_scan_t;

/** Begin a scan; params is copied. */
void es_scan_init(es_scan_t *scan, const es_scan_params_t *params);

/** As es_scan_next, with others counted. */
es_pos_t es_scan_next_own(es_scan_t *scan, es_pos_t next);

/**
 * Go on behind a record.
 *
 * @param next    the position behind the record
 * @param is_own  1 = the record was one of the scan's
 * @return where to continue: a position at or after next, with none of the
 *         scan's records between. It is next as long as nothing is known, and
 *         params.stop if there is none left
 *
 * Context: ANY, no lock. Looks at ES_SCAN_LINKS_MAX records at most.
 */
static inline es_pos_t es_scan_next(es_scan_t *scan, es_pos_t next, int is_own)
{
    scan->others = is_own ? 0 : scan->others + 1;
    if (scan->others < ES_SCAN_OTHERS_MAX && scan->found_end == 0) {
        return next;
    }
    return es_scan_next_own(scan, next);
}

/**
 * Go on although the record at pos is evicted.
 *
 * @return as es_scan_next; 0: not known, or a record of the scan may be lost
 *
 * Context: as es_scan_next.
 */
es_pos_t es_scan_over_evicted(es_scan_t *scan, es_pos_t pos);

#endif
