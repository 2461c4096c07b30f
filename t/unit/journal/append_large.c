/* SPDX-License-Identifier: Apache-2.0 */
/* What is done with the lock for a large batch is bounded. */
#include "t/unit/store_kit.h"

static void on_unlock(es_store_t *store, const es_repair_report_t *report);

#define es_store_unlock on_unlock
#include "journal/append.c"
#undef es_store_unlock

#define RING (16 * 1024 * 1024)
#define CHANNELS 1024

/* ---- each hold of the lock ---------------------------------------------- */

static int holds;             /* of one append */
static apr_uint64_t most;     /* bytes evicted in one of them */
static es_pos_t tail;         /* before the present one */
static void (*between)(void); /* called after each, without the lock */
static kit_t *kit;

static void on_unlock(es_store_t *store, const es_repair_report_t *report)
{
    es_pos_t now = es_store_tail(store);
    void (*call)(void) = between;

    most = now - tail > most ? now - tail : most;
    tail = now;
    holds++;
    es_store_unlock(store, report);
    if (call != NULL) {
        between = NULL; /* it appends, too */
        call();
        between = call;
        tail = es_store_tail(store);
    }
}

/* ---- batches ------------------------------------------------------------ */

typedef struct large_t {
    es_entry_t entries[ES_STORE_BATCH_CHANNELS_MAX + 1];
    es_slice_t names[ES_EVENT_CHANNELS_MAX];
    es_frame_t frame;
    es_appended_t done;
} large_t;

static large_t large;

static int setup(void **state)
{
    (void)state;
    kit = kit_open(RING, CHANNELS, 0);
    between = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    kit_check(kit);
    kit_close(kit, 0);
    return 0;
}

/** Append count times an event with so many channels. */
static apr_status_t append_many(int count, int nchannels)
{
    static char text[ES_EVENT_CHANNELS_MAX][8];
    apr_status_t rv;
    int i;

    for (i = 0; i < nchannels; i++) {
        large.names[i] = es_slice(
            text[i], (apr_size_t)snprintf(text[i], sizeof(text[i]), "c%d", i));
    }
    large.frame = kit_frame("data: 1\n\n");
    for (i = 0; i < count; i++) {
        large.entries[i].channels = large.names;
        large.entries[i].nchannels = nchannels;
        large.entries[i].frame = &large.frame;
    }
    tail = es_store_tail(kit->store);
    holds = 0;
    most = 0;
    rv = es_store_append(kit->store, large.entries, count, KIT_NOW,
                         kit->touched, &large.done);
    between = NULL;
    return rv;
}

static void fill_ring(void)
{
    int i;

    for (i = 0; i < 12; i++) {
        assert_int_equal(append_many(RING / 1024, 1), 0);
    }
}

/* ---- the tests ---------------------------------------------------------- */

static void events_and_channels_are_limited(void **state)
{
    int most_events = ES_STORE_BATCH_CHANNELS_MAX / 64;

    (void)state;
    assert_int_equal(append_many(most_events, 64), 0);
    assert_int_equal(append_many(most_events + 1, 64), APR_EINVAL);
    assert_int_equal(append_many(ES_STORE_BATCH_CHANNELS_MAX, 1), 0);
    assert_int_equal(append_many(ES_STORE_BATCH_CHANNELS_MAX + 1, 1),
                     APR_EINVAL);
    assert_int_equal(holds, 0);
}

static void a_small_batch_takes_the_lock_once(void **state)
{
    (void)state;
    fill_ring();
    assert_int_equal(append_many(100, 1), 0);
    assert_int_equal(holds, 1);
    assert_true(most > 0);
}

static void many_records_are_evicted_in_parts(void **state)
{
    es_pos_t from;

    (void)state;
    fill_ring();
    from = es_store_head(kit->store);
    assert_int_equal(append_many(ES_STORE_BATCH_CHANNELS_MAX, 1), 0);
    assert_true(holds > 2);
    assert_true(most <= 2 * EVICT_MAX * ES_LINE);
    assert_int_equal(large.done.from, from);
    assert_int_equal(large.done.head, es_store_head(kit->store));
}

