/* SPDX-License-Identifier: Apache-2.0 */
/* A scan that jumps over the records of other channels. */
#include "t/unit/store_kit.h"

#include "journal/scan.h"

#define RING (4 * 1024 * 1024)
#define SLOTS_MAX 3

static kit_t *kit;
static es_slot_t slots[SLOTS_MAX];
static es_scan_t scan;

static void begin_with(apr_uint64_t ring_bytes)
{
    kit = kit_open(ring_bytes, 8, 0);
    kit_subscribe(kit, 1, "a", &slots[0]);
    kit_subscribe(kit, 1, "b", &slots[1]);
    kit_subscribe(kit, 1, "c", &slots[2]);
}

static int begin(void **state)
{
    (void)state;
    begin_with(RING);
    return 0;
}

static int begin_small(void **state)
{
    (void)state;
    begin_with(16 * 1024);
    return 0;
}

static int end(void **state)
{
    (void)state;
    kit_close(kit, 0);
    return 0;
}

static void append(const char *channel, int count)
{
    es_appended_t done;
    int i;

    for (i = 0; i < count; i++) {
        assert_int_equal(kit_append(kit, channel, "data: x\n\n", &done), 0);
    }
}

/* One event of several channels. */
static void append_to(const char *first, const char *second)
{
    es_slice_t names[2] = {es_slice_of(first), es_slice_of(second)};
    es_frame_t frame = kit_frame("data: x\n\n");
    es_entry_t entry = {names, 2, &frame};
    es_appended_t done;

    assert_int_equal(
        es_store_append(kit->store, &entry, 1, KIT_NOW, kit->touched, &done),
        0);
}

static es_scan_params_t params_of(int count)
{
    es_scan_params_t params = {0};

    params.store = kit->store;
    params.slots = slots;
    params.count = count;
    params.stop = es_store_head(kit->store);
    return params;
}

static int is_own(const es_record_t *record)
{
    int i, own = 0;

    for (i = 0; i < scan.params.count; i++) {
        own |= es_journal_record_has(record, slots[i]);
    }
    return own;
}

static int looks; /* of the last run */

/* Scan from pos to the end. @return how many records are the scan's */
static int run(const es_scan_params_t *params, es_pos_t pos)
{
    es_record_t record;
    int own, count = 0;

    looks = 0;
    es_scan_init(&scan, params);
    while (pos < params->stop) {
        assert_int_equal(es_store_look(kit->store, pos, &record), 0);
        looks++;
        own = is_own(&record);
        count += own;
        pos = es_scan_next(&scan, record.next, own);
        assert_true(pos >= record.next);
    }
    assert_true(pos == params->stop);
    looks += scan.looks;
    return count;
}

static void others_cost_nothing(void **state)
{
    es_scan_params_t params;
    es_pos_t from = es_store_head(kit->store);
    int few;

    (void)state;
    append("a", 1);
    append("other", 200);
    append("a", 1);
    params = params_of(1);
    assert_int_equal(run(&params, from), 2);
    few = looks;
    from = es_store_head(kit->store);
    append("a", 1);
    append("other", 4000);
    append("a", 1);
    params = params_of(1);
    assert_int_equal(run(&params, from), 2);
    assert_int_equal(looks, few);
    assert_true(few < 100);
}

static void a_few_others_are_read(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_scan_params_t params;

    (void)state;
    append("a", 1);
    append("other", 10);
    append("a", 1);
    params = params_of(1);
    assert_int_equal(run(&params, from), 2);
    assert_int_equal(scan.looks, 0);
    assert_int_equal(looks, 12);
}

static void several_channels_and_shared_records(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_scan_params_t params;
    int i;

    (void)state;
    for (i = 0; i < 5; i++) {
        append("other", 300);
        append_to("b", "a");
        append_to("other", "b");
        append("c", 1);
    }
    params = params_of(2);
    assert_int_equal(run(&params, from), 10);
    assert_int_equal(scan.looks, 15); /* five of them twice */
    assert_int_equal(scan.count, 10);
    assert_true(looks < 100);
}

static void nothing_beyond_stop(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_scan_params_t params;

    (void)state;
    append("other", 100);
    append("a", 1);
    params = params_of(1);
    append("a", 1);
    append("other", 100);
    append("a", 1);
    assert_int_equal(run(&params, from), 1);
    assert_int_equal(scan.count, 1);
}

static void parts_start_where_they_start(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_scan_params_t params;
    es_part_t parts[2] = {{slots[0], 0}, {slots[1], 0}};

    (void)state;
    append("other", 100);
    append("a", 1);
    append("b", 10);
    parts[1].from = es_store_head(kit->store);
    append("b", 1);
    params = params_of(2);
    params.slots = NULL;
    params.parts = parts;
    run(&params, from);
    assert_int_equal(scan.count, 2);
    assert_int_equal(scan.looks, 2);
}

/* A search looks at a bounded number of records. If it finds too many, the next
 * one comes after half of the way. */
