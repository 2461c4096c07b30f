/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A reader: reads by position the records of a journal that belong to a set of
 * channels, as bytes on the wire. It keeps no position itself.
 *
 * Two numbers give the position of a client: the cursor, where a record starts,
 * and skip, how many wire bytes of its own records from there on are written:
 *
 *     journal   ┌─ own ──┬ other's ┬─── own ──┬─ own …
 *               cursor
 *     wire      ├────────┤         ├────▌     skip = all up to ▌
 */
#ifndef ES_DELIVER_READER_H
#define ES_DELIVER_READER_H

#include "journal/resume.h"
#include "journal/scan.h"

typedef struct es_reader_t {
    const es_store_t *store;
    const es_slot_t *slots; /* sorted, nslots of them */
    int nslots;
    int chunked;             /* 1 = frames in chunks, 0 = as they are */
    const es_part_t *replay; /* for each slot, from where on its events are
                                * the reader's; NULL = all are */
    es_pos_t search_from;    /* see es_scan_params_t; 0 = none */
} es_reader_t;

/** Bytes of records that are ready to be written. */
typedef struct es_collected_t {
    char *data;     /* len bytes, in scratch or in big */
    apr_size_t len; /* 0 = no record is the reader's */
    char *big;      /* freed by the caller; a record larger than scratch */
    es_pos_t start; /* the first of the records, unless len is 0 */
    apr_uint32_t appended_us; /* of that record */
    es_pos_t end;             /* where to continue when all of it is taken */
    int more;                 /* 1 = end is below stop */
    int closes; /* 1 = at end a channel is closed: the stream ends there */
    int looks;  /* records that were looked at */
    int events; /* of the reader; their last bytes are in data */
    es_scan_t
        scan; /* what it has found; its search_from is for the next call */
} es_collected_t;

/**
 * Move the cursor over the records that are written as a whole, so that skip
 * becomes 0, or less than the frame at the cursor.
 *
 * @param events  raised by the number of these records that are the reader's;
 *                NULL is ignored
 * @param scan  that of the es_reader_collect whose start is the cursor; NULL:
 *              none
 * @return APR_SUCCESS; else why the record at the cursor cannot be read
 */
apr_status_t es_reader_settle(const es_reader_t *reader, es_scan_t *scan,
                              es_pos_t *cursor, apr_size_t *skip,
                              apr_uint64_t *events);

/**
 * Does no record of the reader stand between cursor and the head? The caller
 * has read that head (with es_store_head) before this call.
 */
int es_reader_is_all_seen(const es_reader_t *reader, es_pos_t cursor);

/**
 * Collect the reader's records between cursor and stop, a bounded number of
 * them. The bytes are copies that were verified. Many records of other channels
 * in between are not read.
 *
 * @param got   filled
 * @param skip  bytes of the record at cursor that are written
 * @param one   1 = end with the first record of the reader
 * @return APR_SUCCESS; else why the record at cursor cannot be read:
 *         APR_ENOENT (overtaken by the ring), APR_EGENERAL, APR_ENOMEM
 */
apr_status_t es_reader_collect(const es_reader_t *reader, es_collected_t *got,
                               es_pos_t cursor, apr_size_t skip, es_pos_t stop,
                               int one, char *scratch, apr_size_t scratch_size);

/**
 * A backlog: what a new client gets of the past before it is live. Each of its
 * channels starts at a position of its own, while the client has one cursor.
 * The client frees the backlog once the cursor is beyond it.
 */
typedef struct es_backlog_t {
    es_pos_t end;      /* no start is beyond it */
    int is_begun;      /* 1 = some of it is written */
    int count;         /* of parts */
    es_part_t parts[]; /* sorted by slot */
} es_backlog_t;

/** @return the backlog, to be freed by free; NULL if out of memory */
es_backlog_t *es_reader_backlog_create(const es_part_t *parts, int count);

/**
 * The ring has overtaken the client at cursor: has the client lost events? As
 * long as nothing of the backlog was written, it has not: the client asked for
 * what is retained, whatever that is; unless the journal was filled anew since
 * it subscribed. Evicted events of a channel that precede
 * its start are no loss either.
 *
 * @param tail  filled: where the client may continue if it has lost nothing
 */
int es_reader_backlog_has_lost(const es_backlog_t *backlog,
                               const es_store_t *store, es_pos_t cursor,
                               es_pos_t *tail);

#endif
