/* SPDX-License-Identifier: Apache-2.0 */
/**
 * A hub's shared segment, and the public interface of this folder: events are
 * appended to its journal and read back by position; channels are subscribed
 * to, and their subscriptions are counted. It knows no clients, sockets or
 * threads.
 *
 * A position is a count of bytes since the journal began. It only rises, and
 * it is where a record starts; the head is where the next one will start. A
 * reader that holds a position holds no lock and no reference: it copies a
 * record and learns afterwards whether the copy is valid.
 *
 * A slot (1..channels) is a channel's number in the channel table. It belongs
 * to the channel as long as a child subscribes to it or an event of it is
 * retained. A child is a number (1..max_children), see shm/children.h.
 */
#ifndef ES_JOURNAL_STORE_H
#define ES_JOURNAL_STORE_H

#include <apr_pools.h>
#include <apr_time.h>

#include "base/channel.h"
#include "base/event.h"
#include "base/frame.h"
#include "base/id.h"

typedef struct es_store_t es_store_t;
typedef apr_uint32_t es_slot_t; /* 0 = none */
typedef apr_uint64_t es_pos_t;  /* bytes since the journal began; 0 = none */

/** The size of a segment; all processes that use it pass the same. */
typedef struct es_store_params_t {
    apr_uint64_t ring_bytes;   /* of the journal; rounded up to whole pages */
    apr_uint32_t channels;     /* at most at a time, 1..2^20 */
    apr_uint32_t max_children; /* at most at a time, 1..ES_CHILDREN_MAX */
} es_store_params_t;

/** Bytes of memory that a segment of these params needs; 0 = out of range. */
apr_size_t es_store_size(const es_store_params_t *params);

/**
 * Make a new, empty store in mem, which is all zero and page-aligned.
 *
 * @param epoch  from es_id_epoch; the ids of this store are above it and have
 *               its epoch, which the ids of other stores do not have
 * @return APR_SUCCESS; APR_EINVAL: params are out of range; or why there are
 *         no random numbers or no lock
 *
 * Context: PARENT, before any other process sees mem.
 */
apr_status_t es_store_format(void *mem, const es_store_params_t *params,
                             const es_id_t *epoch);

/**
 * Use a store that was formatted before.
 *
 * @param out  lives in pool; mem must stay mapped as long
 * @param mem  mem_size bytes, checked against the segment's header
 * @return APR_SUCCESS; APR_EMISMATCH: mem holds no store of this layout
 *         version and these params; the caller makes a new one then
 *
 * Context: PARENT or CHILD_INIT.
 */
apr_status_t es_store_attach(es_store_t **out, void *mem, apr_size_t mem_size,
                             const es_store_params_t *params, apr_pool_t *pool);

/** How long a call waits for the store lock if es_store_set_lock_wait was not
 * called. */
#define ES_STORE_LOCK_WAIT (60 * APR_USEC_PER_SEC)

/**
 * Set how long a call that takes the store lock waits for it: another process
 * may be stopped while it holds it. Such a call then returns APR_TIMEUP and has
 * done nothing. After a wait that was in vain the next ones are shorter, until
 * the lock is free. Threads with es_lock_limit_wait (shm/lock.h), as the
 * delivery's and the sender's, get APR_TIMEUP earlier.
 *
 * Context: PARENT or CHILD_INIT.
 */
void es_store_set_lock_wait(es_store_t *store, apr_interval_time_t wait);

/**
 * The process that holds the store lock and does not move: es_lock_stalled_by.
 *
 * Context: PARENT; takes no lock.
 */
apr_uint32_t es_store_stalled_by(const es_store_t *store);

/** Bytes of its journal, which limit what it retains: records with their
 * headers. */
apr_uint64_t es_store_bytes(const es_store_t *store);

/** The id that it was formatted with. It identifies the hub's journal, also
 * after a migration. An id of another epoch is not of this store, unless a
 * broker gives the ids (journal/stream_append.h). */
es_id_t es_store_epoch(const es_store_t *store);

/** A random number of this segment: a position is valid in one segment only,
 * an id is valid after a migration, too (journal/migrate.h). */
apr_uint64_t es_store_segment_id(const es_store_t *store);

/** An event whose publisher's id another event of one of its channels has. */
typedef struct es_clash_t {
    int event;   /* its number in the batch, from 0 */
    int channel; /* number of this channel in the event, from 0 */
} es_clash_t;

/** What an append did. */
typedef struct es_appended_t {
    es_id_t last_id;      /* the highest id of the batch's events */
    apr_uint64_t clients; /* subscriptions to its channels, all children */
    es_pos_t from;        /* the head before it */
    es_pos_t head;        /* the head after it */
    int known;            /* number of its events that were retained before */
    es_pos_t known_from;  /* the first of these starts here, 0 = none */
    es_pos_t known_to;    /* the last of these ends here */
    es_clash_t clash;     /* on APR_EEXIST only */
} es_appended_t;

/** Most channels of the events of a batch, each counted once for each event.
 * What an append does with the lock grows with it. */
#define ES_STORE_BATCH_CHANNELS_MAX 16384

