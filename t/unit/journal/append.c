/* SPDX-License-Identifier: Apache-2.0 */
/* An event that is published once more: acknowledged again, or refused. */
#include "t/unit/store_kit.h"

#define RING (16 * 1024)

/** "a", or "a,b": channels of an event. */
typedef struct send_t {
    const char *channels;
    const char *id; /* "" = none */
    const char *tail;
} send_t;

/** Append count events as one batch. */
static apr_status_t put(kit_t *kit, const send_t *sends, int count,
                        es_appended_t *done)
{
    es_slice_t names[8][4];
    es_frame_t frames[8];
    es_entry_t entries[8];
    int i;

    for (i = 0; i < count; i++) {
        const char *at = sends[i].channels;

        frames[i] = kit_frame(sends[i].tail);
        frames[i].publisher_id = es_slice_of(sends[i].id);
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

static apr_status_t put_one(kit_t *kit, const char *channels, const char *id,
                            const char *tail, es_appended_t *done)
{
    send_t send = {channels, id, tail};

    return put(kit, &send, 1, done);
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

static void test_again(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t first, done;
    es_slot_t slot;

    (void)state;
    assert_int_equal(put_one(kit, "a,b", "x", "data: 1\n\n", &first), 0);
    assert_int_equal(put_one(kit, "c", "", "data: 2\n\n", &done), 0);
    assert_int_equal(kit_subscribe(kit, 2, "b", &slot), 0);

    /* the same, the channels in another order: its id, the clients of now */
    memset(kit->touched, 0, sizeof(kit->touched));
    assert_int_equal(put_one(kit, "b,a", "x", "data: 1\n\n", &done), 0);
    assert_int_equal(done.known, 1);
    assert_int_equal(es_id_compare(&done.last_id, &first.last_id), 0);
    assert_int_equal(done.clients, 1);
    assert_int_equal(kit->touched[0], 2);
    assert_int_equal(count_records(kit), 2);
    assert_int_equal(done.head, es_store_head(kit->store));
    kit_check(kit);
    kit_close(kit, 1);
}

static void test_clash(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t done;

    (void)state;
    assert_int_equal(put_one(kit, "a,b", "x", "data: 1\n\n", &done), 0);
    /* other data */
    assert_int_equal(put_one(kit, "a,b", "x", "data: 2\n\n", &done),
                     APR_EEXIST);
    assert_int_equal(done.clash.event, 0);
    assert_int_equal(done.clash.channel, 0);
    /* a longer and a shorter frame that begin alike */
    assert_int_equal(put_one(kit, "a,b", "x", "data: 1\ndata: \n\n", &done),
                     APR_EEXIST);
    assert_int_equal(put_one(kit, "a,b", "x", "data: 1\n", &done), APR_EEXIST);
    /* fewer, other and more channels: the clash is where they meet */
    assert_int_equal(put_one(kit, "b", "x", "data: 1\n\n", &done), APR_EEXIST);
    assert_int_equal(put_one(kit, "c,b", "x", "data: 1\n\n", &done),
                     APR_EEXIST);
    assert_int_equal(done.clash.channel, 1);
    assert_int_equal(put_one(kit, "a,b,c", "x", "data: 1\n\n", &done),
                     APR_EEXIST);
    assert_int_equal(count_records(kit), 1);
    /* in another channel it is another event */
    assert_int_equal(put_one(kit, "c", "x", "data: 2\n\n", &done), 0);
    assert_int_equal(done.known, 0);
    assert_int_equal(count_records(kit), 2);
    kit_check(kit);
    kit_close(kit, 1);
}

static void test_batch(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t first, done;
    send_t known[] = {{"a", "1", "data: 1\n\n"}, {"a", "2", "data: 2\n\n"}};
    send_t mixed[] = {{"a", "3", "data: 3\n\n"},
                      {"a", "2", "data: 2\n\n"},
                      {"a", "", "data: 2\n\n"},
                      {"a", "1", "data: 1\n\n"}};
    send_t spoilt[] = {{"a", "5", "data: 5\n\n"}, {"a", "2", "data: !\n\n"}};

    (void)state;
    assert_int_equal(put(kit, known, 2, &first), 0);
    assert_int_equal(first.known, 0);
    /* all known */
    assert_int_equal(put(kit, known, 2, &done), 0);
    assert_int_equal(done.known, 2);
    assert_int_equal(es_id_compare(&done.last_id, &first.last_id), 0);
    assert_int_equal(count_records(kit), 2);
    /* some: the new ones are written, the highest id is told */
    assert_int_equal(put(kit, mixed, 4, &done), 0);
    assert_int_equal(done.known, 2);
    assert_int_equal(count_records(kit), 4);
    assert_int_equal(done.last_id.n, first.last_id.n + 2);
    /* one clashes: none is written */
    assert_int_equal(put(kit, spoilt, 2, &done), APR_EEXIST);
    assert_int_equal(done.clash.event, 1);
    assert_int_equal(count_records(kit), 4);
    kit_check(kit);
    kit_close(kit, 1);
}

/* Each event has channels of its own: those of the new one behind known ones
 * must not be mistaken for theirs. */
static void test_new_behind_known(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    es_appended_t first, second, done;
    send_t batch[] = {{"b", "2", "data: 2\n\n"},
                      {"a", "1", "data: 1\n\n"},
                      {"c", "3", "data: 3\n\n"}};
    es_record_t record;
    es_slot_t slot;

    (void)state;
    assert_int_equal(put_one(kit, "a", "1", "data: 1\n\n", &first), 0);
    assert_int_equal(put_one(kit, "b", "2", "data: 2\n\n", &second), 0);
    assert_int_equal(put(kit, batch, 3, &done), 0);
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

static void test_twice_in_a_batch(void **state)
{
    kit_t *kit = kit_open(RING, 8, 1);
    send_t batch[] = {{"a", "1", "data: 1\n\n"}, {"a", "1", "data: 1\n\n"}};
    es_appended_t done;

    (void)state;
    assert_int_equal(put(kit, batch, 2, &done), 0);
    assert_int_equal(done.known, 1);
    assert_int_equal(count_records(kit), 1);
    kit_close(kit, 1);
}

static void test_evicted_is_new(void **state)
{
    kit_t *kit = kit_open(4096, 8, 1);
    es_pos_t pos = es_store_head(kit->store);
    es_appended_t done;

    (void)state;
    assert_int_equal(put_one(kit, "a", "x", "data: 1\n\n", &done), 0);
    while (es_store_tail(kit->store) <= pos) {
        assert_int_equal(put_one(kit, "a", "", "data: 0\n\n", &done), 0);
    }
    assert_int_equal(put_one(kit, "a", "x", "data: 2\n\n", &done), 0);
    assert_int_equal(done.known, 0);
    assert_int_equal(put_one(kit, "a", "x", "data: 1\n\n", &done), APR_EEXIST);
    kit_check(kit);
    kit_close(kit, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_again),
        cmocka_unit_test(test_clash),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_new_behind_known),
        cmocka_unit_test(test_twice_in_a_batch),
        cmocka_unit_test(test_evicted_is_new),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
