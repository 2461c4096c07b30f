/* SPDX-License-Identifier: Apache-2.0 */
/* A journal whose ids a broker gives: appending, epochs, clients. */
#include "t/unit/stream_kit.h"

#include "journal/migrate.h"

#include <signal.h>

#define RING (16 * 1024)

/** A store that follows epoch 1 of a broker. */
static kit_t *open_started(void)
{
    kit_t *kit = kit_open(RING, 8, 1);

    stream_start(kit, 1);
    return kit;
}

/* ---- appending ---------------------------------------------------------- */

static void a_new_store_has_no_given_id(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t none = {0, 0}, epoch = es_store_epoch(kit->store), marker;
    stream_t stream;

    (void)state;
    stream_assert_last(kit, none);
    /* neither with that nor with its own epoch can anything be appended */
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 1\n\n", es_id_next(&none, 0));
    assert_int_equal(stream_append(kit, &stream, none), APR_EMISMATCH);
    stream.entries[0].id = es_id_next(&epoch, 0);
    assert_int_equal(stream_append(kit, &stream, epoch), APR_EMISMATCH);
    marker = stream_id(1, 0);
    assert_int_equal(es_store_begin_epoch(kit->store, &epoch, &marker),
                     APR_EMISMATCH);
    assert_string_equal(stream_text(kit), "");
    stream_assert_last(kit, none);
    kit_close(kit, 1);
}

static void entries_keep_the_ids_that_they_have(void **state)
{
    kit_t *kit = open_started();
    es_pos_t from = es_store_head(kit->store);
    es_record_t record;
    es_slot_t slot;
    stream_t stream;
    es_pos_t pos;
    int i;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 3, "b", &slot), 0);
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 2));
    stream_event(&stream, "ab", "own", "data: 2\n\n", stream_id(1, 3));
    stream_event(&stream, "b", NULL, "data: 3\n\n", stream_id(1, 9));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), 0);
    stream_assert_id(stream.done.last_id, stream_id(1, 9));
    assert_int_equal(stream.done.from, from);
    assert_int_equal(stream.done.head, es_store_head(kit->store));
    assert_int_equal(stream.done.known, 0);
    assert_int_equal(stream.done.clients, 1);
    assert_int_equal(kit->touched[0], 1 << 2);
    stream_assert_last(kit, stream_id(1, 9));
    assert_string_equal(stream_text(kit), "a:1 ab:2 b:3 ");
    for (i = 0, pos = from; i < 3; i++, pos = record.next) {
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        stream_assert_id(record.id, stream.entries[i].id);
    }
    kit_check(kit);
    kit_close(kit, 1);
}

static void nothing_is_appended_elsewhere(void **state)
{
    kit_t *kit = open_started();
    stream_t stream;
    es_pos_t head;

    (void)state;
    assert_int_equal(stream_append_one(kit, "a", "data: 1\n\n", stream_id(1, 0),
                                       stream_id(1, 1)),
                     0);
    head = es_store_head(kit->store);
    stream_begin(&stream);
    stream_event(&stream, "b", NULL, "data: 2\n\n", stream_id(1, 3));
    /* the same again, and one behind a hole */
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)),
                     APR_EMISMATCH);
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 2)),
                     APR_EMISMATCH);
    assert_int_equal(es_store_head(kit->store), head);
    stream_assert_last(kit, stream_id(1, 1));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 1)), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

