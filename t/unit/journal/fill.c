/* SPDX-License-Identifier: Apache-2.0 */
/* A journal is filled anew: the history, and what readers are told. */
#include "t/unit/stream_kit.h"

#include "base/buf.h"
#include "journal/channel_stats.h"
#include "journal/missed.h"

#define RING (16 * 1024)

/** A store with events of its own: "a:1 ab:2 c:3 !c ". */
static kit_t *open_used(void)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_slice_t names[] = {es_slice_of("a"), es_slice_of("b")};
    es_frame_t frame = kit_frame("data: 2\n\n");
    es_entry_t entry = {names, 2, &frame};
    es_appended_t done;
    es_closed_t closed;

    assert_int_equal(kit_append(kit, "a", "data: 1\n\n", &done), 0);
    frame.publisher_id = es_slice_of("own");
    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
    assert_int_equal(kit_append(kit, "c", "data: 3\n\n", &done), 0);
    assert_int_equal(es_close_channel(kit->store, es_slice_of("c"), KIT_NOW,
                                      KIT_NOW + 60000, kit->touched, &closed),
                     0);
    assert_string_equal(stream_text(kit), "a:1 ab:2 c:3 !c ");
    return kit;
}

/** A history with ids below those of open_used. */
static es_id_t old_id(unsigned n)
{
    es_id_t id = stream_id(9, n);

    id.ms = 1000;
    return id;
}

static void make_history(stream_t *stream)
{
    stream_begin(stream);
    stream_event(stream, "a", NULL, "data: x\n\n", old_id(2));
    stream_event(stream, "d", "own", "data: y\n\n", old_id(3));
    stream_close(stream, "b", KIT_NOW + 60000, old_id(4));
    stream_event(stream, "ad", NULL, "data: z\n\n", old_id(6));
}

static void fill_history(kit_t *kit)
{
    stream_t stream;

    make_history(&stream);
    assert_int_equal(stream_fill(kit, &stream, old_id(1), old_id(7)), 0);
}

/* ---- the journal -------------------------------------------------------- */

static void the_history_replaces_all(void **state)
{
    kit_t *kit = open_used();
    es_pos_t head = es_store_head(kit->store);
    es_slot_t slot;
    es_start_t start;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 2, "a", &slot), 0);
    assert_int_equal(kit_subscribe(kit, 66, "q", &slot), 0);
    fill_history(kit);
    assert_string_equal(stream_text(kit), "a:x d:y !b ad:z ");
    assert_true(es_store_tail(kit->store) > head);
    stream_assert_last(kit, old_id(7));
    assert_int_equal(es_store_current(kit->store, &start), 0);
    stream_assert_id(start.id, old_id(7));
    assert_int_equal(start.pos, es_store_head(kit->store));
    /* whoever has subscriptions, whatever the channels */
    assert_int_equal(kit->touched[0], 1 << 1);
    assert_int_equal(kit->touched[1], 1 << 1);
    kit_check(kit);
    /* and it goes on */
    assert_int_equal(
        stream_append_one(kit, "c", "data: 8\n\n", old_id(7), old_id(8)), 0);
    assert_string_equal(stream_text(kit), "a:x d:y !b ad:z c:8 ");
    kit_check(kit);
    kit_close(kit, 1);
}

static void the_history_may_be_empty(void **state)
{
    kit_t *kit = open_used();
    es_pos_t head = es_store_head(kit->store);
    es_record_t record;
    int i;

    (void)state;
    for (i = 1; i < 4; i++) {
        stream_start(kit, 1);
        assert_int_equal(es_store_look(kit->store, head, &record), APR_ENOENT);
        head = es_store_head(kit->store);
        assert_int_equal(es_store_tail(kit->store), head);
        assert_int_equal(es_store_look(kit->store, head, &record), APR_EOF);
        stream_assert_last(kit, stream_id(1, 0));
        kit_check(kit);
    }
    kit_close(kit, 1);
}

