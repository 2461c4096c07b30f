/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The layout of a store's segment: what stands where, and how wide it is.
 * Only the parts of the store include this.
 *
 *     0     facts     written once by es_store_format      \  es_store_
 *     64    lock      robust mutex                          | segment_t,
 *     128   head      end of the journal, last id           | one cache
 *     192   tail      where the journal begins              | line each
 *     256   table     the channel table's own values       /
 *     320   buckets   u32 each: slot, 0 = empty
 *     …     slots     es_chan_t each, slot s at s - 1
 *     …     totals    u32 each: subscriptions of place p at p - 1
 *     …     counts    a row for each place, in it a u32 for each slot
 *     …     owns      u64 each: newest link of publishers' ids, 0 = empty
 *     …     paces     u64 each: how far the delivery of place p is, at p - 1
 *     …     ring      ring_bytes; starts on a page
 *
 * Sections start at multiples of 64. There are no pointers, as processes may
 * map the segment anywhere; 0 is "none". A process computes all places and
 * sizes from the params it was given (es_layout_of), never from the segment.
 *
 * A record in the ring; it never wraps, and starts at multiples of 64:
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
#include "journal/store.h"

/** "esstore" and a byte that is no text. */
#define ES_LAYOUT_MAGIC APR_UINT64_C(0x657373746f7265f1)
/** Raised with every change to a struct below or to what a field means. */
#define ES_LAYOUT_VERSION 7

/** Sections and records are aligned to it: a cache line. */
#define ES_LINE 64
/** The ring starts on a page and has whole pages; fixed, unlike the system's,
 * so that a layout is the same on all machines. */
#define ES_LAYOUT_PAGE 4096

#define ES_LAYOUT_RING_MAX (APR_UINT64_C(1) << 40)
#define ES_LAYOUT_CHANNELS_MAX (1u << 20)
#define ES_LAYOUT_CHILDREN_MAX (1u << 16)

#define ES_ALIGN_UP(n, unit) (((n) + (unit)-1) / (unit) * (unit))

typedef struct es_segment_hdr_t {
    apr_uint64_t magic;      /* written last */
    apr_uint32_t version;    /* ES_LAYOUT_VERSION */
    apr_uint32_t chan_size;  /* sizeof(es_chan_t) */
    apr_uint64_t ring_bytes; /* as in the params, rounded */
    apr_uint32_t channels;
    apr_uint32_t max_children;
    apr_uint64_t key[2];   /* of the hash of names; random */
    apr_uint64_t epoch_ms; /* ids are above it, and of its epoch */
    apr_uint64_t epoch_n;
} es_segment_hdr_t;

/** The end of the journal. Written under the lock, head is read without. */
typedef struct es_head_t {
    apr_uint64_t head;    /* atomic; where the next record will start */
    apr_uint64_t last_ms; /* id of the last event; guarded by lock */
    apr_uint64_t last_n;
    apr_uint64_t spare[5];
} es_head_t;

/** The beginning of the journal. Written under the lock, read without. */
typedef struct es_tail_t {
    apr_uint64_t tail; /* atomic; <= head, not less than head - ring_bytes */
    apr_uint64_t
        segment_id; /* written once; positions are of this segment only */
    apr_uint64_t spare[6];
} es_tail_t;

/** The channel table's own values; guarded by lock but for now_ms. */
typedef struct es_table_t {
    apr_uint64_t batch;        /* number of the present append */
    apr_uint64_t forgotten_ms; /* highest evicted id of reclaimed slots */
    apr_uint64_t forgotten_n;
    apr_uint64_t now_ms; /* atomic; see es_store_clock */
    apr_uint32_t fresh;  /* slots 1..fresh were used once, others never */
    apr_uint32_t free;   /* first of the free list */
    apr_uint32_t hand;   /* slot that was swept last */
    apr_uint32_t barren; /* slots swept in vain since one was found */
    apr_uint32_t rows;   /* highest place that ever subscribed */
    apr_uint32_t spare[3];
} es_table_t;

typedef struct es_store_segment_t {
    es_segment_hdr_t facts;
    union {
        es_lock_t lock;
        char line[ES_LINE];
    } guard;
    es_head_t end;
    es_tail_t begin;
    es_table_t table;
} es_store_segment_t;

enum { ES_CHAN_FREE = 0, ES_CHAN_USED = 1 };

/** A slot of the channel table; guarded by lock but for newest, gone,
 * closed_pos, closed_until_ms and name. */