static void too_many_of_its_own(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_scan_params_t params;
    es_record_t record;
    es_pos_t pos = from;
    int failed = 0, all = 0, i;

    (void)state;
    for (i = 0; i < 4 * ES_SCAN_LINKS_MAX / 32; i++) {
        append("other", 200);
        append("a", 32);
    }
    params = params_of(1);
    while (pos < params.stop) {
        es_scan_init(&scan, &params);
        for (i = 0; i < 300 && pos < params.stop; i++) {
            assert_int_equal(es_store_look(kit->store, pos, &record), 0);
            all += is_own(&record);
            pos = es_scan_next(&scan, record.next, is_own(&record));
        }
        failed += scan.params.search_from != params.search_from;
        assert_true(scan.looks <= ES_SCAN_LINKS_MAX);
        params.search_from = scan.params.search_from;
    }
    assert_int_equal(all, 4 * ES_SCAN_LINKS_MAX);
    assert_in_range(failed, 2, 3);
}

static void at_the_limit_it_finds_them(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_scan_params_t params;

    (void)state;
    append("other", 500);
    append("a", ES_SCAN_LINKS_MAX);
    params = params_of(1);
    assert_int_equal(run(&params, from), ES_SCAN_LINKS_MAX);
    assert_int_equal(scan.count, ES_SCAN_LINKS_MAX);
    append("a", 1);
    params = params_of(1);
    assert_int_equal(run(&params, from), ES_SCAN_LINKS_MAX + 1);
    assert_int_equal(scan.count, ES_SCAN_LINKS_MAX);
    assert_int_equal(scan.found_end, 0);
}

/* newest is set before the head moves: a publisher may be in between. */
static void a_newest_that_is_not_committed(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_chan_t *chan = es_channels_at(&kit->store->channels, slots[0]);
    es_scan_params_t params;
    es_pos_t newest;

    (void)state;
    append("other", 100);
    append("a", 2);
    newest = chan->newest;
    params = params_of(1);
    chan->newest = params.stop;
    assert_int_equal(run(&params, from), 2);
    assert_int_equal(scan.found_end, 0);
    assert_int_equal(params.search_from, 0);
    chan->newest = params.stop + 128;
    assert_int_equal(run(&params, from), 2);
    chan->newest = newest;
}

/* The links of records that were written after an eviction end: such a chain
 * does not show that a record was lost. */
static void a_lost_record_is_not_passed_over(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_scan_params_t params;

    (void)state;
    append("a", 1);
    append("other", 200);
    append("a", 1);
    assert_true(es_store_tail(kit->store) > from);
    params = params_of(1);
    es_scan_init(&scan, &params);
    assert_int_equal(es_scan_over_evicted(&scan, from), 0);
    assert_int_equal(scan.found_end, 0);
}

static void evicted_others_are_passed_over(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_scan_params_t params;
    es_record_t record;
    es_pos_t pos;

    (void)state;
    append("other", 200);
    append("a", 1);
    assert_true(es_store_tail(kit->store) > from);
    params = params_of(1);
    es_scan_init(&scan, &params);
    pos = es_scan_over_evicted(&scan, from);
    assert_true(pos == es_store_newest(kit->store, slots[0]));
    assert_int_equal(es_store_look(kit->store, pos, &record), 0);
    assert_true(es_scan_next(&scan, record.next, 1) == params.stop);
    params.count = 2; /* b has no record */
    es_scan_init(&scan, &params);
    assert_true(es_scan_over_evicted(&scan, from) == pos);
}

static void a_damaged_link_is_not_used(void **state)
{
    es_pos_t from = es_store_head(kit->store);
    es_chan_t *chan = es_channels_at(&kit->store->channels, slots[0]);
    es_scan_params_t params;
    es_pos_t newest;

    (void)state;
    append("other", 100);
    append("a", 1);
    append("b", 1);
    newest = chan->newest;
    chan->newest = es_store_newest(kit->store, slots[1]);
    params = params_of(1);
    assert_int_equal(run(&params, from), 1);
    assert_int_equal(scan.found_end, 0);
    chan->newest = newest;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(others_cost_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_few_others_are_read, begin, end),
        cmocka_unit_test_setup_teardown(several_channels_and_shared_records,
                                        begin, end),
        cmocka_unit_test_setup_teardown(nothing_beyond_stop, begin, end),
        cmocka_unit_test_setup_teardown(parts_start_where_they_start, begin,
                                        end),
        cmocka_unit_test_setup_teardown(too_many_of_its_own, begin, end),
        cmocka_unit_test_setup_teardown(at_the_limit_it_finds_them, begin, end),
        cmocka_unit_test_setup_teardown(a_newest_that_is_not_committed, begin,
                                        end),
        cmocka_unit_test_setup_teardown(a_lost_record_is_not_passed_over,
                                        begin_small, end),
        cmocka_unit_test_setup_teardown(evicted_others_are_passed_over,
                                        begin_small, end),
        cmocka_unit_test_setup_teardown(a_damaged_link_is_not_used, begin, end),
    };

    apr_initialize();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
