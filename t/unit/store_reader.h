/* SPDX-License-Identifier: Apache-2.0 */
/**
 * The witness: what was said in a store, and what must therefore be there and
 * be told when somebody has died. It looks as readers do, without the lock,
 * and once a survivor has had the lock it looks at everything.
 *
 * Channels have names of one letter, from a to k.
 */
#ifndef T_UNIT_STORE_READER_H
#define T_UNIT_STORE_READER_H

#include "t/unit/store_kit.h"

#include "journal/close.h"

#define WITNESS_RING 4096
#define WITNESS_EVENTS 64 /* most that are ever said */
#define WITNESS_NAMES "abcdefghijk"

/** An event, or a close. */
typedef struct event_t {
    es_id_t id;
    char names[ES_EVENT_CHANNELS_MAX + 1];
    int closes;
    apr_size_t len;
    char wire[WITNESS_RING / 2];
} event_t;

typedef struct events_t {
    int count;
    event_t at[WITNESS_EVENTS];
} events_t;

/* ---- what is there ------------------------------------------------------ */

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
        /* or a reader would pass over it */
        assert_true(es_store_newest(store, record->slots[i]) >= record->pos);
    }
}

/** All that a reader finds. */
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
        assert_true(events->count < WITNESS_EVENTS);
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

/** Are these the last of all, each once and in order? */
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

/** Add to all what is newer. */
static void learn(events_t *all, const events_t *events)
{
    int i;

    for (i = 0; i < events->count; i++) {
        if (all->count == 0 ||
            es_id_compare(&events->at[i].id, last_of(all)) > 0) {
            assert_true(all->count < WITNESS_EVENTS);
            all->at[all->count++] = events->at[i];
        }
    }
}

/* ---- what is told ------------------------------------------------------- */

static es_slot_t slot_of(const es_store_t *store, char name)
{
    es_slice_t slice = es_slice(&name, 1);
    apr_uint64_t hash = es_channels_hash(&store->channels, slice);
    es_slot_t slot = 0;

    assert_int_equal(es_channels_find(&store->channels, slice, hash, &slot), 0);
    return slot;
}

/** Up to which id a channel's events are told to be gone. */
static es_id_t mark_of(const es_store_t *store, char name)
{
    es_slot_t slot = slot_of(store, name);
    es_id_t forgotten = {store->channels.table->forgotten_ms,
                         store->channels.table->forgotten_n};

    return slot != 0 ? es_channels_evicted(&store->channels, slot) : forgotten;
}

/** Is the name's event number i of all behind a later close? */
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
 * Whoever resumes is told of what is gone, and only of that.
 *
 * @param all    ever said
 * @param there  the last of them
 * @param going  id of the event that was the oldest when somebody died: it may
 *               have been on its way out, and count as gone
 */
static void judge_marks(const es_store_t *store, const events_t *all,
                        const events_t *there, const es_id_t *going)
{
    const char *name;
    int i;

    for (i = 0; i < all->count; i++) {
        const event_t *event = &all->at[i];
        int is_gone = i < all->count - there->count;

        for (name = event->names; *name != '\0'; name++) {
            es_id_t mark = mark_of(store, *name);
            int told = es_id_compare(&mark, &event->id);

            if (is_gone || is_dropped(all, i, *name)) {
                assert_true(told >= 0);
            }
            else if (es_id_compare(&event->id, going) == 0) {
                assert_true(told <= 0);
            }
            else {
                assert_true(told < 0);
            }
        }
    }
}

/** A channel is closed when nothing came after its close. */
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

static void judge_closed(const es_store_t *store, const events_t *all)
{
    const char *name;

    for (name = WITNESS_NAMES; *name != '\0'; name++) {
        assert_int_equal(is_closed(store, *name), must_be_closed(all, *name));
    }
}

#endif
