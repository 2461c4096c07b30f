/* SPDX-License-Identifier: Apache-2.0 */
/*
 * es_reader_is_all_seen passes over other channels' records without reading
 * them. The caller reads the head H first, with acquire order; then newest of
 * each channel is read. An append sets newest of its channels before it moves
 * the head, both under the lock; newest never falls while the reader is
 * subscribed, not even by eviction. Thus newest, read after H, is at or after
 * the channel's last record below H. If newest is below the cursor, no record
 * of the reader stands between cursor and H, nor did one that was evicted
 * meanwhile. 0 is a channel without a record since the subscription. A newest
 * beyond H only keeps the reader from skipping.
 */
#include "deliver/reader.h"

#include <stdlib.h>

#define LOOKS_MAX 2048 /* records that one es_reader_collect looks at */

/* Do events of this slot belong to the reader, at this position? */
static int has_slot(const es_reader_t *reader, es_slot_t slot, es_pos_t pos)
{
    int low = 0;
    int high = reader->nslots;
    int mid;

    while (low < high) {
        mid = low + (high - low) / 2;
        if (reader->slots[mid] == slot) {
            return reader->replay == NULL || pos >= reader->replay[mid].from;
        }
        if (reader->slots[mid] < slot) {
            low = mid + 1;
        }
        else {
            high = mid;
        }
    }
    return 0;
}

static int is_own(const es_reader_t *reader, const es_record_t *record)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        if (has_slot(reader, record->slots[i], record->pos)) {
            return 1;
        }
    }
    return 0;
}

/* Where the client's form of a record begins in its chunk. */
static apr_size_t wire_start(const es_reader_t *reader,
                             const es_record_t *record)
{
    return reader->chunked ? 0 : record->head_len;
}

/* Bytes of the client's form of a record. */
static apr_size_t wire_len(const es_reader_t *reader, const es_record_t *record)
{
    if (record->closes) {
        return 0; /* a close is for the reader; the client gets no bytes */
    }
    return reader->chunked ? record->chunk_len : record->frame_len;
}

static void init_scan(const es_reader_t *reader, es_scan_t *scan, es_pos_t stop)
{
    es_scan_params_t params;

    params.store = reader->store;
    params.slots = reader->slots;
    params.parts = reader->replay;
    params.count = reader->nslots;
    params.stop = stop;
    params.search_from = reader->search_from;
    es_scan_init(scan, &params);
}

apr_status_t es_reader_settle(const es_reader_t *reader, es_scan_t *scan,
                              es_pos_t *cursor, apr_size_t *skip,
                              apr_uint64_t *events)
{
    es_record_t record;
    es_scan_t own_scan;
    apr_status_t rv;
    int own;

    if (scan == NULL) {
        scan = &own_scan;
        init_scan(reader, scan, es_store_head(reader->store));
    }
    while (*skip > 0) {
        rv = es_store_look(reader->store, *cursor, &record);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        own = is_own(reader, &record);
        if (own && *skip < wire_len(reader, &record)) {
            break;
        }
        if (own) {
            *skip -= wire_len(reader, &record);
            if (events != NULL) {
                ++*events;
            }
        }
        *cursor = es_scan_next(scan, record.next, own);
    }
    return APR_SUCCESS;
}

int es_reader_is_all_seen(const es_reader_t *reader, es_pos_t cursor)
{
    es_pos_t newest;
    int i;

    for (i = 0; i < reader->nslots; i++) {
        newest = es_store_newest(reader->store, reader->slots[i]);
        if (newest >= cursor) {
            return 0;
        }
    }
    return 1;
}

/* Add the bytes of a record, from skip on. @return APR_ENOSPC: no room */
static apr_status_t add_record(const es_reader_t *reader, es_collected_t *got,
                               const es_record_t *record, apr_size_t skip,
                               apr_size_t room)
{
    apr_size_t offset = wire_start(reader, record) + skip;
    apr_size_t need = record->chunk_len - offset;
    apr_status_t rv;

    if (skip > wire_len(reader, record)) {
        return APR_EGENERAL; /* this is another record */
    }
    if (need > room - got->len) {
        if (got->len > 0) {
            return APR_ENOSPC;
        }
        got->big = malloc(need);
        if (got->big == NULL) {
            return APR_ENOMEM;
        }
        got->data = got->big;
    }
    rv = es_store_copy(reader->store, record, offset, got->data + got->len);
    if (rv == APR_SUCCESS) {
        /* The CR LF of a chunk is copied too; if the body is not chunked,
         * the next frame overwrites it. */
        got->len += wire_len(reader, record) - skip;
        got->events++;
    }
    return rv;
}