static void arguments_are_checked(void **state)
{
    kit_t *kit = open_started();
    static char large[RING];
    stream_t stream;

    (void)state;
    stream_begin(&stream);
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), APR_EINVAL);
    /* ids: equal to after, of another epoch, falling */
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 0));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), APR_EINVAL);
    stream.entries[0].id = stream_id(2, 1);
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), APR_EINVAL);
    stream.entries[0].id = stream_id(1, 5);
    stream_event(&stream, "a", NULL, "data: 2\n\n", stream_id(1, 5));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), APR_EINVAL);
    /* channels: none, an empty name, a close of two */
    stream_begin(&stream);
    stream_event(&stream, "", NULL, "data: 1\n\n", stream_id(1, 1));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), APR_EINVAL);
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 1));
    stream.names[0][0].len = 0;
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), APR_EINVAL);
    stream_begin(&stream);
    stream_close(&stream, "ab", KIT_NOW + 1, stream_id(1, 1));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), APR_EINVAL);
    /* more than half of the ring */
    memset(large, 'x', sizeof(large) / 2);
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, large, stream_id(1, 1));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), APR_ENOSPC);
    stream_assert_last(kit, stream_id(1, 0));
    assert_string_equal(stream_text(kit), "");
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_known_event_is_not_written_again(void **state)
{
    kit_t *kit = open_started();
    es_pos_t from;
    stream_t stream;

    (void)state;
    stream_begin(&stream);
    stream_event(&stream, "ab", "own", "data: 1\n\n", stream_id(1, 1));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), 0);
    from = stream.done.from;
    /* the same with another id of the broker; and other content */
    stream_begin(&stream);
    stream_event(&stream, "ba", "own", "data: 1\n\n", stream_id(1, 2));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 1)), 0);
    assert_int_equal(stream.done.known, 1);
    assert_int_equal(stream.done.known_from, from);
    assert_int_equal(stream.done.from, stream.done.head);
    stream_assert_id(stream.done.last_id, stream_id(1, 2));
    /* although nothing was written, the place in the stream is the next one */
    stream_assert_last(kit, stream_id(1, 2));
    stream_begin(&stream);
    stream_event(&stream, "ab", "own", "data: 2\n\n", stream_id(1, 3));
    stream_event(&stream, "a", "own", "data: 3\n\n", stream_id(1, 4));
    stream_event(&stream, "a", "own", "data: 3\n\n", stream_id(1, 5));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 2)), 0);
    assert_int_equal(stream.done.known, 0);
    assert_string_equal(stream_text(kit), "ab:1 ab:2 a:3 a:3 ");
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_large_batch_evicts_in_parts(void **state)
{
    kit_t *kit = kit_open(4 * 1024 * 1024, 8, 0);
    static es_stream_entry_t entries[2000];
    static char text[1000];
    es_slice_t name = es_slice_of("a");
    es_frame_t frame;
    es_appended_t done;
    es_id_t after;
    int batch, i;

    (void)state;
    stream_start(kit, 1);
    memset(text, 'x', sizeof(text) - 1);
    frame = kit_frame(text);
    after = stream_id(1, 0);
    for (batch = 0; batch < 5; batch++) {
        es_id_t id = after;

        for (i = 0; i < 1600; i++) {
            id = es_id_next(&id, 0);
            entries[i].entry.channels = &name;
            entries[i].entry.nchannels = 1;
            entries[i].entry.frame = &frame;
            entries[i].id = id;
        }
        assert_int_equal(es_store_append_at(kit->store, &after, entries, 1600,
                                            kit->touched, &done),
                         0);
        after = id;
        stream_assert_last(kit, after);
    }
    assert_true(es_store_tail(kit->store) > 4 * 1024 * 1024);
    kit_check(kit);
    kit_close(kit, 0);
}

/* ---- closes ------------------------------------------------------------- */

static int is_closed(kit_t *kit, const char *name)
{
    es_slot_t slot;
    int closed;

    assert_int_equal(kit_subscribe(kit, 5, name, &slot), 0);
    closed = es_close_is_closed(kit->store, slot, KIT_NOW);
    es_store_unsubscribe(kit->store, 5, &slot, 1);
    return closed;
}

static void a_batch_closes_and_opens_in_its_order(void **state)
{
    kit_t *kit = open_started();
    es_slot_t slot;
    stream_t stream;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 1, "a", &slot), 0);
    stream_begin(&stream);
    stream_event(&stream, "ac", "own", "data: 1\n\n", stream_id(1, 1));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), 0);
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 2\n\n", stream_id(1, 2));
    stream_close(&stream, "a", KIT_NOW + 5000, stream_id(1, 3));
    stream_event(&stream, "a", NULL, "data: 3\n\n", stream_id(1, 4));
    stream_close(&stream, "b", KIT_NOW + 5000, stream_id(1, 5));
    stream_event(&stream, "a", NULL, "data: 4\n\n", stream_id(1, 6));
    /* known until the close of this batch */
    stream_event(&stream, "ac", "own", "data: 1\n\n", stream_id(1, 7));
    stream_close(&stream, "c", KIT_NOW + 5000, stream_id(1, 8));
    stream_close(&stream, "c", KIT_NOW + 9000, stream_id(1, 9));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 1)), 0);
    assert_string_equal(stream_text(kit), "ac:1 a:2 !a a:3 !b a:4 ac:1 !c !c ");
    assert_false(is_closed(kit, "a"));
    assert_true(is_closed(kit, "b"));
    assert_true(is_closed(kit, "c"));
    /* what was before the close is dropped, what follows is not */
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 2), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 3), NULL), 0);
    assert_int_equal(stream_resume(kit, "c", stream_id(1, 8), NULL),
                     APR_NOTFOUND);
    assert_int_equal(es_channels_at(&kit->store->channels, slot)->dropped, 3);
    assert_int_equal(es_channels_at(&kit->store->channels, slot)->retained, 6);
    kit_check(kit);
    kit_close(kit, 1);
}

