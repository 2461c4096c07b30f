/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The ring of records. Reading needs no lock; writing needs the store's. A slot
 * is a number here: the caller reports each record to the channel table.
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

/** What a new record contains. */
typedef struct es_content_t {
    es_id_t id;
    const es_frame_t *frame;  /* NULL = a close of the channel */
    apr_uint64_t until_ms;    /* when a close ends, of es_store_set_clock */
    int is_again;             /* with a publisher's id: ES_RECORD_AGAIN */
    apr_uint32_t appended_us; /* now, the lower half of es_clock_now */
    es_slice_t id_text;       /* the text after "id: " */
    const es_link_t *links;
    int nlinks; /* 1..ES_EVENT_CHANNELS_MAX */
} es_content_t;

/** Compute the addresses in the segment at mem. */
void es_journal_attach(es_journal_t *journal, const es_layout_t *layout,
                       void *mem);

/** The head, with acquire order: all before it is complete. */
es_pos_t es_journal_head(const es_journal_t *journal);

/** The tail, in relaxed order: a reader without the lock needs a fence between
 * this and a record. */
es_pos_t es_journal_tail(const es_journal_t *journal);

/** 1 if head and tail are plausible. Under lock. */
int es_journal_is_sane(const es_journal_t *journal);

/** The last id that was given. Under lock. */
es_id_t es_journal_last(const es_journal_t *journal);

/** Readers at or before it are reset, 0 = none. A reader that has found its
 * record evicted sees at least the reset that evicted it. */
es_pos_t es_journal_reset_pos(const es_journal_t *journal);

/** As es_store_look. */
apr_status_t es_journal_look(const es_journal_t *journal, es_pos_t pos,
                             es_record_t *record);

/** As es_store_copy. */
apr_status_t es_journal_copy(const es_journal_t *journal,
                             const es_record_t *record, apr_size_t offset,
                             char *dst);

/** 1 if the slot is one of the record's. */
int es_journal_record_has(const es_record_t *record, es_slot_t slot);

/** The slot's record before this one; 0 = none, or the record is not of the
 * slot. */
es_pos_t es_journal_record_before(const es_record_t *record, es_slot_t slot);

/* The parts of a record in the ring. The caller holds the lock, has found the
 * record by es_journal_look since it took the lock, and does not use the slice
 * after it has released the lock. */

/** The id text. */
es_slice_t es_journal_id(const es_journal_t *journal,
                         const es_record_t *record);

/** The frame. */
es_slice_t es_journal_frame(const es_journal_t *journal,
                            const es_record_t *record);

/** When a close ends, of es_store_set_clock. */
apr_uint64_t es_journal_closed_until(const es_journal_t *journal,
                                     const es_record_t *record);

/** Link number index of the record at pos, which is not checked. @return NULL:
 * it would be beyond the ring */
es_link_t *es_journal_link_at(const es_journal_t *journal, es_pos_t pos,
                              int index);

/* ---- writing, under lock ------------------------------------------------ */

/**
 * Bytes of a record in the ring.
 *
 * @param frame_len  with the id text; not more than the ring
 */
apr_uint64_t es_journal_record_size(int nlinks, apr_uint64_t frame_len);

/** Where a record of this size starts if at is the next free position. */
es_pos_t es_journal_record_pos(const es_journal_t *journal, es_pos_t at,
                               apr_uint64_t size);

/**
 * Drop all records before pos; es_journal_write may overwrite them afterwards.
 *
 * @param pos  the start of a record, or the head
 */
void es_journal_set_tail(const es_journal_t *journal, es_pos_t pos);

/**
 * Write a record, and a pad from at to pos if they differ. Readers do not see
 * it before es_journal_commit. The caller has made room: pos + size - tail is
 * not more than the ring.
 *
 * @param at    where the record before ends; at first the head
 * @param pos   from es_journal_record_pos
 * @param size  from es_journal_record_size
 */
void es_journal_write(const es_journal_t *journal, es_pos_t at, es_pos_t pos,
                      apr_uint64_t size, const es_content_t *content);

/**
 * Write a reset at pos, which is the head: once the next commit is made,
 * readers that are there find their record evicted. The caller sets the tail
 * behind it afterwards.
 */
void es_journal_write_reset(const es_journal_t *journal, es_pos_t pos);

/** Where the first record after a reset starts. */
es_pos_t es_journal_after_reset(es_pos_t pos);

/** Publish all records before head; last is the last id that was given. */
void es_journal_commit(const es_journal_t *journal, es_pos_t head,
                       const es_id_t *last);

/** The first half of es_journal_commit, and the second one. */
void es_journal_set_head(const es_journal_t *journal, es_pos_t head);
void es_journal_set_last(const es_journal_t *journal, const es_id_t *last);

#endif
