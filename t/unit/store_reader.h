/* SPDX-License-Identifier: Apache-2.0 */
/**
 * Reads a store as a client does, and compares it with what was published:
 * which events must be retained, which must count as evicted, which channels
 * must be closed after the death of a child. It reads without the lock; once a
 * survivor has had the lock, it checks everything.
 *
 * Channels have names of one letter, from a to k.
 */
#ifndef T_UNIT_STORE_READER_H
#define T_UNIT_STORE_READER_H

#include "t/unit/store_kit.h"

#include "journal/close.h"

#define READER_RING 4096
#define READER_EVENTS 64 /* at most in a test */
#define READER_NAMES "abcdefghijk"

/** An event, or a close. */
typedef struct event_t {
    es_id_t id;
    char names[ES_EVENT_CHANNELS_MAX + 1];
    int closes;
    apr_size_t len;
    char wire[READER_RING / 2];
} event_t;

typedef struct events_t {
    int count;
    event_t at[READER_EVENTS];
} events_t;

/* ---- what is retained --------------------------------------------------- */

static void read_event(const es_store_t *store, const es_record_t *record,
                       event_t *event)
{
    int i;

    memset(event, 0, sizeof(*event));
    event->id = record->id;
    event->closes = record->closes;
    event->len = record->chunk_len;
    assert_true(event->len <= sizeof(event->wire));
    assert_int_equal(es_store_copy(store, record, 0, event->wire), 0);
    for (i = 0; i < record->nslots; i++) {
        es_slice_t name = es_store_name(store, record->slots[i]);

        assert_int_equal(name.len, 1);
        event->names[i] = name.data[0];
        /* or a reader would skip it */
        assert_true(es_store_newest(store, record->slots[i]) >= record->pos);
    }
}

/** Read all events from the tail to the head. */
static void read_all(const es_store_t *store, events_t *events)
{
    es_pos_t pos = es_store_tail(store);
    es_record_t record;
    apr_status_t rv;

    events->count = 0;
    for (;;) {
        rv = es_store_look(store, pos, &record);
        if (rv != APR_SUCCESS) {
            break;
        }
        assert_true(events->count < READER_EVENTS);
        read_event(store, &record, &events->at[events->count++]);
        pos = record.next;
    }
    assert_int_equal(rv, APR_EOF);
}

static int has_name(const event_t *event, char name)
{
    return strchr(event->names, name) != NULL;
}

static const es_id_t *last_of(const events_t *events)
{
    return &events->at[events->count - 1].id;
}

static int is_same(const event_t *a, const event_t *b)
{
    return es_id_compare(&a->id, &b->id) == 0 && a->closes == b->closes &&
           strcmp(a->names, b->names) == 0 && a->len == b->len &&
           memcmp(a->wire, b->wire, a->len) == 0;
}

/** Are these the last events of all, each once and in order? */
static int is_end(const events_t *events, const events_t *all)
{
    int from = all->count - events->count, i;

    for (i = 0; from >= 0 && i < events->count; i++) {
        if (!is_same(&events->at[i], &all->at[from + i])) {
            return 0;
        }
    }
    return from >= 0;
}

/** Add the newer events to all. */
static void add_newer(events_t *all, const events_t *events)
{
    int i;

    for (i = 0; i < events->count; i++) {
        if (all->count == 0 ||
            es_id_compare(&events->at[i].id, last_of(all)) > 0) {
            assert_true(all->count < READER_EVENTS);
            all->at[all->count++] = events->at[i];
        }
    }
}

/* ---- what counts as evicted --------------------------------------------- */

static es_slot_t slot_of(const es_store_t *store, char name)
{
    es_slice_t slice = es_slice(&name, 1);
    apr_uint64_t hash = es_channels_hash(&store->channels, slice);
    es_slot_t slot = 0;

    assert_int_equal(es_channels_find(&store->channels, slice, hash, &slot), 0);
    return slot;
}

/** The id up to which a channel's events count as evicted. */
static es_id_t evicted_id_of(const es_store_t *store, char name)
{
    es_slot_t slot = slot_of(store, name);
    es_id_t forgotten = {store->channels.table->forgotten_ms,
                         store->channels.table->forgotten_n};

    return slot != 0 ? es_channels_evicted(&store->channels, slot) : forgotten;
}

/** Does a close of the channel follow event number i of all? */
static int is_dropped(const events_t *all, int i, char name)
{
    for (; i < all->count; i++) {
        if (all->at[i].closes && has_name(&all->at[i], name)) {
            return 1;
        }
    }
    return 0;
}

/**
 * Clients that resume are reset if an event is evicted, and only then.
 *
 * @param all       all that were published
 * @param retained  the last of them
 * @param oldest    id of the event that was the oldest when the child died: the
 *                  child may have been evicting it, so it may count as evicted
 */
static void check_evicted(const es_store_t *store, const events_t *all,
                          const events_t *retained, const es_id_t *oldest)
{
    const char *name;
    int i;

    for (i = 0; i < all->count; i++) {
        const event_t *event = &all->at[i];
        int is_evicted = i < all->count - retained->count;

        for (name = event->names; *name != '\0'; name++) {
            es_id_t evicted = evicted_id_of(store, *name);
            int order = es_id_compare(&evicted, &event->id);

            if (is_evicted || is_dropped(all, i, *name)) {
                assert_true(order >= 0);
            }
            else if (es_id_compare(&event->id, oldest) == 0) {
                assert_true(order <= 0);
            }
            else {
                assert_true(order < 0);
            }
        }
    }
}

/** A channel is closed if no event follows its close. */
static int must_be_closed(const events_t *all, char name)
{
    int closed = 0, i;

    for (i = 0; i < all->count; i++) {
        if (has_name(&all->at[i], name)) {
            closed = all->at[i].closes;
        }
    }
    return closed;
}

static int is_closed(const es_store_t *store, char name)
{
    return es_close_is_closed(store, slot_of(store, name), KIT_NOW);
}

static void check_closed(const es_store_t *store, const events_t *all)
{
    const char *name;

    for (name = READER_NAMES; *name != '\0'; name++) {
        assert_int_equal(is_closed(store, *name), must_be_closed(all, *name));
    }
}

#endif
