/* SPDX-License-Identifier: Apache-2.0 */
/* An event that is published again: it is acknowledged again, or refused. */
#include "t/unit/store_kit.h"

#define RING (16 * 1024)

/** An event to append. */
typedef struct event_t {
    const char *channels; /* "a", or "a,b" */
    const char *id;       /* "" = none */
    const char *tail;
} event_t;

/** Append count events as one batch. */
static apr_status_t append_batch(kit_t *kit, const event_t *events, int count,
                                 es_appended_t *done)
{
    es_slice_t names[8][4];
    es_frame_t frames[8];
    es_entry_t entries[8];
    int i;

    for (i = 0; i < count; i++) {
        const char *at = events[i].channels;

        frames[i] = kit_frame(events[i].tail);
        frames[i].publisher_id = es_slice_of(events[i].id);
        entries[i].channels = names[i];
        entries[i].frame = &frames[i];
        for (entries[i].nchannels = 0; *at; at++) {
            if (*at != ',') {
                names[i][entries[i].nchannels++] = es_slice(at, 1);
            }
        }
    }
    memset(done, 0, sizeof(*done));
    return es_store_append(kit->store, entries, count, KIT_NOW, kit->touched,
                           done);
}

static apr_status_t append_one(kit_t *kit, const char *channels, const char *id,
                               const char *tail, es_appended_t *done)
{
    event_t event = {channels, id, tail};

    return append_batch(kit, &event, 1, done);
}

/** Events that are retained. */
static int count_records(const kit_t *kit)
{
    es_pos_t pos = es_store_tail(kit->store);
    es_record_t record;
    int count = 0;

    for (; es_store_look(kit->store, pos, &record) == 0; pos = record.next) {
        count++;
    }
    return count;
}

static void the_same_event_is_known(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t first, done;
    es_slot_t slot;

    (void)state;
    assert_int_equal(append_one(kit, "a,b", "x", "data: 1\n\n", &first), 0);
    assert_int_equal(append_one(kit, "c", "", "data: 2\n\n", &done), 0);
    assert_int_equal(kit_subscribe(kit, 2, "b", &slot), 0);

    /* the same event with its channels in another order: it keeps its id, and
     * the present subscriptions are counted */
    memset(kit->touched, 0, sizeof(kit->touched));
    assert_int_equal(append_one(kit, "b,a", "x", "data: 1\n\n", &done), 0);
    assert_int_equal(done.known, 1);
    assert_int_equal(es_id_compare(&done.last_id, &first.last_id), 0);
    assert_int_equal(done.clients, 1);
    assert_int_equal(kit->touched[0], 2);
    assert_int_equal(count_records(kit), 2);
    assert_int_equal(done.head, es_store_head(kit->store));
    kit_check(kit);
    kit_close(kit, 1);
}

static void another_event_with_the_id_clashes(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t done;

    (void)state;
    assert_int_equal(append_one(kit, "a,b", "x", "data: 1\n\n", &done), 0);
    /* other data */
    assert_int_equal(append_one(kit, "a,b", "x", "data: 2\n\n", &done),
                     APR_EEXIST);
    assert_int_equal(done.clash.event, 0);
    assert_int_equal(done.clash.channel, 0);
    /* a longer and a shorter frame with the same beginning */
    assert_int_equal(append_one(kit, "a,b", "x", "data: 1\ndata: \n\n", &done),
                     APR_EEXIST);
    assert_int_equal(append_one(kit, "a,b", "x", "data: 1\n", &done),
                     APR_EEXIST);
    /* fewer, other and more channels: the clash is in a common channel */
    assert_int_equal(append_one(kit, "b", "x", "data: 1\n\n", &done),
                     APR_EEXIST);
    assert_int_equal(append_one(kit, "c,b", "x", "data: 1\n\n", &done),
                     APR_EEXIST);
    assert_int_equal(done.clash.channel, 1);
    assert_int_equal(append_one(kit, "a,b,c", "x", "data: 1\n\n", &done),
                     APR_EEXIST);
    assert_int_equal(count_records(kit), 1);
    /* in another channel it is another event */
    assert_int_equal(append_one(kit, "c", "x", "data: 2\n\n", &done), 0);
    assert_int_equal(done.known, 0);
    assert_int_equal(count_records(kit), 2);
    kit_check(kit);
    kit_close(kit, 1);
}

