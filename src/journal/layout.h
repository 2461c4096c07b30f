/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The layout of a store's segment: offsets and widths of its parts.
 * Only the store's own files include this.
 *
 *     0     hdr        written once by es_store_format      \  es_store_
 *     64    guard      the lock, a robust mutex              | segment_t,
 *     128   head       end of the journal, last id           | one cache
 *     192   tail       where the journal begins              | line each
 *     256   table      the channel table's own values       /
 *     320   spans      which ids are valid (journal/spans.h)
 *     1024  buckets    u32 each: slot, 0 = empty
 *     …     slots      es_chan_t each, slot s at s - 1
 *     …     idle       u64 each: bits of slots (journal/idle_slots.c)
 *     …     subscription_totals  u32 each: subscriptions of child c at c - 1
 *     …     subscriptions        a row for each child, in it a u32 for each
 *                                slot: the child's subscriptions to it
 *     …     publisher_ids        u64 each: newest link of the bucket, 0 = empty
 *     …     progress   u64 each: how far the delivery of child c is, at c - 1
 *     …     ring       ring_bytes; starts on a page
 *
 * Sections start at multiples of 64. There are no pointers, as processes may
 * map the segment anywhere; 0 is "none". A process computes all offsets and
 * sizes from the params it was given (es_layout_of), never from the segment.
 *
 * A record in the ring; it never wraps, and starts at multiples of 64. (A
 * RESET has no more than the first 24 bytes, see journal/fill.c.)
 *
 *     ┌─────────────────┬────────────────┬──────────────────────────┬─────┐
 *     │ es_record_hdr_t │ es_link_t 24×n │ "<hex>\r\n" frame "\r\n" │ gap │
 *     └─────────────────┴────────────────┴──────────────────────────┴─────┘
 *     pos                                wire, sent as it is        pos+size
 */
#ifndef ES_JOURNAL_LAYOUT_H
#define ES_JOURNAL_LAYOUT_H

#include <stddef.h>

#include "shm/lock.h"
#include "journal/stream_append.h"

/** "esstore" and a byte that is not text. */
#define ES_LAYOUT_MAGIC APR_UINT64_C(0x657373746f7265f1)
/** Raised with every change to a struct below or to the meaning of a field. */
#define ES_LAYOUT_VERSION 12

/** Alignment of sections and records: a cache line. */
#define ES_LINE 64
/** The ring starts on a page and consists of whole pages. Fixed, unlike the
 * system's page size, so that a layout is the same on all machines. */
#define ES_LAYOUT_PAGE 4096

#define ES_LAYOUT_RING_MAX (APR_UINT64_C(1) << 40)
#define ES_LAYOUT_CHANNELS_MAX (1u << 20)

#define ES_ALIGN_UP(n, unit) (((n) + (unit)-1) / (unit) * (unit))

typedef struct es_segment_hdr_t {
    apr_uint64_t magic;      /* written last */
    apr_uint32_t version;    /* ES_LAYOUT_VERSION */
    apr_uint32_t chan_size;  /* sizeof(es_chan_t) */
    apr_uint64_t ring_bytes; /* as in the params, rounded */
    apr_uint32_t channels;
    apr_uint32_t max_children;
    apr_uint64_t key[2];   /* of the hash of names and ids; random */
    apr_uint64_t epoch_ms; /* the id with which it was formatted */
    apr_uint64_t epoch_n;
} es_segment_hdr_t;

/** The end of the journal. Written under the lock; pos is read without. */
typedef struct es_head_t {
    apr_uint64_t pos;   /* atomic; where the next record will start */
    apr_uint64_t which; /* last[which & 1] is valid; guarded by lock */
    es_id_t last[2];    /* the last id that was given; guarded by lock */
    apr_uint64_t spare[2];
} es_head_t;

/** The beginning of the journal. Written under the lock, read without. */
typedef struct es_tail_t {
    apr_uint64_t pos; /* atomic; <= head, not less than head - ring_bytes */
    apr_uint64_t segment_id; /* written once, random */
    apr_uint64_t reset_pos;  /* atomic; readers at or before it are reset; 0 =
                             * none. It is below the tail, or a fill is not
                             * complete */
    apr_uint64_t spare[5];
} es_tail_t;

