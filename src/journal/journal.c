/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Positions rise forever; position p is stored at p % bytes. The first record
 * is at position bytes, so that 0 is "none".
 *
 *       tail                       head        tail + bytes
 *        │ event │ event │ pad │ event │ free …… │
 *
 * A writer, with the lock:                 A reader, without:
 *     tail = after the evicted records         copy of the record
 *     fence (release)                          fence (acquire)
 *     overwrite                                valid if tail <= pos
 *     head = end (release), once a batch
 *
 * Why the reader's test is correct: if it copied a byte of what the writer
 * wrote over the record, the two fences order the writer's store of tail before
 * the reader's load of it (C11 7.17.4). So the load yields the new tail, which
 * is beyond pos. And the reader uses nothing of the copy before the test.
 *
 * A writer that dies leaves the records from tail to head as they were, since
 * it overwrites only what is before the tail or after the head.
 */
#include "journal/journal.h"

#include "base/frame.h"

#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif

void es_journal_attach(es_journal_t *journal, const es_layout_t *layout,
                       void *mem)
{
    es_store_segment_t *segment = mem;

    journal->head = &segment->head;
    journal->tail = &segment->tail;
    journal->ring = (char *)mem + layout->ring;
    journal->bytes = layout->params.ring_bytes;
    journal->nslots = layout->params.channels;
}

es_pos_t es_journal_head(const es_journal_t *journal)
{
    /* acquire: pairs with es_journal_commit */
    return __atomic_load_n(&journal->head->pos, __ATOMIC_ACQUIRE);
}

es_pos_t es_journal_tail(const es_journal_t *journal)
{
    /* relaxed: readers that need an order use a fence */
    return __atomic_load_n(&journal->tail->pos, __ATOMIC_RELAXED);
}

int es_journal_is_sane(const es_journal_t *journal)
{
    es_pos_t head = es_journal_head(journal);
    es_pos_t tail = es_journal_tail(journal);

    return head % ES_LINE == 0 && tail % ES_LINE == 0 &&
           tail >= journal->bytes && tail <= head &&
           head - tail <= journal->bytes && head <= APR_UINT64_MAX / 2;
}

es_id_t es_journal_last(const es_journal_t *journal)
{
    return journal->head->last[journal->head->which & 1];
}

es_pos_t es_journal_reset_pos(const es_journal_t *journal)
{
    /* acquire: the caller has loaded a tail or a record before it, which were
     * stored after it. Relaxed would do, as the caller's loads precede it; but
     * it may have loaded the tail relaxed */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&journal->tail->reset_pos, __ATOMIC_RELAXED);
}

/* ---- reading ------------------------------------------------------------ */

/**
 * Copy bytes that may be overwritten at the same time; the caller tests
 * afterwards whether they were. ThreadSanitizer must not report this race. It
 * intercepts memcpy in spite of the attribute, so under it this is a loop that
 * the compiler does not replace by memcpy.
 */
__attribute__((no_sanitize("thread"), noinline)) static void copy_racy(
    void *dst, const void *src, apr_size_t len)
{
#ifdef UNDER_TSAN
    volatile char *to = dst;
    const volatile char *from = src;
    apr_size_t i;

    for (i = 0; i < len; i++) {
        to[i] = from[i];
    }
#else
    memcpy(dst, src, len);
#endif
}

/** @return 1 if len bytes from pos on do not cross the end of the ring */
static int is_inside(const es_journal_t *journal, es_pos_t pos,
                     apr_uint64_t len)
{
    return len <= journal->bytes &&
           pos % journal->bytes <= journal->bytes - len;
}

/** Copy from the ring. @return 1, or 0: it was overwritten meanwhile */
static int take(const es_journal_t *journal, es_pos_t record_pos,
                apr_uint64_t offset, void *dst, apr_size_t len)
{
    copy_racy(dst, journal->ring + (record_pos + offset) % journal->bytes, len);
    /* acquire: see the head of this file */
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return es_journal_tail(journal) <= record_pos;
}

static int is_event(apr_uint16_t flags)
{
    return flags == ES_RECORD_EVENT ||
           (flags & ~ES_RECORD_AGAIN) ==
               (ES_RECORD_EVENT | ES_RECORD_PUBLISHER_ID);
}