static void the_ring_may_be_full(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    static char text[1000];
    static es_stream_entry_t entries[STREAM_MAX];
    es_slice_t name = es_slice_of("a");
    es_frame_t frame;
    es_span_t span = {stream_id(1, 0), stream_id(1, 99)};
    int round, i;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "data: ", 6);
    /* at all places of the ring, with all sizes up to the limit */
    for (round = 0; round < 500; round++) {
        apr_uint64_t size = 0;
        int count = 0;

        frame = kit_frame(text + kit_random(900));
        for (i = 0; i < STREAM_MAX; i++) {
            entries[i].entry.channels = &name;
            entries[i].entry.nchannels = 1;
            entries[i].entry.frame = &frame;
            entries[i].id = stream_id(1, i + 1);
            size += es_store_entry_size(&entries[i]);
            count += size <= es_store_fill_max(kit->store);
        }
        assert_int_equal(stream_fill_spans(kit->store, entries, count, &span, 1,
                                           kit->touched),
                         0);
        assert_int_equal(es_channels_at(&kit->store->channels, 1)->retained,
                         count);
        kit_check(kit);
    }
    kit_close(kit, 1);
}

static void only_the_history_that_is_known_is_replaced(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_span_t span = {stream_id(2, 0), stream_id(2, 0)};
    es_history_t history = {NULL, 0, &span, 1, 0};
    es_id_t none = {0, 0}, other = stream_id(1, 2);

    (void)state;
    assert_int_equal(es_store_fill(kit->store, &other, &history, kit->touched),
                     APR_EMISMATCH);
    stream_start(kit, 1);
    assert_int_equal(stream_append_one(kit, "a", "data: 1\n\n", stream_id(1, 0),
                                       stream_id(1, 1)),
                     0);
    assert_int_equal(es_store_fill(kit->store, &none, &history, kit->touched),
                     APR_EMISMATCH);
    assert_int_equal(es_store_fill(kit->store, &other, &history, kit->touched),
                     APR_EMISMATCH);
    assert_string_equal(stream_text(kit), "a:1 ");
    other = stream_id(1, 1);
    assert_true(es_store_has_span_of(kit->store, &other));
    assert_false(es_store_has_span_of(kit->store, &span.last));
    assert_int_equal(es_store_fill(kit->store, &other, &history, kit->touched),
                     0);
    assert_false(es_store_has_span_of(kit->store, &other));
    assert_true(es_store_has_span_of(kit->store, &span.last));
    kit_check(kit);
    kit_close(kit, 1);
}

static void the_largest_event_fits(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    static char text[RING];
    stream_t stream;
    int i;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, text, stream_id(1, 1));
    while (es_store_entry_size(&stream.entries[0]) >
           es_store_fill_max(kit->store)) {
        stream.frames[0].tail.len--;
    }
    assert_int_equal(es_store_fill_max(kit->store), RING / 2 - 64);
    for (i = 0; i < 300; i++) {
        es_appended_t done;

        assert_int_equal(
            stream_fill(kit, &stream, stream_id(1, 0), stream_id(1, 1)), 0);
        assert_int_equal(es_channels_at(&kit->store->channels, 1)->retained, 1);
        kit_check(kit);
        stream_start(kit, 1);
        (void)done;
    }
    stream.frames[0].tail.len += 64;
    assert_int_equal(
        stream_fill(kit, &stream, stream_id(1, 0), stream_id(1, 1)),
        APR_ENOSPC);
    kit_close(kit, 1);
}

static void arguments_are_checked(void **state)
{
    kit_t *kit = open_used();
    es_span_t spans[ES_SPANS_MAX + 1];
    stream_t stream;
    int i;

    (void)state;
    make_history(&stream);
    for (i = 0; i <= ES_SPANS_MAX; i++) {
        spans[i].first = stream_id(i + 1, 0);
        spans[i].last = stream_id(i + 1, 10);
    }
#define FILL(count, nspans)                                               \
    stream_fill_spans(kit->store, stream.entries, count, spans, (nspans), \
                      kit->touched)
    assert_int_equal(FILL(0, 0), APR_EINVAL);
    assert_int_equal(FILL(-1, 1), APR_EINVAL);
    assert_int_equal(FILL(0, ES_SPANS_MAX + 1), APR_EINVAL);
    /* ids that are in no span */
    assert_int_equal(FILL(1, 1), APR_EINVAL);
    stream.entries[0].id = stream_id(1, 0); /* the first id is before it */
    assert_int_equal(FILL(1, 1), APR_EINVAL);
    stream.entries[0].id = stream_id(1, 11);
    assert_int_equal(FILL(1, 2), APR_EINVAL);
    stream.entries[0].id = stream_id(3, 1);
    assert_int_equal(FILL(1, 2), APR_EINVAL);
    stream.entries[0].id = stream_id(1, 5); /* ids that do not rise */
    stream.entries[1].id = stream_id(1, 5);
    assert_int_equal(FILL(2, 1), APR_EINVAL);
    stream.entries[1].id = stream_id(1, 6);
    stream.entries[1].id.n = stream_id(2, 6).n; /* of another epoch */
    assert_int_equal(FILL(2, 1), APR_EINVAL);
    spans[1].last = stream_id(3, 1); /* spans of two epochs */
    assert_int_equal(FILL(1, 2), APR_EINVAL);
    spans[1].last = stream_id(1, 9); /* that fall */
    assert_int_equal(FILL(1, 2), APR_EINVAL);
    spans[1] = spans[0];
    assert_int_equal(FILL(1, 2), APR_EINVAL);
    stream.entries[0].entry.nchannels = 0;
    assert_int_equal(FILL(1, 1), APR_EINVAL);
    assert_string_equal(stream_text(kit), "a:1 ab:2 c:3 !c ");
    kit_check(kit);
    stream.entries[0].entry.nchannels = 1;
    assert_int_equal(FILL(1, 1), 0);
#undef FILL
    kit_close(kit, 1);
}