static void a_batch_may_hold_known_events(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t first, done;
    event_t known[] = {{"a", "1", "data: 1\n\n"}, {"a", "2", "data: 2\n\n"}};
    event_t mixed[] = {{"a", "3", "data: 3\n\n"},
                       {"a", "2", "data: 2\n\n"},
                       {"a", "", "data: 2\n\n"},
                       {"a", "1", "data: 1\n\n"}};
    event_t clashing[] = {{"a", "5", "data: 5\n\n"}, {"a", "2", "data: !\n\n"}};

    (void)state;
    assert_int_equal(append_batch(kit, known, 2, &first), 0);
    assert_int_equal(first.known, 0);
    /* all known */
    assert_int_equal(append_batch(kit, known, 2, &done), 0);
    assert_int_equal(done.known, 2);
    assert_int_equal(es_id_compare(&done.last_id, &first.last_id), 0);
    assert_int_equal(count_records(kit), 2);
    /* some known: the new ones are written, the highest id is returned */
    assert_int_equal(append_batch(kit, mixed, 4, &done), 0);
    assert_int_equal(done.known, 2);
    assert_int_equal(count_records(kit), 4);
    assert_int_equal(done.last_id.n, first.last_id.n + 2);
    /* one clashes: none is written */
    assert_int_equal(append_batch(kit, clashing, 2, &done), APR_EEXIST);
    assert_int_equal(done.clash.event, 1);
    assert_int_equal(count_records(kit), 4);
    kit_check(kit);
    kit_close(kit, 1);
}

/* Each event has its own channels: the new event after known ones must not be
 * written to theirs. */
static void a_new_event_after_known_ones_has_its_channels(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t first, second, done;
    event_t batch[] = {{"b", "2", "data: 2\n\n"},
                       {"a", "1", "data: 1\n\n"},
                       {"c", "3", "data: 3\n\n"}};
    es_record_t record;
    es_slot_t slot;

    (void)state;
    assert_int_equal(append_one(kit, "a", "1", "data: 1\n\n", &first), 0);
    assert_int_equal(append_one(kit, "b", "2", "data: 2\n\n", &second), 0);
    assert_int_equal(append_batch(kit, batch, 3, &done), 0);
    assert_int_equal(done.known, 2);
    assert_int_equal(done.known_from, first.from);
    assert_int_equal(done.known_to, second.head);
    assert_int_equal(count_records(kit), 3);
    assert_int_equal(kit_subscribe(kit, 2, "c", &slot), 0);
    assert_int_equal(es_store_look(kit->store, done.from, &record), 0);
    assert_int_equal(record.slots[0], slot);
    kit_check(kit);
    kit_close(kit, 1);
}

static void an_event_twice_in_a_batch_is_written_once(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    event_t batch[] = {{"a", "1", "data: 1\n\n"}, {"a", "1", "data: 1\n\n"}};
    es_appended_t done;

    (void)state;
    assert_int_equal(append_batch(kit, batch, 2, &done), 0);
    assert_int_equal(done.known, 1);
    assert_int_equal(count_records(kit), 1);
    kit_close(kit, 1);
}

static void an_evicted_event_is_new_again(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    es_pos_t pos = es_store_head(kit->store);
    es_appended_t done;

    (void)state;
    assert_int_equal(append_one(kit, "a", "x", "data: 1\n\n", &done), 0);
    while (es_store_tail(kit->store) <= pos) {
        assert_int_equal(append_one(kit, "a", "", "data: 0\n\n", &done), 0);
    }
    assert_int_equal(append_one(kit, "a", "x", "data: 2\n\n", &done), 0);
    assert_int_equal(done.known, 0);
    assert_int_equal(append_one(kit, "a", "x", "data: 1\n\n", &done),
                     APR_EEXIST);
    kit_check(kit);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_event_is_known),
        cmocka_unit_test(another_event_with_the_id_clashes),
        cmocka_unit_test(a_batch_may_hold_known_events),
        cmocka_unit_test(a_new_event_after_known_ones_has_its_channels),
        cmocka_unit_test(an_event_twice_in_a_batch_is_written_once),
        cmocka_unit_test(an_evicted_event_is_new_again),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