/** Is this copy from pos the header of a record? */
static int is_record(const es_journal_t *journal, const es_record_hdr_t *rec,
                     es_pos_t pos, es_pos_t head)
{
    apr_uint64_t wire;

    if (rec->pos != pos || rec->size == 0 || rec->size % ES_LINE != 0 ||
        rec->size > head - pos || !is_inside(journal, pos, rec->size)) {
        return 0;
    }
    if (rec->flags == ES_RECORD_PAD) {
        return (pos + rec->size) % journal->bytes == 0;
    }
    wire =
        sizeof(es_record_hdr_t) + (apr_uint64_t)rec->nslots * sizeof(es_link_t);
    if (rec->flags == ES_RECORD_CLOSE ? rec->nslots != 1 || rec->frame_len != 0
                                      : !is_event(rec->flags)) {
        return 0;
    }
    return rec->nslots >= 1 && rec->nslots <= ES_EVENT_CHANNELS_MAX &&
           rec->wire_off == wire && rec->head_len <= ES_FRAME_CHUNK_HEAD_SIZE &&
           wire + rec->head_len + rec->frame_len + ES_FRAME_CHUNK_TAIL_SIZE <=
               rec->size &&
           (apr_uint64_t)rec->id_off + rec->id_len <= rec->frame_len;
}

/** The tail is about to move behind it. */
static int is_reset(const es_record_hdr_t *rec, es_pos_t pos)
{
    return rec->pos == pos && rec->flags == ES_RECORD_RESET;
}

/** Fill record from the copied header and links. @return 0 if damaged */
static int fill(const es_journal_t *journal, es_record_t *record,
                const es_record_hdr_t *rec, const es_link_t *links)
{
    int i;

    record->pos = rec->pos;
    record->next = rec->pos + rec->size;
    record->id.ms = rec->id_ms;
    record->id.n = rec->id_n;
    record->nslots = rec->nslots;
    for (i = 0; i < rec->nslots; i++) {
        if (links[i].slot == 0 || links[i].slot > journal->nslots ||
            links[i].previous >= rec->pos || links[i].previous % ES_LINE != 0) {
            return 0;
        }
        record->slots[i] = links[i].slot;
        record->previous[i] = links[i].previous;
    }
    record->head_len = rec->head_len;
    record->frame_len = rec->frame_len;
    record->id_off = rec->id_off;
    record->id_len = rec->id_len;
    record->appended_us = rec->appended_us;
    record->has_publisher_id = (rec->flags & ES_RECORD_PUBLISHER_ID) != 0;
    record->is_again = (rec->flags & ES_RECORD_AGAIN) != 0;
    record->closes = rec->flags == ES_RECORD_CLOSE;
    record->chunk_len =
        (apr_size_t)rec->head_len + rec->frame_len + ES_FRAME_CHUNK_TAIL_SIZE;
    return 1;
}

apr_status_t es_journal_look(const es_journal_t *journal, es_pos_t pos,
                             es_record_t *record)
{
    es_pos_t head = es_journal_head(journal);
    es_link_t links[ES_EVENT_CHANNELS_MAX];
    es_record_hdr_t rec;
    int pads;

    for (pads = 0; pads < 2; pads++) {
        if (pos == head) {
            return APR_EOF;
        }
        if (pos > head || pos % ES_LINE != 0) {
            return APR_EGENERAL;
        }
        if (!take(journal, pos, 0, &rec, sizeof(rec))) {
            return APR_ENOENT;
        }
        if (!is_record(journal, &rec, pos, head)) {
            return is_reset(&rec, pos) ? APR_ENOENT : APR_EGENERAL;
        }
        if (rec.flags != ES_RECORD_PAD) {
            break;
        }
        pos += rec.size; /* after the pad comes the start of the ring */
    }
    if (rec.flags == ES_RECORD_PAD) {
        return APR_EGENERAL;
    }
    if (!take(journal, pos, sizeof(rec), links,
              rec.nslots * sizeof(es_link_t))) {
        return APR_ENOENT;
    }
    return fill(journal, record, &rec, links) ? APR_SUCCESS : APR_EGENERAL;
}