/** An event to append: the names of its channels, and its frame. */
typedef struct es_entry_t {
    const es_slice_t *channels; /* checked, distinct */
    int nchannels;              /* 1..ES_EVENT_CHANNELS_MAX */
    const es_frame_t *frame;
} es_entry_t;

/**
 * Append a batch: all of it, or none. It evicts the oldest records if there is
 * no room, in the ring or, for a new channel, in the channel table. Readers see
 * the whole batch at once.
 *
 * An event whose publisher's id is retained in one of its channels, with the
 * same channels and the same frame, is known: it counts as appended, keeps the
 * id that it has, and is not written again. The same holds for an event that
 * the batch contains twice.
 *
 * @param entries  1 or more
 * @param now_ms   the time of day, for the ids
 * @param touched  (params.max_children + 63) / 64 words; bit (c-1) % 64 of word
 *                 (c-1) / 64 is set for each child c that subscribes to one of
 *                 the channels, other bits are left alone; on APR_SUCCESS only
 * @param out      filled on APR_SUCCESS; on APR_EEXIST only clash is valid
 * @return APR_SUCCESS; APR_EINVAL: an entry is out of range, or the events
 *         have more than ES_STORE_BATCH_CHANNELS_MAX channels; APR_ENOSPC: the
 *         batch is larger than half the ring; APR_ENOMEM: no slot could be
 *         made for a new channel (journal/slot_maker.h), or no memory;
 *         APR_EEXIST: another event has the publisher's id in a channel, see
 *         clash; APR_TIMEUP: another process has the lock; APR_EGENERAL: the
 *         segment is unusable
 *
 * Context: WORKER or TICKER; takes the store lock, for a large batch several
 * times, each time for a bounded one. A child that dies in here leaves either
 * nothing or the whole batch. A large batch that is refused may have evicted
 * what it would have evicted.
 */
apr_status_t es_store_append(es_store_t *store, const es_entry_t *entries,
                             int count, apr_uint64_t now_ms,
                             apr_uint64_t *touched, es_appended_t *out);

/**
 * Set the time by which a channel's close ends; the caller does so before it
 * subscribes or publishes. It is not the time of day: if that were set back by
 * an hour, channels would stay closed for an hour more.
 *
 * @param now_ms  milliseconds of a clock that only rises and that is the same
 *                in all children
 *
 * Context: ANY; takes no lock.
 */
void es_store_set_clock(es_store_t *store, apr_uint64_t now_ms);

/** Where a new subscription starts. */
typedef struct es_start_t {
    es_pos_t pos; /* the head: the next record will start here */
    es_id_t id;   /* the last id, which is sent to the client */
} es_start_t;

/**
 * Subscribe a child to channels: find or make their slots and count the
 * subscriptions, in one step with reading the head. So the child misses nothing
 * that is published afterwards.
 *
 * @param slots  count of them, filled
 * @return APR_SUCCESS; APR_EINVAL: child or a name is out of range;
 *         APR_ENOMEM: no slot could be made for a channel, of those that
 *         subscribers may take (journal/slot_maker.h); APR_TIMEUP: another
 *         process has the lock; APR_EGENERAL: the segment is unusable. On any
 *         error nothing is subscribed
 *
 * Context: WORKER or DELIVERY; takes the store lock.
 */
apr_status_t es_store_subscribe(es_store_t *store, apr_uint32_t child,
                                const es_slice_t *names, int count,
                                es_slot_t *slots, es_start_t *start);

/**
 * Undo es_store_subscribe, once for each call of it. Context: ANY thread of
 * the child; takes no lock.
 */
void es_store_unsubscribe(es_store_t *store, apr_uint32_t child,
                          const es_slot_t *slots, int count);

/**
 * Remove the subscriptions of a child that has ended, and the progress that it
 * reported. Channels that are idle now give up their slots to others.
 *
 * Context: PARENT. Takes no lock. No address that it uses depends on anything
 * that a child can write.
 */
void es_store_reap(es_store_t *store, apr_uint32_t child);

/**
 * Subscriptions of all children to a channel.
 *
 * @return APR_SUCCESS, or why the lock could not be taken: *clients is 0
 *
 * Context: ANY; takes the lock.
 */
apr_status_t es_store_clients(es_store_t *store, es_slice_t name,
                              apr_uint64_t *clients);

/** Subscriptions of a child to all channels. Context: ANY. */
apr_uint64_t es_store_child_subscriptions(const es_store_t *store,
                                          apr_uint32_t child);

/** The name of a slot that the caller subscribes to. Context: ANY. */
es_slice_t es_store_name(const es_store_t *store, es_slot_t slot);

/* ---- reading ------------------------------------------------------------ */

/** The head, with acquire order: all before it is complete. Context: ANY. */
es_pos_t es_store_head(const es_store_t *store);

/** The tail: the oldest retained record starts here. Context: ANY. */
es_pos_t es_store_tail(const es_store_t *store);

/**
 * Was the journal filled anew since a reader was at pos (es_store_fill)? Then
 * the reader has lost something, whatever its channels are. Asked once it has
 * found its record evicted.
 *
 * Context: ANY, no lock.
 */