/* ---- channels without a slot -------------------------------------------- */

static void a_channel_without_a_slot_is_left_out(void **state)
{
    kit_t *kit = kit_open(RING, 2, 1);
    es_slot_t a, b;
    stream_t stream;

    (void)state;
    stream_start(kit, 1);
    assert_int_equal(kit_subscribe(kit, 1, "a", &a), 0);
    assert_int_equal(kit_subscribe(kit, 1, "b", &b), 0);
    stream_begin(&stream);
    stream_event(&stream, "x", NULL, "data: 1\n\n", stream_id(1, 1));
    stream_event(&stream, "xb", NULL, "data: 2\n\n", stream_id(1, 2));
    stream_event(&stream, "a", NULL, "data: 3\n\n", stream_id(1, 3));
    stream_event(&stream, "y", NULL, "data: 4\n\n", stream_id(1, 4));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 0)), 0);
    assert_int_equal(stream.done.clients, 2);
    assert_string_equal(stream_text(kit), "b:2 a:3 ");
    stream_assert_last(kit, stream_id(1, 4));
    kit_check(kit);
    /* who comes for it later is reset, unless the id is above all of them */
    es_store_unsubscribe(kit->store, 1, &b, 1);
    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 5\n\n", stream_id(1, 5));
    assert_int_equal(stream_append(kit, &stream, stream_id(1, 4)), 0);
    while (strstr(stream_text(kit), "b:2") != NULL) {
        es_store_evict_oldest(kit->store);
    }
    assert_int_equal(stream_resume(kit, "x", stream_id(1, 3), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "x", stream_id(1, 4), NULL), 0);
    kit_check(kit);
    kit_close(kit, 1);
}

/* ---- epochs ------------------------------------------------------------- */

static apr_status_t begin_epoch(kit_t *kit, es_id_t after, es_id_t marker)
{
    return es_store_begin_epoch(kit->store, &after, &marker);
}

static void ids_of_an_epoch_are_valid_up_to_its_end(void **state)
{
    kit_t *kit = open_started();
    es_pos_t pos, second;

    (void)state;
    stream_append_one(kit, "a", "data: 1\n\n", stream_id(1, 0),
                      stream_id(1, 1));
    second = es_store_head(kit->store);
    stream_append_one(kit, "a", "data: 2\n\n", stream_id(1, 1),
                      stream_id(1, 2));
    assert_int_equal(begin_epoch(kit, stream_id(1, 2), stream_id(2, 0)), 0);
    stream_assert_last(kit, stream_id(2, 0));
    /* the next one follows the marker, with an id of its epoch */
    assert_int_equal(stream_append_one(kit, "a", "data: x\n\n", stream_id(1, 2),
                                       stream_id(1, 3)),
                     APR_EMISMATCH);
    assert_int_equal(stream_append_one(kit, "a", "data: 3\n\n", stream_id(2, 0),
                                       stream_id(2, 1)),
                     0);
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 1), &pos), 0);
    assert_int_equal(pos, second);
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 2), NULL), 0);
    assert_int_equal(stream_resume(kit, "a", stream_id(2, 0), NULL), 0);
    assert_int_equal(stream_resume(kit, "a", stream_id(2, 1), NULL), 0);
    /* beyond the end of the first, the last, and of another one between */
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 3), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "a", stream_id(2, 2), NULL),
                     APR_NOTFOUND);
    assert_int_equal(
        stream_resume(kit, "a",
                      (es_id_t){stream_id(1, 1).ms, stream_id(7, 0).n}, NULL),
        APR_NOTFOUND);
    /* the epoch of the segment itself is none of the broker's */
    assert_int_equal(stream_resume(kit, "a", es_store_epoch(kit->store), NULL),
                     APR_NOTFOUND);
    kit_check(kit);
    kit_close(kit, 1);
}

