/* SPDX-License-Identifier: Apache-2.0 */
/* From positions to ids and back. */
#include "t/unit/stream_kit.h"

#include "journal/place.h"

#define RING (16 * 1024)

static kit_t *open_filled(void)
{
    kit_t *kit = kit_open(RING, 8, 1);
    stream_t stream;

    stream_begin(&stream);
    stream_event(&stream, "a", NULL, "data: 1\n\n", stream_id(1, 2));
    stream_event(&stream, "b", NULL, "data: 2\n\n", stream_id(1, 5));
    stream_event(&stream, "a", NULL, "data: 3\n\n", stream_id(1, 6));
    assert_int_equal(
        stream_fill(kit, &stream, stream_id(1, 1), stream_id(1, 8)), 0);
    return kit;
}

/* Where record number n starts, from 0. */
static es_pos_t pos_of(kit_t *kit, int n)
{
    es_pos_t pos = es_store_tail(kit->store);
    es_record_t record;

    while (n-- > 0) {
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        pos = record.next;
    }
    return pos;
}

static void assert_id_at(kit_t *kit, es_pos_t pos, es_id_t expected)
{
    es_id_t id;

    assert_int_equal(es_store_id_at(kit->store, pos, &id), 0);
    stream_assert_id(id, expected);
}

static void assert_after(kit_t *kit, es_pos_t pos, es_id_t id, es_pos_t to)
{
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 100), 0);
    assert_int_equal(pos, to);
}

static void a_position_has_the_id_before_its_record(void **state)
{
    kit_t *kit = open_filled();

    (void)state;
    assert_id_at(kit, pos_of(kit, 0), stream_id(1, 1));
    assert_id_at(kit, pos_of(kit, 1), stream_id(1, 4));
    assert_id_at(kit, pos_of(kit, 2), stream_id(1, 5));
    /* the last one is that of a later entry, or of a marker */
    assert_id_at(kit, es_store_head(kit->store), stream_id(1, 8));
    kit_close(kit, 1);
}

static void a_position_without_a_record_has_none(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_id_t id;

    (void)state;
    assert_int_equal(es_store_id_at(kit->store, 0, &id), APR_ENOENT);
    assert_int_equal(es_store_id_at(kit->store, es_store_head(kit->store), &id),
                     APR_ENOENT);
    kit_close(kit, 1);
    kit = open_filled();
    assert_int_equal(es_store_id_at(kit->store, 0, &id), APR_ENOENT);
    assert_int_equal(es_store_id_at(kit->store, ES_POS_BEFORE_ALL, &id),
                     APR_ENOENT);
    kit_close(kit, 1);
}

static void an_id_has_the_position_of_the_next_record(void **state)
{
    kit_t *kit = open_filled();
    es_pos_t tail = es_store_tail(kit->store);

    (void)state;
    assert_after(kit, tail, stream_id(1, 1), tail);
    assert_after(kit, tail, stream_id(1, 2), pos_of(kit, 1));
    assert_after(kit, tail, stream_id(1, 4), pos_of(kit, 1));
    assert_after(kit, tail, stream_id(1, 5), pos_of(kit, 2));
    assert_after(kit, tail, stream_id(1, 6), es_store_head(kit->store));
    assert_after(kit, tail, stream_id(2, 9), es_store_head(kit->store));
    /* it never moves back */
    assert_after(kit, pos_of(kit, 2), stream_id(1, 1), pos_of(kit, 2));
    assert_after(kit, es_store_head(kit->store), stream_id(1, 1),
                 es_store_head(kit->store));
    kit_close(kit, 1);
}

static void they_are_the_reverse_of_each_other(void **state)
{
    kit_t *kit = open_filled();
    es_id_t id;
    int i;

    (void)state;
    for (i = 0; i <= 3; i++) {
        assert_int_equal(es_store_id_at(kit->store, pos_of(kit, i), &id), 0);
        assert_after(kit, 0, id, pos_of(kit, i));
    }
    kit_close(kit, 1);
}