/* Another publisher takes what was made free, and more. */
static void use_room(void)
{
    static char text[ES_LAYOUT_PAGE * 16];
    es_slice_t name = es_slice_of("other");
    es_frame_t frame = {{NULL, 0}, {NULL, 0}, es_slice(text, sizeof(text))};
    es_entry_t entries[4];
    es_appended_t done;
    int i;

    for (i = 0; i < 4; i++) {
        entries[i].channels = &name;
        entries[i].nchannels = 1;
        entries[i].frame = &frame;
    }
    assert_int_equal(
        es_store_append(kit->store, entries, 4, KIT_NOW, kit->touched, &done),
        0);
}

static void others_do_not_keep_it_from_being_stored(void **state)
{
    (void)state;
    fill_ring();
    between = use_room;
    assert_int_equal(append_many(ES_STORE_BATCH_CHANNELS_MAX, 1), 0);
    assert_int_equal(large.done.head - large.done.from,
                     ES_STORE_BATCH_CHANNELS_MAX * 128);
}

static void what_is_known_evicts_nothing(void **state)
{
    static char ids[4096][8];
    static es_frame_t frames[4096];
    es_slice_t name = es_slice_of("a");
    es_pos_t before;
    int i;

    (void)state;
    fill_ring();
    for (i = 0; i < 4096; i++) {
        frames[i] = kit_frame("data: 1\n\n");
        frames[i].publisher_id = es_slice(
            ids[i], (apr_size_t)snprintf(ids[i], sizeof(ids[i]), "x%d", i));
        large.entries[i].channels = &name;
        large.entries[i].nchannels = 1;
        large.entries[i].frame = &frames[i];
    }
    assert_int_equal(es_store_append(kit->store, large.entries, 4096, KIT_NOW,
                                     kit->touched, &large.done),
                     0);
    assert_int_equal(large.done.known, 0);
    before = es_store_tail(kit->store);
    holds = 0;
    assert_int_equal(es_store_append(kit->store, large.entries, 4096, KIT_NOW,
                                     kit->touched, &large.done),
                     0);
    assert_int_equal(large.done.known, 4096);
    assert_int_equal(es_store_tail(kit->store), before);
    assert_int_equal(holds, 1);
}

/** Append events to as many channels that are new. */
static apr_status_t append_new_channels(int count)
{
    static char text[CHANNELS][8];
    static es_slice_t names[CHANNELS];
    int i;

    for (i = 0; i < count; i++) {
        names[i] = es_slice(
            text[i], (apr_size_t)snprintf(text[i], sizeof(text[i]), "n%d", i));
        large.entries[i].channels = &names[i];
        large.entries[i].nchannels = 1;
    }
    most = 0;
    holds = 0;
    tail = es_store_tail(kit->store);
    return es_store_append(kit->store, large.entries, count, KIT_NOW,
                           kit->touched, &large.done);
}

/* One record in 64 is the only one of its channel. */
static void a_search_for_slots_continues(void **state)
{
    char name[8];
    int i;

    (void)state;
    for (i = 0; i < CHANNELS - 1; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        assert_int_equal(kit_append(kit, name, "data: 1\n\n", &large.done), 0);
        assert_int_equal(append_many(63, 1), 0);
    }
    assert_int_equal(append_new_channels(256), 0);
    assert_true(holds > 1);
    /* each is looked at, and then evicted */
    assert_true(most <= (RECORDS_MAX / 2 + 128) * 128);
    assert_int_equal(append_new_channels(CHANNELS + 1 - 256), APR_ENOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(events_and_channels_are_limited),
        TEST(a_small_batch_takes_the_lock_once),
        TEST(many_records_are_evicted_in_parts),
        TEST(others_do_not_keep_it_from_being_stored),
        TEST(what_is_known_evicts_nothing),
        TEST(a_search_for_slots_continues),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
