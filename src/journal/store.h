/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The front door of a hub's shared segment: events are appended here and
 * read back by position, channels are subscribed to and counted. It knows no
 * clients, sockets or threads.
 *
 * A position is a count of bytes from the journal's birth; it only rises and
 * tells where a record starts: the head is where the next one will start.
 * A reader that holds a position holds no lock and no reference: it copies a
 * record out and is told afterwards whether the copy is good.
 *
 * A slot (1..channels) is a channel's place in the channel table; it belongs
 * to the channel as long as somebody subscribes to it or an event of it is
 * retained. A place (1..places) is a child's, see shm/children.h.
 */
#ifndef ES_JOURNAL_STORE_H
#define ES_JOURNAL_STORE_H

#include <apr_pools.h>

#include "base/channel.h"
#include "base/event.h"
#include "base/frame.h"
#include "base/id.h"

typedef struct es_store_t es_store_t;
typedef apr_uint32_t es_slot_t; /* 0 = none */
typedef apr_uint64_t es_pos_t;  /* bytes since the journal's birth */

/** What a segment is made for; both sides must agree on it. */
typedef struct es_store_params_t {
    apr_uint64_t ring_bytes;   /* the journal's; rounded up to whole pages */
    apr_uint32_t channels;     /* most channels at a time, 1..2^20 */
    apr_uint32_t max_children; /* most children at a time, 1..2^16 */
} es_store_params_t;

/** Bytes of memory that a segment for params needs; 0 = out of range. */
apr_size_t es_store_size(const es_store_params_t *params);

/**
 * Make a new, empty store in mem, which is all zero and page-aligned.
 *
 * @param birth  from es_id_epoch; ids of this store are above it and have
 *               its epoch, by which those of other stores are told apart
 * @return APR_SUCCESS, or why the lock could not be made
 *
 * Context: PARENT, before any other process sees mem.
 */
apr_status_t es_store_format(void *mem, const es_store_params_t *params,
                             const es_id_t *epoch);

/**
 * Use a store that was formatted before.
 *
 * @param out  lives in pool; mem must stay mapped as long
 * @param mem  mem_size bytes, checked against the head of the segment
 * @return APR_SUCCESS; APR_EMISMATCH when mem holds no store of this layout
 *         version and of these params; the caller makes a new one then
 *
 * Context: PARENT or CHILD_INIT.
 */
apr_status_t es_store_attach(es_store_t **out, void *mem, apr_size_t mem_size,
                             const es_store_params_t *params, apr_pool_t *pool);

/** Bytes of its journal: so much it retains, with what records cost. */
apr_uint64_t es_store_bytes(const es_store_t *store);

/** The id that it was born with: ids of another epoch are not of it. */
es_id_t es_store_epoch(const es_store_t *store);

/** A random number of this segment: positions of another life are not valid
 * here, also when the ids are (journal/migrate.h). */
apr_uint64_t es_store_segment_id(const es_store_t *store);

/** An event whose id stands for another event in one of its channels. */
typedef struct es_clash_t {
    int event;   /* number in the batch, from 0 */
    int channel; /* number of the event's channel */
} es_clash_t;

/** What an append did. */
typedef struct es_appended_t {
    es_id_t last_id;      /* the highest of the batch's events */
    apr_uint64_t clients; /* subscriptions to its channels, all children */
    es_pos_t from;        /* head before it */
    es_pos_t head;        /* head after it */
    int known;            /* events of it that were there before */
    es_pos_t known_from;  /* the first of these starts here, 0 = none */
    es_pos_t known_to;    /* behind the last */
    es_clash_t clash;     /* on APR_EEXIST only */
} es_appended_t;

/** An event that is ready to be appended: names and frame. */
typedef struct es_entry_t {
    const es_slice_t *channels; /* checked, distinct */
    int nchannels;              /* 1..ES_EVENT_CHANNELS_MAX */
    const es_frame_t *frame;
} es_entry_t;

/**
 * Append a batch: all of it, or none. The oldest records go when there is no
 * room. Readers see the batch at once.
 *
 * An event with a publisher's id that one of its channels retains is known,
 * when it has the same channels and the same frame: it counts as appended,
 * with the id that it has, and is not written again. So does one that stands
 * twice in the batch.
 *
 * @param entries  1 or more
 * @param now_ms   the time of day, for the ids
 * @param touched  places (bit p-1 of touched[(p-1)/64]) that have clients of
 *                 one of the channels are set, others are left as they are;
 *                 (params.places + 63) / 64 words
 * @return APR_SUCCESS; APR_ENOSPC: the batch is larger than half the ring;
 *         APR_ENOMEM: no slot for a channel, all are in use; APR_EEXIST:
 *         another event has the publisher's id in a channel, see clash;
 *         APR_EGENERAL: the segment is not usable any more
 *
 * Context: WORKER; takes the store lock. A child that dies in here leaves
 * either nothing or the whole batch.
 */
apr_status_t es_store_append(es_store_t *store, const es_entry_t *entries,
                             int count, apr_uint64_t now_ms,
                             apr_uint64_t *touched, es_appended_t *out);

/**
 * Tell the store the time by which channels are closed and open again, before
 * a slot is asked for. That is a clock that nobody sets: by the time of day a
 * channel would stay closed for the hour that it was set back.
 *
 * @param now_ms  milliseconds of a clock that all children have in common and
 *                that only goes on
 *
 * Context: ANY; takes no lock.
 */
void es_store_clock(es_store_t *store, apr_uint64_t now_ms);