/** The channel table's own values; guarded by the lock, except now_ms. */
typedef struct es_table_t {
    apr_uint64_t batch;        /* number of the present batch */
    apr_uint64_t forgotten_ms; /* highest evicted id of reclaimed slots */
    apr_uint64_t forgotten_n;
    apr_uint64_t now_ms;     /* atomic; see es_store_set_clock */
    apr_uint32_t high_slot;  /* slots above it were never used */
    apr_uint32_t free;       /* first of the free list */
    apr_uint32_t free_count; /* slots in the free list */
    apr_uint32_t examined;   /* the idle slot that was examined last */
    apr_uint32_t high_child; /* the highest child that ever subscribed */
    apr_uint32_t retaining;  /* slots with a retained record */
    apr_uint64_t scanned;    /* position, 0 = tail; see journal/slot_maker.c */
} es_table_t;

/** Spans of ids, oldest first. Of the last one, last is not used: it ends with
 * the last id of the journal. */
typedef struct es_span_set_t {
    es_span_t at[ES_SPANS_MAX];
    apr_uint32_t count;
    apr_uint32_t is_given; /* 1 = a broker gives the ids */
    apr_uint32_t valid;    /* the first span whose ids are valid */
    apr_uint32_t spare_word;
    apr_uint64_t spare[6];
} es_span_set_t;

/** Guarded by the lock. */
typedef struct es_spans_t {
    apr_uint64_t filling; /* the head when a fill began; 0 = none is under
                           * way. Once the head is beyond it, the set of the
                           * fill is valid, and its last id the journal's */
    apr_uint32_t current; /* sets[current & 1] is valid */
    apr_uint32_t filled;  /* sets[filled & 1] is the set of the fill */
    apr_uint64_t spare[6];
    es_span_set_t sets[2];
} es_spans_t;

typedef struct es_store_segment_t {
    es_segment_hdr_t hdr;
    union {
        es_lock_t lock;
        char line[ES_LINE];
    } guard;
    es_head_t head;
    es_tail_t tail;
    es_table_t table;
    es_spans_t spans;
} es_store_segment_t;

enum { ES_CHAN_FREE = 0, ES_CHAN_USED = 1 };

/** A slot of the channel table; guarded by the lock, except newest,
 * evicted_pos, closed_pos, closed_until_ms, retained and name. */
typedef struct es_chan_t {
    apr_uint64_t newest;     /* atomic; its newest record, evicted or not */
    apr_uint64_t evicted_ms; /* its records up to this id are evicted */
    apr_uint64_t evicted_n;
    apr_uint64_t evicted_pos; /* atomic; its newest evicted record, 0 = none */
    apr_uint64_t hash;        /* of the name */
    apr_uint64_t batch; /* es_table_t.batch of the last batch that used it */
    apr_uint64_t scan;  /* scratch of repair and check: newest as found */
    apr_uint64_t closed_pos;      /* atomic; its newest close, 0 = none */
    apr_uint64_t closed_until_ms; /* atomic; of es_store_set_clock */
    apr_uint32_t next;     /* slot, in the bucket's chain or in the free list */
    apr_uint32_t retained; /* atomic; its records between tail and head */
    apr_uint32_t dropped;  /* of these, the close and those before it */
    apr_uint32_t state;    /* ES_CHAN_… */
    unsigned char name_len;
    char name[ES_CHANNEL_NAME_MAX]; /* fixed while a child subscribes to it */
} es_chan_t;

enum {
    ES_RECORD_EVENT = 1,        /* holds an event */
    ES_RECORD_PAD = 2,          /* fills the rest up to the end of the ring */
    ES_RECORD_PUBLISHER_ID = 4, /* with EVENT: the id text is the publisher's */
    ES_RECORD_CLOSE = 8, /* its one channel is closed; the frame is empty */
    ES_RECORD_RESET =
        16, /* all before it is evicted; it counts as evicted, too */
    ES_RECORD_AGAIN = 32 /* with PUBLISHER_ID: see es_stream_entry_t */
};