static void a_fill_tells_from_which_id_on_all_is_there(void **state)
{
    kit_t *kit = open_filled();
    es_id_t id = stream_id(1, 0);
    es_pos_t pos = 0;

    (void)state;
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 100),
                     APR_ENOENT);
    assert_int_equal(pos, 0);
    assert_after(kit, 0, stream_id(1, 1), es_store_tail(kit->store));
    kit_close(kit, 1);
}

static void what_was_evicted_since_then_is_missing(void **state)
{
    kit_t *kit = open_filled();
    es_id_t id = stream_id(1, 1), last = stream_id(1, 8), oldest;
    es_pos_t first = es_store_tail(kit->store), pos = first;
    es_record_t record;
    stream_t stream;
    unsigned n;

    (void)state;
    for (n = 9; es_store_tail(kit->store) == first; n++) {
        stream_begin(&stream);
        stream_event(&stream, "c", NULL, "data: filler filler\n\n",
                     stream_id(1, n));
        assert_int_equal(stream_append(kit, &stream, last), 0);
        last = stream_id(1, n);
    }
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 100),
                     APR_ENOENT);
    assert_int_equal(pos, first);
    assert_int_equal(
        es_store_look(kit->store, es_store_tail(kit->store), &record), 0);
    oldest = record.id;
    assert_after(kit, first, oldest, record.next);
    id = es_id_before(&oldest); /* another one may have been in between */
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 100),
                     APR_ENOENT);
    kit_close(kit, 1);
}

static void a_search_is_done_in_parts(void **state)
{
    kit_t *kit = open_filled();
    es_id_t id = stream_id(1, 8);
    es_pos_t pos = 0;

    (void)state;
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 2),
                     APR_INCOMPLETE);
    assert_int_equal(pos, pos_of(kit, 2));
    assert_int_equal(es_store_pos_after(kit->store, &pos, &id, 2), 0);
    assert_int_equal(pos, es_store_head(kit->store));
    kit_close(kit, 1);
}

/* ---- a batch ------------------------------------------------------------- */

static void assert_batch(kit_t *kit, es_pos_t before, es_id_t last, int count,
                         es_pos_t from, es_pos_t to)
{
    es_pos_t found_from, found_to;

    es_store_find_batch(kit->store, before, &last, count, &found_from,
                        &found_to);
    assert_int_equal(found_from, from);
    assert_int_equal(found_to, to);
}

static void a_batch_is_found_among_those_of_others(void **state)
{
    kit_t *kit = open_filled();
    es_pos_t before = pos_of(kit, 0), head = es_store_head(kit->store);

    (void)state;
    assert_batch(kit, before, stream_id(1, 2), 1, before, pos_of(kit, 1));
    assert_batch(kit, before, stream_id(1, 5), 1, pos_of(kit, 1),
                 pos_of(kit, 2));
    assert_batch(kit, before, stream_id(1, 6), 2, pos_of(kit, 1), head);
    /* some of its events were left out */
    assert_batch(kit, before, stream_id(1, 6), 9, before, head);
    assert_batch(kit, pos_of(kit, 2), stream_id(1, 5), 1, pos_of(kit, 2),
                 pos_of(kit, 2));
    /* not retained any more */
    assert_batch(kit, ES_POS_BEFORE_ALL, stream_id(1, 6), 1, ES_POS_BEFORE_ALL,
                 head);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_has_the_id_before_its_record),
        cmocka_unit_test(a_position_without_a_record_has_none),
        cmocka_unit_test(an_id_has_the_position_of_the_next_record),
        cmocka_unit_test(they_are_the_reverse_of_each_other),
        cmocka_unit_test(a_fill_tells_from_which_id_on_all_is_there),
        cmocka_unit_test(what_was_evicted_since_then_is_missing),
        cmocka_unit_test(a_search_is_done_in_parts),
        cmocka_unit_test(a_batch_is_found_among_those_of_others),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