static apr_uint64_t wire_of(const es_record_t *record)
{
    return sizeof(es_record_hdr_t) +
           (apr_uint64_t)record->nslots * sizeof(es_link_t);
}

apr_status_t es_journal_copy(const es_journal_t *journal,
                             const es_record_t *record, apr_size_t offset,
                             char *dst)
{
    apr_uint64_t wire = wire_of(record);

    if (offset >= record->chunk_len) {
        return APR_SUCCESS;
    }
    if (!is_inside(journal, record->pos, wire + record->chunk_len)) {
        return APR_ENOENT;
    }
    return take(journal, record->pos, wire + offset, dst,
                record->chunk_len - offset)
               ? APR_SUCCESS
               : APR_ENOENT;
}

/* es_journal_look has checked that the parts are within the record. */

static char *record_at(const es_journal_t *journal, const es_record_t *record)
{
    return journal->ring + record->pos % journal->bytes;
}

es_slice_t es_journal_id(const es_journal_t *journal, const es_record_t *record)
{
    es_slice_t frame = es_journal_frame(journal, record);

    return es_slice(frame.data + record->id_off, record->id_len);
}

es_slice_t es_journal_frame(const es_journal_t *journal,
                            const es_record_t *record)
{
    return es_slice(record_at(journal, record) + wire_of(record) +
                        record->head_len,
                    record->frame_len);
}

apr_uint64_t es_journal_closed_until(const es_journal_t *journal,
                                     const es_record_t *record)
{
    return ((const es_record_hdr_t *)record_at(journal, record))->until_ms;
}

es_link_t *es_journal_link_at(const es_journal_t *journal, es_pos_t pos,
                              int index)
{
    apr_size_t offset =
        sizeof(es_record_hdr_t) + (apr_size_t)index * sizeof(es_link_t);

    if (!is_inside(journal, pos, offset + sizeof(es_link_t))) {
        return NULL;
    }
    return (es_link_t *)(journal->ring + pos % journal->bytes + offset);
}

/** @return the number of the slot's link, -1 if there is none */
static int find_slot(const es_record_t *record, es_slot_t slot)
{
    int i;

    for (i = 0; i < record->nslots; i++) {
        if (record->slots[i] == slot) {
            return i;
        }
    }
    return -1;
}

int es_journal_record_has(const es_record_t *record, es_slot_t slot)
{
    return find_slot(record, slot) >= 0;
}

es_pos_t es_journal_record_before(const es_record_t *record, es_slot_t slot)
{
    int i = find_slot(record, slot);

    return i >= 0 ? record->previous[i] : 0;
}

/* ---- writing ------------------------------------------------------------ */

apr_uint64_t es_journal_record_size(int nlinks, apr_uint64_t frame_len)
{
    apr_uint64_t size = sizeof(es_record_hdr_t) +
                        (apr_uint64_t)nlinks * sizeof(es_link_t) +
                        es_frame_chunk_head_size(frame_len) + frame_len +
                        ES_FRAME_CHUNK_TAIL_SIZE;

    return ES_ALIGN_UP(size, ES_LINE);
}

es_pos_t es_journal_record_pos(const es_journal_t *journal, es_pos_t at,
                               apr_uint64_t size)
{
    apr_uint64_t rest = journal->bytes - at % journal->bytes;

    return size <= rest ? at : at + rest;
}