/* ---- ids ---------------------------------------------------------------- */

static void ids_of_the_history_are_valid(void **state)
{
    kit_t *kit = open_used();
    es_id_t before;
    es_pos_t tail, pos;

    (void)state;
    assert_int_equal(es_store_last(kit->store, &before), 0);
    before = es_journal_last(&kit->store->journal);
    fill_history(kit);
    tail = es_store_tail(kit->store);
    assert_int_equal(stream_resume(kit, "a", before, NULL), APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "a", old_id(0), NULL), APR_NOTFOUND);
    /* nothing is missing after the first id of the spans */
    assert_int_equal(stream_resume(kit, "a", old_id(1), &pos), 0);
    assert_int_equal(pos, tail);
    assert_int_equal(stream_resume(kit, "a", old_id(2), &pos), 0);
    assert_true(pos > tail);
    assert_int_equal(stream_resume(kit, "a", old_id(7), &pos), 0);
    assert_int_equal(pos, es_store_head(kit->store));
    assert_int_equal(stream_resume(kit, "a", old_id(8), NULL), APR_NOTFOUND);
    /* a channel that is new, one that had events only before, and one whose
     * events are dropped by a close */
    assert_int_equal(stream_resume(kit, "q", old_id(1), NULL), 0);
    assert_int_equal(stream_resume(kit, "c", old_id(1), NULL), 0);
    assert_int_equal(stream_resume(kit, "b", old_id(1), NULL), APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "b", old_id(4), NULL), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_history_has_several_epochs(void **state)
{
    kit_t *kit = open_used();
    es_span_t spans[] = {{stream_id(1, 4), stream_id(1, 7)},
                         {stream_id(2, 0), stream_id(2, 0)},
                         {stream_id(3, 0), stream_id(3, 2)}};
    stream_t stream;
    es_id_t id;

    (void)state;
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 5));
    stream_event(&stream, "a", NULL, "data: 2\n\n", stream_id(1, 7));
    stream_event(&stream, "a", NULL, "data: 3\n\n", stream_id(3, 1));
    assert_int_equal(stream_fill_spans(kit->store, stream.entries, 3, spans, 3,
                                       kit->touched),
                     0);
    stream_assert_last(kit, stream_id(3, 2));
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 3), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 4), NULL), 0);
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 7), NULL), 0);
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 8), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "a", stream_id(2, 0), NULL), 0);
    assert_int_equal(stream_resume(kit, "a", stream_id(2, 1), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "a", stream_id(3, 2), NULL), 0);
    /* another epoch follows */
    id = stream_id(4, 0);
    assert_int_equal(es_store_begin_epoch(kit->store, &spans[2].last, &id), 0);
    assert_int_equal(stream_resume(kit, "a", stream_id(3, 2), NULL), 0);
    assert_int_equal(stream_resume(kit, "a", stream_id(3, 3), NULL),
                     APR_NOTFOUND);
    kit_check(kit);
    kit_close(kit, 1);
}

/* ---- readers ------------------------------------------------------------ */