/** The head of a record; never changed after the commit. */
typedef struct es_record_hdr_t {
    apr_uint64_t pos;    /* its own position */
    apr_uint32_t size;   /* bytes up to the next record */
    apr_uint16_t flags;  /* ES_RECORD_… */
    apr_uint16_t nslots; /* links that follow; 0 in a pad */
    apr_uint64_t id_ms;  /* our id, also if the publisher's is sent */
    apr_uint64_t id_n;
    apr_uint32_t wire_off; /* from pos */
    apr_uint32_t head_len; /* of the chunk head */
    apr_uint32_t frame_len;
    apr_uint32_t id_off; /* the text after "id: ", from the frame's start */
    apr_uint32_t id_len;
    apr_uint32_t appended_us; /* the lower half of es_clock_now */
    apr_uint64_t until_ms;    /* with CLOSE: of es_store_set_clock */
} es_record_hdr_t;

/** A channel of a record. publisher_before is read under the lock only, and a
 * repair computes it again. */
typedef struct es_link_t {
    apr_uint64_t previous; /* the channel's record before it, 0 = none */
    apr_uint64_t publisher_before; /* next older link of its bucket, 0 = none */
    apr_uint32_t slot;
    apr_uint32_t spare;
} es_link_t;

#define ES_LAYOUT_ASSERT(name, fact) \
    typedef char es_assert_##name[(fact) ? 1 : -1]

ES_LAYOUT_ASSERT(lock_fits, sizeof(es_lock_t) <= ES_LINE);
ES_LAYOUT_ASSERT(hdr_size, sizeof(es_segment_hdr_t) == ES_LINE);
ES_LAYOUT_ASSERT(guard_at, offsetof(es_store_segment_t, guard) == 64);
ES_LAYOUT_ASSERT(head_at, offsetof(es_store_segment_t, head) == 128);
ES_LAYOUT_ASSERT(tail_at, offsetof(es_store_segment_t, tail) == 192);
ES_LAYOUT_ASSERT(table_at, offsetof(es_store_segment_t, table) == 256);
ES_LAYOUT_ASSERT(head_size, sizeof(es_head_t) == ES_LINE);
ES_LAYOUT_ASSERT(tail_size, sizeof(es_tail_t) == ES_LINE);
ES_LAYOUT_ASSERT(span_set_size, sizeof(es_span_set_t) == 320);
ES_LAYOUT_ASSERT(spans_at, offsetof(es_store_segment_t, spans) == 320);
ES_LAYOUT_ASSERT(segment_size, sizeof(es_store_segment_t) == 1024);
ES_LAYOUT_ASSERT(chan_name_at, offsetof(es_chan_t, name) == 89);
ES_LAYOUT_ASSERT(chan_size, sizeof(es_chan_t) == 344);
ES_LAYOUT_ASSERT(rec_wire_at, offsetof(es_record_hdr_t, wire_off) == 32);
ES_LAYOUT_ASSERT(rec_size, sizeof(es_record_hdr_t) == ES_LINE);
ES_LAYOUT_ASSERT(link_size, sizeof(es_link_t) == 24);

/** Where the sections start, in bytes from the segment's start. Each process
 * computes it for itself. */
typedef struct es_layout_t {
    es_store_params_t params; /* with ring_bytes rounded */
    apr_uint32_t nbuckets;    /* a power of 2 */
    apr_uint64_t buckets;     /* this and the following: offsets */
    apr_uint64_t slots;
    apr_uint64_t idle;
    apr_uint64_t subscription_totals;
    apr_uint64_t subscriptions;
    apr_uint64_t row_bytes; /* from one row of subscriptions to the next */
    apr_uint64_t publisher_ids;
    apr_uint64_t npublisher_ids; /* a power of 2 */
    apr_uint64_t progress;
    apr_uint64_t ring;
    apr_uint64_t size; /* of the whole segment */
} es_layout_t;

/**
 * Compute the layout for params.
 *
 * @return 1, or 0 if a value is out of range
 */
int es_layout_of(es_layout_t *layout, const es_store_params_t *params);

#endif
