/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ring of records. Reading needs no lock; writing is done under the
 * store's. It knows slots as numbers only; what the channel table has to
 * learn of a record is its caller's business.
 */
#ifndef ES_JOURNAL_JOURNAL_H
#define ES_JOURNAL_JOURNAL_H

#include "journal/layout.h"

typedef struct es_journal_t {
    es_head_t *head;
    es_tail_t *tail;
    char *ring;
    apr_uint64_t bytes;  /* of the ring, from the params */
    apr_uint32_t nslots; /* slots are 1..nslots */
} es_journal_t;

/** What a record is made of. */
typedef struct es_content_t {
    es_id_t id;
    const es_frame_t *frame; /* NULL = the channel is closed */
    apr_uint64_t until_ms;   /* of a close */
    es_slice_t id_text;      /* after "id: " */
    const es_link_t *links;
    int nlinks; /* 1..ES_EVENT_CHANNELS_MAX */
} es_content_t;

void es_journal_attach(es_journal_t *journal, const es_layout_t *layout,
                       void *mem);

/** Head, with acquire order: all before it is complete. */
es_pos_t es_journal_head(const es_journal_t *journal);

es_pos_t es_journal_tail(const es_journal_t *journal);

/** 1 when head and tail can be such at all. Under lock. */
int es_journal_is_sane(const es_journal_t *journal);

/** As es_store_look. */
apr_status_t es_journal_look(const es_journal_t *journal, es_pos_t pos,
                             es_record_t *record);

/** As es_store_copy. */
apr_status_t es_journal_copy(const es_journal_t *journal,
                             const es_record_t *record, apr_size_t offset,
                             char *dst);

/** 1 when the record is of the slot, too. */
int es_journal_record_has(const es_record_t *record, es_slot_t slot);

/** The record of the slot before this one, 0 = none, or not of the slot. */
es_pos_t es_journal_record_before(const es_record_t *record, es_slot_t slot);

/* Under lock, of a record that es_journal_look has found since it was taken:
 * where its parts stand in the ring, until the lock is given back. */

/** The id text. */
es_slice_t es_journal_id(const es_journal_t *journal,
                         const es_record_t *record);

/** The frame. */
es_slice_t es_journal_frame(const es_journal_t *journal,
                            const es_record_t *record);

/** Until when a close closes. */
apr_uint64_t es_journal_closed_until(const es_journal_t *journal,
                                     const es_record_t *record);

/** Link number index of a record at pos, if there is one. @return NULL when
 * that would be beyond the ring */
es_link_t *es_journal_link_at(const es_journal_t *journal, es_pos_t pos,
                              int index);

/* ---- writing, under lock ----------------------------------------------- */

/**
 * Bytes of a record in the ring.
 *
 * @param frame_len with the id text, not more than the ring
 */
apr_uint64_t es_journal_record_size(int nlinks, apr_uint64_t frame_len);

/** Where a record of this size starts when at is the next free place. */
es_pos_t es_journal_record_pos(const es_journal_t *journal, es_pos_t at,
                               apr_uint64_t size);

/**
 * Give up all before pos; es_journal_write may overwrite it afterwards.
 *
 * @param pos  the start of a record, or the head
 */
void es_journal_set_tail(const es_journal_t *journal, es_pos_t pos);

/**
 * Write a record, and a pad from at up to it. Nobody sees it before
 * es_journal_commit. The room has been made: pos + size - tail is not more
 * than the ring.
 *
 * @param at    end of what was written before, the head at first
 * @param pos   from es_journal_record_pos
 * @param size  from es_journal_record_size
 */
void es_journal_write(const es_journal_t *journal, es_pos_t at, es_pos_t pos,
                      apr_uint64_t size, const es_content_t *content);

/** All up to head is complete, and last is the id of the last event. */
void es_journal_commit(const es_journal_t *journal, es_pos_t head,
                       const es_id_t *last);

#endif