typedef struct es_chan_t {
    apr_uint64_t newest;     /* atomic; its newest record, evicted or not */
    apr_uint64_t evicted_ms; /* up to this id its records are gone */
    apr_uint64_t evicted_n;
    apr_uint64_t gone;       /* atomic; its newest record that was evicted */
    apr_uint64_t hash;       /* of the name */
    apr_uint64_t batch;      /* es_table_t.batch of the append that used it */
    apr_uint64_t scan;       /* scratch of a repair: newest as found */
    apr_uint64_t closed_pos; /* atomic; its newest close, 0 = none */
    apr_uint64_t closed_until_ms; /* atomic; of es_store_clock */
    apr_uint32_t next;     /* slot, in the bucket's chain or the free list */
    apr_uint32_t retained; /* records of it between tail and head */
    apr_uint32_t dropped;  /* of these, the close and those before it */
    apr_uint32_t state;    /* ES_CHAN_… */
    unsigned char name_len;
    char name[ES_CHANNEL_NAME_MAX]; /* fixed while subscribed to */
} es_chan_t;

enum {
    ES_RECORD_EVENT = 1,        /* holds an event */
    ES_RECORD_PAD = 2,          /* fills the rest up to the end of the ring */
    ES_RECORD_PUBLISHER_ID = 4, /* with EVENT: the id text is the publisher's */
    ES_RECORD_CLOSE = 8 /* its one channel is closed; the frame is empty */
};

/** The head of a record; never changed after the commit. */
typedef struct es_record_hdr_t {
    apr_uint64_t pos;    /* its own position */
    apr_uint32_t size;   /* bytes up to the next record */
    apr_uint16_t flags;  /* ES_REC_… */
    apr_uint16_t nslots; /* links that follow; 0 in a pad */
    apr_uint64_t id_ms;  /* our id, also when the publisher's is sent */
    apr_uint64_t id_n;
    apr_uint32_t wire_off; /* from pos */
    apr_uint32_t head_len; /* chunk head */
    apr_uint32_t frame_len;
    apr_uint32_t id_off; /* the text after "id: ", from the frame's start */
    apr_uint32_t id_len;
    apr_uint32_t spare;
    apr_uint64_t until_ms; /* with CLOSE: of es_store_clock */
} es_record_hdr_t;

/** A channel of a record. own_before is read under the lock only, and made
 * anew by a repair. */
typedef struct es_link_t {
    apr_uint64_t previous; /* the channel's record before, 0 = none */
    apr_uint64_t
        publisher_before; /* of the index of publishers' ids, 0 = none */
    apr_uint32_t slot;
    apr_uint32_t spare;
} es_link_t;

#define ES_LAYOUT_ASSERT(name, fact) \
    typedef char es_assert_##name[(fact) ? 1 : -1]

ES_LAYOUT_ASSERT(lock_fits, sizeof(es_lock_t) <= ES_LINE);
ES_LAYOUT_ASSERT(facts_size, sizeof(es_segment_hdr_t) == ES_LINE);
ES_LAYOUT_ASSERT(guard_at, offsetof(es_store_segment_t, guard) == 64);
ES_LAYOUT_ASSERT(end_at, offsetof(es_store_segment_t, end) == 128);
ES_LAYOUT_ASSERT(begin_at, offsetof(es_store_segment_t, begin) == 192);
ES_LAYOUT_ASSERT(table_at, offsetof(es_store_segment_t, table) == 256);
ES_LAYOUT_ASSERT(segment_size, sizeof(es_store_segment_t) == 320);
ES_LAYOUT_ASSERT(chan_name_at, offsetof(es_chan_t, name) == 89);
ES_LAYOUT_ASSERT(chan_size, sizeof(es_chan_t) == 344);
ES_LAYOUT_ASSERT(rec_wire_at, offsetof(es_record_hdr_t, wire_off) == 32);
ES_LAYOUT_ASSERT(rec_size, sizeof(es_record_hdr_t) == ES_LINE);
ES_LAYOUT_ASSERT(link_size, sizeof(es_link_t) == 24);

/** Where the sections start, computed by each process for itself. */
typedef struct es_layout_t {
    es_store_params_t params; /* with ring_bytes rounded */
    apr_uint32_t nbuckets;    /* a power of 2 */
    apr_uint64_t buckets;     /* offsets from the segment's start */
    apr_uint64_t slots;
    apr_uint64_t totals;
    apr_uint64_t counts;
    apr_uint64_t row_bytes; /* from one row of counts to the next */
    apr_uint64_t publisher_ids;
    apr_uint64_t npublisher_ids; /* a power of 2 */
    apr_uint64_t progress;
    apr_uint64_t ring;
    apr_uint64_t size; /* of the whole segment */
} es_layout_t;

/**
 * Compute the layout for params.
 *
 * @return 1, or 0 when a value is out of range
 */
int es_layout_of(es_layout_t *layout, const es_store_params_t *params);

#endif