static void readers_are_told_wherever_they_are(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "q"};
    kit_t *kit = open_used();
    es_pos_t positions[8];
    es_slot_t slots[5];
    es_record_t record;
    int count = 0;
    int i, k;

    (void)state;
    positions[count++] = es_store_tail(kit->store);
    while (es_store_look(kit->store, positions[count - 1], &record) == 0) {
        positions[count++] = record.next; /* the last one is the head */
    }
    assert_int_equal(count, 5);
    for (k = 0; k < 5; k++) {
        assert_int_equal(kit_subscribe(kit, 1, names[k], &slots[k]), 0);
    }
    fill_history(kit);
    for (i = 0; i < count; i++) {
        assert_true(es_store_is_reset(kit->store, positions[i]));
        for (k = 0; k < 5; k++) {
            assert_true(stream_is_told(kit, &slots[k], 1, positions[i]));
        }
        assert_true(stream_is_told(kit, slots, 5, positions[i]));
    }
    /* those that come now are not */
    for (k = 0; k < 5; k++) {
        assert_false(
            stream_is_told(kit, &slots[k], 1, es_store_head(kit->store)));
        assert_false(
            stream_is_told(kit, &slots[k], 1, es_store_tail(kit->store)));
    }
    assert_false(es_store_is_reset(kit->store, es_store_tail(kit->store)));
    kit_close(kit, 1);
}

static void a_backlog_that_is_not_begun_is_told(void **state)
{
    static const es_resume_reach_t reach = {0};
    kit_t *kit = open_used();
    es_slice_t name = es_slice_of("a");
    es_part_t part;
    es_start_t start;
    es_slot_t slot;
    es_backlog_t *backlog;
    es_pos_t tail;

    (void)state;
    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, &start),
                     0);
    assert_int_equal(
        es_store_replay(kit->store, &slot, 1, 10, &reach, &part, &start), 0);
    backlog = es_reader_backlog_create(&part, 1);
    assert_false(
        es_reader_backlog_has_lost(backlog, kit->store, start.pos, &tail));
    fill_history(kit);
    assert_true(
        es_reader_backlog_has_lost(backlog, kit->store, start.pos, &tail));
    backlog->is_begun = 1;
    assert_true(
        es_reader_backlog_has_lost(backlog, kit->store, start.pos, &tail));
    /* a backlog of the history */
    assert_false(es_reader_backlog_has_lost(backlog, kit->store,
                                            es_store_tail(kit->store), &tail));
    free(backlog);
    kit_close(kit, 1);
}

static void a_subscription_from_before_is_told(void **state)
{
    static const es_resume_reach_t reach = {0};
    kit_t *kit = open_used();
    es_slice_t name = es_slice_of("a");
    char text[ES_ID_TEXT_SIZE];
    es_id_t id = old_id(2);
    es_part_t part;
    es_start_t start, again;
    es_slot_t slot;

    (void)state;
    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, &start),
                     0);
    fill_history(kit);
    /* between its subscription and its resume or replay */
    again = start;
    assert_int_equal(
        es_store_replay(kit->store, &slot, 1, 10, &reach, &part, &again), 0);
    assert_true(es_store_is_reset(kit->store, again.pos));
    again = start;
    assert_int_equal(es_store_resume(kit->store, &slot, 1,
                                     es_slice(text, es_id_format(text, &id)),
                                     &reach, &again),
                     0);
    assert_true(stream_is_told(kit, &slot, 1, again.pos));
    kit_close(kit, 1);
}