void es_journal_set_tail(const es_journal_t *journal, es_pos_t pos)
{
    /* release: a reader that sees this tail sees what the table says of the
     * records before it. Then a release fence, see the head of this file.
     * Death here: the record is evicted and not yet overwritten. */
    __atomic_store_n(&journal->tail->pos, pos, __ATOMIC_RELEASE);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/** Fill the end of the ring. Death in here: readers stop at the head. */
static void write_pad(const es_journal_t *journal, es_pos_t at,
                      apr_uint64_t size)
{
    es_record_hdr_t *rec =
        (es_record_hdr_t *)(journal->ring + at % journal->bytes);

    memset(rec, 0, sizeof(*rec));
    rec->pos = at;
    rec->size = (apr_uint32_t)size;
    rec->flags = ES_RECORD_PAD;
}

static apr_uint16_t flags_of(const es_content_t *content)
{
    if (content->frame == NULL) {
        return ES_RECORD_CLOSE;
    }
    if (content->frame->publisher_id.len == 0) {
        return ES_RECORD_EVENT;
    }
    return ES_RECORD_EVENT | ES_RECORD_PUBLISHER_ID |
           (content->is_again ? ES_RECORD_AGAIN : 0);
}

void es_journal_write(const es_journal_t *journal, es_pos_t at, es_pos_t pos,
                      apr_uint64_t size, const es_content_t *content)
{
    char *start = journal->ring + pos % journal->bytes;
    es_record_hdr_t *rec = (es_record_hdr_t *)start;
    apr_size_t links_len = content->nlinks * sizeof(es_link_t);
    const es_frame_t *frame = content->frame;
    apr_size_t frame_len =
        frame != NULL ? es_frame_size(frame, content->id_text.len) : 0;
    es_slice_t tail = es_frame_chunk_tail();
    char head[ES_FRAME_CHUNK_HEAD_SIZE];
    char *wire;

    /* Death anywhere in here: it is after the head, where readers stop. */
    if (pos != at) {
        write_pad(journal, at, pos - at);
    }
    memset(rec, 0, sizeof(*rec));
    rec->pos = pos;
    rec->size = (apr_uint32_t)size;
    rec->flags = flags_of(content);
    rec->until_ms = content->until_ms;
    rec->nslots = (apr_uint16_t)content->nlinks;
    rec->id_ms = content->id.ms;
    rec->id_n = content->id.n;
    rec->wire_off = (apr_uint32_t)(sizeof(*rec) + links_len);
    rec->head_len = (apr_uint32_t)es_frame_chunk_head(head, frame_len);
    rec->frame_len = (apr_uint32_t)frame_len;
    rec->id_len = (apr_uint32_t)content->id_text.len;
    rec->appended_us = content->appended_us;

    memcpy(start + sizeof(*rec), content->links, links_len);
    wire = start + rec->wire_off;
    memcpy(wire, head, rec->head_len);
    wire += rec->head_len;
    if (frame != NULL) {
        rec->id_off =
            (apr_uint32_t)es_frame_write(wire, frame, content->id_text);
    }
    memcpy(wire + frame_len, tail.data, tail.len);
}

es_pos_t es_journal_after_reset(es_pos_t pos)
{
    return pos + ES_LINE; /* the ring consists of whole lines */
}

void es_journal_write_reset(const es_journal_t *journal, es_pos_t pos)
{
    es_record_hdr_t *rec =
        (es_record_hdr_t *)(journal->ring + pos % journal->bytes);

    /* Death in here: it is after the head. */
    memset(rec, 0, sizeof(*rec));
    rec->pos = pos;
    rec->size = ES_LINE;
    rec->flags = ES_RECORD_RESET;
    /* release: a reader that sees the next head or tail sees it */
    __atomic_store_n(&journal->tail->reset_pos, pos, __ATOMIC_RELEASE);
}

void es_journal_set_head(const es_journal_t *journal, es_pos_t head)
{
    /* release: a reader that sees this head sees all records before it.
     * Death before it: nothing of the batch is in the journal; after it: all
     * is, and a repair raises the last id to that of the last record. */
    __atomic_store_n(&journal->head->pos, head, __ATOMIC_RELEASE);
}

void es_journal_set_last(const es_journal_t *journal, const es_id_t *last)
{
    es_head_t *words = journal->head;
    apr_uint64_t other = (words->which & 1) ^ 1;

    /* An id is two words, so it is written beside the valid one, and one store
     * makes it valid. Release: the compiler must keep the order. */
    words->last[other] = *last;
    __atomic_store_n(&words->which, other, __ATOMIC_RELEASE);
}

void es_journal_commit(const es_journal_t *journal, es_pos_t head,
                       const es_id_t *last)
{
    /* in this order: were the id given before its records are there, a node
     * of a cluster would go on behind records that it does not have */
    es_journal_set_head(journal, head);
    es_journal_set_last(journal, last);
}