static void an_epoch_begins_after_the_last_id(void **state)
{
    kit_t *kit = open_started();

    (void)state;
    assert_int_equal(begin_epoch(kit, stream_id(1, 1), stream_id(2, 0)),
                     APR_EMISMATCH);
    assert_int_equal(begin_epoch(kit, stream_id(1, 0), stream_id(1, 1)),
                     APR_EINVAL);
    assert_int_equal(begin_epoch(kit, stream_id(3, 0), stream_id(2, 0)),
                     APR_EINVAL);
    stream_assert_last(kit, stream_id(1, 0));
    assert_int_equal(begin_epoch(kit, stream_id(1, 0), stream_id(2, 0)), 0);
    assert_int_equal(begin_epoch(kit, stream_id(1, 0), stream_id(2, 0)),
                     APR_EMISMATCH);
    kit_close(kit, 1);
}

static void the_oldest_epoch_is_forgotten(void **state)
{
    kit_t *kit = open_started();
    unsigned epoch;

    (void)state;
    for (epoch = 1; epoch <= ES_SPANS_MAX + 2; epoch++) {
        assert_int_equal(stream_append_one(kit, "a", "data: 1\n\n",
                                           stream_id(epoch, 0),
                                           stream_id(epoch, 1)),
                         0);
        if (epoch < ES_SPANS_MAX + 2) {
            assert_int_equal(
                begin_epoch(kit, stream_id(epoch, 1), stream_id(epoch + 1, 0)),
                0);
        }
    }
    assert_int_equal(stream_resume(kit, "a", stream_id(2, 1), NULL),
                     APR_NOTFOUND);
    for (epoch = 3; epoch <= ES_SPANS_MAX + 2; epoch++) {
        assert_int_equal(stream_resume(kit, "a", stream_id(epoch, 1), NULL), 0);
    }
    kit_check(kit);
    kit_close(kit, 1);
}

/* ---- migration ---------------------------------------------------------- */

/** The store in a segment of another size, which the caller closes. */
static kit_t *migrate(kit_t *old, apr_uint64_t ring_bytes)
{
    kit_t *kit = kit_open(ring_bytes, 12, 1);
    es_id_t epoch = es_store_epoch(old->store);
    es_migrated_t migrated;

    memset(kit->mem, 0, kit->size);
    assert_int_equal(es_store_format(kit->mem, &kit->params, &epoch), 0);
    assert_int_equal(es_store_attach(&kit->store, kit->mem, kit->size,
                                     &kit->params, kit->pool),
                     0);
    es_store_set_clock(kit->store, KIT_NOW);
    assert_int_equal(es_store_migrate(kit->store, old->store, &migrated), 0);
    kit_check(kit);
    return kit;
}

static void a_migrated_store_has_the_same_epochs(void **state)
{
    kit_t *old = kit_open(RING, 8, 1);
    es_span_t spans[] = {{stream_id(1, 3), stream_id(1, 9)},
                         {stream_id(2, 0), stream_id(2, 5)}};
    apr_uint64_t size;
    stream_t stream;

    (void)state;
    /* ids that are below the store's own epoch, too */
    spans[0].first.ms = spans[0].last.ms = 5;
    stream_begin(&stream);
    stream_event(&stream, "a", "own", "data: 1\n\n", spans[0].last);
    stream_event(&stream, "b", NULL, "data: 2\n\n", stream_id(2, 1));
    stream_close(&stream, "b", KIT_NOW + 60000, stream_id(2, 2));
    stream_event(&stream, "a", "own", "data: 3\n\n", stream_id(2, 4));
    assert_int_equal(stream_fill_spans(old->store, stream.entries, 4, spans, 2,
                                       old->touched),
                     0);
    for (size = RING; size <= 4 * RING; size *= 4) {
        kit_t *new = migrate(old, size);

        assert_string_equal(stream_text(new), "a:1 b:2 !b a:3 ");
        stream_assert_last(new, stream_id(2, 5));
        assert_true(is_closed(new, "b"));
        assert_int_equal(stream_resume(new, "a", spans[0].first, NULL), 0);
        assert_int_equal(stream_resume(new, "a", spans[0].last, NULL), 0);
        assert_int_equal(stream_resume(new, "c", spans[0].first, NULL), 0);
        assert_int_equal(stream_resume(new, "a", stream_id(2, 4), NULL), 0);
        assert_int_equal(stream_resume(new, "a", stream_id(2, 6), NULL),
                         APR_NOTFOUND);
        assert_int_equal(
            stream_resume(new, "a", es_store_epoch(new->store), NULL),
            APR_NOTFOUND);
        assert_int_equal(stream_append_one(new, "c", "data: 4\n\n",
                                           stream_id(2, 5), stream_id(2, 6)),
                         0);
        kit_check(new);
        kit_close(new, 1);
    }
    kit_close(old, 1);
}