static void channels_are_closed_as_the_history_says(void **state)
{
    kit_t *kit = open_used();
    es_pos_t head = es_store_head(kit->store);
    es_slot_t a, b, c;
    stream_t stream;

    (void)state;
    kit_subscribe(kit, 1, "a", &a);
    kit_subscribe(kit, 1, "b", &b);
    kit_subscribe(kit, 1, "c", &c);
    assert_true(es_close_is_closed(kit->store, c, KIT_NOW));
    make_history(&stream);
    /* a is closed and opened again */
    stream.entries[0].entry.frame = NULL;
    stream.entries[0].until_ms = KIT_NOW + 60000;
    assert_int_equal(stream_fill(kit, &stream, old_id(1), old_id(7)), 0);
    assert_string_equal(stream_text(kit), "!a d:y !b ad:z ");
    assert_false(es_close_is_closed(kit->store, a, KIT_NOW));
    assert_true(es_close_is_closed(kit->store, b, KIT_NOW));
    assert_false(es_close_is_closed(kit->store, c, KIT_NOW));
    /* a reader from before ends if its channel is closed now; a close of the
     * history tells it nothing, one that it has missed does */
    assert_false(es_close_exists_after(kit->store, &a, 1, head));
    assert_true(es_close_exists_after(kit->store, &b, 1, head));
    assert_false(es_close_exists_after(kit->store, &c, 1, head));
    assert_true(es_close_exists_after(kit->store, &c, 1, RING));
    es_store_set_clock(kit->store, KIT_NOW + 60000);
    assert_false(es_close_exists_after(kit->store, &b, 1, head));
    /* readers of the history meet it */
    assert_true(
        es_close_exists_after(kit->store, &a, 1, es_store_tail(kit->store)));
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_grip_client_is_told(void **state)
{
    kit_t *kit = open_used();
    es_slice_t name = es_slice_of("a");
    es_part_t part = {0};
    es_id_t seen = {0, 0}, last;
    es_missed_t missed = {0};
    es_linked_t linked;
    es_record_t record;
    es_start_t start;
    es_buf_t body;
    apr_pool_t *p;

    (void)state;
    apr_pool_create(&p, kit->pool);
    assert_int_equal(
        es_store_subscribe(kit->store, 1, &name, 1, &part.slot, &start), 0);
    part.from = start.pos;
    fill_history(kit);
    missed.store = kit->store;
    missed.parts = &part;
    missed.seen = &seen;
    missed.count = 1;
    missed.pos = start.pos;
    missed.stop = es_store_head(kit->store);
    es_buf_init(&body, p, 1000);
    assert_int_equal(es_missed_collect(&missed, &body), APR_ENOENT);
    assert_int_equal(body.len, 0);
    /* the first event of the history follows the id before it, not one that
     * clients of a proxy know */
    assert_int_equal(
        es_store_look(kit->store, es_store_tail(kit->store), &record), 0);
    assert_int_equal(es_store_link(kit->store, &record, 0, &linked), 0);
    stream_assert_id(linked.before, old_id(1));
    /* its last id, also of a channel without events */
    assert_int_equal(
        es_store_last_ids(kit->store, &part.slot, 1, &last, &start), 0);
    stream_assert_id(last, old_id(6));
    stream_assert_id(start.id, old_id(7));
    kit_subscribe(kit, 1, "c", &part.slot);
    assert_int_equal(
        es_store_last_ids(kit->store, &part.slot, 1, &last, &start), 0);
    stream_assert_id(last, old_id(1));
    kit_close(kit, 1);
}

/* ---- the table ---------------------------------------------------------- */

static void publishers_ids_are_those_of_the_history(void **state)
{
    kit_t *kit = open_used();
    stream_t stream;
    es_pos_t pos;
    es_slice_t name = es_slice_of("d");
    static const es_resume_reach_t reach = {0};
    es_start_t start;
    es_slot_t slot;

    (void)state;
    fill_history(kit);
    /* the event from before with this id is forgotten, that of the history is
     * known */
    stream_begin(&stream);
    stream_event(&stream, "ab", "own", "data: 2\n\n", old_id(8));
    stream_event(&stream, "d", "own", "data: y\n\n", old_id(9));
    assert_int_equal(stream_append(kit, &stream, old_id(7)), 0);
    assert_int_equal(stream.done.known, 1);
    assert_string_equal(stream_text(kit), "a:x d:y !b ad:z ab:2 ");
    assert_int_equal(es_store_subscribe(kit->store, 1, &name, 1, &slot, &start),
                     0);
    assert_int_equal(es_store_resume(kit->store, &slot, 1, es_slice_of("own"),
                                     &reach, &start),
                     0);
    pos = start.pos;
    assert_true(pos > es_store_tail(kit->store));
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_history_may_have_an_id_twice(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    stream_t stream;

    (void)state;
    stream_begin(&stream);
    stream_event(&stream, "a", "own", "data: 1\n\n", stream_id(1, 1));
    stream_event(&stream, "a", "own", "data: 1\n\n", stream_id(1, 2));
    stream_event(&stream, "a", "own", "data: 2\n\n", stream_id(1, 3));
    assert_int_equal(
        stream_fill(kit, &stream, stream_id(1, 0), stream_id(1, 3)), 0);
    assert_string_equal(stream_text(kit), "a:1 a:1 a:2 ");
    kit_check(kit);
    kit_close(kit, 1);
}

static void idle_channels_give_way_to_those_of_the_history(void **state)
{
    kit_t *kit = kit_open(RING, 4, 1);
    es_appended_t done;
    stream_t stream;
    es_slot_t slot;
    const char *name;

    (void)state;
    for (name = "efgh"; *name != '\0'; name++) {
        char text[2] = {*name, '\0'};

        assert_int_equal(kit_append(kit, text, "data: 1\n\n", &done), 0);
    }
    assert_int_equal(kit_subscribe(kit, 1, "g", &slot), 0);
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 1));
    stream_event(&stream, "b", NULL, "data: 2\n\n", stream_id(1, 2));
    stream_event(&stream, "bc", NULL, "data: 3\n\n", stream_id(1, 3));
    stream_event(&stream, "xg", NULL, "data: 4\n\n", stream_id(1, 4));
    stream_event(&stream, "y", NULL, "data: 5\n\n", stream_id(1, 5));
    stream_event(&stream, "a", NULL, "data: 6\n\n", stream_id(1, 6));
    assert_int_equal(
        stream_fill(kit, &stream, stream_id(1, 0), stream_id(1, 6)), 0);
    assert_string_equal(stream_text(kit), "a:1 b:2 bc:3 g:4 a:6 ");
    kit_check(kit);
    /* those that were left out have lost it: y takes the slot of a channel
     * whose events are evicted */
    while (strstr(stream_text(kit), "c") != NULL) {
        assert_int_equal(es_store_evict_oldest(kit->store), 0);
    }
    assert_int_equal(stream_resume(kit, "y", stream_id(1, 4), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "y", stream_id(1, 5), NULL), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

static void statistics_are_those_of_the_history(void **state)
{
    kit_t *kit = open_used();
    es_channel_totals_t totals = {0};
    es_channel_stats_t stats;
    es_id_t id;

    (void)state;
    fill_history(kit);
    assert_int_equal(
        es_channel_stats_find(kit->store, es_slice_of("a"), KIT_NOW, &stats),
        1);
    assert_int_equal(stats.events, 2);
    assert_int_equal(es_channel_stats_first(kit->store, &stats, &id), 1);
    stream_assert_id(id, old_id(2));
    assert_int_equal(es_channel_stats_last(kit->store, &stats, &id), 1);
    stream_assert_id(id, old_id(6));
    assert_int_equal(
        es_channel_stats_find(kit->store, es_slice_of("c"), KIT_NOW, &stats),
        0);
    assert_int_equal(es_channel_stats_first(kit->store, &stats, &id), 0);
    es_channel_stats_add(kit->store, KIT_NOW, &totals);
    assert_int_equal(totals.channels, 3);
    assert_int_equal(totals.events, 4);
    kit_close(kit, 1);
}

static void a_damaged_journal_is_filled(void **state)
{
    kit_t *kit = open_used();
    apr_uint32_t i;

    (void)state;
    /* chains that lead to a free slot */
    for (i = 0; i < kit->store->channels.nbuckets; i++) {
        kit->store->channels.buckets[i] = 7;
    }
    fill_history(kit);
    assert_string_equal(stream_text(kit), "a:x d:y !b ad:z ");
    kit_check(kit);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_history_replaces_all),
        cmocka_unit_test(the_history_may_be_empty),
        cmocka_unit_test(the_ring_may_be_full),
        cmocka_unit_test(only_the_history_that_is_known_is_replaced),
        cmocka_unit_test(the_largest_event_fits),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(ids_of_the_history_are_valid),
        cmocka_unit_test(a_history_has_several_epochs),
        cmocka_unit_test(readers_are_told_wherever_they_are),
        cmocka_unit_test(a_backlog_that_is_not_begun_is_told),
        cmocka_unit_test(a_subscription_from_before_is_told),
        cmocka_unit_test(channels_are_closed_as_the_history_says),
        cmocka_unit_test(a_grip_client_is_told),
        cmocka_unit_test(publishers_ids_are_those_of_the_history),
        cmocka_unit_test(a_history_may_have_an_id_twice),
        cmocka_unit_test(idle_channels_give_way_to_those_of_the_history),
        cmocka_unit_test(statistics_are_those_of_the_history),
        cmocka_unit_test(a_damaged_journal_is_filled),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
