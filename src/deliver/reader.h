/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A reader: the part of a journal that belongs to a set of channels, as
 * bytes on the wire, read by position. It keeps no position itself.
 *
 * Where one stands is told by two numbers: the cursor, where a record starts,
 * and skip, how many wire bytes of one's own records from there on are done:
 *
 *     journal   ┌─ mine ─┬ other's ┬── mine ──┬─ mine …
 *               cursor
 *     wire      ├────────┤         ├────▌     skip = all up to ▌
 */
#ifndef ES_DELIVER_READER_H
#define ES_DELIVER_READER_H

#include "journal/resume.h"

typedef struct es_reader_t {
    const es_store_t *store;
    const es_slot_t *slots; /* sorted, nslots of them */
    int nslots;
    int chunked;               /* 1 = frames in chunks, 0 = as they are */
    const es_replay_t *replay; /* for each slot from where its events are
                                * mine; NULL = all are */
} es_reader_t;

/** Bytes of records that are ready to be written. */
typedef struct es_collected_t {
    char *data;     /* len bytes, in scratch or in big */
    apr_size_t len; /* 0 = nothing that is mine */
    char *big;      /* to be freed; for a record larger than scratch */
    es_pos_t end;   /* where to go on when all of it is taken */
    int more;       /* there is more between end and stop */
    int closes;     /* at end one of my channels is closed: go no further */
} es_collected_t;

/**
 * Move the cursor over what is done as a whole, so that skip is 0 or less
 * than the frame at the cursor.
 *
 * @return APR_SUCCESS; else why the record at the cursor cannot be read
 */
apr_status_t es_reader_settle(const es_reader_t *reader, es_pos_t *cursor,
                              apr_size_t *skip);

/**
 * Is there nothing of mine between cursor and a head that was read (with
 * es_store_head) before this call?
 */
int es_reader_is_all_seen(const es_reader_t *reader, es_pos_t cursor);

/**
 * Collect what stands between cursor and stop, a bounded part of it; the
 * bytes are proven good.
 *
 * @param one  1 = end with the first record that is mine
 * @return APR_SUCCESS; else why the record at cursor cannot be read:
 *         APR_ENOENT, APR_EGENERAL, APR_ENOMEM
 */
apr_status_t es_reader_collect(const es_reader_t *reader, es_collected_t *got,
                               es_pos_t cursor, apr_size_t skip, es_pos_t stop,
                               int one, char *scratch, apr_size_t scratch_size);

/**
 * The backlog: what a new client gets of the past before it is live. Each of
 * its channels has a start of its own there, while the client has one cursor.
 * The backlog is gone once the cursor is beyond it.
 */
typedef struct es_backlog_t {
    es_pos_t end;        /* all starts are at it or before */
    int is_begun;        /* 1 = something of it was written */
    int count;           /* of parts */
    es_replay_t parts[]; /* sorted by slot */
} es_backlog_t;

/** @return the backlog, to be freed; NULL without memory */
es_backlog_t *es_reader_backlog_create(const es_replay_t *parts, int count);

/**
 * The client was overtaken by the ring at cursor: has it lost what it should
 * have got? Nothing of what it has not seen the beginning of: it gets what is
 * retained, and nobody has told it what that is.
 *
 * @param tail  where it may go on, if it has lost nothing
 */
int es_reader_backlog_has_lost(const es_backlog_t *backlog,
                               const es_store_t *store, es_pos_t cursor,
                               es_pos_t *tail);

#endif