/* Look at the record at end. If other channels' records are evicted there, end
 * moves to the next one of the reader. */
static apr_status_t look(const es_reader_t *reader, es_collected_t *got,
                         apr_size_t skip, es_record_t *record)
{
    apr_status_t rv = es_store_look(reader->store, got->end, record);
    es_pos_t next;

    got->looks++;
    if (rv != APR_ENOENT || skip > 0) {
        return rv;
    }
    next = es_scan_over_evicted(&got->scan, got->end);
    if (next == 0) {
        return rv;
    }
    got->end = next;
    return APR_EAGAIN;
}

/* Collect the record at end. @return APR_EOF: nothing may follow it here; else
 * as es_reader_collect */
static apr_status_t collect_one(const es_reader_t *reader, es_collected_t *got,
                                apr_size_t *skip, int one, apr_size_t room)
{
    es_record_t record;
    apr_status_t rv = look(reader, got, *skip, &record);
    int own;

    if (rv != APR_SUCCESS) {
        return APR_STATUS_IS_EAGAIN(rv) ? APR_SUCCESS : rv;
    }
    own = is_own(reader, &record);
    if (own && record.closes) {
        got->closes = 1;
        return APR_EOF;
    }
    if (own) {
        if (got->len == 0) {
            got->start = record.pos;
            got->appended_us = record.appended_us;
        }
        rv = add_record(reader, got, &record, *skip, room);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        *skip = 0;
    }
    got->end = es_scan_next(&got->scan, record.next, own);
    return got->big != NULL || (own && one) ? APR_EOF : APR_SUCCESS;
}

apr_status_t es_reader_collect(const es_reader_t *reader, es_collected_t *got,
                               es_pos_t cursor, apr_size_t skip, es_pos_t stop,
                               int one, char *scratch, apr_size_t scratch_size)
{
    apr_status_t rv = APR_SUCCESS;

    got->data = scratch;
    got->len = 0;
    got->big = NULL;
    got->start = cursor;
    got->appended_us = 0;
    got->end = cursor;
    got->closes = 0;
    got->looks = 0;
    got->events = 0;
    init_scan(reader, &got->scan, stop);
    while (rv == APR_SUCCESS && got->end < stop &&
           got->looks + got->scan.looks < LOOKS_MAX) {
        rv = collect_one(reader, got, &skip, one, scratch_size);
    }
    got->looks += got->scan.looks;
    got->more = got->end < stop;
    if (got->len == 0) {
        free(got->big); /* its copy failed */
        got->big = NULL;
    }
    if (got->end > cursor || got->closes) {
        return APR_SUCCESS; /* what was collected is good; rv is for later */
    }
    return APR_STATUS_IS_EOF(rv) ? APR_EGENERAL : rv;
}

/* ---- the backlog ------------------------------------------------------- */

static int compare_parts(const void *a, const void *b)
{
    es_slot_t x = ((const es_part_t *)a)->slot;
    es_slot_t y = ((const es_part_t *)b)->slot;

    return x < y ? -1 : x > y;
}

es_backlog_t *es_reader_backlog_create(const es_part_t *parts, int count)
{
    apr_size_t bytes = (apr_size_t)count * sizeof(*parts);
    es_backlog_t *backlog = malloc(sizeof(*backlog) + bytes);
    int i;

    if (backlog == NULL) {
        return NULL;
    }
    backlog->end = 0;
    backlog->is_begun = 0;
    backlog->count = count;
    memcpy(backlog->parts, parts, bytes);
    qsort(backlog->parts, (size_t)count, sizeof(*parts), compare_parts);
    for (i = 0; i < count; i++) {
        if (parts[i].from > backlog->end) {
            backlog->end = parts[i].from;
        }
    }
    return backlog;
}

int es_reader_backlog_has_lost(const es_backlog_t *backlog,
                               const es_store_t *store, es_pos_t cursor,
                               es_pos_t *tail)
{
    if (!backlog->is_begun) {
        *tail = es_store_tail(store);
        return es_store_is_reset(store, cursor);
    }
    return es_store_has_lost_parts(store, backlog->parts, backlog->count,
                                   cursor, tail);
}