int es_store_is_reset(const es_store_t *store, es_pos_t pos);

/**
 * Where the newest record of a channel starts, 0 = it never had one; it may be
 * below the tail. It is a hint, as it is read without the lock: it may be one
 * append ahead of the head, or behind it if it was read first. A reader that
 * loads the head first may skip to that head if this is below the reader's
 * position. Context: ANY.
 */
es_pos_t es_store_newest(const es_store_t *store, es_slot_t slot);

/**
 * Was a record of these channels evicted at or after pos? Called by a reader
 * that cannot continue at pos, since the record there is evicted: perhaps only
 * records of other channels are.
 *
 * @param tail  on 0: the reader continues here and has missed nothing
 * @return 1 if a record was lost
 *
 * Context: ANY, no lock; the caller subscribes to the slots.
 */
int es_store_has_lost(const es_store_t *store, const es_slot_t *slots,
                      int count, es_pos_t pos, es_pos_t *tail);

/** What a reader gets of a channel. */
typedef struct es_part_t {
    es_slot_t slot;
    es_pos_t from; /* records before this position are not the reader's */
} es_part_t;

/** es_store_has_lost for a reader that gets parts of its channels: an evicted
 * record before a part's from is no loss. */
int es_store_has_lost_parts(const es_store_t *store, const es_part_t *parts,
                            int count, es_pos_t pos, es_pos_t *tail);

/** A record's values, copied out of the journal. */
typedef struct es_record_t {
    es_pos_t pos;  /* where it starts */
    es_pos_t next; /* where the next one starts */
    es_id_t id;
    int nslots; /* number of its channels */
    es_slot_t slots[ES_EVENT_CHANNELS_MAX];
    es_pos_t previous[ES_EVENT_CHANNELS_MAX]; /* channel's record before */
    apr_size_t chunk_len; /* bytes of the frame in its chunk */
    apr_size_t head_len;  /* of these, the chunk head before the frame */
    apr_size_t frame_len; /* the frame itself; 2 bytes CR LF follow it */
    apr_size_t id_off;    /* the text after "id: ", from the frame's start */
    apr_size_t id_len;    /* bytes of this text */
    apr_uint32_t appended_us; /* when: the lower half of es_clock_now; for
                               * measuring only, it is not checked */
    int has_publisher_id;     /* 1 = this text is the publisher's */
    int is_again; /* 1 = nobody resumes by this text: see es_stream_entry_t */
    int closes;   /* 1 = no event: its one channel was closed here */
} es_record_t;

/**
 * Copy the values of the record at pos, but not its frame. They are checked
 * here, as a stray write may have changed them in the segment: next is beyond
 * pos; there are 1 to ES_EVENT_CHANNELS_MAX slots, all within the table; the
 * lengths agree with each other, and lie within the record and the ring.
 *
 * @param record  filled on success; next is the position of the next record
 * @return APR_SUCCESS; APR_EOF: pos is the head; APR_ENOENT: the reader was
 *         overtaken, the record is no longer retained; APR_EGENERAL: there is
 *         no record (a stray write damaged it)
 *
 * Context: ANY, no lock.
 */
apr_status_t es_store_look(const es_store_t *store, es_pos_t pos,
                           es_record_t *record);

/**
 * Copy the bytes of a record that es_store_look has found: its chunk with the
 * frame, chunk_len bytes, starting at offset.
 *
 * @param dst  receives chunk_len - offset bytes
 * @return APR_SUCCESS; APR_ENOENT: overtaken meanwhile, dst is not valid
 *
 * Context: ANY, no lock.
 */
apr_status_t es_store_copy(const es_store_t *store, const es_record_t *record,
                           apr_size_t offset, char *dst);

/**
 * The present position: the head, and the id of the last event or, before the
 * first one, the store's epoch.
 *
 * @return APR_SUCCESS; APR_TIMEUP; APR_EGENERAL: the segment is unusable
 *
 * Context: ANY; takes the lock.
 */
apr_status_t es_store_current(es_store_t *store, es_start_t *start);

/**
 * A position from which a reader of these channels misses no later record of
 * them, without the lock: after their newest record, or, if that is evicted, at
 * the tail. A reader that has the id of start and resumes with it gets the
 * records from there on, too.
 *
 * @return APR_SUCCESS; APR_EAGAIN: a record of them is being appended now, or
 *         they have none
 *
 * Context: ANY, no lock; the caller subscribes to the slots.
 */
apr_status_t es_store_latest(const es_store_t *store, const es_slot_t *slots,
                             int count, es_start_t *start);

/* ---- checks ------------------------------------------------------------- */

/** 1 if head and tail are plausible; if not, the store lock can no longer be
 * taken. Context: PARENT, no lock. */
int es_store_is_sound(const es_store_t *store);

/**
 * Walk all chains and records of a store that no other thread uses.
 *
 * @param why  on failure what is wrong, in p
 * @return 1 if nothing is wrong
 *
 * Context: ANY; takes the lock.
 */
int es_store_check(es_store_t *store, const char **why, apr_pool_t *p);

#endif