/** Where a new subscription starts. */
typedef struct es_start_t {
    es_pos_t pos; /* the head: the first record that is not seen yet */
    es_id_t id;   /* the present position, told to the client */
} es_start_t;

/**
 * Subscribe the child at place to channels: their slots are found or made
 * and its counts raised, in one step with reading the head, so that nothing
 * published afterwards is missed.
 *
 * @param slots  count places, filled
 * @return APR_SUCCESS; APR_ENOMEM: no slot, nothing was subscribed;
 *         APR_EGENERAL: the segment is not usable any more
 *
 * Context: WORKER or DELIVERY; takes the store lock.
 */
apr_status_t es_store_subscribe(es_store_t *store, apr_uint32_t child,
                                const es_slice_t *names, int count,
                                es_slot_t *slots, es_start_t *start);

/**
 * Lower the counts again, once for each subscribe. Context: ANY thread of
 * the child at place; takes no lock.
 */
void es_store_unsubscribe(es_store_t *store, apr_uint32_t child,
                          const es_slot_t *slots, int count);

/**
 * Zero all counts of a child that is no more, and what it has told of its pace.
 *
 * Context: PARENT. Touches only the row at place, whose address does not
 * depend on anything a child can write.
 */
void es_store_reap(es_store_t *store, apr_uint32_t child);

/** Subscriptions to a channel over all children. Context: ANY, takes lock. */
apr_uint64_t es_store_clients(es_store_t *store, es_slice_t name);

/** All subscriptions of the child at place. Context: ANY. */
apr_uint64_t es_store_load(const es_store_t *store, apr_uint32_t child);

/** The name of a slot that the caller is subscribed to. Context: ANY. */
es_slice_t es_store_name(const es_store_t *store, es_slot_t slot);

/* ---- reading ---------------------------------------------------------- */

/** The head, with acquire order: all before it is complete. Context: ANY. */
es_pos_t es_store_head(const es_store_t *store);

/** The tail: the oldest record that is retained starts here. Context: ANY. */
es_pos_t es_store_tail(const es_store_t *store);

/**
 * Where the newest record of a channel starts, 0 = it never had one; it may
 * be below the tail. A hint without lock: it may be one append ahead of the
 * head, or behind it if it was read first. A reader that has loaded the head
 * before may skip up to that head while this is below its position.
 * Context: ANY.
 */
es_pos_t es_store_newest(const es_store_t *store, es_slot_t slot);

/**
 * Has a reader that stands at pos, where no record is retained any more, lost
 * one of these channels? Others' records may have been all that went.
 *
 * @param tail  on 0: where it goes on; nothing of its channels was before it
 * @return 1 when one was lost
 *
 * Context: ANY, no lock; subscribed to the slots.
 */
int es_store_has_lost(const es_store_t *store, const es_slot_t *slots,
                      int count, es_pos_t pos, es_pos_t *tail);

/** One record as copied out of the journal. */
typedef struct es_record_t {
    es_pos_t pos;  /* where it starts */
    es_pos_t next; /* where the next one starts */
    es_id_t id;
    int nslots; /* channels of it */
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_pos_t previous[ES_EVENT_CHANNELS_MAX]; /* record before, 0 = none */
    apr_size_t chunk_len; /* bytes of the frame in its chunk */
    apr_size_t head_len;  /* of these, before the frame: chunk head */
    apr_size_t frame_len; /* the frame itself; 2 bytes CR LF follow it */
    apr_size_t id_off;    /* the text after "id: ", from the frame's start */
    apr_size_t id_len;    /* bytes of it */
    int has_publisher_id; /* 1 = the text is the publisher's */
    int closes;           /* 1 = no event: its one channel was closed here */
} es_record_t;

/**
 * Copy the facts of the record at pos, but not its bytes. They come from the
 * segment, where a stray write may have been, and are checked here: next is
 * beyond pos; there are 1 to ES_EVENT_CHANNELS_MAX slots, all of the table; the
 * lengths agree with each other, and lie within the record and the ring.
 *
 * @param record  filled on success; next is the position to go on with
 * @return APR_SUCCESS; APR_EOF: pos is the head; APR_ENOENT: overtaken, the
 *         record is no longer retained; APR_EGENERAL: what stands there is no
 *         record (damaged by a stray write)
 *
 * Context: ANY, no lock.
 */
apr_status_t es_store_look(const es_store_t *store, es_pos_t pos,
                           es_record_t *record);

/**
 * Copy the bytes of a record that es_store_look has found: the frame within
 * its chunk, chunk_len bytes, from offset on.
 *
 * @param dst  gets chunk_len - offset bytes
 * @return APR_SUCCESS; APR_ENOENT: overtaken meanwhile, dst holds rubbish
 *
 * Context: ANY, no lock.
 */
apr_status_t es_store_copy(const es_store_t *store, const es_record_t *record,
                           apr_size_t offset, char *dst);

/**
 * The present position: the id of the last event, or the one that the store
 * was born with. Context: ANY, takes the lock.
 */
apr_status_t es_store_present(es_store_t *store, es_start_t *start);

/* ---- care ------------------------------------------------------------- */

/** 1 when head and tail can be such at all: else no lock is to be had any
 * more. Context: PARENT, no lock. */
int es_store_is_sound(const es_store_t *store);

/**
 * Walk all chains and records of a store that is at rest.
 *
 * @param why  on failure what is wrong, in p
 * @return 1 when all is well
 *
 * Context: ANY; takes the lock.
 */
int es_store_check(es_store_t *store, const char **why, apr_pool_t *p);

#endif