static void a_migrated_store_knows_what_it_has_lost(void **state)
{
    kit_t *old = open_started();
    kit_t *new;
    char text[900];
    unsigned i;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    memcpy(text, "data: ", 6);
    strcpy(text + sizeof(text) - 3, "\n\n");
    for (i = 0; i < 12; i++) {
        assert_int_equal(stream_append_one(old, i % 2 ? "a" : "b", text,
                                           stream_id(1, i),
                                           stream_id(1, i + 1)),
                         0);
    }
    assert_int_equal(stream_resume(old, "a", stream_id(1, 0), NULL), 0);
    new = migrate(old, 4096);
    stream_assert_last(new, stream_id(1, 12));
    assert_int_equal(stream_resume(new, "a", stream_id(1, 0), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(new, "a", stream_id(1, 11), NULL), 0);
    kit_check(new);
    kit_close(new, 1);
    kit_close(old, 1);
}

/* ---- clients ------------------------------------------------------------ */

static void channels_with_clients_are_found(void **state)
{
    kit_t *kit = kit_open(RING, 300, 1);
    es_clients_of_t found[7];
    es_slot_t slots[300];
    apr_uint64_t clients = 0;
    es_slot_t at = 0;
    int channels = 0;
    int count, i;

    (void)state;
    assert_int_equal(es_store_next_clients(kit->store, &at, found, 7), 0);
    assert_int_equal(at, 0);
    for (i = 0; i < 260; i++) {
        char name[20];

        snprintf(name, sizeof(name), "channel-%d", i);
        assert_int_equal(kit_subscribe(kit, 1 + i % 3, name, &slots[i]), 0);
        if (i % 2) {
            assert_int_equal(kit_subscribe(kit, 70, name, &slots[i]), 0);
        }
    }
    for (i = 100; i < 200; i++) {
        es_store_unsubscribe(kit->store, 1 + i % 3, &slots[i], 1);
    }
    do {
        count = es_store_next_clients(kit->store, &at, found, 7);
        assert_true(count >= 0 && count <= 7);
        for (i = 0; i < count; i++) {
            char name[20];

            snprintf(name, sizeof(name), "channel-%d", (int)found[i].slot - 1);
            assert_true(es_slice_equal(found[i].name, es_slice_of(name)));
            assert_ptr_equal(found[i].name.data, found[i].text);
            clients += found[i].clients;
            channels++;
        }
    } while (at != 0);
    assert_int_equal(channels, 160 + 50);
    assert_int_equal(clients, 160 + 130);
    kit_close(kit, 1);
}

static void clients_are_not_found_without_the_lock(void **state)
{
    kit_t *kit = kit_open(RING, 8, 0);
    es_clients_of_t found;
    es_slot_t at = 0, slot;
    int ready[2];
    pid_t pid;
    char byte;

    (void)state;
    assert_int_equal(kit_subscribe(kit, 1, "a", &slot), 0);
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        es_lock_acquire(&kit->store->segment->guard.lock, ES_STORE_LOCK_WAIT);
        _exit(write(ready[1], "x", 1) != 1 || pause());
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    es_store_set_lock_wait(kit->store, 1000);
    assert_int_equal(es_store_next_clients(kit->store, &at, &found, 1), -1);
    assert_int_equal(at, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_int_equal(es_store_next_clients(kit->store, &at, &found, 1), 1);
    assert_int_equal(found.slot, slot);
    close(ready[0]);
    close(ready[1]);
    kit_close(kit, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_store_has_no_given_id),
        cmocka_unit_test(entries_keep_the_ids_that_they_have),
        cmocka_unit_test(nothing_is_appended_elsewhere),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(a_known_event_is_not_written_again),
        cmocka_unit_test(a_large_batch_evicts_in_parts),
        cmocka_unit_test(a_batch_closes_and_opens_in_its_order),
        cmocka_unit_test(a_channel_without_a_slot_is_left_out),
        cmocka_unit_test(ids_of_an_epoch_are_valid_up_to_its_end),
        cmocka_unit_test(an_epoch_begins_after_the_last_id),
        cmocka_unit_test(the_oldest_epoch_is_forgotten),
        cmocka_unit_test(a_migrated_store_has_the_same_epochs),
        cmocka_unit_test(a_migrated_store_knows_what_it_has_lost),
        cmocka_unit_test(channels_with_clients_are_found),
        cmocka_unit_test(clients_are_not_found_without_the_lock),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
