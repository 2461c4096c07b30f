/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of a fill whose ids are not valid: their records are there for those
 * who read by position, and for nobody else. */
#include "t/unit/stream_kit.h"

#include "journal/migrate.h"
#include "journal/missed.h"
#include "journal/place.h"
#include "journal/spans.h"

#define RING (16 * 1024)

/* Something may be missing between epoch 2 and epoch 3. */
static const char *const retained = "a:1 ab:2 b:3 a:4 ";

static kit_t *open_filled(void)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_span_t spans[] = {{stream_id(1, 4), stream_id(1, 7)},
                         {stream_id(2, 0), stream_id(2, 3)},
                         {stream_id(3, 0), stream_id(3, 2)}};
    es_history_t history = {NULL, 4, spans, 3, 2};
    es_id_t none = {0, 0};
    stream_t stream;

    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 5));
    stream_event(&stream, "ab", "own", "data: 2\n\n", stream_id(1, 7));
    stream_event(&stream, "b", NULL, "data: 3\n\n", stream_id(2, 3));
    stream_event(&stream, "a", "new", "data: 4\n\n", stream_id(3, 1));
    history.entries = stream.entries;
    assert_int_equal(es_store_fill(kit->store, &none, &history, kit->touched),
                     0);
    assert_string_equal(stream_text(kit), retained);
    kit_check(kit);
    return kit;
}

static apr_status_t resume_by(kit_t *kit, const char *name, const char *id)
{
    static const es_resume_reach_t reach = {0};
    es_slice_t slice = es_slice_of(name);
    es_start_t start;
    es_slot_t slot;
    apr_status_t rv;

    assert_int_equal(
        es_store_subscribe(kit->store, 70, &slice, 1, &slot, &start), 0);
    rv = es_store_resume(kit->store, &slot, 1, es_slice_of(id), &reach, &start);
    es_store_unsubscribe(kit->store, 70, &slot, 1);
    return rv;
}

static void assert_valid_from_epoch_3(kit_t *kit)
{
    assert_int_equal(stream_resume(kit, "a", stream_id(1, 5), NULL),
                     APR_NOTFOUND);
    assert_int_equal(stream_resume(kit, "b", stream_id(2, 3), NULL),
                     APR_NOTFOUND);
    assert_int_equal(resume_by(kit, "a", "own"), APR_NOTFOUND);
    assert_int_equal(resume_by(kit, "a", "new"), 0);
    assert_int_equal(stream_resume(kit, "a", stream_id(3, 0), NULL), 0);
    assert_int_equal(stream_resume(kit, "b", stream_id(3, 2), NULL), 0);
}

static void nobody_resumes_at_their_records(void **state)
{
    kit_t *kit = open_filled();
    es_id_t id = stream_id(2, 0);
    es_pos_t pos;

    (void)state;
    assert_valid_from_epoch_3(kit);
    assert_false(es_store_has_span_of(kit->store, &id));
    id = stream_id(3, 0);
    assert_true(es_store_has_span_of(kit->store, &id));
    /* no record of b follows, and one of a does */
    assert_int_equal(stream_resume(kit, "b", id, &pos), 0);
    assert_int_equal(pos, es_store_head(kit->store));
    assert_int_equal(stream_resume(kit, "a", id, &pos), 0);
    assert_true(pos > es_store_tail(kit->store) &&
                pos < es_store_head(kit->store));
    kit_close(kit, 1);
}

static int replayed(kit_t *kit, const char *name)
{
    static const es_resume_reach_t reach = {0};
    es_slice_t slice = es_slice_of(name);
    es_record_t record;
    es_start_t start;
    es_part_t part;
    es_slot_t slot;
    es_pos_t pos;
    int count = 0;

    assert_int_equal(
        es_store_subscribe(kit->store, 70, &slice, 1, &slot, &start), 0);
    assert_int_equal(
        es_store_replay(kit->store, &slot, 1, 10, &reach, &part, &start), 0);
    es_store_unsubscribe(kit->store, 70, &slot, 1);
    for (pos = part.from; es_store_look(kit->store, pos, &record) == 0;
         pos = record.next) {
        count++;
    }
    return count;
}

static void none_of_them_is_replayed(void **state)
{
    kit_t *kit = open_filled();

    (void)state;
    assert_int_equal(replayed(kit, "a"), 1);
    assert_int_equal(replayed(kit, "b"), 0);
    kit_close(kit, 1);
}

static es_id_t last_id_of(kit_t *kit, const char *name)
{
    es_slice_t slice = es_slice_of(name);
    es_start_t start;
    es_slot_t slot;
    es_id_t id;

    assert_int_equal(
        es_store_subscribe(kit->store, 70, &slice, 1, &slot, &start), 0);
    assert_int_equal(es_store_last_ids(kit->store, &slot, 1, &id, &start), 0);
    es_store_unsubscribe(kit->store, 70, &slot, 1);
    return id;
}

/* The link of record number n, from 0, to the one before it in its channel
 * number i. */
static void assert_follows(kit_t *kit, int n, int i, es_id_t expected)
{
    es_pos_t pos = es_store_tail(kit->store);
    es_linked_t linked;
    es_record_t record;

    for (;; pos = record.next) {
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        if (n-- == 0) {
            break;
        }
    }
    assert_int_equal(es_store_link(kit->store, &record, i, &linked), 0);
    stream_assert_id(linked.before, expected);
}

/* A proxy that has the last of them sees that it may have missed something; one
 * that holds a client since then does not. */
