/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A search goes back along the links of each channel, from its newest record to
 * the position from which the scan goes on, and remembers the positions. It
 * takes no lock; what it has found is complete for these reasons:
 *
 *     newest is read after the head, so it is at or after the channel's last
 *         record before that head (see deliver/reader.c);
 *     a link leads to the channel's record before, or to none if that was
 *         evicted when the link was made. So a chain that ends tells nothing
 *         about evicted records: the tail is read after the chains, and if it
 *         is beyond the scan's position, the channels are asked for losses.
 *
 * If newest is not committed yet, if a record on the way is evicted or damaged,
 * or if there are more than ES_SCAN_LINKS_MAX, nothing is found, and the scan
 * reads one record after the other. That is always right.
 *
 * A search costs up to ES_SCAN_LINKS_MAX looks, so it must be worth it: there
 * is one after ES_SCAN_OTHERS_MAX records of other channels in a row. After one
 * that found too many, the next one comes after half of the way: the searches
 * of a whole way are then few, whatever its length.
 */
#include "journal/scan.h"

#include "journal/journal.h"

#include <stdlib.h>
#include <string.h>

void es_scan_init(es_scan_t *scan, const es_scan_params_t *params)
{
    scan->params = *params;
    scan->others = 0;
    scan->is_refused = 0;
    scan->looks = 0;
    scan->count = 0;
    scan->found_from = 0;
    scan->found_end = 0;
}

/* ---- the search --------------------------------------------------------- */

static es_slot_t slot_at(const es_scan_params_t *params, int i)
{
    return params->slots != NULL ? params->slots[i] : params->parts[i].slot;
}

/**
 * Remember the records of a channel between from and stop.
 *
 * @param left  looks that are left; reduced
 * @return APR_SUCCESS; APR_ENOSPC: too many; else why a record could not be
 *         read
 */
static apr_status_t walk_back(es_scan_t *scan, es_slot_t slot, es_pos_t from,
                              int *left)
{
    es_pos_t pos = es_store_newest(scan->params.store, slot);
    es_record_t record;
    apr_status_t rv;

    while (pos != 0 && pos >= from) {
        if (--*left < 0) {
            return APR_ENOSPC;
        }
        scan->looks++;
        rv = es_store_look(scan->params.store, pos, &record);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        if (!es_journal_record_has(&record, slot)) {
            return APR_EGENERAL; /* else the chain would seem to end here */
        }
        if (pos < scan->params.stop) {
            scan->found[scan->count++] = pos;
        }
        pos = es_journal_record_before(&record, slot); /* it is lower */
    }
    return APR_SUCCESS;
}

/** Was a record of the scan's at or after pos evicted by now? */
static int has_lost(const es_scan_params_t *params, es_pos_t pos)
{
    es_pos_t tail = es_store_tail(params->store);

    if (tail <= pos) {
        return 0;
    }
    return params->parts != NULL
               ? es_store_has_lost_parts(params->store, params->parts,
                                         params->count, pos, &tail)
               : es_store_has_lost(params->store, params->slots, params->count,
                                   pos, &tail);
}

static int compare_positions(const void *a, const void *b)
{
    es_pos_t x = *(const es_pos_t *)a;
    es_pos_t y = *(const es_pos_t *)b;

    return x < y ? -1 : x > y;
}

/** A record of several channels was found once for each. */
static void sort_found(es_scan_t *scan)
{
    int count = 0;
    int i;

    qsort(scan->found, (size_t)scan->count, sizeof(es_pos_t),
          compare_positions);
    for (i = 0; i < scan->count; i++) {
        if (count == 0 || scan->found[i] != scan->found[count - 1]) {
            scan->found[count++] = scan->found[i];
        }
    }
    scan->count = count;
}

static apr_status_t walk_all(es_scan_t *scan, es_pos_t pos)
{
    const es_scan_params_t *params = &scan->params;
    apr_status_t rv = APR_SUCCESS;
    int left = ES_SCAN_LINKS_MAX;
    int i;

    scan->count = 0;
    for (i = 0; i < params->count && rv == APR_SUCCESS; i++) {
        es_pos_t from = pos;

        if (params->parts != NULL && params->parts[i].from > from) {
            from = params->parts[i].from;
        }
        rv = walk_back(scan, slot_at(params, i), from, &left);
    }
    return rv;
}

static void search(es_scan_t *scan, es_pos_t pos)
{
    es_scan_params_t *params = &scan->params;
    apr_status_t rv;

    if (scan->found_end != 0 || scan->is_refused || pos < params->search_from ||
        pos >= params->stop) {
        return;
    }
    rv = walk_all(scan, pos);
    if (rv == APR_ENOSPC) {
        params->search_from = pos + (params->stop - pos) / 2;
    }
    else if (rv != APR_SUCCESS || has_lost(params, pos)) {
        scan->is_refused = 1;
    }
    else {
        sort_found(scan);
        scan->found_from = pos;
        scan->found_end = params->stop;
    }
}

/* ---- the scan ----------------------------------------------------------- */

/** The first of the found positions that is not before pos. */
static es_pos_t first_found(const es_scan_t *scan, es_pos_t pos)
{
    int low = 0;
    int high = scan->count;

    if (pos < scan->found_from || pos >= scan->found_end) {
        return pos; /* nothing is known of the records from here on */
    }
    while (low < high) {
        int mid = low + (high - low) / 2;

        if (scan->found[mid] < pos) {
            low = mid + 1;
        }
        else {
            high = mid;
        }
    }
    return low < scan->count ? scan->found[low] : scan->found_end;
}

es_pos_t es_scan_next_own(es_scan_t *scan, es_pos_t next)
{
    if (scan->others >= ES_SCAN_OTHERS_MAX) {
        search(scan, next);
    }
    return first_found(scan, next);
}

es_pos_t es_scan_over_evicted(es_scan_t *scan, es_pos_t pos)
{
    es_pos_t next;

    search(scan, pos);
    next = first_found(scan, pos);
    return next > pos ? next : 0;
}