static void the_first_valid_record_does_not_follow_them(void **state)
{
    kit_t *kit = open_filled();
    es_id_t marker = stream_id(3, 0);

    (void)state;
    assert_follows(kit, 0, 0, stream_id(1, 4));
    assert_follows(kit, 1, 0, stream_id(1, 5));
    assert_follows(kit, 1, 1, stream_id(1, 4));
    assert_follows(kit, 2, 0, stream_id(1, 7));
    assert_follows(kit, 3, 0, marker);
    stream_assert_id(last_id_of(kit, "a"), stream_id(3, 1));
    stream_assert_id(last_id_of(kit, "b"), marker);
    assert_int_equal(stream_append_one(kit, "b", "data: 5\n\n", stream_id(3, 2),
                                       stream_id(3, 5)),
                     0);
    assert_follows(kit, 4, 0, marker);
    /* also when they are evicted */
    while (es_store_evict_oldest(kit->store) == 0 &&
           strcmp(stream_text(kit), "b:5 ") != 0) {
    }
    assert_follows(kit, 0, 0, marker);
    kit_close(kit, 1);
}

static void their_places_are_known(void **state)
{
    kit_t *kit = open_filled();
    es_id_t id = stream_id(1, 4);
    es_pos_t pos = 0, tail = es_store_tail(kit->store);

    (void)state;
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 100), 0);
    assert_int_equal(pos, tail);
    id = stream_id(1, 3);
    pos = 0;
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 100),
                     APR_ENOENT);
    id = stream_id(2, 3);
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 100), 0);
    assert_int_equal(es_store_id_at(kit->store, pos, &id), 0);
    stream_assert_id(id, stream_id(3, 0));
    kit_close(kit, 1);
}

/* More epochs than there is room for spans. */
static void they_stay_so_while_epochs_begin(void **state)
{
    kit_t *kit = open_filled();
    es_id_t last = stream_id(3, 2);
    unsigned epoch;

    (void)state;
    for (epoch = 4; epoch < 4 + ES_SPANS_MAX; epoch++) {
        es_id_t marker = stream_id(epoch, 0);
        es_id_t first = es_spans_first_valid(kit->store);

        stream_assert_id(first, epoch <= 3 + ES_SPANS_MAX - 1
                                    ? stream_id(3, 0)
                                    : stream_id(epoch - ES_SPANS_MAX, 0));
        assert_int_equal(stream_resume(kit, "b", stream_id(2, 3), NULL),
                         APR_NOTFOUND);
        assert_int_equal(es_store_begin_epoch(kit->store, &last, &marker), 0);
        last = marker;
    }
    assert_string_equal(stream_text(kit), retained);
    kit_check(kit);
    kit_close(kit, 1);
}

/* The stream has dropped its entry, and the event is published once more: those
 * who were reset have not had it. */
static void an_event_of_theirs_is_not_known(void **state)
{
    kit_t *kit = open_filled();
    kit_t *new = kit_open(2 * RING, 8, 1);
    es_migrated_t migrated;
    stream_t stream;

    (void)state;
    stream_begin(&stream);
    stream_event(&stream, "ab", "own", "data: 2\n\n", stream_id(3, 3));
    stream_event(&stream, "a", "new", "data: 4\n\n", stream_id(3, 4));
    assert_int_equal(stream_append(kit, &stream, stream_id(3, 2)), 0);
    assert_int_equal(stream.done.known, 1);
    assert_string_equal(stream_text(kit), "a:1 ab:2 b:3 a:4 ab:2 ");
    assert_int_equal(resume_by(kit, "b", "own"), 0);
    kit_check(kit);
    assert_int_equal(es_store_migrate(new->store, kit->store, &migrated), 0);
    assert_string_equal(stream_text(new), stream_text(kit));
    kit_close(new, 1);
    kit_close(kit, 1);
}

static void a_repair_leaves_them_so(void **state)
{
    kit_t *kit = open_filled();
    es_repair_report_t report = {0};

    (void)state;
    assert_int_equal(es_store_lock(kit->store, &report), 0);
    assert_int_equal(es_store_repair(kit->store, &report), 0);
    es_store_unlock(kit->store, &report);
    assert_string_equal(stream_text(kit), retained);
    assert_valid_from_epoch_3(kit);
    kit_check(kit);
    kit_close(kit, 1);
}

static void one_of_them_is_valid(void **state)
{
    kit_t *kit = open_filled();
    es_span_t span = {stream_id(9, 0), stream_id(9, 0)};
    es_history_t history = {NULL, 0, &span, 1, 1};
    es_id_t after = stream_id(3, 2);
    es_span_set_t set = {.count = 2, .is_given = 1, .valid = 2};

    (void)state;
    assert_int_equal(es_store_fill(kit->store, &after, &history, kit->touched),
                     APR_EINVAL);
    history.valid = -1;
    assert_int_equal(es_store_fill(kit->store, &after, &history, kit->touched),
                     APR_EINVAL);
    history.valid = 0;
    assert_int_equal(es_store_fill(kit->store, &after, &history, kit->touched),
                     0);
    set.at[0].first = set.at[0].last = stream_id(1, 0);
    set.at[1].first = set.at[1].last = stream_id(2, 0);
    assert_false(es_spans_set_is_valid(&set, &span.first));
    set.valid = 1;
    assert_true(es_spans_set_is_valid(&set, &span.first));
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_resumes_at_their_records),
        cmocka_unit_test(none_of_them_is_replayed),
        cmocka_unit_test(the_first_valid_record_does_not_follow_them),
        cmocka_unit_test(their_places_are_known),
        cmocka_unit_test(they_stay_so_while_epochs_begin),
        cmocka_unit_test(an_event_of_theirs_is_not_known),
        cmocka_unit_test(a_repair_leaves_them_so),
        cmocka_unit_test(one_of_them_is_valid),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
